"""Mistakes at attention: at the softmax of scores between positions, at the products around it, at
the scale before it, and where heads are put side by side."""

from collections.abc import Iterator, Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.part_kinds import SoftmaxPart
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Share, Signal, Wire
from clearprop.checking.verdict.mistakes import MistakeKind

# What people mask scores with: a choice, or a very negative number that is added.
MASKS = ("where", "add", "subtract")
# Of more arrays of one shape no other is tried in the place of the right one.
MOST_OTHERS = 24


def of_attention(found: TapePass) -> Iterator[TapeSlip]:
    """At every softmax whose shares go into a product with what is no parameter."""
    parts = [part for part in found.parts.shares if not part.is_log and _weighs(found, part)]
    for part in parts:
        yield from _of_rows(found, part)
        yield from _of_scale(found, part)
    if parts:
        yield from _of_products(found)
        yield from _of_heads(found)


def _weighs(found: TapePass, part: SoftmaxPart) -> bool:
    """Whether the shares are the weights of a mean: a product of two wires that no parameter is."""
    reached = {part.out}
    for wire in found.tape.order:
        if not reached & {*wire.sources}:
            continue
        if _is_product(found, wire):
            return True
        if wire.operation is not None and wire.operation.family is not Family.PRODUCT:
            reached.add(wire.number)
    return False


def _is_product(found: TapePass, wire: Wire) -> bool:
    """Whether it is a product of two wires neither of which is a parameter; q, k and v may be
    the function's own arrays, with an axis of samples in front."""
    if wire.operation is None or wire.operation.family is not Family.PRODUCT:
        return False
    leaves = [found.parts.leaf_of(source) for source in wire.sources]
    of_samples = [leaf is None or found.arrays[leaf].ndim > 2 for leaf in leaves]
    return len(wire.operands) == 2 and of_samples == [True, True]


def _of_rows(found: TapePass, part: SoftmaxPart) -> Iterator[TapeSlip]:
    """The softmax's sum over the other axis, and shares of a softmax that nothing was masked of."""
    p, axis = part.p, part.axis
    where = {"where": f"Softmax({found.parts.called(part.source)})"}

    def slip(key: MistakeKind, made: Signal) -> TapeSlip:
        def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
            return {part.source: made(dy)}

        return TapeSlip(key, where, {part.out: share})

    other = p.ndim - 1 if axis == p.ndim - 2 else p.ndim - 2
    if p.ndim > 1:
        yield slip(
            MistakeKind.ATTENTION_COLUMNS,
            lambda dy: p * (dy - (dy * p).sum(other, keepdims=True)),
        )
    kept = p > 0
    if kept.all():
        return
    scores, masks = _before_masks(found, part)
    whole = np.exp(scores - scores.max(axis, keepdims=True))
    whole = whole / whole.sum(axis, keepdims=True)
    yield _never_masked(found, part, whole, masks)
    for before in (np.ones_like(p), kept * 1.0):
        for after in (np.ones_like(p), kept * 1.0):

            def made(dy: Array, before: Array = before, after: Array = after) -> Array:
                masked = dy * before
                jacobian = masked - (masked * whole).sum(axis, keepdims=True)
                changed: Array = after * whole * jacobian
                return changed

            yield slip(MistakeKind.ATTENTION_MASK, made)

    def unmasked(dy: Array) -> Array:
        changed: Array = p * (dy - (dy * whole).sum(axis, keepdims=True))
        return changed

    yield slip(MistakeKind.ATTENTION_MASK, unmasked)


def _before_masks(found: TapePass, part: SoftmaxPart) -> tuple[Array, tuple[Wire, ...]]:
    """The scores before anything was masked, and the wires that masked them, the last first."""
    wire, masks = found.tape.wires[part.source], list[Wire]()
    while wire.operation is not None and wire.operation.name in MASKS and len(wire.sources) == 1:
        before = found.tape.wires[wire.sources[0]]
        if before.value.shape != wire.value.shape:
            break
        masks.append(wire)
        wire = before
    return wire.value, tuple(masks)


def _never_masked(
    found: TapePass, part: SoftmaxPart, whole: Array, masks: tuple[Wire, ...]
) -> TapeSlip:
    """A backward pass that has the softmax of all positions wherever the weights stand."""

    def at_softmax(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        return {part.source: whole * (dy - (dy * whole).sum(part.axis, keepdims=True))}

    shares: dict[int, Share] = {part.out: at_softmax}
    for mask in masks:
        shares[mask.number] = _straight_through(mask.sources[0])
    for wire in found.tape.order:
        if part.out in wire.sources and _is_product(found, wire):
            values = [
                whole if source == part.out else value
                for source, value in zip(wire.operands, found.tape.values(wire), strict=True)
            ]
            shares[wire.number] = _with_values(found, wire, values)
    where = {"where": f"Softmax({found.parts.called(part.source)})"}
    return TapeSlip(MistakeKind.ATTENTION_MASK, where, shares)


def _straight_through(source: int) -> Share:
    return lambda dy, _: {source: dy}


def _with_values(found: TapePass, wire: Wire, values: list[Array]) -> Share:
    """What the product gives to its operands, had they these values."""

    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        given = {}
        for place, source in enumerate(wire.operands):
            own = found.tape.share(wire, dy, place, values)
            if isinstance(source, int) and own is not None:
                given[source] = own
        return given

    return share


def _of_scale(found: TapePass, part: SoftmaxPart) -> Iterator[TapeSlip]:
    """The factor before the softmax left out on the way back, or taken twice."""
    tape = found.tape
    for wire in tape.order:
        if wire.number > part.source or part.source not in _behind(found, wire.number):
            continue
        operation = wire.operation
        if operation is None or operation.name not in ("multiply", "divide"):
            continue
        if len(wire.sources) != 1:
            continue
        (source,) = wire.sources
        factor = tape.shares(wire, np.ones(wire.value.shape)).get(source)
        if factor is None or factor.shape != wire.value.shape or np.ptp(factor) > 0:
            continue
        number = float(factor.flat[0])
        if number in (0.0, 1.0):
            continue
        values = {"where": found.parts.called(part.source), "factor": number}
        for key, power in (
            (MistakeKind.ATTENTION_SCALE_MISSING, 0),
            (MistakeKind.ATTENTION_SCALE_TWICE, 2),
        ):

            def share(
                dy: Array,
                _: Mapping[int, Array],
                source: int = source,
                scale: float = number**power,
            ) -> Mapping[int, Array]:
                return {source: dy * scale}

            yield TapeSlip(key, values, {wire.number: share})
            yield from _of_one_operand(found, source, key, values, number ** (power - 1))


def _of_one_operand(
    found: TapePass, number: int, key: MistakeKind, values: dict[str, object], scale: float
) -> Iterator[TapeSlip]:
    """The same in what one of queries and keys gets alone."""
    wire = found.tape.wires[number]
    if not _is_product(found, wire):
        return
    for place in wire.sources:

        def share(
            dy: Array, _: Mapping[int, Array], wire: Wire = wire, place: int = place
        ) -> Mapping[int, Array]:
            given = found.tape.shares(wire, dy)
            return {one: own * scale if one == place else own for one, own in given.items()}

        yield TapeSlip(key, values, {wire.number: share})


def _behind(found: TapePass, number: int) -> frozenset[int]:
    """What is made of a wire, the wire itself too."""
    reached = {number}
    for wire in found.tape.order:
        if reached & {*wire.sources}:
            reached.add(wire.number)
    return frozenset(reached)


def _of_products(found: TapePass) -> Iterator[TapeSlip]:
    """Rows for columns: of a square matrix of scores or of their signals its transpose."""
    tape = found.tape
    for wire in tape.order:
        if not _is_product(found, wire):
            continue
        values = tape.values(wire)
        where = {"where": ", ".join(found.parts.called(source) for source in wire.sources)}
        for place in (0, 1):
            if _is_square(wire.value):
                yield TapeSlip(
                    MistakeKind.ATTENTION_ROWS, where, {wire.number: _share(found, wire, place)}
                )
            if _is_square(values[1 - place]):
                turned = list(values)
                turned[1 - place] = values[1 - place].swapaxes(-1, -2)
                yield TapeSlip(
                    MistakeKind.ATTENTION_ROWS,
                    where,
                    {wire.number: _share(found, wire, place, turned)},
                )
            yield from _of_own_operand(found, wire, place)


def _of_own_operand(found: TapePass, wire: Wire, place: int) -> Iterator[TapeSlip]:
    """An operand is given the product with another one than its partner: q in the place of k, or
    what the weights were made of in theirs."""
    values = found.tape.values(wire)
    right = values[1 - place]
    others = [
        (found.parts.called(other.number), value)
        for other in found.tape.order
        for value in (other.value, other.value.swapaxes(-1, -2) if other.value.ndim > 1 else None)
        if value is not None and value.shape == right.shape
    ]
    for other, value in others[:MOST_OTHERS]:
        mixed = [*values]
        mixed[1 - place] = value
        said: dict[str, object] = {"where": found.parts.called(wire.number), "other": other}
        yield TapeSlip(
            MistakeKind.WRONG_CACHE, said, {wire.number: _share(found, wire, place, mixed)}
        )


def _is_square(value: Array) -> bool:
    return value.ndim > 1 and value.shape[-1] == value.shape[-2] > 1


def _share(found: TapePass, wire: Wire, place: int, values: list[Array] | None = None) -> Share:
    """The product's share of one operand, of a signal that is turned or of other values."""

    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        given = found.tape.shares(wire, dy)
        signal = dy.swapaxes(-1, -2) if values is None else dy
        own = found.tape.values(wire) if values is None else values
        wrong = found.tape.share(wire, signal, place, own)
        return given if wrong is None else {**given, wire.sources[place]: wrong}

    return share


def _of_heads(found: TapePass) -> Iterator[TapeSlip]:
    """Heads that were moved beside the features are cut apart as if they had stood there."""
    for wire in found.tape.order:
        operation = wire.operation
        if operation is None or operation.family is not Family.MOVEMENT or len(wire.sources) != 1:
            continue
        (source,) = wire.sources
        shape = found.value(source).shape
        same = sorted(shape) == sorted(wire.value.shape)
        if len(shape) < 3 or not same or shape == wire.value.shape:
            continue

        def share(
            dy: Array, _: Mapping[int, Array], source: int = source, shape: tuple[int, ...] = shape
        ) -> Mapping[int, Array]:
            return {source: dy.reshape(shape)}

        where = {"where": found.parts.called(source)}
        yield TapeSlip(MistakeKind.HEADS_ORDER, where, {wire.number: share})
