"""Compiled libraries kept for the next process, in a folder of the user's.

A library is machine code that is run without a question, so the folder is looked at as OpenSSH
looks at a home: it, every folder above it and the file belong to the user or to root, and nobody
else can write there. Each file has the digest of its content in its name; one that is truncated or
altered is deleted and made anew. Files are written beside and renamed, so that two processes may
make the same one at the same time.
"""

import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clearprop.base.errors import KernelsError
from clearprop.compiled.processors import SUFFIX

# Of one dtype; others, of checkouts and versions that are no longer used, give way.
KEPT = 8
_MAKING = ".making-"
_ABANDONED_SECONDS = 3600


def cache_folder() -> Path:
    """The folder, whether it is there or not. Raises KernelsError where the user has no home."""
    if own := os.environ.get("XDG_CACHE_HOME", ""):
        base = Path(own)
        if base.is_absolute():  # as the XDG specification wants it
            return base / "clearprop"
    try:
        home = Path.home()
    except RuntimeError as problem:
        raise KernelsError("kernels_no_home") from problem
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "clearprop"
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "clearprop"


def kept_library(folder: Path, name: str) -> Path | None:
    """The library that was kept under this name, whole, or None.

    Raises KernelsError where there is a folder that others can write into.
    """
    if not folder.is_dir():
        return None
    require_private(folder)
    for path in folder.glob(f"{name}-*{SUFFIX}"):
        if _others_can_write(path.lstat()) or not path.is_file():
            raise KernelsError("kernels_cache_open", path=path)
        if not _is_whole(path, name):
            path.unlink()
    return whole_library(folder, name)


def whole_library(folder: Path, name: str) -> Path | None:
    """The library of this name whose content is what its file's name says, or None."""
    found = sorted(folder.glob(f"{name}-*{SUFFIX}"))
    return next((path for path in found if _is_whole(path, name)), None)


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """A fresh folder within `folder`, which is made where it is not there, to compile in; gone
    afterwards. Raises KernelsError where that cannot be, or where others can write there."""
    # Here, so that a program that compiles nothing need not load them.
    import shutil
    import tempfile

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(folder)
        _clear(folder)
        made = Path(tempfile.mkdtemp(prefix=_MAKING, dir=folder))
    except OSError as problem:
        raise KernelsError(
            "kernels_cache_unwritable", path=folder, problem=problem.strerror
        ) from problem
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def keep(folder: Path, name: str, library: Path) -> Path:
    """Move a library that was made in `making` into the cache; where it lies then. Raises
    OSError."""
    kept = folder / file_name(name, library.read_bytes())
    library.chmod(0o700)
    library.replace(kept)
    alike = folder.glob(f"{name.partition('-')[0]}-*{SUFFIX}")
    for old in sorted(alike, key=lambda path: -path.stat().st_mtime)[KEPT:]:
        with suppress(OSError):  # Windows keeps what is loaded
            old.unlink()
    return kept


def require_private(folder: Path) -> None:
    """Refuse a folder in which others could put a file: KernelsError."""
    real = folder.resolve()
    for one in (real, *real.parents):
        about = one.stat()
        # Into a folder such as /tmp anybody can write, and rename only what is theirs.
        is_shared = one != real and about.st_mode & stat.S_ISVTX
        if _others_can_write(about) and not (is_shared and _is_trusted(about.st_uid)):
            raise KernelsError("kernels_cache_open", path=one)


def _others_can_write(about: os.stat_result) -> bool:
    if sys.platform == "win32":  # where the folder of the cache is the user's by its place
        return False
    return bool(about.st_mode & 0o022) or not _is_trusted(about.st_uid)


def _is_trusted(owner: int) -> bool:
    return sys.platform == "win32" or owner in (os.getuid(), 0)


def _is_whole(path: Path, name: str) -> bool:
    return path.name == file_name(name, path.read_bytes())


def file_name(name: str, content: bytes, suffix: str = SUFFIX) -> str:
    """What a library is called: its name and the digest of its content."""
    return f"{name}-{hashlib.sha256(content).hexdigest()[:32]}{suffix}"


def _clear(folder: Path) -> None:
    """Delete what a process that was ended has left."""
    import shutil

    for left in folder.glob(f"{_MAKING}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
