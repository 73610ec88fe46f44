"""What holds of the page's files as they stand: colours, words, messages, what may not be there."""

import re
from pathlib import Path

import pytest

from clearprop.base import messages
from clearprop.drawing.pen.palette import COLOURS
from clearprop.lab import serving
from clearprop.lab.message_types import PAGE, SESSION
from clearprop.lab.page_words import page_words

FILES = sorted(serving.PAGE.iterdir())
MODULES = {file.name: file.read_text(encoding="utf-8") for file in FILES if file.suffix == ".js"}
HTML = (serving.PAGE / "index.html").read_text(encoding="utf-8")
# The page's part of the talk; a worker's has a line of its own to what runs in it.
TALK = "\n".join(text for name, text in MODULES.items() if not name.startswith("worker"))


def test_the_colours_are_those_of_the_diagrams() -> None:
    style = (serving.PAGE / "colours.css").read_text(encoding="utf-8")
    found = re.findall(r"--cp-(\w+): light-dark\((#\w+), (#\w+)\)", style)
    pairs = {role: (light, dark) for role, light, dark in found}
    assert {role: pairs.get(role) for role in COLOURS} == {
        role: (colour.light, colour.dark) for role, colour in COLOURS.items()
    }


def test_every_type_that_the_page_sends_is_in_the_table_and_the_other_way_round() -> None:
    sent = set(re.findall(r'\bsend\("(\w+)"', TALK))
    assert sent == set(PAGE)


def test_the_page_handles_every_type_that_a_session_sends() -> None:
    handlers = MODULES["conversation.js"].split("const HANDLERS = {")[1].split("\n};")[0]
    handled = set(re.findall(r"^  (\w+)(?:\(.*\) \{$|:)", handlers, re.MULTILINE))
    assert handled | {"running"} == set(SESSION)


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_every_word_that_the_page_asks_for_is_there_and_none_is_left_over(language: str) -> None:
    asked = set(re.findall(r'data-(?:word|label|tip|hint)="([\w.]+)"', HTML))
    asked |= set(re.findall(r'\bword\("([\w.]+)"', TALK))
    asked |= set(re.findall(r'"((?:keys|legend)\.\w+)"', TALK))
    # One of two: `running ? "time.pause" : "time.play"`.
    asked |= set(re.findall(r'\? "(\w+\.\w+)" : "', TALK))
    asked |= set(re.findall(r'" : "(\w+\.\w+)"', TALK))
    known = set(page_words(language))
    assert asked <= known
    # One of many: `time.${name}`.
    stems = tuple(re.findall(r"`(\w+\.)\$\{", TALK))
    assert {key for key in known - asked if not key.startswith(stems)} == set()


@pytest.mark.parametrize("name", MODULES)
def test_nothing_that_is_said_is_read_as_html_or_run(name: str) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert re.findall(forbidden, MODULES[name]) == []


def test_the_page_has_no_script_and_no_style_of_its_own() -> None:
    # The policy that it is served with allows none.
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", HTML) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(Path(file).name))
def test_a_file_stays_short(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


def test_no_module_imports_one_that_imports_it() -> None:
    imports = {
        name: set(re.findall(r'from "\./([\w]+\.js)"', text)) for name, text in MODULES.items()
    }
    reached: dict[str, set[str]] = {}

    def reach(name: str) -> set[str]:
        if name not in reached:
            reached[name] = set()
            reached[name] = imports[name].union(*(reach(one) for one in imports[name]))
        return reached[name]

    for name in imports:
        assert name not in reach(name)
    assert set().union(*imports.values()) <= set(MODULES)
