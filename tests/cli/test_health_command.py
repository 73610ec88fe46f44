"""`clearprop health` on saved networks, from end to end."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import MSE, SGD, Linear, Network, ReLU, Sequential, Tanh
from clearprop.base.messages import LANGUAGES
from clearprop.cli import main
from clearprop.cli.status import FOUND
from clearprop.formats import network_file as files
from clearprop.formats.checkpoints import save_checkpoint
from clearprop.training import fit

pytestmark = pytest.mark.usefixtures("own_folder")


def saved(
    path: str, *, rate: float = 0.01, with_start: bool = True, bias: float | None = None
) -> str:
    """A 2-3-1 network after five steps, with its samples; `bias` is that of the hidden units."""
    network = Network(Sequential(Linear(2, 3), Tanh(), ReLU(), Linear(3, 1)))
    generator = np.random.default_rng(0)
    x, target = generator.normal(size=(30, 2)), generator.normal(size=(30, 1))
    # A slope that alternates between two kinds of layers: alive with z near 0.
    start = network.initialize(0)
    start = network.replace(start, {"layers[0].bias": np.zeros((1, 3))})
    if bias is not None:
        start = network.replace(start, {"layers[0].bias": np.full((1, 3), bias)})
    done = fit(network, start, x, target, optimizer=SGD(rate), epochs=5)
    arrays: Any = {"x": x, "target": target}
    if with_start:
        arrays["start"] = start
    save_checkpoint(path, network, done.state, optimizer=SGD(rate), loss=MSE(), **arrays)
    return path


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["health", *arguments]) == status
    out, err = capsys.readouterr()
    assert err == ""
    return out


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["health", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.removeprefix("clearprop: ").rstrip()


def test_a_healthy_network(capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, saved("fine.safetensors"))
    assert text.startswith("Nothing wrong found, looking at one step over 30 samples")
    assert "At the start (loss " in text
    assert "At the end (loss " in text
    assert text.count("The rate 0.01 is below it.") == 2


def test_a_dead_one_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    file = saved("dead.safetensors", bias=-100.0)
    text = answer(capsys, file, status=FOUND)
    assert "SERIOUS: All 3 units of layers[2] (ReLU) are dead" in text
    assert "  → " in text
    chinese = answer(capsys, file, "--lang", "zh-TW", status=FOUND)
    assert "嚴重：layers[2]（ReLU）的 3 個單元全都死了" in chinese


def test_without_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, saved("end.safetensors", with_start=False))
    assert "At the start (loss" not in text
    assert "not the start of the training, which the file does not hold" in text


def test_another_rate(capsys: pytest.CaptureFixture[str]) -> None:
    file = saved("fine.safetensors")
    text = answer(capsys, file, "--learning-rate", "50", status=FOUND)
    assert "the learning rate 50 is above the local bound" in text


def test_a_network_without_training(capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(0)
    arrays: Any = {"x": generator.normal(size=(9, 1)), "target": np.zeros((9, 1))}
    network = Network(Linear(1, 1))
    files.save("plain.safetensors", network, network.initialize(0), **arrays)
    assert "  Here (loss " in answer(capsys, "plain.safetensors")


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    file = saved("dead.safetensors", bias=-100.0)
    document = json.loads(answer(capsys, file, "--format", "json", status=FOUND))
    assert document["type"] == "Examination"
    dead = next(one for one in document["findings"] if one["kind"] == "dead_layer")
    assert dead["values"]["count"] == 3
    assert document["silent"]["layers[2]"] == [30, 30, 30]
    assert [one["when"] for one in document["stability"]] == ["start", "end"]


def test_data_of_ones_own_with_gaps(capsys: pytest.CaptureFixture[str]) -> None:
    file = saved("fine.safetensors")
    Path("data.csv").write_text("a,b,price\n1,2,3\n4,,6\n7,8,nan\n", encoding="utf-8")
    text = answer(capsys, file, "--data", "data.csv", "--target", "price", status=FOUND)
    assert "SERIOUS: The input holds what is no finite number, 1 in all: first input[1]" in text
    assert "of sample 1, which is NaN" in text
    # Elsewhere such data is refused, with its line.
    assert main(["explain", file, "--sample", "0", "--data", "data.csv"]) == 2
    assert "line 3" in capsys.readouterr().err
    Path("whole.csv").write_text("price,a,b\n1,2,3\n4,5,6\n7,8,9.5\n", encoding="utf-8")
    # Columns of one's own order; with prices of this size, the rate is too high.
    text = answer(capsys, file, "--data", "whole.csv", "--target", "price", status=FOUND)
    assert "over 3 samples" in text
    assert "no finite number" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_plot(capsys: pytest.CaptureFixture[str], language: str) -> None:
    pytest.importorskip("matplotlib")
    file = saved("dead.safetensors", bias=-100.0)
    for name in ("signals.svg", "signals.PNG"):
        text = answer(capsys, file, "--plot", name, "--lang", language, status=FOUND)
        assert text.rstrip().endswith(name)
    root = ET.fromstring(Path("signals.svg").read_text(encoding="utf-8"))
    words = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    # The first layer's signal is 0: it has a number and no bar.
    assert {"layers[0] Linear", "layers[3] Linear", "0"} <= set(words)
    assert len(root.findall("{http://www.w3.org/2000/svg}rect")) == 1 + 1  # the paper, and a bar
    assert Path("signals.PNG").read_bytes().startswith(b"\x89PNG")


def test_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    file = saved("fine.safetensors")
    assert "clearprop health FILE" in complaint(capsys)
    assert "There is no file 'none'" in complaint(capsys, "none")
    assert "text, json" in complaint(capsys, file, "--format", "xml")
    assert ".svg, .png or .pdf" in complaint(capsys, file, "--plot", "signals.gif")
    assert "--plot" in complaint(capsys, file, "--plot", "")
    assert "--learning-rate" in complaint(capsys, file, "--learning-rate", "-1")
    assert "--learning-rate" in complaint(capsys, file, "--learning-rate", "fast")
    assert "--target names a column" in complaint(capsys, file, "--target", "price")
    assert "cannot be written" in complaint(capsys, file, "--plot", "nowhere/signals.svg")
    Path("words.csv").write_text("a,b,c\n1,2,high\n", encoding="utf-8")
    assert "high" in complaint(capsys, file, "--data", "words.csv")
    Path("notes.txt").write_text("hello", encoding="utf-8")
    assert "not a network" in complaint(capsys, "notes.txt")


def test_a_picture_that_is_there_stays_whole_when_nothing_can_be_examined(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("signals.svg").write_text("before", encoding="utf-8")
    complaint(capsys, "none", "--plot", "signals.svg")
    assert Path("signals.svg").read_text(encoding="utf-8") == "before"


def test_every_option_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for language in LANGUAGES:
        for command, options in (
            (
                "health",
                (
                    "--data",
                    "--target",
                    "--kinds",
                    "--learning-rate",
                    "--format",
                    "--plot",
                    "--lang",
                ),
            ),
            ("step", ("--data", "--target", "--kinds", "--sample", "--all", "--json", "--lang")),
        ):
            assert main([command, "--lang", language, "--help"]) == 0
            text = capsys.readouterr().out
            assert all(option in text for option in options)
            assert main(["--help"]) == 0
            assert f"  {command} " in capsys.readouterr().out
