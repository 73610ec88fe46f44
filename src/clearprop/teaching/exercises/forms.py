"""What goes with a sheet: the form that the answers are written into, as JSON and as CSV, and the
key that they are marked with."""

import csv
import io
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from clearprop.base.configuration import encode
from clearprop.teaching.exercises.sheet import Exercise
from clearprop.teaching.exercises.students import Student

ANSWERS_FORMAT, KEY_FORMAT = "clearprop-answers", "clearprop-exercise"
VERSION = 1


def answers_json(
    sheet: Exercise, student: Student, written: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """The form as JSON: a text for every blank, empty where nothing is written into it yet."""
    return _json(
        {
            "format": ANSWERS_FORMAT,
            "version": VERSION,
            "variant": sheet.variant,
            "student": _named(student),
            "answers": {blank.name: written.get(blank.name, "") for blank in sheet.blanks},
        }
    )


def answers_csv(sheet: Exercise, student: Student) -> bytes:
    """The form as a table with the columns name and answer; who hands it in stands above."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows(
        [
            ("name", "answer"),
            ("variant", sheet.variant),
            ("student id", student.id),
            ("student name", student.name),
            *((blank.name, "") for blank in sheet.blanks),
        ]
    )
    # Without the mark in front, spreadsheets do not show a Chinese name.
    return text.getvalue().encode("utf-8-sig")


def key_json(sheet: Exercise, student: Student) -> bytes:
    """The whole exercise with its answers, as marking reads it."""
    return _json(
        {
            "format": KEY_FORMAT,
            "version": VERSION,
            "language": student.language,
            "student": {**_named(student), **({"email": student.email} if student.email else {})},
            "exercise": encode(sheet),
        }
    )


def _named(student: Student) -> dict[str, str]:
    return {"id": student.id, "name": student.name}


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()
