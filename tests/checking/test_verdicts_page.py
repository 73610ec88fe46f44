"""The page about verdicts: its blocks print what it says, in both languages."""

import linecache
import re
from pathlib import Path
from typing import Any

import pytest

PAGES = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", ["check-verdicts.md", "check-verdicts.zh-TW.md"])
def test_its_blocks_print_what_it_says(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    blocks = BLOCK.findall((PAGES / page).read_text(encoding="utf-8"))
    assert len(blocks) >= 6
    for number, (kind, text) in enumerate(blocks):
        if kind == "python":
            file = f"<block {number} of {page}>"
            # So that a line of it can be shown, as in a notebook.
            linecache.cache[file] = (len(text), None, text.splitlines(True), file)
            exec(compile(text, file, "exec"), names)
        else:
            assert capsys.readouterr().out == text


def test_the_two_pages_have_the_same_blocks() -> None:
    def code(page: str) -> list[str]:
        blocks = BLOCK.findall((PAGES / page).read_text(encoding="utf-8"))
        return [
            re.sub(r"#.*|\(\"zh-TW\"\)|\(\)", "", text) for kind, text in blocks if kind == "python"
        ]

    assert code("check-verdicts.md") == code("check-verdicts.zh-TW.md")
