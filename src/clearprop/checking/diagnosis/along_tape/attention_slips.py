"""Mistakes at attention: at the softmax of scores between positions, at the products around it, at
the scale before it, and where heads are put side by side.

Of several heads or blocks every mistake is tried in each by itself and in all at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.attention_parts import (
    AttentionPart,
    attention_parts,
    value_like,
)
from clearprop.checking.diagnosis.along_tape.head_slips import of_heads
from clearprop.checking.diagnosis.along_tape.packed_slips import of_packed
from clearprop.checking.diagnosis.along_tape.repeated_slips import in_all_at_once
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip
from clearprop.checking.diagnosis.recording.tape import Share, Wire
from clearprop.checking.verdict.mistakes import MistakeKind

# More attentions than this are one that stands in a loop.
BY_ITSELF = 4
# What people mask scores with: a choice, or a very negative number that is added.
MASKS = ("where", "add", "subtract")


def of_attention(found: TapePass) -> Iterator[TapeSlip]:
    """Every slip of this file, in all attentions at once and in each by itself."""
    parts = attention_parts(found)
    each = [[*_of_one(found, part)] for part in parts]
    yield from in_all_at_once(each)
    if len(parts) <= BY_ITSELF:
        for own in each:
            yield from own


def _of_one(found: TapePass, part: AttentionPart) -> Iterator[TapeSlip]:
    yield from _of_scales(found, part)
    yield from _of_softmax(found, part)
    yield from _of_late_masks(found, part)
    yield from _of_operands(found, part)
    yield from _of_rows(found, part)
    yield from of_heads(found, part)
    yield from _of_paths(found, part)
    yield from of_packed(found, part)


# The scale


def _of_scales(found: TapePass, part: AttentionPart) -> Iterator[TapeSlip]:
    """The factor before the softmax left out on the way back, taken twice, or another one."""
    groups = [part.scales] if len(part.scales) > 1 else []
    for group in (*groups, *((one,) for one in part.scales)):
        factor = float(np.prod([one.factor for one in group]))
        for key, power in (
            (MistakeKind.ATTENTION_SCALE_MISSING, 0),
            (MistakeKind.ATTENTION_SCALE_TWICE, 2),
        ):
            shares = {one.out: _times(one.source, one.factor**power) for one in group}
            yield TapeSlip(key, {"where": part.called, "factor": factor}, shares)
    if part.scores is None:
        return
    whole = float(np.prod([one.factor for one in part.scales]))
    for place in (0, 1):
        # Of q alone, or of k alone.
        for key, by in (
            (MistakeKind.ATTENTION_SCALE_MISSING, 1 / whole),
            (MistakeKind.ATTENTION_SCALE_TWICE, whole),
        ):
            if part.scales:
                changed = _changed(found, part.scores, {place: partial(np.multiply, by)})
                yield TapeSlip(key, {"where": part.called, "factor": whole}, changed)
    for other in _other_scales(found, part, whole):
        both = dict.fromkeys((0, 1), partial(np.multiply, other / whole))
        values = {"where": part.called, "factor": whole, "other": other}
        key = MistakeKind.ATTENTION_SCALE_OTHER
        yield TapeSlip(key, values, _changed(found, part.scores, both))


def _times(source: int, by: float) -> Share:
    return lambda dy, _: {source: dy * by}


def _other_scales(found: TapePass, part: AttentionPart, right: float) -> Iterator[float]:
    """1/√n of the widths that are about: a head's, the model's, the number of positions."""
    inputs = [found.value(one.signal) for one in found.parts.affine]
    sizes = {n for array in (*inputs, part.softmax.p) for n in array.shape[-1:]}
    if part.scores is not None:
        sizes |= {n for one in part.scores.sources for n in found.value(one).shape[-2:]}
    for size in sorted(sizes - {1}):
        for factor in (size**-0.5, 1 / size):
            if all(abs(factor - one) > 1e-9 for one in (right, 1.0, right * right)):
                yield factor


# The softmax


def _of_softmax(found: TapePass, part: AttentionPart) -> Iterator[TapeSlip]:
    """Its sum over the other axis, and shares of a softmax that nothing was masked of."""
    p, axis, source = part.softmax.p, part.softmax.axis, part.softmax.source

    def slip(key: MistakeKind, made: Callable[[Array], Array]) -> TapeSlip:
        share: Share = lambda dy, _: {source: made(dy)}  # noqa: E731
        return TapeSlip(key, {"where": part.called}, {part.softmax.out: share})

    yield slip(MistakeKind.SOFTMAX_DIAGONAL, lambda dy: dy * p * (1 - p))
    yield slip(MistakeKind.SOFTMAX_SUM, lambda dy: dy * p)
    scores = found.value(source)
    if p.ndim > 1:
        other = p.ndim - 1 if axis == p.ndim - 2 else p.ndim - 2
        columns = MistakeKind.ATTENTION_COLUMNS
        yield slip(columns, partial(_jacobian, p, other))
        turned = _softmax(np.where(p > 0, scores, -1e30), other)
        for along in (other, axis):
            yield slip(columns, partial(_jacobian, turned, along))
    kept = (p > 0) * 1.0
    if kept.all():
        return
    scores, masks = _before_masks(found, part)
    whole = _softmax(scores, axis)
    # The softmax of all positions wherever the weights stand, and no mask on the way back.
    everywhere: dict[int, Share] = {
        part.softmax.out: lambda dy, _: {source: _jacobian(whole, axis, dy)}
    }
    everywhere |= {mask.number: _times(mask.sources[0], 1.0) for mask in masks}
    unmasked = found.tape.played(part.mixed.sources[part.place], {part.softmax.out: whole})
    everywhere |= _with_values(found, part.mixed, {1 - part.place: unmasked})
    yield TapeSlip(MistakeKind.ATTENTION_MASK, {"where": part.called}, everywhere)
    for before in (np.ones_like(p), kept):
        for after in (np.ones_like(p), kept):

            def made(dy: Array, before: Array = before, after: Array = after) -> Array:
                masked = dy * before
                jacobian = masked - (masked * whole).sum(axis, keepdims=True)
                changed: Array = after * whole * jacobian
                return changed

            yield slip(MistakeKind.ATTENTION_MASK, made)
    yield slip(
        MistakeKind.ATTENTION_MASK, lambda dy: p * (dy - (dy * whole).sum(axis, keepdims=True))
    )
    # The weights that were masked behind the softmax, wherever weights stand.
    late = whole * kept
    behind = found.tape.played(part.mixed.sources[part.place], {part.softmax.out: late})
    of_late: dict[int, Share] = {
        part.softmax.out: lambda dy, _: {source: _jacobian(late, axis, dy)},
        **_with_values(found, part.mixed, {1 - part.place: behind}),
    }
    yield TapeSlip(MistakeKind.ATTENTION_MASK, {"where": part.called}, of_late)


def _before_masks(found: TapePass, part: AttentionPart) -> tuple[Array, tuple[Wire, ...]]:
    """The scores before anything was masked, and the wires that masked them, the last first."""
    wire, masks = found.tape.wires[part.softmax.source], list[Wire]()
    while wire.operation is not None and wire.operation.name in MASKS and len(wire.sources) == 1:
        before = found.tape.wires[wire.sources[0]]
        if before.value.shape != wire.value.shape:
            break
        masks.append(wire)
        wire = before
    return wire.value, tuple(masks)


def _jacobian(p: Array, axis: int, dy: Array) -> Array:
    """What a softmax over an axis gives back."""
    signals: Array = p * (dy - (dy * p).sum(axis, keepdims=True))
    return signals


def _softmax(scores: Array, axis: int) -> Array:
    with np.errstate(all="ignore"):
        powers = np.exp(scores - scores.max(axis, keepdims=True))
        shares: Array = powers / powers.sum(axis, keepdims=True)
    return shares


def _of_late_masks(found: TapePass, part: AttentionPart) -> Iterator[TapeSlip]:
    """Weights that are multiplied by a mask behind the softmax: without it on the way to the
    scores, in what v gets, or in both."""
    for number in part.masks:
        source = found.tape.wires[number].sources[0]
        unmasked: dict[int, Share] = {number: _times(source, 1.0)}
        v, weights = (
            1 - part.place,
            found.tape.played(part.mixed.sources[part.place], {number: found.value(source)}),
        )
        of_v = _with_values(found, part.mixed, {v: weights})
        for shares in (unmasked, of_v, {**unmasked, **of_v}):
            yield TapeSlip(MistakeKind.ATTENTION_MASK, {"where": part.called}, shares)


# The products


def _of_operands(found: TapePass, part: AttentionPart) -> Iterator[TapeSlip]:
    """Q for k, k for v and so on: one of the three in the place of another."""
    shares = found.value(part.mixed.sources[part.place])
    for number in found.tape.between(part.softmax.out, [part.softmax.source]):
        # What the weights were made of, in their place.
        if number != part.softmax.out and found.value(number).shape == shares.shape:
            made = _with_values(found, part.mixed, {1 - part.place: found.value(number)})
            said = {"where": part.called, "other": found.parts.called(number)}
            yield TapeSlip(MistakeKind.WRONG_CACHE, said, made)
    if part.scores is None:
        return
    values = {role: found.value(number) for role, number in part.operands.items()}
    # The product, the place whose share is computed, and what stands beside it there.
    ways: list[tuple[Wire, int, str]] = [
        (part.scores, 0, "k"),
        (part.scores, 1, "q"),
        (part.mixed, part.place, "v"),
    ]
    for wire, place, own in ways:
        for other in "qkv":
            for value in value_like(values[other], values[own]) if other != own else ():
                yield _mixed_up(part, own, other, _with_values(found, wire, {place: value}))
    for of_q in value_like(values["q"], values["k"]):
        for of_k in value_like(values["k"], values["q"]):
            both = _with_values(found, part.scores, {0: of_q, 1: of_k})
            yield _mixed_up(part, "k", "q", both)


def _mixed_up(part: AttentionPart, own: str, other: str, shares: Mapping[int, Share]) -> TapeSlip:
    values = {"where": part.called, "own": own, "other": other}
    return TapeSlip(MistakeKind.ATTENTION_OPERANDS, values, shares)


def _of_rows(found: TapePass, part: AttentionPart) -> Iterator[TapeSlip]:
    """Rows for columns: of a square matrix of scores or of their signals its transpose."""
    key, where = MistakeKind.ATTENTION_ROWS, {"where": part.called}
    for wire in (part.scores, part.mixed):
        if wire is None:
            continue
        values = found.tape.values(wire)
        for places in ((0,), (1,), (0, 1)):
            if _is_square(wire.value) and wire is part.scores:
                yield TapeSlip(key, where, _turned_signal(found, wire, places))
        for place in (0, 1):
            if _is_square(values[1 - place]):
                turned = values[1 - place].swapaxes(-1, -2)
                yield TapeSlip(key, where, _with_values(found, wire, {place: turned}))
    if _is_square(part.softmax.p):
        turn = {part.place: lambda right: right.swapaxes(-1, -2)}
        yield TapeSlip(key, where, _changed(found, part.mixed, turn))


def _is_square(value: Array) -> bool:
    return value.ndim > 1 and value.shape[-1] == value.shape[-2] > 1


def _turned_signal(found: TapePass, wire: Wire, places: Sequence[int]) -> dict[int, Share]:
    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        given, values = found.tape.shares(wire, dy), found.tape.values(wire)
        for place in places:
            wrong = found.tape.share(wire, dy.swapaxes(-1, -2), place, values)
            if wrong is not None:
                given[wire.sources[place]] = wrong
        return given

    return {wire.number: share}


def _with_values(found: TapePass, wire: Wire, instead: Mapping[int, Array]) -> dict[int, Share]:
    """The product's shares where at some places the other operand has another value."""

    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        given = found.tape.shares(wire, dy)
        for place, value in instead.items():
            values = found.tape.values(wire)
            values[1 - place] = value
            wrong = found.tape.share(wire, dy, place, values)
            if wrong is not None:
                given[wire.sources[place]] = wrong
        return given

    return {wire.number: share}


def _changed(
    found: TapePass, wire: Wire, change: Mapping[int, Callable[[Array], Array]]
) -> dict[int, Share]:
    """The product's shares, some of them changed."""

    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        given = found.tape.shares(wire, dy)
        for place, made in change.items():
            given[wire.sources[place]] = made(given[wire.sources[place]])
        return given

    return {wire.number: share}


# The ways back


def _of_paths(found: TapePass, part: AttentionPart) -> Iterator[TapeSlip]:
    """What q, k or v give back to what they were made of, forgotten."""
    made = {affine.out: affine for affine in found.parts.affine}
    made |= {affine.product: affine for affine in found.parts.affine}
    for number in part.operands.values():
        wire = found.tape.wires[number]
        while wire.number not in made and len(wire.sources) == 1:
            wire = found.tape.wires[wire.sources[0]]
        affine = made.get(wire.number)
        if affine is None or found.parts.leaf_of(affine.signal) in found.tape.leaves.keys() - {
            *found.parts.data
        }:
            continue
        product = found.tape.wires[affine.product]

        def share(
            dy: Array, _: Mapping[int, Array], product: Wire = product, x: int = affine.signal
        ) -> Mapping[int, Array]:
            return {n: one for n, one in found.tape.shares(product, dy).items() if n != x}

        values = {"where": found.parts.called(affine.signal)}
        yield TapeSlip(MistakeKind.PATH_FORGOTTEN, values, {product.number: share})
