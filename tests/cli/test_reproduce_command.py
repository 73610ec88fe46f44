"""`clearprop reproduce` from end to end, once in a process of its own and with every figure.

Figures take most of its time; the tests of what it says go without them.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from clearprop.cli import main
from clearprop.formats import torch_twin
from clearprop.teaching.reports import report
from clearprop.teaching.reports.report_page import LECTURE

QUICK = ["--steps", "3", "--seeds", "3"]


def python(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **environ},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def no_pictures(*_: object) -> Iterator[Any]:
    """In the place of the report's figures."""
    return iter(())


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_pictures", no_pictures)


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = ("href", "src", "xlink:href", "srcset", "action", "data")
        self.found += [value for name, value in attrs if name in names and value]


@pytest.mark.usefixtures("torch", "without_figures")
def test_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", *QUICK]) == 0
    done = capsys.readouterr()
    assert done.err == ""  # no progress bars where nobody watches
    assert "Report: clearprop-report/report.html" in done.out
    assert "Largest difference from PyTorch" in done.out
    assert "wrong in W2" in done.out
    folder = tmp_path / "clearprop-report"
    assert {path.name for path in folder.iterdir()} == {
        "report.html",
        "results.json",
        "networks",
        "programs",
    }
    links = Links((folder / "report.html").read_text(encoding="utf-8")).found
    assert links
    assert all(link.startswith("#") or link == LECTURE for link in links)
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results["settings"]["steps"] == 3
    assert len(results["torch"]) == 8
    assert all(one["agrees"] for one in results["torch"])


def test_in_chinese_and_without_torch(
    tmp_path: Path,
    without_figures: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    arguments = ["reproduce", *QUICK, "--lang", "zh-TW", "--without-torch", "--out", "out"]
    assert main([*arguments, "--dtype", "float32", "--learning-rate", "0.02"]) == 0
    shown = capsys.readouterr().out
    assert "報告：out/report.html" in shown
    assert "略過了 PyTorch" in shown
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert results["torch"] is None
    assert results["settings"] == {
        "steps": 3,
        "learning_rate": 0.02,
        "seeds": 3,
        "dtype": "float32",
        "with_torch": False,
        "engine": "auto",
        "language": "zh-TW",
    }
    assert '<html lang="zh-TW">' in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.thorough
def test_ctrl_c_half_way_leaves_the_old_report_whole(tmp_path: Path) -> None:
    old = tmp_path / "out" / "report.html"
    old.parent.mkdir()
    old.write_text("the old report")
    # Far too many steps to be done before it is interrupted.
    command = [sys.executable, "-m", "clearprop", "reproduce", "--out", "out", "--steps", "100000"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
    ) as process:
        deadline = time.monotonic() + 60
        while not list(old.parent.glob(".clearprop-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    # An extension module that was just being imported may make Python end by the signal itself,
    # which a shell shows as 130 as well.
    assert process.returncode in (130, -signal.SIGINT)
    assert err == (
        "clearprop: Interrupted. Nothing was written; what was there before is still whole.\n"
    )
    assert out == ""
    assert old.read_text() == "the old report"
    assert list(old.parent.iterdir()) == [old]


def test_a_comparison_out_of_tolerance_is_status_1_and_says_which(
    torch: Any,
    tmp_path: Path,
    without_figures: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    honest = torch_twin.train_with_sgd

    def a_little_off(*args: Any, **options: Any) -> torch_twin.TwinTraining:
        losses, params = honest(*args, **options)
        return torch_twin.TwinTraining(losses * (1 + 1e-6), params)

    monkeypatch.setattr(torch_twin, "train_with_sgd", a_little_off)
    assert main(["reproduce", *QUICK, "--lang", "en", "--out", str(tmp_path / "out")]) == 1
    text = capsys.readouterr().out
    assert "Out of tolerance: relu from the start 'tutorial' in float64." in text
    assert "Out of tolerance: linear" not in text
    assert "float32." not in text  # a millionth is nothing in float32
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "out of tolerance" in page
    assert "Not every comparison is within its tolerance" in page


def test_without_torch_installed_the_rest_runs(
    tmp_path: Path,
    without_figures: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in (
        "cli.commands.reproduce_command",
        "teaching.experiments.studies",
        "teaching.experiments.reproduction",
    ):
        monkeypatch.setattr(f"clearprop.{name}.is_installed", lambda module: module != "torch")
    assert main(["reproduce", *QUICK, "--lang", "en", "--out", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert "PyTorch is not installed" in text
    assert "pip install torch==2.13.0" in text
    assert "pip install torch==2.13.0" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_a_learning_rate_that_diverges_is_reported_as_a_finding(
    tmp_path: Path, without_figures: None, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["reproduce", "--seeds", "2", "--learning-rate", "3", "--without-torch"]
    assert main([*arguments, "--lang", "en", "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert "Without activation, the training diverged" in out
    assert err == ""


@pytest.mark.thorough
def test_a_terminal_that_knows_only_ascii(tmp_path: Path) -> None:
    arguments = ["reproduce", *QUICK, "--without-torch", "--lang", "zh-TW"]
    code = (
        "import sys; from clearprop.teaching.reports import report; "
        "report._pictures = lambda *_: iter(()); "
        f"from clearprop.cli import main; sys.exit(main({arguments!r}))"
    )
    done = python("-c", code, folder=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout


@pytest.mark.usefixtures("without_figures")
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_engine_can_be_chosen(
    tmp_path: Path,
    without_figures: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    told = ["reproduce", *QUICK, "--without-torch", "--lang", "en"]
    assert main([*told, "--engine", "compiled"]) == 0
    # The printed network's own layer has no kernel, and is told of once.
    printed = capsys.readouterr()
    assert printed.out.count("ReLUThenLinearAsPrinted") == 1
    assert printed.err == ""
    results = json.loads(Path("clearprop-report/results.json").read_text(encoding="utf-8"))
    engines = {study["name"]: study["engine"] for study in results["seed_studies"]}
    assert engines == {
        "tutorial_linear": "compiled",
        "tutorial_relu_as_printed": "numpy",
        "tutorial_relu": "compiled",
        "pytorch_linear": "compiled",
        "pytorch_relu": "compiled",
    }
    assert main([*told, "--engine", "fast"]) == 2
    assert "auto, numpy, compiled" in capsys.readouterr().err
