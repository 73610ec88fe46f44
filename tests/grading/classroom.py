"""A class on disk: keys and hand-ins, as the tests of grading need them."""

import json
from collections.abc import Mapping
from pathlib import Path

from clearprop.base.configuration import encode
from clearprop.teaching.exercises import Exercise, exercise

SHEET = exercise("chain", 1, seed=1)
RIGHT = {blank.name: f"{blank.value:.4f}" for blank in SHEET.blanks}
BLANK = dict.fromkeys(RIGHT, "")


def write_key(
    folder: Path, sheet: Exercise = SHEET, language: str = "en", student: tuple[str, str] = ("", "")
) -> Path:
    (folder / "key").mkdir(parents=True, exist_ok=True)
    path = folder / "key" / f"{sheet.variant}.json"
    document = {
        "format": "clearprop-exercise",
        "version": 1,
        "language": language,
        "student": dict(zip(("id", "name"), student, strict=True)),
        "exercise": encode(sheet),
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def document(
    answers: Mapping[str, object] = RIGHT,
    student: tuple[str, str] = ("b1", "Ada"),
    variant: str = SHEET.variant,
) -> dict[str, object]:
    return {
        "format": "clearprop-answers",
        "version": 1,
        "variant": variant,
        "student": dict(zip(("id", "name"), student, strict=True)),
        "answers": dict(answers),
    }


def write_json(
    folder: Path,
    answers: Mapping[str, object] = RIGHT,
    student: tuple[str, str] = ("b1", "Ada"),
    variant: str = SHEET.variant,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "answers.json"
    path.write_text(json.dumps(document(answers, student, variant)), encoding="utf-8")
    return path


def write_csv(
    folder: Path,
    answers: Mapping[str, object] = RIGHT,
    student: tuple[str, str] = ("b1", "Ada"),
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        ("name", "answer"),
        ("variant", SHEET.variant),
        ("student id", student[0]),
        ("student name", student[1]),
        *answers.items(),
    ]
    path = folder / "answers.csv"
    text = "".join(f"{name}{delimiter}{answer}\r\n" for name, answer in rows)
    path.write_text(text, encoding=encoding)
    return path
