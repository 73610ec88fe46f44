"""The machine's own C compiler: which one there is, and one library made by it."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from clearprop.base.errors import KernelsError
from clearprop.compiled.processors import Target

# As `compiled/__init__` says. Nothing that lets the compiler assume that numbers are finite.
OPTIONS: tuple[str, ...] = ("-O2", "-std=gnu11", "-fno-math-errno", "-ffp-contract=fast", "-shared")
NAMES = ("cc", "gcc", "clang")
SECONDS = 300


class Compiler(NamedTuple):
    """A C compiler: the words that call it, and what tells it from every other, the same compiler
    of another version included."""

    command: tuple[str, ...]
    identity: str

    @property
    def name(self) -> str:
        """What people call it."""
        return " ".join(self.command)


def installed_compiler() -> Compiler | None:
    """The compiler that `CC` names, or the first of cc, gcc and clang; None where there is none.

    It is not run to find out: its file, its size and its time tell one version from another.
    """
    asked = shlex.split(os.environ.get("CC", ""))
    for command in [asked] if asked else [[name] for name in NAMES]:
        found = shutil.which(command[0])
        if found is None or _is_stub(found):
            continue
        about = Path(found).resolve().stat()
        words = (found, *command[1:])
        return Compiler(words, "\0".join((*words, str(about.st_size), str(about.st_mtime_ns))))
    return None


def compile_library(
    compiler: Compiler,
    source: Path,
    target: Target,
    into: Path,
    *,
    begin: Callable[[Callable[[], subprocess.Popen[str]]], subprocess.Popen[str]] = lambda start: (
        start()
    ),
) -> None:
    """Compile one source file to the shared library `into`. `begin` starts the process.

    Raises KernelsError with what the compiler said first.
    """
    position = () if sys.platform == "win32" else ("-fPIC",)
    libraries = () if sys.platform == "win32" else ("-lm", "-pthread")
    command = (*compiler.command, *OPTIONS, *position, *target.options)

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, str(source), "-o", str(into), *libraries],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # What it says is read by people who may look for it: in English, on any machine.
            env={**os.environ, "LC_ALL": "C"},
            encoding="utf-8",
            errors="replace",
        )

    try:
        process = begin(start)
    except OSError as problem:
        raise _failed(compiler, problem.strerror or str(problem)) from problem
    with process:
        try:
            _, said = process.communicate(timeout=SECONDS)
        except BaseException as problem:
            process.kill()
            if isinstance(problem, subprocess.TimeoutExpired):
                raise _failed(compiler, f"{SECONDS} s") from problem
            raise
    if process.returncode != 0 or not into.is_file():
        raise _failed(compiler, _complaint(said) or f"status {process.returncode}")


def _complaint(said: str) -> str:
    """The first line in which a compiler calls something an error, or its first line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), next(iter(lines), ""))[:200]


def _failed(compiler: Compiler, problem: str) -> KernelsError:
    return KernelsError("kernels_compiler_failed", compiler=compiler.name, problem=problem)


def _is_stub(path: str) -> bool:
    """Whether this is macOS's stand-in, which opens a window that offers to install a compiler."""
    if sys.platform != "darwin" or not path.startswith("/usr/bin/"):
        return False
    asked = subprocess.run(["xcode-select", "-p"], capture_output=True, check=False)
    return asked.returncode != 0
