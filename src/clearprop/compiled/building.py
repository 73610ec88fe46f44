"""Make or find the machine code of the kernels.

    library("float32")        the kernels, found or compiled; raises KernelsError
    ready_library("float32")  the kernels, if nothing has to be compiled
    build_ahead("float32")    compile them beside what the program does meanwhile

They are looked for beside this file, where a wheel has them for every kind of processor of its
platform; then in the user's cache. Where they are in neither, the machine's own C compiler makes
them, about 2 s, once for each version of the sources, compiler and kind of processor. Where the
cache cannot be used, they are made for this process alone, and `notices` says why, once.
"""

import atexit
import ctypes
import hashlib
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base.errors import KernelsError
from clearprop.compiled.kernel_cache import cache_folder, keep, kept_library, making, whole_library
from clearprop.compiled.processors import SUFFIX, Target, usable_targets

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import Popen

    from clearprop.compiled.compilers import Compiler

HERE = Path(__file__).parent
SOURCES = HERE / "source"
PREBUILT = HERE / "prebuilt"


@dataclass
class _Shelf:
    """What this process has loaded, what could not be had, and what is being made, by dtype.

    ends   whether the program is ending: a compiler that begins now is ended at once
    begins held while one begins: none is missed at the end
    """

    loaded: dict[str, ctypes.CDLL] = field(default_factory=dict)
    failed: dict[str, KernelsError] = field(default_factory=dict)
    notices: list[KernelsError] = field(default_factory=list)
    ahead: dict[str, threading.Thread] = field(default_factory=dict)
    processes: set["Popen[str]"] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    begins: threading.Lock = field(default_factory=threading.Lock)
    ends: bool = False

    def begin(self, start: "Callable[[], Popen[str]]") -> "Popen[str]":
        """Start a compiler, and note that it is at work."""
        with self.begins:
            process = start()
            self.processes.add(process)
            if self.ends:
                process.kill()
        return process


_shelf = _Shelf()


def library(dtype: str) -> ctypes.CDLL:
    """The kernels of a dtype, compiled first where they are nowhere yet. Raises KernelsError."""
    with _shelf.lock:
        if dtype in _shelf.loaded:
            return _shelf.loaded[dtype]
        if dtype in _shelf.failed:
            raise _again(_shelf.failed[dtype])
        try:
            found = _found(dtype) or _built(dtype)
        except KernelsError as problem:
            _shelf.failed[dtype] = problem
            raise
        _shelf.loaded[dtype] = found
        return found


def ready_library(dtype: str) -> ctypes.CDLL | None:
    """The kernels of a dtype where nothing has to be compiled, otherwise None. Does not wait for a
    compiler that is at work. Raises KernelsError for what has failed before."""
    if dtype in _shelf.loaded:
        return _shelf.loaded[dtype]
    if dtype in _shelf.failed:
        raise _again(_shelf.failed[dtype])
    if not _shelf.lock.acquire(blocking=False):
        return None
    try:
        found = _found(dtype)
        if found is not None:
            _shelf.loaded[dtype] = found
        return found
    finally:
        _shelf.lock.release()


def build_ahead(dtype: str) -> None:
    """Have the kernels of a dtype made in a thread of their own, if that is not done or tried yet.
    A program that ends earlier does not wait for them."""
    if dtype in _shelf.loaded or dtype in _shelf.failed or dtype in _shelf.ahead:
        return

    def build() -> None:
        with suppress(KernelsError):  # which `library` raises again for whoever asks
            library(dtype)

    thread = threading.Thread(target=build, name=f"clearprop-{dtype}", daemon=True)
    _shelf.ahead[dtype] = thread
    thread.start()


def notices() -> list[KernelsError]:
    """What a person should be told of since the last call: each is told once."""
    told, _shelf.notices = _shelf.notices, []
    return told


def kernel_name(dtype: str, target: Target) -> str:
    """The name of a library in a wheel: its dtype and its kind of processor."""
    return f"{dtype}-{target.name}"


def _again(problem: KernelsError) -> KernelsError:
    return KernelsError(problem.key, **problem.values)


def _found(dtype: str) -> ctypes.CDLL | None:
    """The kernels that a wheel has, or that were kept."""
    for target in usable_targets():
        prebuilt = whole_library(PREBUILT, kernel_name(dtype, target))
        with suppress(OSError):  # of another system
            if prebuilt is not None:
                return ctypes.CDLL(str(prebuilt))
    # Here and below, so that a program that compiles nothing need not load what starts processes.
    from clearprop.compiled.compilers import installed_compiler

    compiler = installed_compiler()
    if compiler is None:
        return None
    # What has been kept is looked for where it would be made; what is wrong with the cache is said
    # when it is made.
    with suppress(KernelsError, OSError):
        kept = kept_library(cache_folder(), _kept_name(dtype, compiler))
        if kept is not None:
            return ctypes.CDLL(str(kept))
    return None


def _built(dtype: str) -> ctypes.CDLL:
    from clearprop.compiled.compilers import installed_compiler

    compiler = installed_compiler()
    if compiler is None:
        raise KernelsError("kernels_no_compiler")
    try:
        return _build_kept(dtype, compiler)
    except KernelsError as problem:
        if problem.key == "kernels_compiler_failed":
            raise
        why: object = problem
    except OSError as problem:
        why = problem.strerror or problem
    made = _build_for_now(dtype, compiler)
    _shelf.notices.append(KernelsError("kernels_not_kept", problem=why))
    return made


def _build_kept(dtype: str, compiler: "Compiler") -> ctypes.CDLL:
    folder = cache_folder()
    with making(folder) as stage:
        made = _compiled(dtype, compiler, stage)
        return ctypes.CDLL(str(keep(folder, _kept_name(dtype, compiler), made)))


def _build_for_now(dtype: str, compiler: "Compiler") -> ctypes.CDLL:
    """Made in a folder that goes when it is loaded: this process alone has it."""
    import tempfile

    try:
        # Windows keeps a library that is loaded, and its folder.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as stage:
            return ctypes.CDLL(str(_compiled(dtype, compiler, Path(stage))))
    except OSError as problem:
        raise KernelsError("kernels_unloadable", problem=problem) from problem


def _compiled(dtype: str, compiler: "Compiler", stage: Path) -> Path:
    """For the best kind of processor that the compiler knows."""
    from clearprop.compiled.compilers import compile_library

    made = stage / f"{dtype}{SUFFIX}"
    *better, last = usable_targets()
    for target in better:
        with suppress(KernelsError):
            compile_library(compiler, _source(dtype), target, made, begin=_shelf.begin)
            return made
    compile_library(compiler, _source(dtype), last, made, begin=_shelf.begin)
    return made


def _source(dtype: str) -> Path:
    return SOURCES / f"{dtype}.c"


def _kept_name(dtype: str, compiler: "Compiler") -> str:
    """The name of what this compiler makes for this processor: by that of the best kind, also where
    it knew a lesser one alone. A lesser one that another machine kept is not taken: it would be
    slower, and would round otherwise than what is made here when that is gone."""
    from clearprop.compiled.compilers import OPTIONS

    target = usable_targets()[0]
    told = "\0".join((compiler.identity, *OPTIONS, *target.options, sources_digest()))
    return f"{kernel_name(dtype, target)}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


@cache
def sources_digest() -> str:
    """The digest of all sources: a library belongs to them as they are."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.iterdir()):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _forget_threads() -> None:
    """In a child after fork: the parent's threads are not there, and a lock of theirs would stay
    closed."""
    _shelf.lock, _shelf.begins = threading.Lock(), threading.Lock()
    _shelf.ahead, _shelf.processes = {}, set()


def _end_compilers() -> None:
    with _shelf.begins:
        # The thread that waited for a compiler goes on to the next kind of processor.
        _shelf.ends = True
        for process in _shelf.processes:
            if process.poll() is None:
                process.kill()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
atexit.register(_end_compilers)
