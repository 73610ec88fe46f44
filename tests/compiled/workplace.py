"""A folder of sources with a cache and a compiler of its own, as one process sees them."""

from ctypes import CDLL
from pathlib import Path

import pytest

from clearprop.compiled import building
from clearprop.compiled.processors import SUFFIX

ANSWER = "int answer(void) { return %d; }\n"


class Workplace:
    """A folder of sources, a cache and a compiler that counts its calls, for one process."""

    def __init__(self, folder: Path) -> None:
        self.sources, self.calls = folder / "source", folder / "calls"
        self.cache = folder / "cache" / "clearprop"
        self.compiler = folder / "counting-cc"
        self.sources.mkdir()
        self.write(42)
        self.compile_with('exec cc "$@"')

    def write(self, answer: int) -> None:
        for dtype in ("float32", "float64"):
            (self.sources / f"{dtype}.c").write_text(ANSWER % answer)

    def compile_with(self, line: str) -> None:
        self.compiler.write_text(f'#!/bin/sh\necho "$@" >> "{self.calls}"\n{line}\n')
        self.compiler.chmod(0o700)

    @property
    def compiled(self) -> int:
        """How many times the compiler was called."""
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0

    @property
    def kept(self) -> list[Path]:
        return sorted(self.cache.glob(f"*{SUFFIX}"))


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing had been loaded yet."""
    building.sources_digest.cache_clear()
    monkeypatch.setattr(building, "_shelf", building._Shelf())


def answer(library: CDLL | None) -> int:
    assert library is not None
    return int(library.answer())
