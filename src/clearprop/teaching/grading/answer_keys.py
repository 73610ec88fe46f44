"""The keys of a class's sheets: one file a variant, with the whole exercise in it.

DIR/<variant>.json    {"format": "clearprop-exercise", "version": 1, "language": "en",
                       "student": {"id": "", "name": "", "email": ""}, "exercise": {…}}
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from clearprop.base import messages
from clearprop.base.configuration import Configurable, decode
from clearprop.base.errors import ClearpropError, DamagedFileError, FileError
from clearprop.teaching.exercises import Blank, Exercise, Given, LayerNetwork, SmallNetwork
from clearprop.teaching.exercises.expressions import EXPRESSIONS, evaluate
from clearprop.teaching.exercises.known_slips import KnownSlip
from clearprop.teaching.grading.answer_mistakes import AnswerMistake
from clearprop.teaching.grading.untrusted_files import read_document, text_at

FORMAT = "clearprop-exercise"
# A variant comes from a student's file and becomes the name of one: nothing that leads elsewhere.
_VARIANT = re.compile(r"[A-Za-z0-9_-]{1,60}")

KNOWN: Mapping[str, type[Configurable]] = MappingProxyType(
    {
        **EXPRESSIONS,
        **{
            kind.__name__: kind
            for kind in (Exercise, SmallNetwork, LayerNetwork, Given, Blank, KnownSlip)
        },
    }
)


@dataclass(frozen=True)
class AnswerKey:
    """One sheet's key: the exercise, the language of the sheet, and the student whom it was made
    for, "" where it is for everybody; their address only where the roster has it."""

    path: Path
    language: str
    student_id: str
    student_name: str
    exercise: Exercise
    student_email: str = ""


def read_key(folder: Path, variant: str) -> AnswerKey:
    """The key of a variant in a folder of keys.

    Raises FileError where there is none, DamagedFileError where it does not hold together, and as
    `documents.read_document`.
    """
    path = folder / f"{variant}.json"
    if not _VARIANT.fullmatch(variant) or not path.is_file():
        known = sorted(one.stem for one in folder.glob("*.json"))
        shown = ", ".join(known[:5]) + (" …" if len(known) > 5 else "")
        raise FileError("variant_unknown", variant=variant[:60], folder=folder, known=shown)
    data = read_document(path, FORMAT)
    language = text_at(data, "language", path)
    if language not in messages.LANGUAGES:
        raise DamagedFileError("document_part", path=path, part="language")
    student = data.get("student", {})
    student_id, name = text_at(student, "id", path), text_at(student, "name", path)
    exercise = _exercise(path, data.get("exercise"))
    if exercise.variant != variant:
        raise DamagedFileError("document_part", path=path, part="variant")
    return AnswerKey(
        path=path,
        language=language,
        student_id=student_id,
        student_name=name,
        exercise=exercise,
        student_email=text_at(student, "email", path),
    )


def _exercise(path: Path, data: object) -> Exercise:
    try:
        exercise = decode(data, KNOWN)
        if not isinstance(exercise, Exercise):
            raise DamagedFileError("document_part", path=path, part="exercise")
        _require_sound(exercise)
    except ClearpropError as problem:
        raise DamagedFileError("key_damaged", path=path) from problem
    # Whatever else stands where a number, a name or a list was meant.
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError) as problem:
        raise DamagedFileError("key_damaged", path=path) from problem
    except (RecursionError, IndexError) as problem:
        raise DamagedFileError("key_damaged", path=path) from problem
    return exercise


def _require_sound(exercise: Exercise) -> None:
    """Every formula gives its blank's value again, the mistakes looked for are known ones, and the
    engine takes the network."""
    values = {given.name: float(given.value) for given in exercise.givens}
    for blank in exercise.blanks:
        value = evaluate(blank.formula, values)
        sound = math.isclose(value, blank.value, rel_tol=1e-9, abs_tol=1e-9)
        points = isinstance(blank.points, int) and blank.points > 0
        if not sound or not points or not isinstance(blank.name, str) or blank.name in values:
            raise ValueError(blank.name)
        for slip in blank.slips:
            AnswerMistake(slip.mistake)
            evaluate(slip.formula, values)
        values[blank.name] = blank.value
    if not exercise.blanks:
        raise ValueError
    exercise.network.step()
