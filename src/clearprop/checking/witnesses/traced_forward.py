"""What a forward pass does with its numbers: one run of it on arrays that write down what NumPy is
asked to do with them.

Written down are comparisons (and what compares inside: maximum, clip, abs, max over an axis), with
how often each came out true and whether two equal numbers met, and a row that meets a column of as
many entries. Numbers that leave the traced arrays, as single numbers and other libraries' arrays
do, are lost; so what is written down did happen, and what is not may have happened all the same.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from linecache import getline
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.subjects.subject import Subject, copies

# Two numbers may be equal where they differ by no more than sums leave of rounding, of the largest
# of them; they are where that is a few last digits.
EQUAL, EQUAL_TO_THE_DIGITS = 1e-12, 2e-15
LONGEST = 60  # characters of a line of code that are shown
_COMPARE: dict[str, Callable[..., Any]] = {
    "greater": np.greater,
    "less": np.less,
    "greater_equal": np.greater_equal,
    "less_equal": np.less_equal,
    "maximum": np.greater,
    "fmax": np.greater,
    "minimum": np.less,
    "fmin": np.less,
}
_AGAINST_0 = ("absolute", "fabs", "sign", "heaviside")
_PAIRED = ("subtract", "multiply", "add", "divide")
_NUMPY = str(Path(np.__file__).parent)
_OURS = str(Path(__file__).parents[2] / "engine")


class CodePlace(NamedTuple):
    """A line of the person's code, and the operation on it."""

    file: str
    line: int
    operation: str

    @property
    def code(self) -> str:
        """The line as it is written, "" where there is no source."""
        line = getline(self.file, self.line).strip()
        return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


@dataclass
class Branch:
    """How one comparison came out: so many entries, so many of them true."""

    entries: int = 0
    true: int = 0

    @property
    def one_sided(self) -> bool:
        """Whether it came out the same for every entry."""
        return self.true in (0, self.entries)


class Spread(NamedTuple):
    """A row (N,) met a column (N, 1) that was not made of a row on purpose.

    array, column   the arrays that they are, None for one that was computed
    """

    place: CodePlace
    size: int
    array: str | None
    column: str | None


@dataclass
class Observed:
    """What one run of a forward did.

    tied    whether two numbers were compared that may be equal
    equal   whether two were that are
    sides   how every comparison came out, one after the other
    single  the reductions that went over one entry each
    """

    branches: dict[CodePlace, Branch] = field(default_factory=dict)
    spreads: list[Spread] = field(default_factory=list)
    single: set[CodePlace] = field(default_factory=set)
    tied: bool = False
    equal: bool = False
    sides: list[bytes] = field(default_factory=list)


def observed(subject: Subject) -> Observed | None:
    """What the forward did at the subject's point; None where it does not run on traced arrays as
    it runs on others."""
    seen = Observed()
    arrays = {
        name: _traced(array, seen, name) if name in subject.variables or array.ndim else array
        for name, array in copies(subject.arrays).items()
    }
    try:
        with np.errstate(all="ignore"):
            y = np.asarray(subject.run(arrays)[0])
    except Exception:  # the person's code, handed what it was not written for
        return None
    return seen if np.array_equal(y, subject.output, equal_nan=True) else None


def branches(seen: Observed) -> Mapping[CodePlace, Branch]:
    """The comparisons of the person's own lines."""
    return {place: one for place, one in seen.branches.items() if not place.file.startswith(_OURS)}


class _Traced(np.ndarray[Any, Any]):
    """An array that writes into `seen` what is done with it.

    name      that of the array that it is, or is a view of
    on_purpose  whether it is a row that was made into a column, or computed of one
    """

    seen: Observed | None = None
    name: str | None = None
    on_purpose: bool = False

    def __array_finalize__(self, other: Any) -> None:
        self.seen = getattr(other, "seen", None)
        self.on_purpose = getattr(other, "on_purpose", False)
        if self.ndim == 2 and getattr(other, "ndim", 0) == 1:
            self.on_purpose = True

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Any:
        seen = next(one.seen for one in _flat(inputs, out) if isinstance(one, _Traced))
        plain = [_plain(one) for one in inputs]
        if out is not None:
            options["out"] = tuple(_plain(one) for one in out)
        result = getattr(ufunc, method)(*plain, **options)
        if seen is not None:
            _note(seen, ufunc.__name__, method, inputs, plain, result, options)
        if out is not None:
            return out[0] if len(out) == 1 else out
        purpose = any(getattr(one, "on_purpose", False) for one in inputs)
        if isinstance(result, tuple):
            return tuple(_wrapped(one, seen, purpose) for one in result)
        return _wrapped(result, seen, purpose)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        result = super().__array_function__(function, types, arguments, options)
        return _wrapped(result, self.seen, self.on_purpose)

    def argmax(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        """That of the array, with a note of several largest entries."""
        if self.seen is not None:
            _note_extreme(self.seen, self.view(np.ndarray), axis, np.argmax)
        return self.view(np.ndarray).argmax(axis, out, **options)

    def argmin(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        """That of the array, with a note of several smallest entries."""
        if self.seen is not None:
            _note_extreme(self.seen, self.view(np.ndarray), axis, np.argmin)
        return self.view(np.ndarray).argmin(axis, out, **options)


def _traced(array: Array, seen: Observed, name: str | None) -> Array:
    made = array.view(_Traced)
    made.seen, made.name, made.on_purpose = seen, name, False
    return made


def _wrapped(result: Any, seen: Observed | None, on_purpose: bool) -> Any:
    if seen is None or type(result) is not np.ndarray or result.dtype.kind not in "fc":
        return result
    made = result.view(_Traced)
    made.seen, made.name, made.on_purpose = seen, None, on_purpose
    return made


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, _Traced) else value


def _flat(inputs: Iterable[Any], out: Any) -> Iterable[Any]:
    return (*inputs, *(out or ()))


def _note(
    seen: Observed,
    name: str,
    method: str,
    inputs: tuple[Any, ...],
    plain: list[Any],
    result: Any,
    options: Mapping[str, Any],
) -> None:
    """Write down one call of a universal function."""
    place = _place(name)
    if place is None:
        return
    if method == "reduce":
        _note_reduction(seen, place, plain[0], options)
    if method != "__call__":
        return
    if name in _COMPARE and any(np.asarray(one).dtype.kind == "f" for one in plain[:2]):
        _count(seen, place, _COMPARE[name](*plain[:2]), *plain[:2])
    elif name in _AGAINST_0:
        _count(seen, place, plain[0] > 0, plain[0], 0.0)
    elif name == "clip":
        for bound, compare in zip(plain[1:3], (np.less, np.greater), strict=True):
            below = place._replace(operation=f"clip {compare.__name__}")
            _count(seen, below, compare(plain[0], bound), plain[0], bound)
    elif name in _PAIRED and len(plain) == 2:
        _note_spread(seen, place, inputs, result)


def _note_reduction(
    seen: Observed, place: CodePlace, array: Any, options: Mapping[str, Any]
) -> None:
    axis = options.get("axis", 0)
    if place.operation in ("maximum", "minimum"):
        of = np.argmax if place.operation == "maximum" else np.argmin
        _note_extreme(seen, np.asarray(array), axis, of)
    elif place.operation == "add" and np.ndim(array) > 1 and isinstance(axis, int):
        seen.single |= {place} if np.shape(array)[axis] == 1 else set()


def _note_spread(seen: Observed, place: CodePlace, inputs: tuple[Any, ...], result: Any) -> None:
    shape = np.shape(result)
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2:
        return
    for row, column in (inputs, inputs[::-1]):
        meets = np.shape(row) == shape[:1] and np.shape(column) == (shape[0], 1)
        if meets and not getattr(column, "on_purpose", False):
            own, other = (getattr(one, "name", None) for one in (row, column))
            seen.spreads.append(Spread(place, shape[0], own, other))


def _count(seen: Observed, place: CodePlace, true: Any, one: Any, other: Any) -> None:
    branch = seen.branches.setdefault(place, Branch())
    branch.entries += int(np.size(true))
    branch.true += int(np.count_nonzero(true))
    seen.sides.append(np.packbits(true).tobytes())
    largest = max(float(np.max(np.abs(side), initial=0.0)) for side in (one, other))
    apart = np.abs(np.subtract(one, other))
    seen.tied |= bool(np.any(apart <= EQUAL * largest))
    seen.equal |= bool(np.any(apart <= EQUAL_TO_THE_DIGITS * largest))


def _note_extreme(seen: Observed, array: Array, axis: Any, place_of: Callable[..., Any]) -> None:
    """The largest or smallest entries along an axis: which they are, and whether another is equal
    to one of them."""
    if not array.size:
        return
    along = tuple(range(array.ndim)) if axis is None else axis
    along = along if isinstance(along, tuple) else (along,)
    moved = np.moveaxis(array, along, range(-len(along), 0))
    rows = moved.reshape(*moved.shape[: moved.ndim - len(along)], -1)
    places = place_of(rows, axis=-1)[..., None]
    seen.sides.append(places.tobytes())
    apart = np.abs(rows - np.take_along_axis(rows, places, axis=-1))
    largest = np.max(np.abs(array))
    seen.tied |= bool(np.any(np.sum(apart <= EQUAL * largest, axis=-1) > 1))
    seen.equal |= bool(np.any(np.sum(apart <= EQUAL_TO_THE_DIGITS * largest, axis=-1) > 1))


def _place(operation: str) -> CodePlace | None:
    """The nearest line that is neither NumPy's nor of this file."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file != __file__ and not file.startswith((_NUMPY, "<__array_function__")):
            return CodePlace(file, frame.f_lineno, operation)
        frame = frame.f_back  # type: ignore[assignment]
    return None
