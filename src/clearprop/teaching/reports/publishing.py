"""The folder of a report: made whole in a place beside it, then moved in at once.

Whatever goes wrong half-way, or whoever interrupts, an earlier report in the folder stays as it
was, and so does everything else in it.
"""

import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clearprop.base.errors import FileError


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A new, empty place inside `folder` to write to; gone again afterwards.

    The folder is made where it does not exist, and removed again if nothing was moved into it.
    Raises FileError where `folder` is a file or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise FileError("folder_is_file", path=folder)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".clearprop-", dir=folder))
    except OSError as problem:
        raise FileError("folder_unwritable", path=folder, problem=problem.strerror) from problem
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def publish(stage: Path, folder: Path, *, last: str, stale: Iterable[str] = ()) -> None:
    """Move every file from `stage` to the same place in `folder`; the one named `last` at the end.

    `stale` names files of earlier reports that go away unless they were written anew. Ctrl-C waits
    until all of it is done. Raises FileError, before anything is moved, where something is in the
    way.
    """
    files = sorted(path.relative_to(stage) for path in stage.rglob("*") if path.is_file())
    files.sort(key=lambda path: str(path) == last)
    for path in files:
        target = folder / path
        if target.is_dir():
            raise FileError("path_is_folder", path=target)
        if target.parent.exists() and not target.parent.is_dir():
            raise FileError("folder_is_file", path=target.parent)
    with _uninterrupted():
        try:
            for path in files:
                (folder / path).parent.mkdir(exist_ok=True)
                (stage / path).replace(folder / path)
            for name in stale:
                if Path(name) not in files:
                    (folder / name).unlink(missing_ok=True)
        except OSError as problem:
            raise FileError("folder_unwritable", path=folder, problem=problem.strerror) from problem


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C is kept until the end of the block. Only the main thread is ever interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt
