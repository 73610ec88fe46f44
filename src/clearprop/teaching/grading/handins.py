"""What students hand in: a form of answers as JSON or CSV, and maybe a `backward.py` beside it.

answers.json    {"format": "clearprop-answers", "version": 1, "variant": "chain1-0A1B2C",
                 "student": {"id": "", "name": ""}, "answers": {"z": "0.8", …}}
answers.csv     name,answer
                variant,chain1-0A1B2C
                student id,
                student name,
                z,0.8
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clearprop.base.errors import DamagedFileError, FileError, ForeignFileError
from clearprop.teaching.grading.untrusted_files import (
    LONGEST_CELL,
    read_document,
    read_rows,
    text_at,
)

FORMAT = "clearprop-answers"
FORMS = ("answers.json", "answers.csv")
CODE = "backward.py"
HEADER = ["name", "answer"]
VARIANT, STUDENT_ID, STUDENT_NAME = "variant", "student id", "student name"


@dataclass(frozen=True)
class HandIn:
    """One student's answers as they were written.

    source    the form that was read
    answers   texts and numbers by the names of their blanks
    backward  the student's own backward pass, None where there is none
    """

    source: Path
    variant: str
    student_id: str
    student_name: str
    answers: Mapping[str, object]
    backward: Path | None

    @property
    def is_filled_in(self) -> bool:
        """Whether any blank has something in it."""
        return any(_written(answer) for answer in self.answers.values())


def find_handins(path: Path, key: Path) -> tuple[Path, ...]:
    """The places of all hand-ins: `path` itself where it is a form or has one in it, and every
    folder in `path` but that of the keys and hidden ones, by name.

    A blank form beside the folders of a class is the form that the class was given, and no hand-in.
    Raises FileError where there is nothing.
    """
    if not path.exists():
        raise FileError("path_missing", path=path)
    if path.is_file():
        return (path,)
    try:
        folders = sorted(
            place
            for place in path.iterdir()
            if place.is_dir()
            and not place.name.startswith(".")
            and place.resolve() != key.resolve()
            and place.name != "key"
        )
    except OSError as problem:
        raise FileError("file_unreadable", path=path, problem=problem.strerror) from problem
    if _forms(path):
        inside = [place for place in folders if _forms(place)]
        own = (path,) if not inside or read_handin(path).is_filled_in else ()
        return (*own, *inside)
    if not folders:
        raise FileError("no_handins", path=path, forms=" / ".join(FORMS))
    return tuple(folders)


def read_handin(place: Path) -> HandIn:
    """The hand-in at a place: a form, or a folder with one in it.

    Of two forms the one that is filled in counts. Raises FileError where both are, differently, or
    where there is none; DamagedFileError, ForeignFileError and NewerFileError for what is in them.
    """
    if place.is_file():
        return _read_form(place)
    forms = [_read_form(path) for path in _forms(place)]
    if not forms:
        raise FileError("no_handins", path=place, forms=" / ".join(FORMS))
    filled = [form for form in forms if form.is_filled_in] or forms[:1]
    if len(filled) > 1 and _content(filled[0]) != _content(filled[1]):
        names = [form.source.name for form in filled]
        raise FileError("two_forms", path=place, one=names[0], other=names[1])
    return filled[0]


def _forms(folder: Path) -> list[Path]:
    return [folder / name for name in FORMS if (folder / name).is_file()]


def _read_form(path: Path) -> HandIn:
    kind = path.suffix.lower()
    if kind == ".json":
        return _read_json(path)
    if kind == ".csv":
        return _read_csv(path)
    raise ForeignFileError("form_kind", path=path, forms=" / ".join(FORMS))


def _read_json(path: Path) -> HandIn:
    data = read_document(path, FORMAT)
    student, answers = data.get("student", {}), data.get("answers")
    if not isinstance(answers, dict):
        raise DamagedFileError("document_part", path=path, part="answers")
    return HandIn(
        source=path,
        variant=_require_variant(text_at(data, "variant", path), path),
        student_id=text_at(student, "id", path),
        student_name=text_at(student, "name", path),
        answers=answers,
        backward=_code_beside(path),
    )


def _read_csv(path: Path) -> HandIn:
    rows = read_rows(path)
    if not rows or [cell.lower() for cell in rows[0][1][:2]] != HEADER:
        raise ForeignFileError("form_header", path=path, header=",".join(HEADER))
    cells: dict[str, str] = {}
    for line, row in rows[1:]:
        name, answer, *more = *row, *([""] if len(row) == 1 else [])
        if any(more) or max(map(len, row)) > LONGEST_CELL:
            raise DamagedFileError("file_not_csv", path=path, line=line)
        if name in cells:
            raise FileError("name_twice", path=path, name=name)
        cells[name] = answer
    return HandIn(
        source=path,
        variant=_require_variant(cells.pop(VARIANT, ""), path),
        student_id=cells.pop(STUDENT_ID, ""),
        student_name=cells.pop(STUDENT_NAME, ""),
        answers=cells,
        backward=_code_beside(path),
    )


def _require_variant(variant: str, path: Path) -> str:
    if not variant:
        raise FileError("variant_missing", path=path)
    return variant


def _code_beside(form: Path) -> Path | None:
    code = form.parent / CODE
    return code if code.is_file() else None


def _content(form: HandIn) -> tuple[object, ...]:
    answers = {name: _written(answer) for name, answer in form.answers.items() if _written(answer)}
    return form.variant, form.student_id, form.student_name, answers


def _written(answer: object) -> str:
    return "" if answer is None else str(answer).strip()
