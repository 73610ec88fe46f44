"""What `clearprop lab` opens, out of its arguments, and the lab as one file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError, FileError
from clearprop.base.writing import write_whole
from clearprop.cli.command_line import Arguments
from clearprop.cli.delivery import require_ending, require_other_file

if TYPE_CHECKING:
    from clearprop.lab.lab_opening import Opening


def opening_of(given: Arguments) -> "Opening":
    """What the lab opens with, tried once.

    Raises ConfigurationError where several things are named that say the same, and what each of
    them is refused with.
    """
    from clearprop.base.opening import read_or_refused
    from clearprop.lab.lab_opening import OpenedFile, Opening, layers_of, opened_lesson

    lesson, spelled, path = given.text("--lesson"), given.text("--network"), _file(given)
    if lesson is not None and (path is not None or spelled is not None):
        raise ConfigurationError("lab_lesson_alone")
    if lesson is not None:
        opening = Opening(lesson=opened_lesson(lesson))
    else:
        file = None
        if path is not None:
            with read_or_refused(path):
                file = OpenedFile(path.name, path.read_bytes())
            if spelled is not None and path.suffix.lower() == ".safetensors":
                raise ConfigurationError("import_network_told", path=path)
        opening = Opening(file=file, layers=None if spelled is None else layers_of(spelled))
    opening.session()
    if spelled is not None:
        opening.require_fitting(spelled)
    return opening


def write_file(given: Arguments, opening: "Opening", out: Path, language: str) -> None:
    """Write the lab as one file. Raises what is wrong with the runtime, and with `out`."""
    from clearprop.lab.one_file import one_file
    from clearprop.lab.runtime import MEGABYTES, SOURCE, VERSION, fetched_runtime, runtime_from

    require_ending(out, (".html", ".htm"))
    require_other_file(out, (_file(given),))

    def announce() -> None:
        told = {"version": VERSION, "source": SOURCE, "megabytes": MEGABYTES}
        sys.stderr.write(messages.text(language, "one_file.fetching", **told) + "\n")
        sys.stderr.flush()

    folder = given.path("--runtime")
    runtime = fetched_runtime(announce) if folder is None else runtime_from(folder)
    content = one_file(opening, runtime, language).encode()
    write_whole(out, content)
    size = f"{len(content) / 1e6:.1f}"
    sys.stdout.write(messages.text(language, "one_file.written", path=out, megabytes=size) + "\n")


def copy_lesson(given: Arguments, folder: Path, language: str) -> None:
    """Copy one of our lessons into a folder, for a teacher to change. Raises FileError where
    something stands there already, and UnknownNameError."""
    from clearprop.lab.lesson_files import FILE, own_lesson_bytes

    name = given.text("--lesson")
    if name is None:
        raise ConfigurationError("lab_copy_which")
    content = own_lesson_bytes(name)
    path = folder / FILE
    if path.exists():
        raise FileError("lesson_there", path=path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise FileError("file_unwritable", path=folder, problem=problem.strerror) from problem
    write_whole(path, content)
    told = {"name": name, "path": path, "folder": folder}
    sys.stdout.write(messages.text(language, "one_file.copied", **told) + "\n")


def _file(given: Arguments) -> Path | None:
    """The saved network or the table; the operand, or --data."""
    operand, data = given.operand.strip(), given.path("--data")
    if operand and data is not None:
        raise ConfigurationError("lab_data_twice", operand=operand, data=data)
    return Path(operand) if operand else data
