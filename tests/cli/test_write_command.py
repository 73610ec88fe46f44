"""`clearprop write` from end to end."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import MSE, SGD, Adam, CrossEntropy, Huber, Linear, Network, ReLU, Sequential
from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.cli import main
from clearprop.cli.commands.write_command import COMMAND
from clearprop.engine.optimizers import Clipped
from clearprop.formats import network_file as files
from clearprop.formats.checkpoints import save_checkpoint
from clearprop.kinds.kind_tables import LOSSES, OPTIMIZERS
from clearprop.reading.programs import Recipe, write_program
from clearprop.reading.programs.architecture import NAMES, network_of
from clearprop.training import fit
from tests.explanation.own_layers import Scale
from tests.programs.bare import make_site, run_bare
from tests.programs.test_agreement import require_agreement

OPTIONS = (
    "--data",
    "--target",
    "--loss",
    "--optimizer",
    "--learning-rate",
    "--epochs",
    "--batch-size",
    "--dtype",
    "--seed",
    "--out",
    "--lang",
)


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_site(tmp_path_factory.mktemp("bare") / "packages")


@pytest.fixture
def table(tmp_path: Path) -> tuple[Path, Array]:
    numbers = np.random.default_rng(0).normal(size=(9, 3))
    rows = [",".join(map(repr, map(float, row))) for row in numbers]
    path = tmp_path / "data.csv"
    path.write_text("\n".join(["甲,乙,丙", *rows]) + "\n", encoding="utf-8")
    return path, numbers


def test_a_program_goes_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["write", "1-10-relu-1"]) == 0
    assert capsys.readouterr().out == write_program(Recipe(network_of("1-10-relu-1")))
    assert main(["write", "1-10-relu-1", "--lang", "zh-TW"]) == 0
    text = capsys.readouterr().out
    assert text == write_program(Recipe(network_of("1-10-relu-1")), language="zh-TW")


def test_every_option_is_in_the_program(tmp_path: Path, site: Path) -> None:
    arguments = ["write", "3-4-tanh-2", "--loss", "huber(0.5)", "--optimizer"]
    arguments += ["clipped(adam(0.5), norm=1)", "--learning-rate", "0.02", "--epochs", "6"]
    arguments += ["--batch-size", "30", "--seed", "5", "-o", "train.py"]
    assert main(arguments) == 0
    recipe = Recipe(
        network_of("3-4-tanh-2"),
        loss=Huber(0.5),
        optimizer=Clipped(Adam(0.02), norm=1),
        epochs=6,
        batch_size=30,
        seed=5,
    )
    ran = run_bare(site, [tmp_path / "train.py"])[0]
    assert len(ran.losses) == 24
    require_agreement(recipe, ran)


def test_float32_is_what_the_program_computes_in(tmp_path: Path, site: Path) -> None:
    assert main(["write", "3-4-silu-2", "--dtype", "float32", "-o", "train.py"]) == 0
    ran = run_bare(site, [tmp_path / "train.py"])[0]
    require_agreement(Recipe(network_of("3-4-silu-2"), dtype="float32"), ran, rtol=1e-4)


@pytest.mark.parametrize("target", [None, "丙", "甲", "乙 , 甲"])
def test_the_program_reads_the_csv_itself(
    target: str | None, table: tuple[Path, Array], tmp_path: Path, site: Path
) -> None:
    path, numbers = table
    (tmp_path / "programs").mkdir()
    out = tmp_path / "programs" / "train.py"
    columns = {None: [2], "丙": [2], "甲": [0], "乙 , 甲": [1, 0]}[target]
    features = [column for column in range(3) if column not in columns]
    what = f"{len(features)}-4-tanh-{len(columns)}"
    named = [] if target is None else ["--target", target]
    assert main(["write", what, "--data", path.name, *named, "-o", str(out)]) == 0
    assert "../data.csv" in out.read_text(encoding="utf-8")
    recipe = Recipe(network_of(what), None, numbers[:, features], numbers[:, columns])
    require_agreement(recipe, run_bare(site, [out])[0])


@pytest.mark.parametrize(
    "text",
    ["1,2\n3,4\n", "x,y\n1,2\n3,4\n", "\ufeffx,y\n1,2\n3,4\n", '"x","y"\n"1",2\n\n3, 4 \n'],
)
def test_csv_files_of_every_make_are_read_alike(text: str, tmp_path: Path, site: Path) -> None:
    (tmp_path / "data.csv").write_text(text, encoding="utf-8")
    assert main(["write", "1-1", "--data", "data.csv", "-o", "train.py"]) == 0
    x, t = np.array([[1.0], [3.0]]), np.array([[2.0], [4.0]])
    require_agreement(Recipe(network_of("1-1"), None, x, t), run_bare(site, [Path("train.py")])[0])


def test_ids_and_classes_come_from_a_csv(tmp_path: Path, site: Path) -> None:
    ids, kinds = np.array([0, 1, 2, 1]), np.array([1, 0, 1, 1])
    lines = [f"{a},{b}" for a, b in zip(ids, kinds, strict=True)]
    (tmp_path / "data.csv").write_text("\n".join(lines), encoding="ascii")
    arguments = ["write", "embedding(3,2)-2", "--loss", "crossentropy", "--data", "data.csv"]
    assert main([*arguments, "-o", "train.py"]) == 0
    recipe = Recipe(network_of("embedding(3,2)-2"), None, ids, kinds, loss=CrossEntropy())
    require_agreement(recipe, run_bare(site, [tmp_path / "train.py"])[0])


def test_what_the_file_says_can_be_told_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 1)))
    x, target = np.ones((4, 2)), np.ones((4, 1))
    rule = SGD(0.1, momentum=0.9)
    done = fit(network, network.initialize(0), x, target, optimizer=rule, epochs=10)
    sample: Any = {"x": x, "target": target}
    save_checkpoint(
        tmp_path / "net.safetensors", network, done.state, optimizer=rule, loss=MSE(), **sample
    )
    assert main(["write", "net.safetensors"]) == 0
    text = capsys.readouterr().out
    assert "MOMENTUM = 0.9" in text
    assert "starting_memory" in text
    assert "range(10, 10 + STEPS)" in text
    assert main(["write", "net.safetensors", "--learning-rate", "0.05"]) == 0
    text = capsys.readouterr().out
    assert "LEARNING_RATE = 0.05" in text
    assert "starting_memory" in text
    assert main(["write", "net.safetensors", "--optimizer", "adam", "--loss", "mae"]) == 0
    text = capsys.readouterr().out
    assert "BETA_1 = 0.9" in text
    assert "np.abs(e).mean()" in text
    assert "starting_memory" not in text
    assert "range(STEPS)" in text


def test_a_network_without_training_is_trained_with_the_usual(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Network(Sequential(Linear(2, 1)))
    path = tmp_path / "plain.safetensors"
    files.save(path, network, network.initialize(0))
    assert main(["write", str(path)]) == 2
    assert "holds no sample of its data" in capsys.readouterr().err
    sample: Any = {"x": np.ones((2, 2)), "target": np.ones((2, 1))}
    files.save(path, network, network.initialize(0), **sample)
    assert main(["write", str(path)]) == 0
    assert "LEARNING_RATE = 0.01" in capsys.readouterr().out


def test_a_class_of_ones_own_is_refused_with_what_can_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Network(Sequential(Linear(2, 2), Scale(2)))
    files.save(tmp_path / "own.safetensors", network, network.initialize(0))
    assert main(["write", "own.safetensors"]) == 2
    sentence = capsys.readouterr().err
    assert sentence.startswith("clearprop: Scale is a class of your own")
    assert "put your own lines where that layer's stand" in sentence


def test_a_file_that_is_there_is_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.py").write_text("mine")
    assert main(["write", "1-1", "-o", "train.py"]) == 2
    assert "there already" in capsys.readouterr().err
    assert (tmp_path / "train.py").read_text() == "mine"
    assert main(["write", "1-1", "-o", "other.py"]) == 0
    assert capsys.readouterr().out == "Program: other.py\n"
    assert main(["write", "1-1", "-o", "other.py"]) == 0
    assert {one.name for one in tmp_path.iterdir()} == {"train.py", "other.py"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Say what to write"),
        (["1-10-rellu-1"], "near it is relu"),
        (["nothing.safetensors"], "no file 'nothing.safetensors'"),
        (["folder/nothing"], "no file 'folder/nothing'"),
        (["."], "is no run of clearprop train"),
        (["1-1", "--loss", "nothing"], "--loss knows no 'nothing'"),
        (["1-1", "--loss", "mse(reduction='none')"], "none"),
        (["1-1", "--optimizer", "adma"], "--optimizer knows no 'adma'; near it is adam"),
        (["1-1", "--optimizer", "warmup(0.1)"], "takes an optimizer"),
        (["1-1", "--learning-rate", "0"], "--learning-rate"),
        (["1-1", "--epochs", "0"], "--epochs"),
        (["1-1", "--epochs", "x"], "--epochs"),
        (["1-1", "--batch-size", "0"], "--batch-size"),
        (["1-1", "--batch-size", "101"], "101"),
        (["1-1", "--dtype", "float16"], "float16"),
        (["1-1", "--seed", "-1"], "--seed"),
        (["1-1", "--lang", "tlh"], "tlh"),
        (["1-1", "--target", "x"], "--target names a column of --data"),
        (["1-1", "--data", "nothing.csv"], "no file 'nothing.csv'"),
        (["1-1", "-o", ""], "--out"),
        (["1-1", "-o", "nowhere/train.py"], "nowhere/train.py"),
        (["1-1", "-o", "."], "'.'"),
        (["3-1", "--data", "two.csv"], "1 columns of features"),
        (["1-1", "--data", "two.csv", "--target", "z"], "no column 'z'"),
        (["1-1-relu", "--data", "two.csv", "--loss", "binarycrossentropy"], "t <= 1"),
        (["1-3", "--data", "half.csv", "--loss", "crossentropy"], "class|whole"),
        (["embedding(2,2)-1", "--data", "half.csv"], "whole"),
        (["relu"], "no parameters"),
    ],
)
def test_nonsense_is_answered_with_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "two.csv").write_text("1,2\n3,4\n")
    (tmp_path / "half.csv").write_text("1.5,0.5\n0.5,1.5\n")
    before = {one.name for one in tmp_path.iterdir()}
    assert main(["write", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(sentence, said.err)
    assert said.err.startswith("clearprop: ")
    assert said.err.count("\n") == 1
    assert {one.name for one in tmp_path.iterdir()} == before


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_help_names_every_option_and_layer(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["write", "--lang", language, "--help"]) == 0
    text = capsys.readouterr().out
    for option in OPTIONS:
        assert option in text
    # In the order of the rows, whether a line breaks between them or not.
    unbroken = re.sub(r"\s+", " ", text)
    comma, either = {"en": (", ", " or "), "zh-TW": ("、", " 或 ")}[language]
    assert comma.join(NAMES) in unbroken.replace("、 ", "、")
    for known in (LOSSES, OPTIMIZERS):
        *names, last = map(str.lower, known)
        assert comma.join(names) + either + last in unbroken
    for line in text.splitlines():
        assert messages.display_width(line) <= 100


def test_one_name_more_in_the_help_breaks_its_line_where_the_description_stands() -> None:
    one_more = {**COMMAND.listed, "last_loss": ("a" * 12,), "losses": ("b" * 30, "c" * 30)}
    told = COMMAND._replace(listed=one_more).help("en")
    assert f"  --loss LOSS            {'b' * 30}, {'c' * 30} or\n{' ' * 25}{'a' * 12}, with" in told
    assert all(messages.display_width(line) <= 100 for line in told.splitlines())


def test_the_command_writes_a_program_that_runs_and_is_right(tmp_path: Path) -> None:
    """As a person does it: three commands."""
    command = [sys.executable, "-m", "clearprop"]
    for arguments in (
        [*command, "write", "2-6-gelu-batchnorm-2", "-o", "train.py"],
        [sys.executable, "train.py"],
        [*command, "check", "train.py:backward"],
    ):
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
