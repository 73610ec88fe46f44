"""Marking a folder of hand-ins: each by itself, so that one that cannot be read stops no other."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from clearprop.base.errors import ClearpropError, FileError
from clearprop.teaching.grading.answer_keys import read_key
from clearprop.teaching.grading.code_marking import check_code
from clearprop.teaching.grading.handins import FORMS, find_handins, read_handin
from clearprop.teaching.grading.marked_handins import MarkedHandIn, MarkingResult, Unmarked
from clearprop.teaching.grading.marking import mark


def mark_folder(path: Path, key: Path | None = None) -> tuple[MarkingResult, ...]:
    """Mark every hand-in at `path`: one form, a folder with one in it, or a folder of folders.

    key   the folder of the keys; the one called `key` in `path` or beside it unless given

    Raises FileError where there are no hand-ins or no keys at all.
    """
    keys = key_folder(path, key)
    return tuple(mark_each(find_handins(path, keys), keys))


def mark_each(places: Iterable[Path], keys: Path) -> Iterator[MarkingResult]:
    """Mark the hand-ins at `places`, which `find_handins` found, one after the other."""
    for place in places:
        try:
            handin = read_handin(place)
            found = read_key(keys, handin.variant)
            marks, code = mark(found.exercise, handin.answers), None
            if handin.backward is not None:
                code = check_code(handin.backward, found.exercise.network)
            yield MarkedHandIn(place=place, handin=handin, key=found, marks=marks, code=code)
        except ClearpropError as problem:
            yield Unmarked(place, problem)


def key_folder(path: Path, key: Path | None = None) -> Path:
    """The folder of the keys. Raises FileError where there is none, or no key in it."""
    # Beside a form is beside the folder that it is in, too.
    folder = path.resolve().parent if path.is_file() else path.resolve()
    beside = (folder / "key", folder.parent / "key")
    found = key or next((place for place in beside if place.is_dir()), None)
    if found is None:
        raise FileError("keys_missing", path=path)
    if not any(one.name not in FORMS for one in found.glob("*.json")):
        raise FileError("keys_empty", path=found)
    return found
