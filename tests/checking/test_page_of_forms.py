"""The page of forms: its programs print what it says, its files pass, both languages share them."""

import contextlib
import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from clearprop.cli import main

ROOT = Path(__file__).parent.parent.parent
PAGES = ("check-forms.md", "check-forms.zh-TW.md")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_the_programs_print_what_the_page_says() -> None:
    names: dict[str, Any] = {}
    fenced = FENCED.findall(page(PAGES[0]))
    programs = [
        (text, following)
        for (language, text), (kind, following) in pairwise(fenced)
        if (language, kind) == ("python", "text")
    ]
    assert len(programs) == 5
    for program, printed in programs:
        heard = io.StringIO()
        with contextlib.redirect_stdout(heard):
            exec(program, names)
        assert heard.getvalue() == printed


def test_the_files_are_checked_by_the_lines_below_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fenced = FENCED.findall(page(PAGES[0]))
    checked = 0
    for (language, text), (kind, commands) in pairwise(fenced):
        if (language, kind) != ("python", "sh"):
            continue
        for command in commands.splitlines():
            target = command.removeprefix("clearprop check ")
            Path(target.partition(":")[0]).write_text(text)
            assert main(["check", target]) == 0
            assert capsys.readouterr().out.startswith("RIGHT")
            checked += 1
    assert checked == 3


def test_both_languages_have_the_same_code_tables_and_headings() -> None:
    english, chinese = map(page, PAGES)
    assert FENCED.findall(english) == FENCED.findall(chinese)
    for pattern in (r"^#+ ", r"^\|.*\|$"):
        here, there = (re.findall(pattern, FENCED.sub("", one), re.M) for one in (english, chinese))
        assert len(here) == len(there)
