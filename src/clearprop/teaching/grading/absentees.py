"""Who handed in nothing: those whom a sheet was made for, or who stand in a roster, and of whom
there is neither a form that is filled in nor a backward pass that is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clearprop.base.errors import ClearpropError
from clearprop.teaching.exercises.students import Student, same_id
from clearprop.teaching.grading.answer_keys import AnswerKey, read_key
from clearprop.teaching.grading.marked_handins import MarkedHandIn, MarkingResult, Unmarked


@dataclass(frozen=True)
class Absentee:
    """A student without a hand-in; `variant` is that of their sheet, "" where there is none."""

    id: str
    name: str
    variant: str = ""


def absentees(
    outcomes: Sequence[MarkingResult], keys: Path, roster: Iterable[Student] = ()
) -> tuple[Absentee, ...]:
    """Those of the roster in its order, then those of the keys and of forms that came back empty.

    keys  the folder of the keys; one that cannot be read names nobody
    """
    present = {same_id(number) for one in outcomes for number in _handed_in_by(one)}
    own = [key for key in _readable(keys) if key.student_id]
    variants = {same_id(key.student_id): key.exercise.variant for key in own}
    expected = [(student.id, student.name) for student in roster]
    expected += sorted((key.student_id, key.student_name) for key in own)
    # A form that nobody wrote a name on came back in a folder that has one.
    expected += [
        (one.student_id or one.place.name, one.student_name)
        for one in outcomes
        if isinstance(one, MarkedHandIn) and one.is_empty
    ]
    found: dict[str, Absentee] = {}
    for number, name in expected:
        same = same_id(number)
        if same not in present:
            found.setdefault(same, Absentee(number, name, variants.get(same, "")))
    return tuple(found.values())


def _handed_in_by(outcome: MarkingResult) -> Iterable[str]:
    """The ids that a hand-in may be of: one that could not be marked stands in its own folder."""
    if isinstance(outcome, Unmarked):
        return (outcome.place.name,)
    if outcome.is_empty:
        return ()
    return (outcome.student_id, outcome.key.student_id)


def _readable(folder: Path) -> Iterable[AnswerKey]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield read_key(folder, path.stem)
        except ClearpropError:
            continue
