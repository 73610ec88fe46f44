"""The gallery: nothing planted is missed, nothing correct rejected, nothing named wrongly."""

import ast
import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES, table
from clearprop.checking import diagnosis, gallery
from clearprop.checking.gallery import strangers, written_networks
from clearprop.checking.gallery.measuring import Row, judge, totals
from clearprop.checking.gallery.specimen import Arrays
from clearprop.checking.verdict import MistakeKind
from clearprop.kinds.kind_tables import LAYER_EXAMPLES

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """All but the networks in every layout and what is handed over in many forms, of which every
    eighth is judged here, and whole GPTs, of which few are: one takes as long as a hundred others.
    """
    left_out: set[int] = set()
    specimens = [*gallery.specimens(1)]
    for shown, turn in (("a network of", 8), (" as ", 8), ("a GPT of", 24)):
        many = [one for one in specimens if shown in one.subject]
        assert len(many) > 7 * turn
        left_out |= {id(one) for number, one in enumerate(many) if number % turn}
    return [judge(one) for one in specimens if id(one) not in left_out]


def told(row: Row) -> str:
    return f"{row.subject}: {row.mistake} → {[m.key for m in row.named]}"


def test_every_planted_mistake_is_rejected(rows: list[Row]) -> None:
    assert not [told(row) for row in rows if row.mistake and not row.rejected]


def test_no_correct_backward_is_rejected(rows: list[Row]) -> None:
    correct = [row for row in rows if not row.mistake]
    assert len(correct) > 100
    assert not [told(row) for row in correct if row.rejected]


def test_no_mistake_is_named_wrong_and_hardly_one_is_not_named(rows: list[Row]) -> None:
    assert not [told(row) for row in rows if row.outcome == "wrong"]
    figures = totals(rows)
    assert figures.planted > 1000
    assert (figures.missed, figures.false_alarms, figures.named_wrong) == (0, 0, 0.0)
    assert figures.named_right > 0.98
    assert figures.unknown < 0.005
    assert figures.strangers > 100
    assert figures.strangers_named == 0
    shares = figures.named_right + figures.named_among + figures.unknown
    assert shares == pytest.approx(1)


def test_without_a_reference_the_same_is_named() -> None:
    """A network in plain NumPy, of which nothing says what it should equal."""
    rooms = written_networks.specimens(range(1)), strangers.specimens(range(1))
    alone = [judge(replace(one, network=None, layer=None)) for room in rooms for one in room]
    assert not [told(row) for row in alone if row.outcome == "wrong"]
    figures = totals(alone)
    assert figures.planted > 200
    assert (figures.missed, figures.false_alarms, figures.strangers_named) == (0, 0, 0)
    assert figures.named_right > 0.98


def test_every_layer_of_the_catalog_has_planted_mistakes(rows: list[Row]) -> None:
    for kind in LAYER_EXAMPLES:
        planted = {r.mistake for r in rows if r.subject.startswith(f"{kind.__name__} ")}
        assert len(planted - {""}) >= 5, kind


def test_whatever_is_named_can_be_said_in_both_languages(rows: list[Row]) -> None:
    named = {mistake.key: mistake for row in rows for mistake in row.named}
    assert len(named) > 35
    for mistake in named.values():
        for language in LANGUAGES:
            said = mistake.words(language)
            assert all(said)
            assert "{" not in "".join(said)


def test_every_sentence_belongs_to_a_mistake_that_is_looked_for() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in Path(inspect.getfile(diagnosis)).parent.rglob("*.py")
    )
    looked_for = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "MistakeKind"
    }
    keys = {name.partition(".")[0] for name in table("en", "mistakes")}
    assert keys == set(MistakeKind) == {MistakeKind[name] for name in looked_for}
    for key in keys:
        assert {f"{key}.{part}" for part in ("name", "evidence", "mend")} <= set(
            table("en", "mistakes")
        )


def test_a_wrong_name_would_be_counted() -> None:
    specimen = next(s for s in gallery.specimens(1) if s.mistake == "sign")
    mislabelled = type(specimen)(**{**vars(specimen), "mistake": "transposed"})
    assert judge(specimen).outcome == "right"
    assert judge(mislabelled).outcome == "wrong"
    figures = totals([judge(mislabelled)])
    assert figures.named_wrong == 1.0


def test_an_accepted_mistake_would_be_counted_as_missed() -> None:
    specimen = next(s for s in gallery.specimens(1) if not s.mistake)
    mislabelled = type(specimen)(**{**vars(specimen), "mistake": "sign"})
    assert totals([judge(mislabelled)]).missed == 1


def test_a_nan_is_rejected_and_not_named() -> None:
    specimen = next(s for s in gallery.specimens(1) if not s.mistake)
    right = specimen.start()

    def spoiled(dy: Array, a: Arrays) -> Arrays:
        return {name: array * np.nan for name, array in right(dy, a).items()}

    row = judge(type(specimen)(**{**vars(specimen), "start": lambda: spoiled}))
    assert row.rejected
    assert row.named == ()
