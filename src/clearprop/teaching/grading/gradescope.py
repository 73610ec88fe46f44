"""One submission to Gradescope, from the folder that its harness makes to its `results.json`.

    python -m clearprop.teaching.grading.gradescope BASE LANGUAGE

BASE/source/key                  the keys of the class
BASE/submission                  what was handed in: a form, and maybe backward.py
BASE/submission_metadata.json    who handed it in
BASE/results/results.json        what Gradescope shows and counts

The form's variant says whose sheet it is; without a form the e-mail address or the name of who
handed in does, where the roster has it. A right answer is never told: a student may hand in again.

Source: https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

import json
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from clearprop.base import messages
from clearprop.base.errors import ClearpropError, FileError
from clearprop.base.writing import write_whole
from clearprop.teaching.exercises.starter_code import TOPICS_WITH_CODE
from clearprop.teaching.exercises.students import KEY_FOLDER, same_id
from clearprop.teaching.grading.answer_keys import AnswerKey, read_key
from clearprop.teaching.grading.code_marking import check_code
from clearprop.teaching.grading.handins import CODE, FORMS, HandIn, read_handin
from clearprop.teaching.grading.marked_handins import CodeMark
from clearprop.teaching.grading.marking import BlankMark, mark
from clearprop.teaching.grading.untrusted_files import legible, read_text

# A folder that was handed in as a whole holds the form a little deeper.
_DEEPEST = 3

say = messages.within("grading.gradescope")


class Submitter(NamedTuple):
    """Who handed in, as Gradescope knows them."""

    email: str
    name: str


def main(arguments: Sequence[str]) -> None:
    """Mark the submission in the folder and write its results; whatever is wrong with it is a
    sentence in them."""
    base, language = Path(arguments[0]), arguments[1]
    results = graded(base, language)
    folder = base / "results"
    folder.mkdir(exist_ok=True)
    content = json.dumps(results, ensure_ascii=False, indent=2) + "\n"
    write_whole(folder / "results.json", content.encode())


def graded(base: Path, language: str) -> dict[str, Any]:
    """The results as data; of what could not be marked 0 points and why, in `language`."""
    try:
        return _graded(base)
    except ClearpropError as problem:
        said = problem.message(language)
        return _refused(legible(said.replace(f"{base}/", ""), 1000))
    except Exception:
        # What is printed only the teacher sees.
        traceback.print_exc(file=sys.stdout)
        return _refused(say(language, "failed"))


def _refused(sentence: str) -> dict[str, Any]:
    # Without a test Gradescope shows a score, but no reason beside it.
    test = {"name": "clearprop", "score": 0, "max_score": 0, "status": "failed"}
    return {"score": 0, "output": sentence, "tests": [{**test, "output": sentence}]}


def _graded(base: Path) -> dict[str, Any]:
    keys = base / "source" / KEY_FOLDER
    submitters = tuple(_submitters(base / "submission_metadata.json"))
    place = _place(base / "submission")
    handin = _handin(place)
    key = _own_key(keys, submitters) if handin is None else read_key(keys, handin.variant)
    _require_own(key, submitters, keys)
    answers = {} if handin is None else handin.answers
    marks = mark(key.exercise, answers)
    tests = [
        _blank_test(blank, most.points, number, answers, key.language)
        for number, (blank, most) in enumerate(
            zip(marks.blanks, key.exercise.blanks, strict=True), 1
        )
    ]
    code = place / CODE
    if code.is_file() or code.is_symlink():
        tests.append(_code_test(check_code(code, key.exercise.network), key.language))
    elif key.exercise.topic in TOPICS_WITH_CODE:
        tests.append(_unscored(CODE, say(key.language, "no_code"), passed=False))
    if marks.unknown:
        names = ", ".join(legible(name) for name in marks.unknown[:5])
        said = messages.text(key.language, "grading.comment.unknown", names=names)
        tests.append(_unscored(say(key.language, "unknown"), said, passed=False))
    return {
        "output": say(key.language, "summary", points=marks.points, most=key.exercise.points),
        "tests": tests,
        "extra_data": {"variant": key.exercise.variant, "student_id": key.student_id},
    }


def _submitters(path: Path) -> Iterator[Submitter]:
    """Those of the metadata; nobody where there is none, or it is nothing that we know."""
    try:
        users = json.loads(read_text(path)).get("users")
    except (ClearpropError, ValueError, AttributeError, RecursionError):
        return
    for user in users if isinstance(users, list) else []:
        if isinstance(user, dict):
            email, name = user.get("email"), user.get("name")
            yield Submitter(
                email if isinstance(email, str) else "", name if isinstance(name, str) else ""
            )


def _place(submission: Path) -> Path:
    """The folder in which the form or the backward pass is. Raises FileError."""
    found = [folder for folder in _folders(submission, _DEEPEST) if _holds_work(folder)]
    if not found:
        raise FileError("gradescope_nothing", forms=" / ".join((*FORMS, CODE)))
    if len(found) > 1:
        names = ", ".join(legible(str(one.relative_to(submission))) for one in found[:5])
        raise FileError("gradescope_several", folders=names)
    return found[0]


def _folders(folder: Path, deepest: int) -> Iterator[Path]:
    if not folder.is_dir() or folder.is_symlink():
        return
    yield folder
    if deepest:
        for inside in sorted(folder.iterdir()):
            if not inside.name.startswith((".", "__")):
                yield from _folders(inside, deepest - 1)


def _holds_work(folder: Path) -> bool:
    return any((folder / name).is_file() or (folder / name).is_symlink() for name in (*FORMS, CODE))


def _handin(place: Path) -> HandIn | None:
    """The form, None where there is none."""
    if any((place / name).is_file() or (place / name).is_symlink() for name in FORMS):
        return read_handin(place)
    return None


def _own_key(keys: Path, submitters: Sequence[Submitter]) -> AnswerKey:
    """The key of who handed in without a form. Raises FileError where that cannot be told."""
    own = _keys_of(keys, submitters)
    if len(own) != 1:
        raise FileError("gradescope_no_form", forms=" / ".join(FORMS))
    return own[0]


def _require_own(key: AnswerKey, submitters: Sequence[Submitter], keys: Path) -> None:
    """Refuse the sheet of somebody else, where both addresses are known. Raises FileError."""
    known = {same_id(one.email) for one in submitters if one.email}
    if not key.student_email or not known or same_id(key.student_email) in known:
        return
    own = _keys_of(keys, submitters)
    mine = ", ".join(one.exercise.variant for one in own) or "—"
    raise FileError("gradescope_other_sheet", variant=key.exercise.variant, own=mine)


def _keys_of(keys: Path, submitters: Sequence[Submitter]) -> list[AnswerKey]:
    """The keys that were made for those who handed in: by address, and otherwise by name."""
    every = [read_key(keys, path.stem) for path in sorted(keys.glob("*.json"))]
    emails = {same_id(one.email) for one in submitters if one.email}
    names = {same_id(one.name) for one in submitters if one.name}
    return [one for one in every if one.student_email and same_id(one.student_email) in emails] or [
        one
        for one in every
        if not one.student_email and one.student_name and same_id(one.student_name) in names
    ]


def _blank_test(
    blank: BlankMark, most: int, number: int, answers: Mapping[str, object], language: str
) -> dict[str, Any]:
    told = partial(say, language)
    said = told(f"blank.{blank.outcome}")
    if blank.outcome == "unreadable":
        said += legible(str(answers[blank.name]))
    if blank.mistake is not None:
        words = messages.text(language, f"grading.mistake.{blank.mistake.value}")
        said += told("likely", mistake=words)
    passed = blank.points == most
    return {
        "number": str(number),
        "name": blank.name,
        "score": blank.points,
        "max_score": most,
        "status": "passed" if passed else "failed",
        "output": said,
    }


def _code_test(code: CodeMark, language: str) -> dict[str, Any]:
    return _unscored(CODE, "\n".join(code.sentences(language)), passed=code.outcome == "right")


def _unscored(name: str, said: str, *, passed: bool) -> dict[str, Any]:
    status = "passed" if passed else "failed"
    return {"name": name, "score": 0, "max_score": 0, "status": status, "output": said}


if __name__ == "__main__":
    main(sys.argv[1:])
