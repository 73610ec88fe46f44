"""`clearprop lab`, where it writes: the page as one file, and a lesson to be changed."""

import base64
import gzip
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from clearprop.cli import main
from clearprop.cli.commands.lab_command import LESSONS
from clearprop.lab import lesson_files, runtime


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a `runtime` whose files are of a few bytes."""
    files = {name: name.encode() for name in runtime.DIGESTS}
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(runtime, "DIGESTS", digests)
    (tmp_path / "runtime").mkdir()
    for name, content in files.items():
        (tmp_path / "runtime" / name).write_bytes(content)
    (tmp_path / "mine.csv").write_text("a,b,c\n1,2,3\n2,3,5\n0,1,1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def carried(path: Path, name: str) -> bytes:
    """What a file of the page is, unpacked."""
    found = re.search(
        rf'<script type="text/plain" {name}>([^<]*)</script>', path.read_text("utf-8")
    )
    assert found is not None
    return gzip.decompress(base64.b64decode(found[1]))


def recorded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(carried(path, 'id="recorded"'))
    return found


def first(path: Path, language: str, kind: str) -> dict[str, Any]:
    """The message of a kind with which the page begins."""
    answers = recorded(path)["recordings"][language][0][1]
    found: dict[str, Any] = next(one for one in answers if one["type"] == kind)
    return found


def written(*words: str) -> Path:
    assert main(["lab", "-o", "lab.html", "--runtime", "runtime", *words]) == 0
    return Path("lab.html")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["lab", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert not Path("lab.html").exists()
    return told.err


def test_a_lesson_is_written_in_both_languages_with_all_that_it_needs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written("--lesson", "neuron", "--lang", "zh-TW")
    assert capsys.readouterr().out.startswith("實驗室：lab.html")
    assert recorded(path)["language"] == "zh-TW"
    assert first(path, "en", "lesson")["content"]["title"] == "A neuron"
    assert first(path, "zh-TW", "lesson")["content"]["title"] == "神經元"
    for name in runtime.DIGESTS:
        assert carried(path, f'data-file="{name}"') == name.encode()
    assert carried(path, 'data-file="clearprop.zip"').startswith(b"PK")
    text = path.read_text(encoding="utf-8")
    assert '<html lang="zh-TW"' in text
    assert "connect-src &#x27;none&#x27;" in text


def test_a_table_with_a_network_of_ones_own(folder: Path) -> None:
    path = written("--data", "mine.csv", "--network", "2-3-tanh-1")
    network = first(path, "en", "network")
    assert [one["count"] for one in network["columns"]] == [2, 3, 1]
    assert network["samples"] == 3
    assert first(written("mine.csv"), "en", "network")["recipe"]["data"] == {"name": "mine.csv"}


def test_a_lesson_is_copied_changed_and_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "--lesson", "neuron", "--copy", "mine/first"]) == 0
    file = folder / "mine" / "first" / "lesson.toml"
    file.write_text(file.read_text("utf-8").replace('"A neuron"', '"My neuron"'), "utf-8")
    assert (
        first(written("--lesson", "mine/first"), "en", "lesson")["content"]["title"] == "My neuron"
    )
    before = file.read_bytes()
    assert main(["lab", "--lesson", "line", "--copy", "mine/first"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--lesson", "none", "-o", "lab.html"], "There is no lesson 'none'"),
        (["--lesson", "neuron", "mine.csv", "-o", "lab.html"], "brings its own data"),
        (["--lesson", "neuron", "--network", "2-1", "-o", "lab.html"], "brings its own data"),
        (["mine.csv", "--data", "mine.csv", "-o", "lab.html"], "the lab opens one of them"),
        (["--network", "2-residual(2)-1", "-o", "lab.html"], "builds a row of layers"),
        (["--network", "3-lstm(4)-timestep-1", "-o", "lab.html"], "chosen on the page"),
        (["--network", "2-what-1", "-o", "lab.html"], "what"),
        (["mine.csv", "--network", "3-8-1", "-o", "lab.html"], "takes 3 and gives 1 numbers"),
        (["--network", "1-8-2", "-o", "lab.html"], "1 to take and 1 to give"),
        (["nothing.csv", "-o", "lab.html"], "There is no file 'nothing.csv'"),
        (["-o", "lab.pdf"], "ends in .pdf"),
        pytest.param(
            ["--runtime", "runtime", "-o", "no/folder/lab.html"],
            "cannot be written",
            marks=pytest.mark.thorough,
        ),
        (["--runtime", ".", "-o", "lab.html"], "has no file 'pyodide.js'"),
        (["--runtime", "runtime"], "--runtime is for the lab as one file"),
        (["--copy", "mine"], "--copy needs --lesson"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert told in refused(capsys, *words)


def test_a_file_that_is_refused_is_called_by_its_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.safetensors").write_bytes(b"PK\x03\x04")
    told = refused(capsys, "bad.safetensors", "-o", "lab.html")
    assert "'bad.safetensors' is not a network" in told


def test_a_file_that_was_there_stays_where_the_runtime_is_damaged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "runtime" / "pyodide.js").write_bytes(b"something else")
    (folder / "lab.html").write_text("mine", encoding="utf-8")
    assert main(["lab", "-o", "lab.html", "--runtime", "runtime"]) == 2
    assert "SHA-256" in capsys.readouterr().err
    assert (folder / "lab.html").read_text("utf-8") == "mine"


def test_the_lessons_that_are_proposed_are_those_that_there_are() -> None:
    assert LESSONS == lesson_files.LESSONS
