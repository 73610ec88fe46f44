"""`clearprop data -`, `train -`, `predict DIR -`, `evaluate DIR -`: a table from standard input."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from clearprop.cli import main
from clearprop.runs.run_folder import open_run
from tests.runs.conftest import Runs
from tests.runs.small_tables import people, words

TABLE = "km,fuel\n12,diesel\n150,petrol\n88,diesel\n"


def piped(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_piped_table_is_shown_as_its_file_is(
    tmp_path: Path,
    delimiter: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = TABLE.replace(",", delimiter)
    path = tmp_path / "cars.csv"
    path.write_text(text)
    assert main(["data", str(path), "--lang", "en"]) == 0
    of_file = capsys.readouterr().out
    piped(text.encode(), monkeypatch)
    assert main(["data", "-", "--lang", "en"]) == 0
    assert capsys.readouterr().out == of_file.replace(str(path), "standard input")


def test_a_run_keeps_what_was_piped_in_and_its_settings_repeat_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = people(tmp_path / "people.csv").read_bytes()
    piped(content, monkeypatch)
    out, again = tmp_path / "new" / "run", tmp_path / "again"
    assert main(words(Path("-"), out)) == 0
    assert f"The table from standard input is kept as {out / 'data.csv'}." in (
        capsys.readouterr().out
    )
    assert (out / "data.csv").read_bytes() == content
    assert main(["train", "--config", str(out / "config.toml"), "--out", str(again)]) == 0
    assert (again / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()
    assert open_run(again).settings.data == str(out / "data.csv")


def test_settings_of_a_file_take_a_piped_table_in_place_of_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = people(tmp_path / "people.csv")
    assert main(words(data, tmp_path / "run")) == 0
    piped(data.read_bytes(), monkeypatch)
    config, out = tmp_path / "run" / "config.toml", tmp_path / "piped"
    assert main(["train", "-", "--config", str(config), "--out", str(out)]) == 0
    model = (out / "model.safetensors").read_bytes()
    assert model == (tmp_path / "run" / "model.safetensors").read_bytes()


def test_a_piped_table_is_predicted_and_judged_as_its_file_is(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(runs.folders["regression"])
    for command in (["predict", folder, "{}", "--keep", "id"], ["evaluate", folder, "{}"]):
        said = []
        for operand in (str(runs.table), "-"):
            piped(runs.table.read_bytes(), monkeypatch)
            assert main([word.format(operand) for word in command]) == 0
            said.append(capsys.readouterr().out)
        assert said[0] == said[1]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "'standard input' holds no line of numbers."),
        (b"km,price\n", "'standard input' holds no line of numbers."),
        (b"\x7fELF\x02\x01\x01\x00\x00", "standard input has a NUL character in line 1"),
        (b"\x1f\x8b\x08\xff,\xfe\n1,2\n", "standard input is not written in utf-8"),
        (b"km,price\n1,2,3\n", "'standard input', line 2: there are 3 cells"),
        (b"km,fuel\n1,2\n2,3\n", "standard input has no column 'price'"),
    ],
)
def test_a_piped_table_that_is_none_is_refused_and_leaves_nothing(
    tmp_path: Path,
    content: bytes,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    piped(content, monkeypatch)
    out = tmp_path / "new" / "run"
    told = ["train", "-", "--target", "price", "--out", str(out), "--lang", "en"]
    assert main(told) == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["data"], ["predict", "RUN"], ["train", "--target", "price"]])
def test_a_terminal_in_place_of_a_pipe_is_told_so(
    runs: Runs,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [word.replace("RUN", str(runs.folders["regression"])) for word in command]
    terminal = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    for stdin in (terminal, None):
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main([*given, "-", "--lang", "en"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("clearprop: Nothing is piped in; pipe a table into the command")
        assert f"| clearprop {given[0]} " in said


def test_a_pipe_that_breaks_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Broken()))
    assert main(["data", "-", "--lang", "zh-TW"]) == 2
    assert "標準輸入" in capsys.readouterr().err


def test_a_file_of_that_name_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data.csv").write_text("mine")
    piped(TABLE.encode(), monkeypatch)
    told = ["train", "-", "--target", "km", "--out", str(tmp_path), "--lang", "en"]
    assert main(told) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "data.csv").read_text() == "mine"


@pytest.mark.thorough
def test_a_pipe_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "clearprop", "train", "-", "--target", "km"]
    process = subprocess.Popen(
        [*command, "--out", "run", "--lang", "en"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(TABLE.encode())
    process.stdin.flush()
    end = monotonic() + 20
    while not (tmp_path / "run" / "data.csv").exists() and monotonic() < end:
        sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert (process.returncode, list(tmp_path.iterdir())) == (130, [])
    assert said.decode() == "clearprop: Interrupted. Nothing was written; " + (
        "what was there before is still whole.\n"
    )
