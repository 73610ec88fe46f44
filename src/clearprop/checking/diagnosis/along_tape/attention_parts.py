"""Attention on a tape: the softmax of scores, the product before it, and the product that takes its
shares as the weights of a mean."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.part_kinds import SoftmaxPart
from clearprop.checking.diagnosis.along_tape.part_signs import is_mask
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Wire

SCALING = ("multiply", "divide")


class ScaleWire(NamedTuple):
    """What is multiplied by one number everywhere: `out` is `factor` times `source`."""

    out: int
    source: int
    factor: float


class AttentionPart(NamedTuple):
    """y = softmax(q·kᵀ · factor)·v.

    scores   the product q·kᵀ; None where it was made entry by entry
    mixed    the product of the weights with v, and the place of the weights among its operands
    scales   the factors between the two products, and those of q and k by themselves
    masks    wires between softmax and `mixed` that are multiplied by 0 and 1
    called   what a sentence calls it
    """

    softmax: SoftmaxPart
    scores: Wire | None
    mixed: Wire
    place: int
    scales: tuple[ScaleWire, ...]
    masks: tuple[int, ...]
    called: str

    @property
    def operands(self) -> Mapping[str, int]:
        """The wires of q, k and v as they stand in the products."""
        found = {"v": self.mixed.sources[1 - self.place]}
        if self.scores is not None:
            found |= dict(zip("qk", self.scores.sources, strict=True))
        return found


def attention_parts(found: TapePass) -> tuple[AttentionPart, ...]:
    """Every attention on the tape, in order."""
    return tuple(_parts(found))


def _parts(found: TapePass) -> Iterator[AttentionPart]:
    for softmax in found.parts.shares:
        if softmax.is_log:
            continue
        mixing = _mixing(found, softmax)
        if mixing is None:
            continue
        mixed, place, masks = mixing
        scores, between = _scores(found, softmax)
        if scores is not None:
            between = [*between, *_of_operands(found, scores)]
        scales = tuple(one for one in (_scale(found, wire) for wire in between) if one)
        is_plain = not scales and not masks and bool((softmax.p > 0).all())
        if is_plain and _is_a_layer(found, scores, mixed):
            continue
        called = f"attention({', '.join(_names(found, softmax, scores))})"
        yield AttentionPart(softmax, scores, mixed, place, scales, masks, called)


def _mixing(found: TapePass, part: SoftmaxPart) -> tuple[Wire, int, tuple[int, ...]] | None:
    """The next product that takes the shares, their place in it, and the masks before it."""
    tape, reached = found.tape, {part.out}
    masks: list[int] = []
    for wire in tape.order:
        if not reached & {*wire.sources} or wire.operation is None:
            continue
        if wire.operation.family is Family.PRODUCT:
            if len(wire.operands) != 2 or len(wire.sources) != 2:
                return None
            place = next(n for n, one in enumerate(wire.sources) if one in reached)
            return wire, place, tuple(masks)
        if wire.operation.family in (Family.ENTRYWISE, Family.MOVEMENT):
            reached.add(wire.number)
            if wire.operation.name in ("multiply", "where") and _masks(wire):
                masks.append(wire.number)
    return None


def _masks(wire: Wire) -> bool:
    patterns = [one for one in wire.operands if not isinstance(one, int)]
    whole = [np.broadcast_to(one, wire.value.shape) * 1.0 for one in patterns[:1]]
    return len(wire.sources) == 1 and any(is_mask(one) and one.max() == 1 for one in whole)


def _scores(found: TapePass, part: SoftmaxPart) -> tuple[Wire | None, list[Wire]]:
    """The product that the scores come out of, and the wires between; none of both where there
    are several, as in a loop over pairs."""
    products, between = [], []
    waiting, seen = [part.source], set[int]()
    while waiting:
        number = waiting.pop()
        wire = found.tape.wires[number]
        if number in seen or wire.operation is None:
            continue
        seen.add(number)
        if wire.operation.family is Family.PRODUCT:
            products.append(wire)
            continue
        between.append(wire)
        if wire.operation.family in (Family.ENTRYWISE, Family.MOVEMENT):
            waiting += [one for one in wire.sources if found.value(one).dtype.kind == "f"]
    whole = [one for one in products if len(one.sources) == 2 and one.value.size == part.p.size]
    return (whole[0] if len(whole) == 1 else None), between


def _of_operands(found: TapePass, scores: Wire) -> Iterator[Wire]:
    """What was done with q and k before their product, back to where they were made."""
    for number in scores.sources:
        wire = found.tape.wires[number]
        while wire.operation is not None and len(wire.sources) == 1:
            if wire.operation.family is Family.ENTRYWISE and wire.operation.name not in SCALING:
                break
            if wire.operation.family not in (Family.ENTRYWISE, Family.MOVEMENT):
                break
            yield wire
            wire = found.tape.wires[wire.sources[0]]


def _scale(found: TapePass, wire: Wire) -> ScaleWire | None:
    if wire.operation is None or wire.operation.name not in SCALING or len(wire.sources) != 1:
        return None
    (source,) = wire.sources
    factor = found.tape.shares(wire, np.ones(wire.value.shape)).get(source)
    if factor is None or factor.shape != wire.value.shape or np.ptp(factor) > 0:
        return None
    number = float(factor.flat[0])
    return None if number in (0.0, 1.0) else ScaleWire(wire.number, source, number)


def _is_a_layer(found: TapePass, scores: Wire | None, mixed: Wire) -> bool:
    """Whether it may as well be a softmax between two linear layers: a parameter stands in one of
    the products as it is."""
    products = [mixed, *([scores] if scores is not None else [])]
    leaves = {found.parts.leaf_of(source) for wire in products for source in wire.sources}
    return bool(leaves - {None} - found.parts.data)


def _names(found: TapePass, part: SoftmaxPart, scores: Wire | None) -> list[str]:
    """The names of what q and k are made of: the nearest parameters, or q and k themselves."""
    tape = found.tape
    near: dict[str, None] = {}
    for number in scores.sources if scores is not None else ():
        wire = tape.wires[number]
        while wire.operation is not None and wire.operation.family is not Family.PRODUCT:
            ways = [one for one in wire.sources if found.value(one).size >= wire.value.size]
            if not ways:
                break
            wire = tape.wires[ways[0]]
        if wire.leaf is not None:
            near[wire.leaf] = None
        for source in wire.sources:
            leaf = found.parts.leaf_of(source)
            if leaf is not None and leaf not in found.parts.data:
                near[leaf] = None
    if not near:
        near = {n: None for n in tape.leaves if n in tape.names[part.source] - found.parts.data}
    return [*near] or ["…"]


def value_like(value: Array, other: Array) -> Iterator[Array]:
    """`value` in the layout that `other` has in a product: as it is, or with its last two axes
    exchanged."""
    turned = value.swapaxes(-1, -2) if value.ndim > 1 else value
    if turned.shape == other.shape:
        yield turned
    if value.shape == other.shape:
        yield value
