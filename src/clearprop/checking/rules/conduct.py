"""Rules that a backward pass must keep beside returning the right numbers.

It edits nothing that it was handed, returns the same again when it is called again (nothing
accumulates), returns one gradient for every array, of its shape and dtype, without NaN.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, shape_text
from clearprop.checking.subjects.subject import Subject, copies
from clearprop.checking.verdict.coverage import NotCompared, NotComparedReason
from clearprop.checking.verdict.findings import CheckFinding, FindingKind
from clearprop.checking.verdict.outcomes import RIGHT, UNDECIDED, WRONG
from clearprop.checking.witnesses.traced_forward import Observed

# A mask of a few entries may come out the same by chance once, hardly every time.
REPEATS = 8
# Two ways to the same gradient may differ by rounding, in float32 too.
SAME = 1e-5
# What people call a target.
TARGETS = ("y", "t", "target", "targets", "label", "labels", "y_true", "ytrue", "truth")


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


class Inspected(NamedTuple):
    """The gradients that can be compared, in float64 and of their arrays' shapes, and what there is
    to say of them and of the others.

    reshaped  those whose entries had to be taken for the array's in its order: what they are is
              decided by their numbers
    digits    the rounding of those that came with fewer digits than their array has
    """

    usable: dict[str, Array]
    findings: list[CheckFinding]
    reshaped: frozenset[str]
    digits: dict[str, float]


def inspect_gradients(subject: Subject, gradients: Mapping[str, Any]) -> Inspected:
    """The gradients that can be compared, and what is wrong with the others.

    Another shape with as many entries, and another dtype, are no mistake by themselves: the numbers
    are compared, and the finding says what came.
    """
    made = Inspected({}, [], frozenset(), {})
    reshaped = set()
    for name in subject.variables:
        array, gradient = subject.arrays[name], np.asarray(gradients.get(name))
        same = gradient.dtype == array.dtype
        if not same:
            known = gradient.dtype.kind in "fiu"
            values = {"name": name, "came": gradient.dtype, "expected": array.dtype}
            outcome = RIGHT if known else WRONG
            made.findings.append(CheckFinding(FindingKind.DTYPE, outcome, values))
            if not known:
                continue
        if gradient.shape != array.shape:
            expected, came = shape_text(array.shape), shape_text(gradient.shape)
            values = {"name": name, "came": came, "expected": expected}
            outcome = RIGHT if gradient.size == array.size else WRONG
            made.findings.append(CheckFinding(FindingKind.SHAPE, outcome, values))
            if gradient.size != array.size:
                continue
            if _without_ones(gradient) != _without_ones(array):
                reshaped.add(name)
            gradient = gradient.reshape(array.shape)
        if (place := first_not_finite(gradient)) is not None:
            values = {"name": name, "index": place, "value": str(gradient[place])}
            made.findings.append(CheckFinding(FindingKind.NOT_FINITE, WRONG, values))
        if gradient.dtype.kind == "f" and gradient.dtype.itemsize < array.dtype.itemsize:
            made.digits[name] = float(np.finfo(gradient.dtype).eps)
        made.usable[name] = gradient.astype(np.float64)
    return made._replace(reshaped=frozenset(reshaped))


def _without_ones(array: Array) -> list[int]:
    return [size for size in array.shape if size != 1]


def not_compared(subject: Subject) -> tuple[NotCompared, ...]:
    """The arrays that nobody compared, where somebody might think so. What is no variable of a
    layer, a loss or a network of ours, as a target, is none by its nature."""
    ours = subject.network is not None or subject.loss is not None
    found = []
    for name, array in subject.arrays.items():
        if array.dtype.kind != "f":
            reason = NotComparedReason.INTEGERS
        elif name in subject.variables and not array.size:
            reason = NotComparedReason.EMPTY
        elif name not in subject.variables and not ours:
            reason = NotComparedReason.NOT_ASKED
        else:
            continue
        if not (ours and name not in subject.variables and name != "x"):
            found.append(NotCompared(name, reason, str(array.dtype)))
    return tuple(found)


def output_finding(subject: Subject) -> CheckFinding | None:
    """What is wrong with the output itself, so that nothing can be compared."""
    if subject.output.dtype.kind == "c":
        values: dict[str, object] = {"dtype": subject.output.dtype}
        return CheckFinding(FindingKind.OUTPUT_COMPLEX, UNDECIDED, values)
    if (place := first_not_finite(subject.output)) is not None:
        values = {"index": place, "value": str(subject.output[place])}
        return CheckFinding(FindingKind.OUTPUT_NOT_FINITE, UNDECIDED, values)
    if not subject.output.size:
        return CheckFinding(FindingKind.NOTHING_COMPARED, UNDECIDED, {})
    return None


def broadcast_finding(subject: Subject, seen: Observed | None) -> CheckFinding | None:
    """A row (N,) met a column (N, 1) in the forward, and pairs came of them.

    Where a target is subtracted so, and the pairs end in one number, it lost its axis: a mistake.
    A target is an array that no gradient is claimed for, or one that is called so. Pairs may be
    meant where they are the output, and where the row is anything else, as the centres of a kernel:
    then it is said and no more.
    """
    for spread in seen.spreads if seen is not None else ():
        if spread.array is None:
            continue
        other = spread.column or spread.place.code or spread.place.operation
        values = {"name": spread.array, "size": spread.size, "other": other}
        if subject.output.ndim:
            outcome = UNDECIDED if subject.output.shape == (spread.size, spread.size) else RIGHT
        else:
            target = spread.array not in subject.variables or spread.array.lower() in TARGETS
            outcome = WRONG if target and spread.place.operation == "subtract" else RIGHT
        key = FindingKind.BROADCAST if spread.column else FindingKind.BROADCAST_COMPUTED
        return CheckFinding(key, outcome, values)
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
