"""Rules that a backward pass must keep beside returning the right numbers.

It edits nothing that it was handed, returns the same again when it is called again (nothing
accumulates), returns one gradient for every array, of its shape and dtype, without NaN.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, shape_text
from clearprop.checking.subjects.subject import Subject, copies
from clearprop.checking.verdict.findings import CheckFinding, FindingKind
from clearprop.checking.verdict.outcomes import UNDECIDED, WRONG

# A mask of a few entries may come out the same by chance once, hardly every time.
REPEATS = 8
# Two ways to the same gradient may differ by rounding, in float32 too.
SAME = 1e-5


def repeatable(subject: Subject) -> bool:
    """Whether forward gives the same output again at the same point, bit by bit."""
    return all(
        np.array_equal(subject.output, subject.forward(subject.arrays), equal_nan=True)
        for _ in range(REPEATS)
    )


def observe(subject: Subject, dy: Array) -> tuple[Mapping[str, Any], list[CheckFinding]]:
    """The claimed gradients, and what the code did beside computing them."""
    arrays = copies(subject.arrays)
    upstream = dy.copy()
    y, cache = subject.run(arrays)
    findings = [
        CheckFinding(FindingKind.FORWARD_EDITS, WRONG, {"name": name})
        for name in _edited(subject.arrays, arrays)
    ]
    arrays = arrays if not findings else copies(subject.arrays)
    kept = [array.copy() for array in arrays_in((cache, y))]
    first = subject.back(upstream, arrays, cache)
    before = {name: np.array(value) for name, value in first.items() if value is not None}
    if not np.array_equal(upstream, dy, equal_nan=True):
        findings.append(CheckFinding(FindingKind.BACKWARD_EDITS, WRONG, {"name": "dy"}))
    findings += [
        CheckFinding(FindingKind.BACKWARD_EDITS, WRONG, {"name": name})
        for name in _edited(subject.arrays, arrays)
        if not any(f.values["name"] == name for f in findings)
    ]
    if not _same(kept, list(arrays_in((cache, y)))):
        findings.append(CheckFinding(FindingKind.CACHE_EDITED, WRONG, {}))
    else:
        again = subject.back(dy.copy(), copies(subject.arrays), cache)
        findings += _second_call(before, first, again)
    return before, findings


def _second_call(
    before: Mapping[str, Array], first: Mapping[str, Any], again: Mapping[str, Any]
) -> Iterator[CheckFinding]:
    for name, value in before.items():
        second = np.asarray(again[name])
        if second.dtype.kind not in "fiu" or second.shape != value.shape:
            continue
        scale = float(np.max(np.abs(value), initial=0.0, where=np.isfinite(value)))
        if np.allclose(second, value, rtol=1e-5, atol=1e-6 * scale, equal_nan=True):
            if not np.array_equal(np.asarray(first[name]), value, equal_nan=True):
                yield CheckFinding(FindingKind.RESULT_REUSED, WRONG, {"name": name})
        elif np.allclose(second, 2 * value, rtol=1e-5, atol=1e-6 * scale):
            yield CheckFinding(FindingKind.ACCUMULATES, WRONG, {"name": name})
        else:
            yield CheckFinding(FindingKind.SECOND_CALL_DIFFERS, WRONG, {"name": name})


def training_findings(
    subject: Subject, dy: Array, claimed: Mapping[str, Array]
) -> Iterator[CheckFinding]:
    """Parameters for which a training takes other gradients than backward returns: a layer may have
    another way for that, its own or one that it inherits. All claims are of the right shape and
    dtype: no training takes others.
    """
    if subject.train is None:
        return
    arrays = copies(subject.arrays)
    _, cache = subject.run(arrays)
    taken = subject.train(dy.copy(), arrays, cache)
    for name, gradient in taken.items():
        if name == "x":
            continue
        scale = float(np.max(np.abs(claimed[name]), initial=0.0))
        off = float(np.max(np.abs(np.asarray(gradient) - claimed[name]), initial=0.0))
        if not off <= SAME * scale:
            values = {"name": name, "relative": f"{off / scale if scale else off:.1e}"}
            yield CheckFinding(FindingKind.TRAINING_DIFFERS, WRONG, values)


def inspect_gradients(
    subject: Subject, gradients: Mapping[str, Any]
) -> tuple[dict[str, Array], list[CheckFinding]]:
    """The gradients that can be compared, in float64, and what is wrong with the others."""
    usable: dict[str, Array] = {}
    findings = []
    for name in subject.variables:
        array, gradient = subject.arrays[name], np.asarray(gradients.get(name))
        if gradient.dtype.kind not in "fiu":
            values = {"name": name, "came": gradient.dtype, "expected": array.dtype}
            findings.append(CheckFinding(FindingKind.DTYPE, WRONG, values))
            continue
        if gradient.shape != array.shape:
            expected, came = shape_text(array.shape), shape_text(gradient.shape)
            values = {"name": name, "came": came, "expected": expected}
            findings.append(CheckFinding(FindingKind.SHAPE, WRONG, values))
            continue
        if gradient.dtype != array.dtype:
            values = {"name": name, "came": gradient.dtype, "expected": array.dtype}
            findings.append(CheckFinding(FindingKind.DTYPE, WRONG, values))
        if (place := first_not_finite(gradient)) is not None:
            values = {"name": name, "index": place, "value": str(gradient[place])}
            findings.append(CheckFinding(FindingKind.NOT_FINITE, WRONG, values))
        usable[name] = gradient.astype(np.float64)
    return usable, findings


def output_finding(subject: Subject) -> CheckFinding | None:
    """What is wrong with the output itself, so that nothing can be compared."""
    if (place := first_not_finite(subject.output)) is not None:
        values = {"index": place, "value": str(subject.output[place])}
        return CheckFinding(FindingKind.OUTPUT_NOT_FINITE, UNDECIDED, values)
    return None


def broadcast_finding(subject: Subject) -> CheckFinding | None:
    """(N,) met (N, 1) and was broadcast to (N, N).

    An array (N,) beside a column is taken for that where the function gives something else for it
    as a column, and where it may be shortened by itself: a bias, whose N is a number of features,
    may not. Where a number comes out it is a mistake; where (N, N) comes out, pairs may be meant.
    """
    for name, array in subject.arrays.items():
        column = (array.size, 1)
        beside = [n for n, other in subject.arrays.items() if other.shape == column]
        if array.ndim != 1 or array.size < 2 or not beside:
            continue
        pairs = subject.output.shape == (array.size, array.size)
        if not (pairs or subject.output.ndim == 0):
            continue
        try:
            y = subject.forward({**subject.arrays, name: array.reshape(column)})
            subject.forward({**subject.arrays, name: array[:-1]})
        except Exception:
            continue
        same = y.shape == subject.output.shape and np.allclose(
            y, subject.output, rtol=1e-6, atol=0, equal_nan=True
        )
        if not same:
            values = {"name": name, "size": array.size, "other": beside[0]}
            return CheckFinding(FindingKind.BROADCAST, UNDECIDED if pairs else WRONG, values)
    return None


def first_not_finite(array: Array) -> tuple[int, ...] | None:
    """The index of the first NaN or infinity, None without any."""
    places = np.argwhere(~np.isfinite(array))
    return tuple(int(i) for i in places[0]) if len(places) else None


def arrays_in(value: Any) -> Iterator[Array]:
    """Every array in a cache: in tuples, lists and dictionaries, however deep."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from arrays_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from arrays_in(item)


def _edited(before: Mapping[str, Array], after: Mapping[str, Array]) -> list[str]:
    return [
        name
        for name, array in before.items()
        if not np.array_equal(array, after[name], equal_nan=array.dtype.kind in "fc")
    ]


def _same(before: list[Array], after: list[Array]) -> bool:
    return len(before) == len(after) and all(
        np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
        for one, other in zip(before, after, strict=True)
    )
