"""A lesson as a teacher writes it: a folder with `lesson.toml`, in one or both languages.

    [title]            en, zh-TW
    [recipe]           what the lab builds, as in a link; parts that are left out are the preset's
    [data]             inputs, targets: names of columns; rows: numbers. Or recipe.data names a set.
    [values]           "layers[0].weight[0,0]" = 0.5: where the parameters begin
    [[parts]]          read, step, predict or do, in the order in which they are shown
      en, zh-TW        paragraphs, with an empty line between
      formulas, code   shown as they stand; code is never run
      step, phase      the moment that a step shows, and select what is explained there; of predict
                       the moment before the number exists
      ask              of predict: {number}, or {of, address, sample} of the step before training
      slips            wrong answers that are told something of their own: as `ask`, or {factor}
      goal             of do: {loss_below}, {selected}, {checked} or {found}

A lesson is data from anybody: whatever is in it is checked here, shown as text, and nothing of it
is run or opened.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import is_finite_number
from clearprop.base.errors import DamagedFileError, FileError, NewerFileError, UnknownNameError
from clearprop.base.messages import LANGUAGES
from clearprop.base.opening import read_or_refused
from clearprop.lab.data_sets import LabData

VERSION = 1
FORMAT = "clearprop lesson"
FILE = "lesson.toml"
# In the order in which they are taught.
LESSONS = ("neuron", "line", "bend", "chain-rule", "backward-by-hand", "does-it-hold")
_OWN = Path(__file__).parent / "lessons"
_LARGEST, _MOST_PARTS, _MOST_ROWS = 200_000, 40, 2000

Texts = Mapping[str, str]
KINDS = ("read", "step", "predict", "do")
NUMBERS = ("value", "signal", "parameter", "gradient", "updated", "loss", "cost", "loss_after")
OUTCOMES = ("right", "wrong")


class Asked(NamedTuple):
    """A number that is asked for, or told of: `number` itself, so many times the right one
    (`factor`), or a number `of` the step before training, at an address."""

    number: float | None = None
    factor: float | None = None
    of: str = ""
    address: str = ""
    sample: int = 0


class Slip(NamedTuple):
    """A wrong answer, and what is said to it."""

    asked: Asked
    texts: Texts


class Goal(NamedTuple):
    """What is to be reached; one of them is told."""

    loss_below: float | None = None
    selected: str = ""
    checked: str = ""
    found: bool = False


@dataclass(frozen=True)
class LessonPart:
    """One part; see the module."""

    kind: str
    texts: Texts
    formulas: tuple[str, ...] = ()
    code: str = ""
    step: int | None = None
    phase: int | None = None
    select: Mapping[str, Any] | None = None
    ask: Asked | None = None
    slips: tuple[Slip, ...] = ()
    goal: Goal | None = None


@dataclass(frozen=True, eq=False)
class Lesson:
    """A whole lesson. `data` is its own, None where the recipe names a set of the lab's."""

    name: str
    titles: Texts
    recipe: Mapping[str, Any]
    data: LabData | None
    values: Mapping[str, float]
    parts: tuple[LessonPart, ...]


def in_language(texts: Texts, language: str) -> str:
    """The text in a language, or in the one in which it was written."""
    return texts.get(language) or next(iter(texts.values()))


def own_lesson(name: str) -> Lesson:
    """One of the lessons that come with clearprop. Raises UnknownNameError."""
    return read_lesson(own_lesson_bytes(name), name, _own_file(name))


def own_lesson_bytes(name: str) -> bytes:
    """The file of one of our own lessons, which a teacher may copy. Raises UnknownNameError."""
    if name not in LESSONS:
        raise UnknownNameError("lesson_unknown", name=name[:40], known=", ".join(LESSONS))
    return _own_file(name).read_bytes()


def _own_file(name: str) -> Path:
    return _OWN / f"{name}.toml"


def lesson_bytes(folder: Path) -> bytes:
    """What a folder's lesson is written in. Raises FileError where it cannot be read, and
    DamagedFileError for one that is too large."""
    path = folder / FILE
    if folder.is_file():
        raise FileError("path_not_folder", path=folder)
    with read_or_refused(path):
        if path.exists() and not path.is_file():
            raise FileError("path_is_folder", path=path)
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise DamagedFileError("lesson_large", path=path, most=_LARGEST)
    return content


def read_lesson(content: bytes, name: str, path: Path) -> Lesson:
    """The lesson of that name in `content`, which came from `path`.

    Raises FileError where it is no text, NewerFileError for a later version, and DamagedFileError,
    which names the place, for whatever is no lesson.
    """
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        raise FileError("file_not_utf8", path=path, position=problem.start) from problem
    except (ValueError, RecursionError) as problem:
        found = re.search(r"line (\d+)", str(problem))
        line = found.group(1) if found else content.count(b"\n") + 1
        raise DamagedFileError("lesson_not_toml", path=path, line=line) from problem
    return _Reading(path).lesson(data, name)


class _Reading:
    """Reads the tables of one file; each method refuses what is not of its form."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lesson(self, data: Mapping[str, Any], name: str) -> Lesson:
        if data.get("format") != FORMAT:
            raise DamagedFileError("lesson_format", path=self.path, format=FORMAT)
        version = self._whole(data, "version", "version", least=1)
        if version is not None and version > VERSION:
            raise NewerFileError("file_newer", path=self.path, version=version, known=VERSION)
        self._require_plain(data, FILE)
        top = ("format", "version", "title", "recipe", "data", "values", "parts")
        self._known(data, top, FILE)
        recipe = dict(self._table(data, "recipe"))
        own = self._data(self._table(data, "data"), name) if "data" in data else None
        if own is not None:
            recipe["data"] = {"name": own.name}
        values = self._table(data, "values")
        for address, value in values.items():
            if not is_finite_number(value):
                raise self._refused("values", address, "number")
        parts = data.get("parts")
        if not isinstance(parts, list) or not 0 < len(parts) <= _MOST_PARTS:
            raise self._refused(FILE, "parts", "tables")
        return Lesson(
            name,
            self._texts(self._table(data, "title"), "title", LANGUAGES),
            recipe,
            own,
            {address: float(value) for address, value in values.items()},
            tuple(self._part(one, number) for number, one in enumerate(parts, 1)),
        )

    def _require_plain(self, data: Any, place: str) -> None:
        """Refuse what JSON has no form for, a date or what is no finite number: all travels so."""
        if isinstance(data, dict):
            for name, value in data.items():
                self._require_plain(value, f"{place} {name[:40]}")
        elif isinstance(data, list):
            for one in data:
                self._require_plain(one, place)
        elif not isinstance(data, str | bool) and not is_finite_number(data):
            raise self._refused(FILE, place.removeprefix(f"{FILE} "), "text, number")

    def _part(self, data: Any, number: int) -> LessonPart:
        place = f"parts[{number}]"
        if not isinstance(data, dict) or data.get("kind") not in KINDS:
            raise self._refused(place, "kind", ", ".join(KINDS))
        kind = data["kind"]
        of_kind = {
            "read": (),
            "step": ("step", "phase", "select"),
            "predict": ("ask", "slips", "step", "phase", "select"),
            "do": ("goal", "select"),
        }[kind]
        self._known(data, ("kind", "formulas", "code", *LANGUAGES, *of_kind), place)
        formulas = data.get("formulas", [])
        if not isinstance(formulas, list) or not all(isinstance(one, str) for one in formulas):
            raise self._refused(place, "formulas", "texts")
        code = data.get("code", "")
        if not isinstance(code, str):
            raise self._refused(place, "code", "text")
        select = data.get("select")
        if select is not None:
            if not isinstance(select, dict) or not isinstance(select.get("kind"), str):
                raise self._refused(place, "select", "table")
            self._known(select, ("kind", "address", "sample"), f"{place}.select")
        slips = data.get("slips", [])
        if not isinstance(slips, list):
            raise self._refused(place, "slips", "tables")
        return LessonPart(
            kind,
            self._texts(data, place, None),
            tuple(formulas),
            code.strip("\n"),
            self._whole(data, "step", place, least=0),
            self._whole(data, "phase", place, least=0),
            select,
            self._asked(data.get("ask"), f"{place}.ask") if kind == "predict" else None,
            tuple(self._slip(one, f"{place}.slips[{k}]") for k, one in enumerate(slips, 1)),
            self._goal(data.get("goal"), place) if kind == "do" else None,
        )

    def _asked(self, data: Any, place: str, also: tuple[str, ...] = ()) -> Asked:
        if not isinstance(data, dict):
            raise self._refused(place, "ask", "table")
        self._known(data, ("number", "of", "address", "sample", *also), place)
        for name in ("number", "factor"):
            if name in data and not is_finite_number(data[name]):
                raise self._refused(place, name, "number")
        of, address = data.get("of", ""), data.get("address", "")
        if of and of not in NUMBERS:
            raise self._refused(place, "of", ", ".join(NUMBERS))
        if not isinstance(address, str):
            raise self._refused(place, "address", "text")
        if not of and "number" not in data and "factor" not in data:
            raise self._refused(place, "of", ", ".join(NUMBERS))
        sample = self._whole(data, "sample", place, least=0) or 0
        return Asked(data.get("number"), data.get("factor"), of, address, sample)

    def _slip(self, data: Any, place: str) -> Slip:
        asked = self._asked(data, place, ("factor", *LANGUAGES))
        return Slip(asked, self._texts(data, place, None))

    def _goal(self, data: Any, place: str) -> Goal:
        known = Goal._fields
        if not isinstance(data, dict) or len(data) != 1 or next(iter(data)) not in known:
            raise self._refused(place, "goal", ", ".join(known))
        name, value = next(iter(data.items()))
        fits = {
            "loss_below": is_finite_number(value),
            "selected": isinstance(value, str) and bool(value),
            "checked": value in OUTCOMES,
            "found": value is True,
        }
        if not fits[name]:
            raise self._refused(f"{place}.goal", name, ", ".join(OUTCOMES))
        return Goal(**{name: value})

    def _data(self, data: Mapping[str, Any], name: str) -> LabData:
        self._known(data, ("inputs", "targets", "rows"), "data")
        names = {}
        for part in ("inputs", "targets"):
            given = data.get(part)
            if not isinstance(given, list) or not given or not all(map(_is_name, given)):
                raise self._refused("data", part, "texts")
            names[part] = tuple(given)
        rows = data.get("rows")
        width = len(names["inputs"]) + len(names["targets"])
        if not isinstance(rows, list) or not 0 < len(rows) <= _MOST_ROWS:
            raise self._refused("data", "rows", f"1–{_MOST_ROWS}")
        for number, row in enumerate(rows, 1):
            fits = isinstance(row, list) and len(row) == width
            if not fits or not all(map(is_finite_number, row)):
                raise self._refused("data", f"rows[{number}]", f"{width} × number")
        table = np.array(rows, dtype=np.float64)
        inputs = len(names["inputs"])
        x, target = table[:, :inputs].copy(), table[:, inputs:].copy()
        return LabData(name, x, target, names["inputs"], names["targets"])

    def _texts(self, data: Mapping[str, Any], place: str, known: tuple[str, ...] | None) -> Texts:
        if known is not None:
            self._known(data, known, place)
        texts = {one: data[one] for one in LANGUAGES if one in data}
        if not texts or not all(isinstance(one, str) and one.strip() for one in texts.values()):
            raise self._refused(place, " / ".join(LANGUAGES), "text")
        return {language: text.strip() for language, text in texts.items()}

    def _table(self, data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        found = data.get(name, {})
        if not isinstance(found, dict):
            raise self._refused(FILE, name, "table")
        return found

    def _whole(self, data: Mapping[str, Any], name: str, place: str, *, least: int) -> int | None:
        value = data.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self._refused(place, name, f"≥ {least}")
        return value

    def _known(self, data: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
        for name in data:
            if name not in known:
                raise DamagedFileError(
                    "lesson_key",
                    path=self.path,
                    place=place,
                    name=str(name)[:40],
                    known=", ".join(known),
                )

    def _refused(self, place: str, name: str, kind: str) -> DamagedFileError:
        return DamagedFileError(
            "lesson_value", path=self.path, place=place, name=name[:60], kind=kind
        )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 40
