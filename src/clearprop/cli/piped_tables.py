"""A table from standard input, which the commands call "-": it is read to its end into a file, for
a table is gone through more than once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from clearprop.base import messages
from clearprop.base.errors import ClearpropError, ConfigurationError, FileError

PIPE = "-"
# Text says itself what stands between its cells.
NAME = "data.csv"
_PART = 1 << 20


class _StandardInput:
    """What sentences call a table that has no file."""

    def message(self, language: str) -> str:
        return messages.text(language, "cli.standard_input")


@contextmanager
def table_file(operand: str, command: str) -> Iterator[Path]:
    """The file that an operand names; of "-" one with what was piped in, which is gone afterwards.

    command  what is to be typed instead, where nothing was piped in

    Raises what `piped_into` raises.
    """
    if operand != PIPE:
        yield Path(operand)
        return
    with TemporaryDirectory(prefix="clearprop-") as folder:
        path = Path(folder) / NAME
        with piped_into(path, command):
            yield path


@contextmanager
def piped_into(path: Path, command: str) -> Iterator[None]:
    """Keep what is piped in at `path`, in a folder that is made where there is none; what cannot be
    used, or is interrupted, leaves neither. Sentences about it speak of standard input.

    Raises ConfigurationError where nothing is piped in, FileError where `path` is there already, or
    cannot be written, and where standard input cannot be read.
    """
    stream = _piped(command)
    if path.exists():
        raise FileError("piped_file_there", path=path)
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        _copy(stream, path)
        yield
    except BaseException as problem:
        path.unlink(missing_ok=True)
        with suppress(OSError):
            for folder in made:
                folder.rmdir()
        if isinstance(problem, ClearpropError):
            problem.values = {
                name: _StandardInput() if str(value) == str(path) else value
                for name, value in problem.values.items()
            }
        raise


def _piped(command: str) -> BinaryIO:
    """Standard input. Raises ConfigurationError where nothing is piped in."""
    if sys.stdin is None or sys.stdin.isatty():
        raise ConfigurationError("piped_nothing", command=f"clearprop {command}")
    return sys.stdin.buffer


def _copy(stream: BinaryIO, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # "x": what has come there meanwhile is somebody's.
        with path.open("xb") as kept:
            while part := _read(stream):
                kept.write(part)
    except OSError as problem:
        raise FileError("file_unwritable", path=path.parent, problem=problem.strerror) from problem


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.read(_PART)
    except OSError as problem:
        reason = problem.strerror or problem
        raise FileError("file_unreadable", path=_StandardInput(), problem=reason) from problem
