"""Ways that are forgotten, and values or signals of another place."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.linear_slips import ends_of
from clearprop.checking.diagnosis.along_tape.part_kinds import Affine, Function
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip, named_wires
from clearprop.checking.diagnosis.chain_rule import slope_formula
from clearprop.checking.diagnosis.recording.primitives import summed_to
from clearprop.checking.diagnosis.recording.tape import Share, Tape, Wire
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.engine.layers.activations import Activation

# What is done in a part of the loss, with no weights between, is no layer's function.
ROUNDS = 3  # from so many times round on it is a loop


def of_ways(found: TapePass) -> Iterator[TapeSlip]:
    """Where a signal comes back several ways, one of them is left out."""
    tape, parts = found.tape, found.parts
    penalties = {n for one in parts.penalties for n in tape.between(one, tape.leaves.values())}
    for wire in tape.order:
        if wire.number in parts.inside or wire.value.dtype.kind != "f":
            continue
        if any(
            function.source == wire.number and _is_bent(function) for function in parts.functions
        ):
            continue
        ways = _ways(found, wire, penalties)
        added = bool(penalties & {*found.tape.takers[wire.number]})
        if len(ways) + added < 2:
            continue
        looped = wire.leaf is not None and len(ways) >= ROUNDS and _is_a_loop(tape, ways)
        if looped and not _meets_others(found, wire.number, ways):
            continue
        direct = [way for way in ways if _is_direct(tape, wire.number, way)]
        called = parts.called(wire.number)
        for way in ways:
            key = MistakeKind.RESIDUAL_SKIP if way in direct else MistakeKind.PATH_FORGOTTEN
            if direct and way not in direct and len(ways) == 2:
                key = MistakeKind.RESIDUAL_BRANCH
            values: dict[str, object] = {"where": called}
            if direct:
                values = {"where": _block_called(found, wire.number, direct[0]) or called}
            yield TapeSlip(key, values, {n: _silent(found, n, wire.number) for n in way})


def _is_bent(function: Function) -> bool:
    """Whether the function is one of pieces, of which each is a use of its argument."""
    return function.layer is not None and bool(function.layer.kinks())


def _is_a_loop(tape: Tape, ways: Sequence[frozenset[int]]) -> bool:
    """Whether all ways begin alike."""
    made = [tape.wires[n].operation for way in ways for n in way]
    return len({(one.name, one.family) for one in made if one is not None}) == 1


def _meets_others(found: TapePass, source: int, ways: Sequence[frozenset[int]]) -> bool:
    """Whether every way is a product with an array of its own, as of one x with three weights: not
    one line that is run again and again."""
    partners = [
        found.parts.leaf_of(one)
        for way in ways
        for n in way
        for one in found.tape.wires[n].sources
        if one != source
    ]
    return None not in partners and len({*partners}) == len(ways)


def of_rounds(found: TapePass) -> Iterator[TapeSlip]:
    """One time round a loop over the samples is left out, or all but one."""
    tape, rounds = found.tape, dict[int, list[tuple[int, int]]]()
    in_time = {name for loop in found.parts.loops for name in loop.weights}
    for name in found.asked & {*tape.leaves}:
        if name in in_time:
            continue  # rounds that hang together have names of their own
        leaf = tape.leaves[name]
        takers = [frozenset([n]) for n in dict.fromkeys(tape.takers[leaf]) if n in found.signals]
        if name not in found.parts.data and len(takers) >= ROUNDS and _is_a_loop(tape, takers):
            numbers = sorted(n for way in takers for n in way)
            rounds.setdefault(len(takers), []).extend((leaf, n) for n in numbers)
    for pairs in rounds.values():
        together = dict.fromkeys(leaf for leaf, _ in pairs)
        yield from _of_some_rounds(found, pairs)
        for alone in together if len(together) > 1 else ():
            yield from _of_some_rounds(found, [pair for pair in pairs if pair[0] == alone])


def _of_some_rounds(found: TapePass, pairs: Sequence[tuple[int, int]]) -> Iterator[TapeSlip]:
    """The same of some parameters, each by its wire with those that take it."""
    of_leaf: dict[int, list[int]] = {}
    for leaf, number in pairs:
        of_leaf.setdefault(leaf, []).append(number)
    count = len(next(iter(of_leaf.values())))
    for index in (0, count - 1):
        here = {ways[index]: leaf for leaf, ways in of_leaf.items()}
        others = {number: leaf for leaf, number in pairs if number not in here}
        for key, silent in ((MistakeKind.SAMPLE_MISSING, here), (MistakeKind.ONE_SAMPLE, others)):
            shares = {number: _silent(found, number, leaf) for number, leaf in silent.items()}
            yield TapeSlip(key, {"where": "…", "index": index}, shares)


def _ways(found: TapePass, wire: Wire, penalties: set[int]) -> list[frozenset[int]]:
    """The wires that take this one, those of one part together."""
    takers = [
        number
        for number in dict.fromkeys(found.tape.takers[wire.number])
        if number not in penalties and number in found.signals
    ]
    outs = [part.out for part in found.parts.shares if part.source == wire.number]
    outs += [part.out for part in found.parts.normals if part.source == wire.number]
    together = [found.tape.between(out, [wire.number]) for out in outs]
    ways: list[frozenset[int]] = []
    for number in takers:
        around = next((one for one in together if number in one), frozenset([number]))
        way = frozenset(around & {*takers})
        if way not in ways:
            ways.append(way)
    return ways


def _is_direct(tape: Tape, source: int, way: frozenset[int]) -> bool:
    """Whether the way is a sum with something else that is made of the source."""
    if len(way) != 1:
        return False
    (number,) = way
    wire = tape.wires[number]
    if wire.operation is None or wire.operation.name != "add" or source not in wire.sources:
        return False
    others = [one for one in wire.sources if one != source]
    return any(source in tape.between(one, [source]) for one in others)


def _block_called(found: TapePass, source: int, direct: frozenset[int]) -> str:
    """A residual block by the parameters within it; "" where it has none."""
    (total,) = direct
    own = found.tape.names[total] - found.tape.names[source] - found.parts.data
    names = [name for name in found.tape.leaves if name in own]
    return f"residual({', '.join(names)})" if names else ""


def _silent(found: TapePass, number: int, source: int) -> Share:
    wire = found.tape.wires[number]

    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        return {n: one for n, one in found.tape.shares(wire, dy).items() if n != source}

    return share


def of_copies(found: TapePass) -> Iterator[TapeSlip]:
    """The derivative of one layer taken at another one's values; one layer's signal for another's
    gradients."""
    for function in found.parts.functions:
        layer = function.layer
        if layer is None or found.parts.is_in_time(function.out):
            continue
        z = found.value(function.source)
        for other in _others(found, z.shape, {function.source, function.out}):
            for as_value in (True, False):

                def share(
                    dy: Array,
                    _: Mapping[int, Array],
                    as_value: bool = as_value,
                    layer: Activation = layer,
                    point: Array = other.value,
                    source: int = function.source,
                ) -> Mapping[int, Array]:
                    with np.errstate(all="ignore"):
                        value = point if as_value else np.asarray(layer.value(point))
                        return {source: dy * slope_formula(layer, point, value)}

                values = {
                    "where": found.parts.called(function.out),
                    "other": found.parts.called(other.number),
                }
                yield TapeSlip(MistakeKind.WRONG_CACHE, values, {function.out: share})
    yield from _of_own_factors(found)
    yield from _of_other_signals(found)


def _of_own_factors(found: TapePass) -> Iterator[TapeSlip]:
    """Of a product each factor is given itself in place of the other."""
    for wire in found.tape.order:
        is_product = wire.operation is not None and wire.operation.name == "multiply"
        if not is_product or len(wire.sources) != 2 or wire.sources[0] == wire.sources[1]:
            continue
        for places in ((0,), (1,), (0, 1)):

            def share(
                dy: Array,
                _: Mapping[int, Array],
                wire: Wire = wire,
                places: tuple[int, ...] = places,
            ) -> Mapping[int, Array]:
                given = found.tape.shares(wire, dy)
                for place in places:
                    source = wire.sources[place]
                    own = found.value(source)
                    given[source] = summed_to(np.asarray(dy * own), own.shape)
                return given

            leaf = found.parts.leaf_of(wire.sources[places[0]]) or "…"
            values = {"where": "multiply", "other": leaf}
            yield TapeSlip(MistakeKind.WRONG_CACHE, values, {wire.number: share})


def _others(found: TapePass, shape: tuple[int, ...], but: set[int]) -> Iterator[Wire]:
    """The named wires that can stand beside an array of that shape."""
    shapes = {found.value(n).shape for n in found.tape.used if found.value(n).ndim == len(shape)}
    for other in sorted(shapes):
        fits = all(mine in (own, 1) for own, mine in zip(shape, other, strict=True))
        if fits and np.prod(other) > 1:
            yield from named_wires(found, other, but)


def _of_other_signals(found: TapePass) -> Iterator[TapeSlip]:
    tape = found.tape
    for one in found.parts.affine:
        if found.parts.is_in_time(one.out):
            continue
        ends = ends_of(one, found)
        for other in found.parts.affine:
            here, there = found.value(one.out), found.value(other.out)
            if other.out == one.out or here.shape != there.shape:
                continue
            for taken in (("x",), *((name,) for name in one.leaves), one.leaves, tuple(ends)):

                def share(
                    dy: Array,
                    signals: Mapping[int, Array],
                    taken: tuple[str, ...] = taken,
                    one: Affine = one,
                    other: Affine = other,
                    ends: Mapping[str, int] = ends,
                ) -> Mapping[int, Array]:
                    right = tape.pull(one.out, dy, ends.values())
                    given = found.signals[other.out]
                    wrong = tape.pull(one.out, given, ends.values())
                    return {
                        number: (wrong if name in taken else right)[number]
                        for name, number in ends.items()
                        if number in right
                    }

                values = {"where": one.called, "other": other.called}
                yield TapeSlip(MistakeKind.WRONG_SIGNAL, values, {one.out: share})


def anywhere(found: TapePass) -> Iterator[TapeSlip]:
    """A signal that stops at a part, or that is 1 there; a loss has none to ignore."""
    parts = found.parts
    outs = {one.out for one in parts.affine} | {one.out for one in parts.functions}
    outs |= {one.out for one in parts.shares} | {one.out for one in parts.normals}
    for number in sorted(outs):
        if number not in found.signals:
            continue
        where = {"where": parts.called(number)}
        if found.value(found.tape.output).size > 1:
            yield TapeSlip(MistakeKind.UPSTREAM_IGNORED, where, signals={number: np.ones_like})
        yield TapeSlip(MistakeKind.GRADIENT_STOPS, where, signals={number: np.zeros_like})


def has_several_ways(found: TapePass) -> bool:
    """Whether a signal comes back several ways somewhere outside of softmax and norms."""
    return any(
        len(_ways(found, wire, set())) > 1
        for wire in found.tape.order
        if wire.number not in found.parts.inside
        and wire.leaf is None
        and found.parts.roots[wire.number] == wire.number
    )
