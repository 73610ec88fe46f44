"""A report's folder: whole or as it was, and nothing of the user's is lost."""

import os
import signal
from pathlib import Path

import pytest

from clearprop.base.errors import FileError
from clearprop.teaching.reports.publishing import publish, staging


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_new_files_replace_old_ones_and_everything_else_stays(tmp_path: Path) -> None:
    mine = {"report.html": "old", "notes.txt": "mine", "figures/a.svg": "old", "figures/b.svg": "b"}
    write(tmp_path, mine)
    with staging(tmp_path) as stage:
        write(stage, {"report.html": "new", "figures/a.svg": "new", "networks/n": "new"})
        publish(stage, tmp_path, last="report.html")
    assert content(tmp_path) == {
        "report.html": "new",
        "notes.txt": "mine",
        "figures/a.svg": "new",
        "figures/b.svg": "b",
        "networks/n": "new",
    }


def test_stale_figures_of_an_earlier_report_go(tmp_path: Path) -> None:
    write(tmp_path, {"figures/parity.svg": "old", "figures/seeds.svg": "old"})
    with staging(tmp_path) as stage:
        write(stage, {"report.html": "new", "figures/seeds.svg": "new"})
        stale = ("figures/parity.svg", "figures/seeds.svg", "figures/never.svg")
        publish(stage, tmp_path, last="report.html", stale=stale)
    assert content(tmp_path) == {"report.html": "new", "figures/seeds.svg": "new"}


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ValueError])
def test_trouble_half_way_leaves_the_folder_as_it_was(
    tmp_path: Path, trouble: type[BaseException]
) -> None:
    write(tmp_path, {"report.html": "old"})

    def half_a_report() -> None:
        with staging(tmp_path) as stage:
            write(stage, {"report.html": "half"})
            raise trouble

    with pytest.raises(trouble):
        half_a_report()
    assert content(tmp_path) == {"report.html": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), staging(tmp_path / "a" / "b"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    write(tmp_path, {"report": "a file"})
    with pytest.raises(FileError, match="is a file, where a folder was meant"):
        staging(tmp_path / "report").__enter__()
    with pytest.raises(FileError, match="cannot be written"):
        staging(tmp_path / "report" / "below").__enter__()
    assert content(tmp_path) == {"report": "a file"}


@pytest.mark.parametrize(
    ("mine", "sentence"),
    [
        ({"figures": "a file of mine"}, "is a file, where a folder was meant"),
        ({"report.html/page": "a folder of mine"}, "is a folder, where a file was meant"),
    ],
)
def test_what_is_in_the_way_is_said_before_anything_moves(
    tmp_path: Path, mine: dict[str, str], sentence: str
) -> None:
    write(tmp_path, mine)
    with staging(tmp_path) as stage:
        write(stage, {"a.json": "new", "figures/a.svg": "new", "report.html": "new"})
        with pytest.raises(FileError, match=sentence):
            publish(stage, tmp_path, last="report.html")
    assert content(tmp_path) == mine


def test_ctrl_c_waits_until_the_report_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return honest(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with staging(tmp_path) as stage:
        write(stage, {"report.html": "new", "results.json": "new"})
        with pytest.raises(KeyboardInterrupt):
            publish(stage, tmp_path, last="report.html")
    assert content(tmp_path) == {"report.html": "new", "results.json": "new"}
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_disk_that_refuses_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with staging(tmp_path) as stage:
        write(stage, {"report.html": "new"})
        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.raises(FileError, match="No space left on device"):
            publish(stage, tmp_path, last="report.html")
