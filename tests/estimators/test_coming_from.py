"""The page for people who come from elsewhere: its programs run, and both languages have them."""

import contextlib
import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parent.parent.parent / "docs"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.thorough
def test_the_programs_print_what_stands_below_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found = FENCED.findall(read("coming-from.md"))
    programs = [pair for pair in pairwise(found) if pair[0][0] == "python"]
    assert len(programs) == 4
    for (_, program), (language, expected) in programs:
        assert language == "text"
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program, "coming-from.md", "exec"), namespace)
        assert printed.getvalue() == expected, program


def test_both_languages_say_the_same() -> None:
    english, chinese = read("coming-from.md"), read("coming-from.zh-TW.md")
    assert FENCED.findall(english) == FENCED.findall(chinese)
    for pattern in (r"^#+ ", r"^\|"):
        counts = [len(re.findall(pattern, text, re.MULTILINE)) for text in (english, chinese)]
        assert counts[0] == counts[1]
