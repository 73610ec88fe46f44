"""Files are written whole or not at all."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from clearprop.base.errors import FileError
from clearprop.base.writing import write_whole


def test_a_new_file_and_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"first")
    assert path.read_bytes() == b"first"
    write_whole(path, b"2")
    assert path.read_bytes() == b"2"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_the_mode_is_that_of_an_ordinary_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "ours", b"")
        (tmp_path / "ordinary").write_bytes(b"")
        assert os.umask(mask) == mask  # looking at the mask did not change it
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "ordinary")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("step", ["os.fsync", "os.fdopen", "pathlib.Path.replace"])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError, OSError])
def test_an_interruption_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, interruption: type[BaseException]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupt(*_: Any, **__: Any) -> None:
        raise interruption

    monkeypatch.setattr(step, interrupt)
    with pytest.raises(FileError if interruption is OSError else interruption):
        write_whole(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_an_error_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="cannot be written: No space left on device"):
        write_whole(tmp_path / "file", b"content")
    assert not list(tmp_path.iterdir())


def test_where_no_file_can_be(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is a folder, where a file was meant"):
        write_whole(tmp_path, b"")
    with pytest.raises(FileError, match="cannot be written: No such file or directory"):
        write_whole(tmp_path / "missing" / "file", b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError, match="cannot be written: Not a directory"):
        write_whole(tmp_path / "file" / "below", b"")


def test_a_pipe_is_written_into_and_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, b"numbers")
        assert os.read(reading, 100) == b"numbers"
    finally:
        os.close(reading)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]
