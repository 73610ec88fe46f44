"""Mistakes at softmax, at cross-entropy behind it, and at penalties."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.part_kinds import SoftmaxPart
from clearprop.checking.diagnosis.along_tape.tape_pass import Gradients, TapePass, TapeSlip
from clearprop.checking.diagnosis.hypotheses import (
    USUAL,
    difference,
    scale,
)
from clearprop.checking.diagnosis.recording.tape import Signal
from clearprop.checking.verdict.mistakes import MistakeKind


def of_shares(found: TapePass) -> Iterator[TapeSlip]:
    """At softmax and its logarithm."""
    for part in found.parts.shares:
        yield from _of_one_share(found, part)


def _of_one_share(found: TapePass, part: SoftmaxPart) -> Iterator[TapeSlip]:
    where, p = {"where": f"Softmax({found.parts.called(part.source)})"}, part.p

    def slip(key: MistakeKind, made: Signal) -> TapeSlip:
        def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
            return {part.source: made(dy)}

        return TapeSlip(key, where, {part.out: share})

    yield slip(MistakeKind.DERIVATIVE_MISSING, lambda dy: dy)
    if part.is_log:
        yield slip(MistakeKind.SOFTMAX_DIAGONAL, lambda dy: dy * (1 - p))
        yield slip(MistakeKind.SOFTMAX_SUM, lambda dy: dy - p)
    else:
        yield slip(MistakeKind.SOFTMAX_DIAGONAL, lambda dy: dy * p * (1 - p))
        yield slip(MistakeKind.SOFTMAX_SUM, lambda dy: dy * p)
        axis = part.axis
        yield slip(
            MistakeKind.SOFTMAX_FACTOR, lambda dy: dy - (dy * p).sum(axis=axis, keepdims=True)
        )


class LossTarget(NamedTuple):
    """∂C/∂z = c (p − t), or ∂C/∂p that belongs to it: the wire, p, t, c, the axis of the classes,
    None where every output is one by itself, and 1 at the positions that count, 0 at others."""

    wire: int
    p: Array
    t: Array
    factor: float
    axis: int | None
    kept: Array


def of_entropy(found: TapePass) -> Iterator[TapeSlip]:
    """Where ∂C/∂z is c (p − t), or ∂C/∂p what belongs to that."""
    for one in _targets(found):
        yield from _of_logits(found, one)
    for one in _targets(found, of_probabilities=True):
        yield _of_given(found, one)


def _of_logits(found: TapePass, one: LossTarget) -> Iterator[TapeSlip]:
    p, t, axis, factor = one.p, one.t, one.axis, one.factor * one.kept
    where = {"where": found.parts.called(one.wire)}

    def instead(key: MistakeKind, made: Signal) -> TapeSlip:
        return TapeSlip(key, where, signals={one.wire: made})

    yield instead(MistakeKind.DERIVATIVE_ON_CROSS_ENTROPY, lambda g: g * p * (1 - p))
    if axis is not None:
        yield instead(
            MistakeKind.DERIVATIVE_ON_CROSS_ENTROPY,
            lambda g: p * (g - (g * p).sum(axis, keepdims=True)),
        )
        after, before = np.roll(t, 1, axis), np.roll(t, -1, axis)
        yield instead(MistakeKind.LABELS_SHIFTED, lambda g: factor * (p - after))
        yield instead(MistakeKind.LABELS_SHIFTED, lambda g: factor * (p - before))
    yield instead(MistakeKind.TARGET_MISSING, lambda g: factor * p)
    if one.kept.all():
        return
    # The mean is over the positions that count, and the others have no gradient.
    share = float(one.kept.mean())
    ignored = MistakeKind.IGNORED_COUNTED
    yield instead(ignored, lambda g: share * g)
    classes = np.arange(p.shape[axis or -1])
    for told in (None, 0, len(classes) - 1):
        target = np.moveaxis(np.broadcast_to((classes == told) * 1.0, p.shape), -1, axis or -1)
        whole = one.factor * (p - np.where(one.kept, t, target))
        for by in (1.0, share):
            yield instead(ignored, partial(_fixed, by * whole))


def _fixed(signal: Array, _: Array) -> Array:
    return signal


def counted_positions(found: TapePass) -> tuple[int, ...]:
    """How many positions a cross-entropy counts, where it leaves some out."""
    counts = [int(one.kept.sum()) for one in _targets(found) if not one.kept.all()]
    return tuple(dict.fromkeys(counts))


def _of_given(found: TapePass, one: LossTarget) -> TapeSlip:
    """P − t for ∂C/∂p: of probabilities that are the function's own, and of those that it made."""
    own = found.tape.wires[one.wire].leaf is not None
    return TapeSlip(
        MistakeKind.CROSS_ENTROPY_OF_LOGITS if own else MistakeKind.DERIVATIVE_ON_CROSS_ENTROPY,
        {"where": found.parts.called(one.wire)},
        signals={one.wire: lambda g: one.factor * (one.p - one.t)},
    )


def _targets(found: TapePass, *, of_probabilities: bool = False) -> Iterator[LossTarget]:
    seen: set[int] = set()
    constants = [
        one for wire in found.tape.order for one in wire.operands if not isinstance(one, int)
    ]
    given = [*map(np.asarray, found.arrays.values()), *constants]
    for wire in found.tape.order:
        z = wire.value
        g = found.signals.get(wire.number)
        if g is None or z.dtype.kind != "f" or z.size < 2 or not np.any(g):
            continue
        for p, axis in _probabilities(z, of_probabilities):
            if not of_probabilities and axis is not None and not _adds_up_to_0(g, axis):
                continue
            for t in (*_labels(given, z.shape, axis), *_told(g, p, axis, of_probabilities)):
                if of_probabilities:
                    with np.errstate(all="ignore"):
                        unit = -t / p if axis is not None else (p - t) / (p * (1 - p))
                else:
                    unit = p - t
                kept = np.ones_like(g)
                if axis is not None:
                    # A position that is ignored has no gradient.
                    kept = np.any(g, axis=axis, keepdims=True) * 1.0
                    unit = unit * kept
                if not np.isfinite(unit).all() or not np.any(unit):
                    continue
                factor = float(np.sum(g * unit) / np.sum(unit * unit))
                if wire.number not in seen and factor and difference(g, factor * unit) <= USUAL:
                    seen.add(wire.number)
                    yield LossTarget(wire.number, p, t, factor, axis, kept)


def _adds_up_to_0(g: Array, axis: int) -> bool:
    """Whether it may be c·(p − t), of which both add up to 1."""
    return scale(g.sum(axis=axis)) <= USUAL * scale(g)


def _told(g: Array, p: Array, axis: int | None, of_probabilities: bool) -> Iterator[Array]:
    """The target that ∂C/∂z itself tells, where every t is 0 or 1: it may be no argument."""
    with np.errstate(all="ignore"):
        if of_probabilities:
            candidates = [(np.abs(g) > 0) * 1.0] if axis is not None else []
        else:
            # Where t is 0, g/p is c; where it is 1, g/p has the other sign.
            ratio = g / p
            candidates = [p - g / factor for factor in (ratio.max(), ratio.min()) if factor]
    for t in candidates:
        whole = np.round(t)
        ones = whole.sum(axis=axis) if axis is not None else np.ones(1)
        if scale(t - whole) < USUAL and np.all((whole == 0) | (whole == 1)) and np.all(ones == 1):
            yield whole


def _probabilities(z: Array, given: bool) -> Iterator[tuple[Array, int | None]]:
    if given:
        if np.all((z > 0) & (z < 1)):
            yield from ((z, axis) for axis in range(z.ndim - 1, -1, -1))
            yield z, None
        return
    with np.errstate(all="ignore"):
        yield 1 / (1 + np.exp(-z)), None
        for axis in range(z.ndim - 1, -1, -1):
            if z.shape[axis] > 1:
                e = np.exp(z - z.max(axis=axis, keepdims=True))
                yield e / e.sum(axis=axis, keepdims=True), axis


def _labels(given: Sequence[Array], shape: tuple[int, ...], axis: int | None) -> Iterator[Array]:
    """What may be the target: an array of that shape between 0 and 1, or ids of classes."""
    for a in given:
        if a.shape == shape and np.all((a >= 0) & (a <= 1)):
            yield a.astype(np.float64)
        elif axis is not None and a.dtype.kind in "iu":
            classes = shape[axis]
            without = shape[:axis] + shape[axis + 1 :]
            if a.size == np.prod(without) and a.size:
                # What is no class is an index that is ignored.
                told = np.where((a >= 0) & (a < classes), a, 0)
                yield np.moveaxis(np.eye(classes)[told.reshape(without)], -1, axis)


PENALTIES = {
    MistakeKind.PENALTY_MISSING: 0.0,
    MistakeKind.PENALTY_HALVED: 0.5,
    MistakeKind.PENALTY_DOUBLED: 2.0,
    MistakeKind.PENALTY_NEGATIVE: -1.0,
}


def penalty_of(found: TapePass) -> Gradients:
    """The part of every gradient that comes from the penalties."""
    kept = frozenset(found.parts.penalties)
    if not kept:
        return {}
    total: dict[str, Array] = {}
    for number in kept:
        pulled = found.tape.pull(number, found.signals[number], found.tape.leaves.values())
        for name, leaf in found.tape.leaves.items():
            if leaf in pulled:
                total[name] = total[name] + pulled[leaf] if name in total else pulled[leaf]
    return total


def of_penalties(found: TapePass) -> Iterator[TapeSlip]:
    """A penalty that is forgotten or has a factor, in all its parameters or in one."""
    penalty = penalty_of(found)
    chosen = [tuple(penalty), *((name,) for name in penalty if len(penalty) > 1)]
    factors = {**PENALTIES}
    counts = {n for leaf in found.tape.leaves.values() for n in found.value(leaf).shape}
    for names in chosen if penalty else []:
        for key, factor in factors.items():
            yield _penalty(key, factor, names, penalty, {})
        for count in sorted(counts - {1, 2}):
            for factor in (float(count), 1 / count):
                values = {"factor": factor}
                yield _penalty(MistakeKind.PENALTY_FACTOR, factor, names, penalty, values)


def _penalty(
    key: MistakeKind,
    factor: float,
    names: tuple[str, ...],
    penalty: Gradients,
    values: Mapping[str, object],
) -> TapeSlip:
    def changed(gradients: Gradients) -> Gradients:
        return {name: gradients[name] + (factor - 1) * penalty[name] for name in names}

    return TapeSlip(key, values, leaves=changed)
