"""`clearprop diagram` on saved networks, from end to end."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import (
    GRU,
    Conv2d,
    Flatten,
    Linear,
    MultiheadAttention,
    Network,
    ReLU,
    Sequential,
    TimeStep,
)
from clearprop.base import messages
from clearprop.cli import main
from clearprop.formats import network_file as files
from clearprop.reading.explanation.named_diagrams import KINDS, OF_SOME_LAYERS, TEXTBOOK
from tests.explanation.networks import STEPS, residual

OPTIONS = {
    f"--{name}"
    for name in (
        "kind",
        "neuron",
        "weight",
        "sample",
        "unit",
        "times",
        "data",
        "target",
        "kinds",
        "format",
        "out",
        "lang",
        "help",
    )
}


pytestmark = pytest.mark.usefixtures("own_folder")


def drawn(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["diagram", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["diagram", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.removeprefix("clearprop: ").rstrip()


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OF_SOME_LAYERS])
def test_every_kind_as_svg(
    kind: str, language: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    neuron = [] if kind == "neuron_forward" else ["--sample", "1"]
    text = drawn(capsys, str(trained), "--kind", kind, "--lang", language, *neuron)
    assert text.startswith('<?xml version="1.0"')
    assert text.endswith("</svg>\n")
    assert f'lang="{language}"' in text
    assert "<text" in text


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_every_head_of_attention(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    network = Network(MultiheadAttention(4, 2, causal=True))
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    files.save("heads.safetensors", network, network.initialize(0), x=x, target=x)
    told = ["heads.safetensors", "--lang", language]
    text = drawn(capsys, *told, "--kind", "inside", "--sample", "1")
    assert "heads[1].weights[2,0]" in text
    marked = drawn(capsys, *told, "--neuron", "heads[0].q[1,1]")
    assert "heads[0].q[1,1]" in marked
    assert main(["explain", *told, "--neuron", "heads[0].scores[2,1]"]) == 0
    assert "heads[0].scores[2,1]" in capsys.readouterr().out
    assert main(["show", "heads.safetensors", "--list", "neuron"]) == 0
    assert "heads[1].weights[2,2]\n" in capsys.readouterr().out
    assert main(["step", *told, "--all"]) == 0
    assert "MultiheadAttention(4, 2" in capsys.readouterr().out


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_kernel_and_the_channels_of_an_image(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Network(Sequential(Conv2d(1, 3, 2), ReLU(), Flatten(), Linear(27, 2)))
    x = np.random.default_rng(0).normal(size=(3, 1, 4, 4))
    target = np.ones((3, 2))
    files.save("image.safetensors", network, network.initialize(0), x=x, target=target)
    told = ["image.safetensors", "--lang", language]
    weight = ["--weight", "layers[0].weight[2,0,1,0]"]
    kernel = drawn(capsys, *told, *weight, "--sample", "1")
    assert kernel == drawn(capsys, *told, *weight, "--sample", "1", "--kind", "kernel")
    assert "∂C[1]/∂w = Σ x̄ · ∂C/∂z" in kernel
    assert "layers[0][2,2,2]" in kernel
    address = ["--neuron", "layers[0].channels[1][2,0]"]
    assert "layers[0][1,2,0]" in drawn(capsys, *told, "--kind", "channels", *address)
    assert main(["explain", *told, *weight]) == 0
    assert "x[n,c,i,j]" in capsys.readouterr().out
    assert main(["explain", *told, *address]) == 0
    assert "layers[0][1,2,0]" in capsys.readouterr().out
    assert main(["show", "image.safetensors", "--list", "neuron"]) == 0
    assert "layers[0].channels[2][2,2]\n" in capsys.readouterr().out
    refused = complaint(capsys, "image.safetensors", "--kind", "paths", *weight, "--lang", "en")
    assert refused.endswith("leave out --weight, or choose kernel.")


def test_the_default_and_a_neuron(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "The whole network, backward" in drawn(capsys, str(trained))
    text = drawn(capsys, str(trained), "--neuron", "layers[0][2]", "--sample", "2")
    assert "The neuron layers[0][2] for sample 2" in text


def test_a_csv_file(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data.csv").write_text("height,price,width\n1,10,2\n3,30,4.5\n", encoding="utf-8")
    asked = ["--data", "data.csv", "--target", "price", "--sample", "1"]
    text = drawn(capsys, str(trained), *asked, "--kind", "network_forward")
    assert "x₁ = 3<" in text
    assert "x₂ = 4.5<" in text
    assert "= 30<" in re.sub(
        r"</?tspan[^>]*>",
        "",
        drawn(capsys, str(trained), *asked[:-2], "--sample", "1", "--kind", "sample"),
    )


def test_the_ending_of_out_says_the_format(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, start in (("p.svg", b"<?xml"), ("p.png", b"\x89PNG"), ("p.html", b"<!DOCTYPE")):
        assert drawn(capsys, str(trained), "-o", name) == f"Diagram: {name}\n"
        assert Path(name).read_bytes().startswith(start)
    drawn(capsys, str(trained), "-o", "without")
    assert Path("without").read_bytes().startswith(b"<?xml")


def test_png_into_a_pipe(trained: Path) -> None:
    command = [sys.executable, "-m", "clearprop", "diagram", str(trained), "--format", "png"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"\x89PNG")


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
def test_png_on_a_terminal_is_refused(trained: Path) -> None:
    import pty

    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "clearprop", "diagram", str(trained), "--format", "png"]
    done = subprocess.run(command, stdout=terminal, stderr=subprocess.PIPE, text=True, check=False)
    os.close(terminal)
    os.close(screen)
    assert done.returncode == 2
    assert done.stderr.startswith("clearprop: A PNG would only garble the terminal; write it into")


def test_without_a_chinese_font_a_png_is_in_english_and_says_so(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clearprop.drawing.drawable_language", lambda language: "en")
    assert main(["diagram", str(trained), "--lang", "zh-TW", "-o", "p.png"]) == 0
    assert "找不到可用於圖片的繁體中文字型" in capsys.readouterr().err


def test_networks_of_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (step, _, neuron) in STEPS.items():
        if name == "awkward":
            continue
        path = f"{name}.safetensors"
        arrays: Any = {"x": step.forward.input, "target": step.target}
        network, params = step.forward.network, step.forward.params
        files.save(path, network, params, state=network.initial_state(params), **arrays)
        for kind in KINDS:
            # None of these networks has a layer that declares what is inside it.
            if kind not in (*TEXTBOOK, *OF_SOME_LAYERS):
                assert drawn(capsys, path, "--kind", kind).startswith("<?xml")
        for kind in ("neuron", "reversed_neuron", "paths"):
            assert drawn(capsys, path, "--kind", kind, "--neuron", neuron).startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--kind", "network"], "There is no diagram 'network'; the nearest are network_forward"),
        (["--neuron", "layers[0][7]"], "There is no 'layers[0][7]': that array is (3,)"),
        (["--neuron", "layers[9][0]"], "There is no 'layers[9][0]' in this network; the nearest"),
        (["--kind", "network_forward", "--neuron", "layers[0][0]"], "--kind network_forward is of"),
        (["--kind", "hidden_neuron", "--neuron", "layers[2][0]"], "--kind hidden_neuron shows a"),
        (["--sample", "3"], "There is no sample 3: they are counted from 0 to 2."),
        (["--sample", "x"], "--sample takes a whole number of at least 0, and 'x' is not."),
        (["--format", "jpg"], "The format 'jpg' is not known; choose one of svg, png, pdf, html."),
        (["--target", "t"], "--target names a column of --data, and no data was given."),
        (["--data", "none.csv"], "There is no file 'none.csv'."),
        (["--out", ""], "--out needs a name, and was given none."),
        (["--out", "missing/p.svg"], "'missing/p.svg' cannot be written"),
        (["--out", "."], "'.' is a folder, where a file was meant."),
        (["--lang", "xx"], "The language 'xx' is not known"),
        (["--colour"], "There is no option --colour; `clearprop diagram --help`"),
        (["--kind"], "--kind needs a value behind it."),
    ],
)
def test_nonsense_is_one_sentence_and_status_2(
    arguments: list[str], sentence: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint(capsys, str(trained), *arguments).startswith(sentence)


def test_no_file_and_foreign_files(capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.txt").write_text("no network", encoding="utf-8")
    assert complaint(capsys).startswith("Name the file of a saved network: clearprop diagram FILE")
    assert complaint(capsys, "missing.safetensors").startswith("There is no file")
    assert "is not a network saved by clearprop" in complaint(capsys, "text.txt")


@pytest.mark.parametrize("command", [["diagram"], ["explain", "--sample", "0"]])
def test_an_answer_never_replaces_what_it_was_made_of(
    command: list[str], trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = trained.read_bytes()
    Path("net").write_bytes(before)
    Path("data").write_text("1,2,3\n", encoding="utf-8")
    for out in ("net", "data"):
        assert main([*command, "net", "--data", "data", "-o", out, "--format", "svg"]) == 2
        assert "would be lost; choose another name for --out." in capsys.readouterr().err
    assert Path("net").read_bytes() == before
    assert Path("data").read_text(encoding="utf-8") == "1,2,3\n"


def test_what_the_textbook_has_no_picture_of_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    network = Network(residual())
    x = np.ones((2, 3))
    arrays: Any = {"x": x, "target": x}
    params = network.initialize(0)
    state = network.initial_state(params)
    files.save("residual.safetensors", network, params, state=state, **arrays)
    said = complaint(capsys, "residual.safetensors", "--kind", "neuron_forward")
    assert said.endswith("network_forward and network_backward show any network.")


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_help_names_every_option_and_every_kind(
    language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_TW.UTF-8" if language == "zh-TW" else "en_US.UTF-8")
    text = drawn(capsys, "--help")
    assert text.strip() == messages.text(language, "cli.help.diagram").strip()
    assert set(re.findall(r"--[a-z-]+", text)) == OPTIONS
    assert set(KINDS) <= set(re.findall(r"^  (\w+)  ", text, re.MULTILINE))
    assert max(messages.display_width(line) for line in text.splitlines()) <= 100


def test_drawing_loads_nothing_that_it_does_not_need(trained: Path) -> None:
    heavy = "{'matplotlib', 'sklearn', 'torch', 'jinja2', 'latex2mathml'}"
    code = (
        "import sys; from clearprop.cli import main; "
        f"main(['diagram', {str(trained)!r}]); "
        f"sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_time_is_unrolled(capsys: pytest.CaptureFixture[str]) -> None:
    network = Network(Sequential(GRU(1, 2), TimeStep()))
    x = np.ones((2, 3, 1))
    files.save("through.safetensors", network, network.initialize(), x=x, target=np.ones((2, 2)))
    at = "layers[0].time[1].update[0]"
    text = drawn(capsys, "through.safetensors", "--kind", "unrolled", "--neuron", at)
    assert text.startswith("<?xml")
    assert text.count("<rect") >= 3
    two = drawn(capsys, "through.safetensors", "--unit", "0,1", "--times", "1:")
    assert two.count("<rect") >= 4
    for given, said in (
        (("--unit", "x"), "--unit 0,3"),
        (("--unit", "2"), "units are 0 to 1"),
        (("--unit", ",".join("0123456789")), "units are 0 to 1"),
        (("--times", "1-2"), "--times 2:7"),
        (("--times", "2:1"), "times 2:1"),
        (("--times", "0:4"), "has 3 of them"),
        (("--neuron", at, "--times", "2"), "of time 1"),
        (("--kind", "sample", "--unit", "0"), "diagram sample"),
    ):
        kind = () if "--kind" in given else ("--kind", "unrolled")
        assert said in complaint(capsys, "through.safetensors", *kind, *given)
