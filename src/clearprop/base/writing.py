"""Files are written beside and renamed: an interruption leaves the old file or the new one."""

import os
import sys
import tempfile
from pathlib import Path

from clearprop.base.errors import FileError


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that no reader ever sees a part of it.

    Raises FileError where the folder is missing, is not a folder, or cannot be written.
    """
    if path.is_dir():
        raise FileError("path_is_folder", path=path)
    if path.exists() and not path.is_file():
        # A device or a pipe is written into; renaming would put a file in its place.
        try:
            path.write_bytes(content)
        except OSError as problem:
            raise FileError("file_unwritable", path=path, problem=problem.strerror) from problem
        return
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as problem:
        raise FileError("file_unwritable", path=path, problem=problem.strerror) from problem
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(_new_file_mode())
        beside.replace(path)
    except OSError as problem:
        raise FileError("file_unwritable", path=path, problem=problem.strerror) from problem
    finally:
        beside.unlink(missing_ok=True)


def _new_file_mode() -> int:
    """What an ordinary `open` would give: mkstemp's 0600 would hide the file from a group."""
    if sys.platform == "emscripten":  # whose umask takes every right away, from the owner too
        return 0o600
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
