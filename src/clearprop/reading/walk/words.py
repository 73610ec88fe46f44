"""A stage read out: its title, and its lines for a terminal."""

import re

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array, shape_text
from clearprop.base.numbers import brief
from clearprop.reading.explanation.reading import aligned
from clearprop.reading.explanation.signal_words import others
from clearprop.reading.walk.stages import NamedArray, Stage, Worked

INDENT = "  "
# Arrays of more rows or numbers than these are abbreviated, however much room there is.
MOST_ROWS, MOST_NUMBERS = 12, 60


def title(stage: Stage, position: int, count: int, language: str) -> str:
    """`3/11  Forward: layers[1] ReLU()`."""
    path = stage.path or "—"
    named = _say(language, f"title.{stage.part}", path=path, name=stage.name)
    return f"{position + 1}/{count}  {named}"


def body(stage: Stage, sample: int, language: str, width: int, height: int | None) -> list[str]:
    """The lines of a stage below its title."""
    lines = _wrapped(_say(language, f"says.{stage.part}"), width, "")
    for equation in stage.equations:
        lines += _wrapped(equation, width, INDENT)
    if stage.worked:
        key = "worked_of_parameters" if stage.part in ("update", "after") else "worked"
        lines.append(_say(language, key, sample=sample))
        for one in stage.worked:
            lines += _wrapped(_line(one, language), width, INDENT)
    left = None if height is None else height - len(lines)
    return lines + _arrays(stage.arrays, sample, language, width, left)


def _line(worked: Worked, language: str) -> str:
    summands = list(worked.right)
    if worked.rest.count:
        name = others(worked.rest, language).rstrip(" :：")
        summands.append(f"{brief(worked.rest.value)} ({name})")
    parts = [worked.left, *([_joined(summands)] if summands else []), brief(worked.value)]
    # A line whose only summand is its value says it once.
    return " = ".join(parts[:1] + parts[2:] if parts[1:2] == parts[2:] else parts)


def _joined(summands: list[str]) -> str:
    """Summands in a row: one that is negative is taken off."""
    first, *more = summands
    signed = [f"− {one[1:]}" if one[0] == "−" else f"+ {one}" for one in more]
    return " ".join([first, *signed])


def _arrays(
    arrays: tuple[NamedArray, ...], sample: int, language: str, width: int, height: int | None
) -> list[str]:
    """Every array, whole where it is small and there is room, the first ones first."""
    short = [_abbreviated(one, sample, language, width) for one in arrays]
    room = None if height is None else height - sum(map(len, short))
    lines = []
    for one, abbreviated in zip(arrays, short, strict=True):
        whole = _whole(one, width)
        more = 0 if whole is None else len(whole) - len(abbreviated)
        if whole is None or (room is not None and more > room):
            lines += abbreviated
            continue
        if room is not None:
            room -= max(more, 0)
        lines += whole
    return lines


def _whole(one: NamedArray, width: int) -> list[str] | None:
    """The array with every number; None where it is too large for that."""
    rows = one.rows
    if rows.shape[1] == 1:
        # A column lies down: its shape says that it is one, and a terminal is wider than high.
        rows = rows.T
    if len(rows) > MOST_ROWS or rows.size > MOST_NUMBERS:
        return None
    if len(rows) == 1:
        return [_head(one), *_wrapped("  ".join(_numbers(rows[0])), width, INDENT)]
    # An empty first column, because `aligned` puts that one to the left.
    lines = aligned([["", *_numbers(row)] for row in rows]) if rows.size else []
    if any(messages.display_width(line) > width for line in lines):
        return None
    return [_head(one), *lines]


def _abbreviated(one: NamedArray, sample: int, language: str, width: int) -> list[str]:
    """The array's least, mean and largest number, and the row of the worked sample, or the first
    one."""
    if one.values.size <= 1:
        return [f"{_head(one)}  {' '.join(_numbers(one.values.ravel()))}"]
    low, mean, high = _summary(one.values)
    head = _say(language, "summary", head=_head(one), low=low, mean=mean, high=high)
    row = one.rows_of(sample)[0]
    key = "row_of_sample" if one.role == "samples" else "first_row"
    lead = INDENT + _say(language, key, sample=sample)
    cells: list[str] = []
    for number in _numbers(row):
        if messages.display_width("  ".join([lead, *cells, number, "…"])) > width:
            return [head, "  ".join([lead, *cells, "…"])]
        cells.append(number)
    return [head, "  ".join([lead, *cells])]


def _head(one: NamedArray) -> str:
    place = f"  {one.place}" if one.place else ""
    return f"{one.name} {shape_text(one.values.shape)}{place}"


def _summary(values: Array) -> tuple[str, str, str]:
    with np.errstate(all="ignore"):
        found = (values.min(), values.mean(dtype=np.float64), values.max())
    low, mean, high = (brief(float(one)) for one in found)
    return low, mean, high


def _numbers(row: Array) -> list[str]:
    return [brief(float(one)) for one in row]


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    """`text` in lines of at most `width` columns, broken at spaces; between any two characters
    where there are none, as in Chinese. `textwrap` counts characters, of which some take two."""
    lines = [indent]
    for word in re.findall(r"\S+\s*", text):
        if _room(lines[-1], word.rstrip()) > width and lines[-1].strip():
            lines.append(indent + INDENT)
        for char in word:
            if _room(lines[-1], char.rstrip()) > width:
                lines.append(indent + INDENT)
            lines[-1] += char
    return [line.rstrip() for line in lines]


def _room(line: str, more: str) -> int:
    return messages.display_width(line) + messages.display_width(more)


def _say(language: str, key: str, **values: object) -> str:
    return messages.text(language, f"walk.{key}", **values)
