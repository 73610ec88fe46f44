"""Code in the styles that courses, books and blogs use, right as it stands and wrong where a
comment says how: each goes in as it is.

A file of `tests/data/wild` says after `# check:` which of its names to check. A line that ends with
`# wrong: code` has a mistake at hand; every file is checked as it is, and once with each mistake.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from clearprop.base.errors import ClearpropError
from clearprop.checking.request import answer
from clearprop.checking.targets import request_for
from tests.sweeps import quick_where

FOLDER = Path(__file__).parent.parent / "data" / "wild"
MISTAKE = re.compile(r"^(\s*)(.*?)  # wrong: (.*)$")


class Sample(NamedTuple):
    """A file, the line of it that is made wrong (0 for none), and its text."""

    path: Path
    line: int
    text: str

    @property
    def names(self) -> list[str]:
        """What to check in it."""
        return re.search(r"# check:(.*)", self.text).group(1).split() or [""]  # type: ignore[union-attr]

    @property
    def averaged(self) -> bool:
        return "# averaged" in self.text


def samples() -> list[Sample]:
    found = []
    for path in sorted(FOLDER.glob("*.py")):
        lines = path.read_text().splitlines()
        found.append(Sample(path, 0, "\n".join(lines)))
        for number, line in enumerate(lines):
            if match := MISTAKE.match(line):
                wrong = [*lines[:number], match[1] + match[3], *lines[number + 1 :]]
                found.append(Sample(path, number + 1, "\n".join(wrong)))
    return found


ALL = samples()


def outcomes(sample: Sample, folder: Path) -> dict[str, str]:
    path = folder / sample.path.name
    path.write_text(sample.text)
    found = {}
    for name in sample.names:
        try:
            request = replace(request_for(f"{path}:{name}".rstrip(":")), averaged=sample.averaged)
            verdict = answer(request)
            found[name] = str(verdict.outcome)
        except ClearpropError as problem:
            found[name] = f"refused: {problem}"
    return found


def test_the_corpus_is_large() -> None:
    assert len({sample.path for sample in ALL}) >= 40
    assert all(any(s.line for s in ALL if s.path == sample.path) for sample in ALL)


# Quick are every file as it is, and every fifth mistake.
SAMPLES = quick_where(ALL, lambda place, one: not one.line or place % 5 == 0)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s.path.stem}-{s.line}")
def test_what_is_right_is_right_and_what_is_wrong_is_wrong(sample: Sample, tmp_path: Path) -> None:
    found = outcomes(sample, tmp_path)
    if not sample.line:
        assert set(found.values()) == {"right"}, found
    else:
        assert "wrong" in found.values(), found
        assert set(found.values()) <= {"right", "wrong"}, found
