"""`clearprop explain` on saved networks, from end to end."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import MSE, SGD, Linear, Network, ReLU, Sequential
from clearprop.base import messages
from clearprop.cli import main
from clearprop.formats import network_file as files
from clearprop.formats.checkpoints import save_checkpoint
from clearprop.teaching.experiments.worked_example import INPUT, LEARNING_RATE, TARGET, WEIGHTS
from tests.explanation.own_layers import Scale

OPTIONS = (
    "--weight",
    "--neuron",
    "--sample",
    "--row",
    "--output",
    "--data",
    "--target",
    "--kinds",
    "--depth",
    "--format",
    "--out",
    "--lang",
)
WEIGHT = ["--weight", "layers[0].weight[0,1]"]


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("height,price,width\n1,10,2\n3,30,4.5\n\n-5,50,6e-1\n", encoding="utf-8")
    return path


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence that the command ends with."""
    assert main(["explain", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("clearprop: ")
    assert err.count("\n") == 1
    return err.removeprefix("clearprop: ").rstrip()


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_trained_network(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, str(trained), *WEIGHT)
    assert text.startswith("1.  The weight layers[0].weight[0,1] (w₁₂⁽¹⁾): ")
    assert "a sum over 3 samples" in text
    assert "SGD with η = 0.1 takes a step" in text
    assert "A witness that evaluates the loss again agrees" in text
    assert "sample by sample" in text


def test_in_chinese(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, str(trained), *WEIGHT, "--lang", "zh-TW")
    assert text.startswith("1.  權重 layers[0].weight[0,1] (w₁₂⁽¹⁾)：")
    assert "逐一樣本" in text


def test_a_neuron_and_a_sample(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "The neuron layers[0][1] (z₂⁽¹⁾) for sample 2" in answer(
        capsys, str(trained), "--neuron", "layers[0][1]", "--sample", "2"
    )
    assert "Sample 1 is number 2 of 3 samples" in answer(capsys, str(trained), "--sample", "1")
    assert "of which this is sample 0" in answer(
        capsys, str(trained), "--weight", "layers[2].bias[0]", "--sample", "0"
    )


def test_a_feature_of_the_input(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, str(trained), "--neuron", "input[1]")
    assert text.startswith("1.  input[1] (x₂) in every sample: ")
    assert "∂L/∂x of input[1], sample by sample" in text
    assert "A witness that evaluates the loss again agrees" in text
    chosen = answer(capsys, str(trained), "--neuron", " input[0]", "--sample", "2", "--depth", "1")
    assert "of which this is sample 2" in chosen
    assert "input[1]" in complaint(capsys, str(trained), "--neuron", "input[2]")


def test_the_worked_example_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from clearprop import OptimizerState, Sigmoid
    from clearprop.training import start

    network = Network(Sequential(Linear(2, 2), Sigmoid(), Linear(2, 2), Sigmoid()))
    params = network.replace(np.zeros(network.size), WEIGHTS)
    optimizer = SGD(LEARNING_RATE)
    state = start(network, params, optimizer)
    assert state.optimizer == OptimizerState()
    arrays: Any = {"x": INPUT, "target": TARGET}
    path = tmp_path / "worked.safetensors"
    save_checkpoint(path, network, state, optimizer=optimizer, loss=MSE(), **arrays)
    question = [str(path), "--weight", "layers[0].weight[0,0]", "--format", "json"]
    document = json.loads(answer(capsys, *question))
    assert document["update"]["after"] == pytest.approx(0.149780716, abs=1e-9)
    signal = document["shares"][0]["products"][0]["signal"]
    assert signal["terms"][0]["signal"]["loss"]["target"] == 0.01
    shallow = json.loads(answer(capsys, *question, "--depth", "1"))
    assert not shallow["shares"][0]["products"][0]["signal"]["terms"][0]["signal"]["opened"]


def test_a_csv_file(trained: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question = [str(trained), "--sample", "1", "--format", "json"]
    chosen = json.loads(answer(capsys, *question, "--data", str(table), "--target", "price"))
    assert chosen["samples"] == 3
    assert chosen["outputs"][0]["loss"]["target"] == 30
    last = json.loads(answer(capsys, *question, "--data", str(table)))
    assert last["outputs"][0]["loss"]["target"] == 4.5


def test_a_csv_file_without_names(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("plain.csv").write_text("\ufeff7,1,2\n8,3,4\n", encoding="utf-8")
    question = [str(trained), "--sample", "1", "--format", "json", "--data", "plain.csv"]
    assert json.loads(answer(capsys, *question))["outputs"][0]["loss"]["target"] == 4
    document = json.loads(answer(capsys, *question, "--target", "0"))
    assert document["outputs"][0]["loss"]["target"] == 8


def test_several_targets_and_float32(capsys: pytest.CaptureFixture[str]) -> None:
    network = Network(Linear(1, 2))
    files.save("two.safetensors", network, network.initialize(0, dtype="float32"))
    Path("two.csv").write_text("a,b,c\n1,2,3\n4,5,6\n", encoding="utf-8")
    question = ["two.safetensors", "--sample", "0", "--format", "json", "--data", "two.csv"]
    targets = {one["loss"]["target"] for one in json.loads(answer(capsys, *question))["outputs"]}
    assert targets == {2, 3}
    document = json.loads(answer(capsys, *question, "--target", "c, a"))
    assert {one["loss"]["target"] for one in document["outputs"]} == {3, 1}


def test_equations_into_a_file(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = answer(capsys, str(trained), *WEIGHT, "--format", "latex", "-o", "out.tex")
    assert written == "Explanation: out.tex\n"
    assert Path("out.tex").read_text(encoding="utf-8").startswith("\\[\n\\begin{split}")


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("question", [WEIGHT, ["--neuron", "layers[0][1]"], ["--sample", "1"]])
def test_pictures_and_pages(
    question: list[str], language: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [str(trained), *question, "--lang", language]
    picture = answer(capsys, *asked, "--format", "svg")
    assert picture.startswith("<?xml")
    assert picture.endswith("</svg>\n")
    page = answer(capsys, *asked, "--format", "html")
    assert page.startswith(f'<!DOCTYPE html>\n<html lang="{language}">')
    assert page.endswith("</html>\n")
    for part in ("<svg", "<math", "<pre", 'aria-live="polite"'):
        assert part in page


def test_the_ending_of_out_says_the_format(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    starts = {
        "svg": "<?xml",
        "html": "<!DOCTYPE",
        "tex": "\\[",
        "json": "{",
        "txt": "1.  The weight",
    }
    for ending, start in starts.items():
        answer(capsys, str(trained), *WEIGHT, "-o", f"why.{ending}")
        assert Path(f"why.{ending}").read_text(encoding="utf-8").startswith(start)


def test_a_network_of_reproduce(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The networks are what is looked at, and the figures what takes long.
    monkeypatch.setattr("clearprop.teaching.reports.report._pictures", lambda *_: iter(()))
    quick = ["--steps", "2", "--seeds", "2", "--without-torch", "--lang", "en", "--out", "out"]
    assert main(["reproduce", *quick]) == 0
    capsys.readouterr()
    saved = sorted((tmp_path / "out" / "networks").glob("*.safetensors"))
    assert len(saved) == 5
    for path in saved:
        text = answer(capsys, str(path), "--weight", "layers[0].weight[0,3]")
        assert "A witness that evaluates the loss again agrees" in text
        # Of the parabola's networks no training is kept, so there is nothing to update with.
        assert ("SGD with η" in text) is not path.name.startswith("curved")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Say what to explain with --weight, --neuron or --sample, or of a run"),
        (["--weight", "a", "--neuron", "b"], "--weight and --neuron ask for two explanations"),
        (["--sample", "3"], "There is no sample 3: they are counted from 0 to 2."),
        (["--sample", "-1"], "--sample takes a whole number of at least 0, and '-1' is not."),
        ([*WEIGHT, "--sample", "many"], "--sample takes a whole number of at least 0"),
        ([*WEIGHT, "--depth", "0"], "--depth takes a whole number of at least 1, and '0'"),
        ([*WEIGHT, "--format", "png"], "The format 'png' is not known; choose one of text, latex"),
        ([*WEIGHT, "--target", "t"], "--target names a column of --data, and no data was given."),
        ([*WEIGHT, "--lang", "xx"], "The language 'xx' is not known"),
        ([*WEIGHT, "--data", ""], "--data needs a name, and was given none."),
        ([*WEIGHT, "--out", " "], "--out needs a name, and was given none."),
        ([*WEIGHT, "--out", "missing/out.txt"], "'missing/out.txt' cannot be written"),
        ([*WEIGHT, "--data", "missing.csv"], "There is no file 'missing.csv'."),
        ([*WEIGHT, "--data", "."], "'.' is a folder, where a file was meant."),
        ([*WEIGHT, "--nonsense"], "There is no option --nonsense; `clearprop explain --help`"),
        (["--weight"], "--weight needs a value behind it."),
        (["--weight", "layers[0].wieght[0,1]"], "There is no 'layers[0].wieght[0,1]' in this"),
        (["--weight", "layers[0].weight[9,9]"], "There is no 'layers[0].weight[9,9]': that array"),
        (["--neuron", "layers[9][0]"], "There is no 'layers[9][0]' in this network; the nearest"),
    ],
)
def test_nonsense_is_one_sentence_and_status_2(
    arguments: list[str], sentence: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint(capsys, str(trained), *arguments).startswith(sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "'bad.csv' holds no line of numbers."),
        ("a,b,c\n", "'bad.csv' holds no line of numbers."),
        ("a,b,c\n1,2,3\n1,2\n", "'bad.csv', line 3: there are 2 cells where 3 were expected."),
        ("1,2,3\n\n1,2,3,4\n", "'bad.csv', line 3: there are 4 cells where 3 were expected."),
        ("a,b,c\n1,2,3\n4,,6\n", "'bad.csv', line 3: the cell of column 'b' is empty."),
        ("a,b,c\n1,2,x\n", "'bad.csv', line 2: 'x' in column 'c' is not a finite number."),
        ("a,b,c\n1,nan,2\n", "'bad.csv', line 2: 'nan' in column 'b' is not a finite number."),
        ("a,b,c\n1,1e999,2\n", "'bad.csv', line 2: '1e999' in column 'b' is not a finite number."),
        ("1,2\n", "'bad.csv' has 1 columns of features beside 1 of targets, and the network takes"),
        ("1\n", "'bad.csv' has no column left for the features beside the target."),
        ('1,2,"3\n', "'bad.csv' cannot be read: unexpected end of data."),
    ],
)
def test_bad_tables(
    content: str, sentence: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.csv").write_text(content, encoding="utf-8")
    said = complaint(capsys, str(trained), *WEIGHT, "--data", "bad.csv")
    assert said.startswith(sentence)


def test_a_table_that_is_no_text(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.csv").write_bytes(b"\xff\xfe1\x00")
    said = complaint(capsys, str(trained), *WEIGHT, "--data", "bad.csv")
    assert said.startswith("'bad.csv' cannot be read: ")


def test_a_column_that_is_not_there(
    trained: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = complaint(capsys, str(trained), *WEIGHT, "--data", str(table), "--target", "prise")
    assert said.endswith("has no column 'prise'; its columns are height, price, width.")


def test_no_file_and_foreign_files(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys).startswith("Name the file of a saved network: clearprop explain FILE")
    assert complaint(capsys, "missing.safetensors", *WEIGHT).startswith("There is no file")
    assert "is not a network saved by clearprop" in complaint(capsys, str(table), *WEIGHT)


def test_a_network_without_a_sample(capsys: pytest.CaptureFixture[str]) -> None:
    network = Network(Linear(2, 1))
    files.save("bare.safetensors", network, network.initialize(0))
    said = complaint(capsys, "bare.safetensors", "--sample", "0")
    begin = (
        "'bare.safetensors' holds no sample of its data; hand over data with --data, or keep some "
    )
    assert said == f"{begin}when you save it: save(..., x=x, target=target)."


def test_how_many_features_and_outputs_may_be_unknown() -> None:
    from clearprop.cli.table_samples import widths

    assert widths(Network(Sequential(Linear(2, 3), ReLU()))) == (2, 3)
    assert widths(Network(ReLU())) == (None, 1)
    assert widths(Network(Sequential(Scale(2), Linear(2, 4)))) == (None, 4)


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_help_names_every_option(
    language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_TW.UTF-8" if language == "zh-TW" else "en_US.UTF-8")
    text = answer(capsys, "--help")
    assert text.strip() == messages.text(language, "cli.help.explain").strip()
    assert set(re.findall(r"--[a-z-]+", text)) == {*OPTIONS, "--help"}
    assert max(messages.display_width(line) for line in text.splitlines()) <= 100


def test_explaining_loads_nothing_that_it_does_not_need(trained: Path) -> None:
    heavy = "{'matplotlib', 'sklearn', 'torch', 'jinja2', 'latex2mathml'}"
    code = (
        "import sys; from clearprop.cli import main; "
        f"main(['explain', {str(trained)!r}, '--sample', '0', '--format', 'latex']); "
        f"sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
