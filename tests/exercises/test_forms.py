"""The forms for the answers and the keys, as files."""

import csv
import io
import json

import pytest

from clearprop.base.configuration import decode
from clearprop.teaching.exercises import (
    LEVELS,
    TOPICS,
    Blank,
    Exercise,
    Given,
    LayerNetwork,
    SmallNetwork,
    exercise,
)
from clearprop.teaching.exercises.expressions import EXPRESSIONS
from clearprop.teaching.exercises.forms import answers_csv, answers_json, key_json
from clearprop.teaching.exercises.known_slips import KnownSlip
from clearprop.teaching.exercises.students import Student

KINDS = (Exercise, Given, Blank, KnownSlip, SmallNetwork, LayerNetwork)
KNOWN = {kind.__name__: kind for kind in KINDS} | dict(EXPRESSIONS)
MING = Student("zh-TW", "B1", '王 "小", 明')


def test_the_form_as_json() -> None:
    sheet = exercise("neuron", 1)
    assert json.loads(answers_json(sheet, MING)) == {
        "format": "clearprop-answers",
        "version": 1,
        "variant": sheet.variant,
        "student": {"id": "B1", "name": '王 "小", 明'},
        "answers": {"w1*x1": "", "w2*x2": "", "z": "", "a": ""},
    }


def test_the_form_as_a_table_opens_in_a_spreadsheet() -> None:
    sheet = exercise("neuron", 1)
    content = answers_csv(sheet, MING)
    assert content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))) == [
        ["name", "answer"],
        ["variant", sheet.variant],
        ["student id", "B1"],
        ["student name", '王 "小", 明'],
        ["w1*x1", ""],
        ["w2*x2", ""],
        ["z", ""],
        ["a", ""],
    ]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("topic", TOPICS)
def test_the_key_holds_the_whole_exercise(topic: str, level: int) -> None:
    sheet = exercise(topic, level, seed=5, key="B1")
    document = json.loads(key_json(sheet, MING))
    assert decode(document.pop("exercise"), KNOWN) == sheet
    assert document == {
        "format": "clearprop-exercise",
        "version": 1,
        "language": "zh-TW",
        "student": {"id": "B1", "name": '王 "小", 明'},
    }
