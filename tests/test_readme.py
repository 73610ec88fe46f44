"""The READMEs, and other pages in both languages: their programs run and print what stands below
them, and both say the same."""

import configparser
import contextlib
import io
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.__main__ import NAMES
from clearprop import MSE, SGD
from clearprop.drawing import DIAGRAMS, svg
from clearprop.engine.step import Step
from clearprop.reading.explanation import explain_weight
from clearprop.teaching.experiments.worked_example import LEARNING_RATE, TARGET, worked_example

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "clearprop"
READMES = ("README.md", "README.zh-TW.md")
# Every page that is written in both languages, and how many programs it has at least.
PAGES = {READMES: 7, ("docs/compiled.md", "docs/compiled.zh-TW.md"): 2}
BOTH = [name for pair in PAGES for name in pair]
DOCUMENTS = (*BOTH, "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[Block]:
    return [Block(*found) for found in FENCED.findall(read(name))]


def prose(name: str) -> str:
    return FENCED.sub("", read(name))


def heading_levels(name: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(name), re.MULTILINE)]


def table_sizes(name: str) -> list[int]:
    """The number of rows of each table, head and rule included."""
    return [text.count("\n") for text in re.findall(r"(?:^\|.*\|\n)+", prose(name), re.MULTILINE)]


def links(name: str) -> list[str]:
    return re.findall(r"\]\(([^)#]+)\)", prose(name))


@pytest.mark.parametrize("name", BOTH)
def test_programs_print_what_the_page_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # A module's namespace: dataclasses look up the name of the module that they are made in.
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found = blocks(name)
    programs = 0
    for block, following in zip(found, [*found[1:], Block("", "")], strict=True):
        if block.language != "python":
            continue
        programs += 1
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block.text, name, "exec"), namespace)
        expected = following.text if following.language == "text" else ""
        assert printed.getvalue() == expected, block.text
    assert programs >= next(least for pair, least in PAGES.items() if name in pair)


@pytest.mark.parametrize("pair", PAGES)
def test_both_languages_have_the_same_blocks(pair: tuple[str, str]) -> None:
    english, chinese = map(blocks, pair)
    assert english == chinese


@pytest.mark.parametrize("pair", PAGES)
def test_both_languages_have_the_same_structure(pair: tuple[str, str]) -> None:
    english, chinese = pair
    assert heading_levels(english) == heading_levels(chinese)
    assert table_sizes(english) == table_sizes(chinese)
    assert len(heading_levels(english)) > 5


@pytest.mark.parametrize("pair", PAGES)
def test_both_languages_link_to_the_same_places(pair: tuple[str, str]) -> None:
    english, chinese = (
        {link.replace(".zh-TW.md", ".md") for link in (*links(name), Path(name).name)}
        for name in pair
    )
    assert english == chinese


@pytest.mark.parametrize("pair", PAGES)
def test_both_languages_give_the_same_figures(pair: tuple[str, str]) -> None:
    def figures(name: str) -> set[str]:
        return set(re.findall(r"\d+\.\d+", prose(name)))

    english, chinese = pair
    assert figures(english) == figures(chinese)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_linked_files_exist(name: str) -> None:
    local = [link for link in links(name) if not re.match(r"https?://", link)]
    missing = [link for link in local if not (ROOT / name).parent.joinpath(link).exists()]
    assert missing == []


@pytest.mark.parametrize("name", BOTH)
def test_named_commands_are_targets_of_the_makefile(name: str) -> None:
    named = set(re.findall(r"\bmake ([a-z]+)\b", read(name))) - {"the", "an", "it"}
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert named <= targets
    assert name not in READMES or {"reproduce", "test"} <= named


def rooms(name: str) -> dict[str, str]:
    """The rooms that a document's table names, the lowest first, and what it says of each."""
    return dict(re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", prose(name), re.MULTILINE))


@pytest.mark.parametrize("name", READMES)
def test_rooms_are_those_that_the_linter_keeps_apart(name: str) -> None:
    contracts = configparser.ConfigParser()
    contracts.read_string(read(".importlinter"))
    layers = contracts["importlinter:contract:rooms"]["layers"].split()
    assert ["__main__", *reversed(rooms(name))] == layers


@pytest.mark.parametrize("name", READMES)
def test_what_a_room_is_said_to_hold_is_there(name: str) -> None:
    held = [
        (room, part) for room, said in rooms(name).items() for part in re.findall(r"`(\w+)`", said)
    ]
    assert len(held) > 15
    missing = [one for one in held if not SOURCE.joinpath(*one).is_dir()]
    assert missing == []


@pytest.mark.parametrize("name", READMES)
def test_what_the_tables_of_the_layout_point_to_is_there(name: str) -> None:
    tables = "\n".join(re.findall(r"^\|.*", prose(name).rpartition("\n## ")[2], re.MULTILINE))
    pointed = re.findall(r"`(\w+/[^`]*)`", tables)
    assert len(pointed) > 5
    assert [one for one in pointed if not list(SOURCE.glob(one))] == []


def test_the_pictures_are_those_that_are_drawn() -> None:
    backward = worked_example().backward
    step = Step(backward, TARGET, MSE(), SGD(LEARNING_RATE))
    drawn = {
        "chain-rule": svg(DIAGRAMS["network_backward"](backward), standalone=True),
        "paths": explain_weight(step, "layers[0].weight[0,0]").svg("en"),
    }
    for name, picture in drawn.items():
        # The description of the paths has what the witness measured, to the last digit.
        kept, new = (
            re.sub(r"<desc.*</desc>", "", one).rstrip()
            for one in (read(f"docs/images/{name}.svg"), picture)
        )
        assert kept == new, name


def test_the_table_of_benchmarks_has_them_all() -> None:
    named = re.findall(r"^\| `(\w+)` \|", prose("benchmarks/README.md"), re.MULTILINE)
    assert sorted(named) == sorted(NAMES)
