"""Mistakes where several arrays stand in one, as q, k and v of one product with all weights: what
comes back to two of them changes places."""

from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.attention_parts import AttentionPart
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Share
from clearprop.checking.verdict.mistakes import MistakeKind


def of_packed(found: TapePass, part: AttentionPart) -> Iterator[TapeSlip]:
    """Two of queries, keys and values in each other's place; each of them in the next one's."""
    pieces = _pieces(found, part)
    for one, other in combinations(pieces, 2):
        yield _exchanged(found, part, {one: other, other: one}, pieces)
    for ring in ("qkv", "qvk") if len(pieces) == len("qkv") else ():
        given = dict(pairwise([*ring, ring[0]]))
        yield _exchanged(found, part, given, pieces)


def _pieces(found: TapePass, part: AttentionPart) -> dict[str, int]:
    """By role the wire that was cut out of what all were made as; none where they were not."""
    pieces: dict[str, int] = {}
    for role, number in part.operands.items():
        wire = found.tape.wires[number]
        while len({*wire.sources}) == 1 and wire.operation is not None:
            before = found.tape.wires[wire.sources[0]]
            if before.value.size > wire.value.size:
                pieces[role] = wire.number
                break
            if wire.operation.family is Family.PRODUCT:
                break
            wire = before
    packed = {found.tape.wires[number].sources[0] for number in pieces.values()}
    shapes = {found.value(number).shape for number in pieces.values()}
    whole = len({*pieces.values()}) == len(pieces) and len(packed) == len(shapes) == 1
    return pieces if whole else {}


def _exchanged(
    found: TapePass, part: AttentionPart, given: Mapping[str, str], pieces: Mapping[str, int]
) -> TapeSlip:
    """Every role's place gets ∂C/∂(another one)."""

    def share(_: Array, signals: Mapping[int, Array]) -> Mapping[int, Array]:
        # All at once, where the last of them goes back: by then every one is complete.
        total: dict[int, Array] = {}
        for role, other in given.items():
            wire = found.tape.wires[pieces[role]]
            for number, one in found.tape.shares(wire, signals[pieces[other]]).items():
                total[number] = total[number] + one if number in total else one
        return total

    shares: dict[int, Share] = {pieces[role]: lambda _dy, _signals: {} for role in given}
    shares[max(shares)] = share
    own, other = next(iter(given.items()))
    values = {"where": part.called, "own": own, "other": other}
    return TapeSlip(MistakeKind.ATTENTION_OPERANDS, values, shares)
