"""`clearprop check --gallery`: the lesson and its figures."""

import json
from collections.abc import Callable

import pytest

from clearprop.base import messages
from clearprop.checking import gallery
from clearprop.checking.gallery import (
    Row,
    judge,
    spoiled_layers,
    strangers,
    written_losses,
    written_networks,
    written_slips,
    written_structures,
)
from clearprop.checking.gallery.specimen import Specimen
from clearprop.cli import main, terminal
from tests.sweeps import quick_where


@pytest.fixture(scope="module")
def one_of_each() -> list[Specimen]:
    """Some fifty mistakes once, the correct backward, pairs and strangers among them: what becomes
    of all specimens is asked of the gallery itself, and here what the command says of them."""
    quick = (
        spoiled_layers,
        written_networks,
        written_losses,
        written_slips,
        written_structures,
        strangers,
    )
    return list({one.mistake: one for each in quick for one in each.specimens(range(1))}.values())


@pytest.fixture(scope="module")
def judged() -> Callable[[Specimen], Row]:
    """The gallery's judgement, made once of every specimen."""
    rows: dict[int, Row] = {}

    def judged(one: Specimen) -> Row:
        if id(one) not in rows:
            rows[id(one)] = judge(one)
        return rows[id(one)]

    return judged


@pytest.fixture(autouse=True)
def short_gallery(
    one_of_each: list[Specimen],
    judged: Callable[[Specimen], Row],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gallery, "specimens", lambda: one_of_each)
    monkeypatch.setattr(gallery, "judge", judged)


@pytest.mark.parametrize(
    "language", quick_where(messages.LANGUAGES, lambda _, language: language == "zh-TW")
)
def test_every_mistake_is_rejected_and_named(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--gallery", "--lang", language]) == 0
    out = capsys.readouterr().out
    assert messages.text(language, "gallery.title") in out
    assert messages.text(language, "mistakes.weight_from_z.name")[:12] in out


@pytest.mark.parametrize("columns", [40, 120])
def test_a_row_is_printed_as_soon_as_its_mistake_is_judged(
    columns: int,
    judged: Callable[[Specimen], Row],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(terminal, "FILE_WIDTH", columns)
    monkeypatch.setattr(terminal.console, "__defaults__", (columns, None))
    printed: list[int] = []

    def counted(one: Specimen) -> Row:
        printed.append(len(capsys.readouterr().out.splitlines()))
        return judged(one)

    monkeypatch.setattr(gallery, "judge", counted)
    assert main(["check", "--gallery", "--lang", "en"]) == 0
    # The title in two lines, or title and heads, before the first; then a row, or a name with six
    # numbers, for each.
    lines = {40: {7, 8, 9}, 120: {1, 2}}[columns]
    assert printed[0] == 2
    # A long name takes two or three lines, two mistakes of one code have a line of their own above
    # their numbers, and a stranger has no row.
    assert set(printed[5:]) - {0} == lines


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--gallery", "--json", "--lang", "en"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["totals"]["missed"] == told["totals"]["false_alarms"] == 0
    assert told["totals"]["named_wrong"] == 0
    assert len(told["rows"]) == told["totals"]["planted"] + told["totals"]["correct"] > 40


def test_a_mistake_that_is_missed_is_status_1(
    judged: Callable[[Specimen], Row],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(gallery, "judge", lambda one: judged(one)._replace(rejected=False))
    assert main(["check", "--gallery", "--lang", "en"]) == 1
    assert "0 not rejected" not in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--gallery", "--all"])
def test_the_whole_catalogue_takes_no_target(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", option, "file.py:name", "--lang", "en"]) == 2
    assert "take neither a TARGET nor --against" in capsys.readouterr().err
