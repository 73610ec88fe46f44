"""The first page is short and leads on; its pictures and the page of the rooms are those of the
code. That its commands print what it shows is among the tests of all documents."""

import configparser
import re

import pytest

from benchmarks.__main__ import NAMES
from clearprop import MSE, SGD
from clearprop.drawing import DIAGRAMS, svg
from clearprop.engine.step import Step
from clearprop.reading.explanation import explain_weight
from clearprop.teaching.experiments.worked_example import LEARNING_RATE, TARGET, worked_example
from tests.documents import ROOT, blocks, prose, read, tables

SOURCE = ROOT / "src" / "clearprop"
READMES = ("README.md", "README.zh-TW.md")
ARCHITECTURE = ("docs/architecture.md", "docs/architecture.zh-TW.md")


@pytest.mark.parametrize("name", READMES)
def test_the_first_page_is_short_with_one_picture_and_an_output_for_every_reader(name: str) -> None:
    assert len(read(name).splitlines()) <= 120
    assert len(re.findall(r"^!\[", read(name), re.MULTILINE)) == 1
    commands = [
        line
        for block in blocks(name)
        if block.language == "console"
        for line in block.text.splitlines()
        if line.startswith("$ ")
    ]
    asked = {command.split()[2] for command in commands}
    assert {"reproduce", "exercise", "check", "train"} <= asked


@pytest.mark.parametrize("name", READMES)
def test_it_keeps_its_two_commands_of_make(name: str) -> None:
    first = next(block.text for block in blocks(name) if "make " in block.text)
    assert first == "make reproduce\nmake test\n"


def rooms(name: str) -> dict[str, str]:
    """The rooms that a document's table names, the lowest first, and what it says of each."""
    return dict(re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", prose(name), re.MULTILINE))


@pytest.mark.parametrize("name", ARCHITECTURE)
def test_rooms_are_those_that_the_linter_keeps_apart(name: str) -> None:
    contracts = configparser.ConfigParser()
    contracts.read_string(read(".importlinter"))
    layers = contracts["importlinter:contract:rooms"]["layers"].split()
    assert ["__main__", *reversed(rooms(name))] == layers


@pytest.mark.parametrize("name", ARCHITECTURE)
def test_what_a_room_is_said_to_hold_is_there(name: str) -> None:
    held = [
        (room, part) for room, said in rooms(name).items() for part in re.findall(r"`(\w+)`", said)
    ]
    assert len(held) > 15
    missing = [one for one in held if not SOURCE.joinpath(*one).is_dir()]
    assert missing == []


@pytest.mark.parametrize("name", ARCHITECTURE)
def test_what_the_tables_of_the_layout_point_to_is_there(name: str) -> None:
    pointed = re.findall(r"`(\w+/[^`]*)`", "\n".join(tables(name)))
    assert len(pointed) > 5
    assert [one for one in pointed if not list(SOURCE.glob(one))] == []


def test_the_pictures_are_those_that_are_drawn() -> None:
    backward = worked_example().backward
    step = Step(backward, TARGET, MSE(), SGD(LEARNING_RATE))
    whole = DIAGRAMS["network_backward"]
    drawn = {
        "chain-rule": svg(whole(backward), standalone=True),
        "chain-rule.zh-TW": svg(whole(backward, language="zh-TW"), standalone=True),
        "paths": explain_weight(step, "layers[0].weight[0,0]").svg("en"),
        "paths.zh-TW": explain_weight(step, "layers[0].weight[0,0]").svg("zh-TW"),
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
