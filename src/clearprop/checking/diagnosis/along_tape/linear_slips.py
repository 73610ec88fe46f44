"""Mistakes at linear layers, in any layout."""

from collections.abc import Iterator, Mapping
from itertools import combinations, product

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.part_kinds import Affine, Function
from clearprop.checking.diagnosis.along_tape.tape_pass import (
    Gradients,
    TapePass,
    TapeSlip,
    named_wires,
)
from clearprop.checking.diagnosis.hypotheses import (
    difference,
)
from clearprop.checking.diagnosis.recording.primitives import summed_to
from clearprop.checking.diagnosis.recording.tape import Share, Wire
from clearprop.checking.verdict.mistakes import MistakeKind

# The axes of a batch of images with channels.
IMAGES = 4


def of_affine(found: TapePass) -> Iterator[TapeSlip]:
    """At every linear layer."""
    for one in found.parts.affine:
        yield from _of_one_affine(found, one)


def ends_of(one: Affine, found: TapePass) -> dict[str, int]:
    """Where the gradients of a linear layer come out: "x", and its parameters."""
    return {"x": one.signal, **{name: found.tape.leaves[name] for name in one.leaves}}


def _of_one_affine(found: TapePass, one: Affine) -> Iterator[TapeSlip]:
    tape, parts = found.tape, found.parts
    product = tape.wires[one.product]
    values = tape.values(product)
    where = {"where": one.called}

    # From ∂C/∂a where ∂C/∂z belongs, for some of the gradients and not for all.
    for function in parts.functions:
        if function.source == one.out:
            yield from _before(found, one, function)

    def another(place: int, value: Array) -> Share:
        """The product's share of one operand, had the other one another value."""

        def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
            changed = list(values)
            changed[1 - place] = value
            given = tape.shares(product, dy)
            wrong = tape.share(product, dy, place, changed)
            return given if wrong is None else {**given, product.sources[place]: wrong}

        return share

    weight, signal = found.value(one.weight), found.value(one.signal)
    if weight.ndim == 2 and weight.shape[0] == weight.shape[1] > 1:
        yield TapeSlip(
            MistakeKind.WEIGHT_NOT_TRANSPOSED,
            where,
            {one.product: another(1 - one.place, weight.T)},
        )
    in_time = parts.is_in_time(one.product)
    before = {
        function.source: function for function in parts.functions if function.out == one.signal
    }
    others = () if in_time else named_wires(found, signal.shape, {one.signal, one.weight})
    for other in others:
        key, more = MistakeKind.WRONG_CACHE, {"other": parts.called(other.number)}
        if other.number in before:
            key, more = MistakeKind.WEIGHT_FROM_Z, {"before": parts.called(one.signal)}
        yield TapeSlip(key, {**where, **more}, {one.product: another(one.place, other.value)})
    for other in tape.order:
        leaf = parts.leaf_of(other.number)
        if leaf is None or leaf in one.leaves or leaf in parts.data or other.number == one.signal:
            continue
        if other.value.shape == weight.shape and other.value.dtype.kind == "f":
            more = {"other": leaf}
            yield TapeSlip(
                MistakeKind.WRONG_CACHE,
                {**where, **more},
                {one.product: another(1 - one.place, other.value)},
            )
    yield from _of_some_samples(found, one)


def _before(found: TapePass, one: Affine, function: Function) -> Iterator[TapeSlip]:
    ends, tape, parts = ends_of(one, found), found.tape, found.parts
    # Of samples that nobody differentiates by it cannot be told.
    seen = bool(tape.names[one.signal] & found.asked)
    names = tuple(ends) if seen else one.leaves
    for count in range(1, len(names)):
        for taken in combinations(names, count):
            key = MistakeKind.DERIVATIVE_MISSING_FOR_WEIGHT
            values = {"where": one.called, "after": parts.called(function.out)}
            if "x" in taken:
                key, values = MistakeKind.DERIVATIVE_MISSING, {"where": values["after"]}

            def share(
                dy: Array, signals: Mapping[int, Array], taken: tuple[str, ...] = taken
            ) -> Mapping[int, Array]:
                right = tape.pull(one.out, dy, ends.values())
                wrong = tape.pull(one.out, signals[function.out], ends.values())
                return {
                    number: (wrong if name in taken else right)[number]
                    for name, number in ends.items()
                    if number in right
                }

            yield TapeSlip(key, values, {one.out: share})


def _of_some_samples(found: TapePass, one: Affine) -> Iterator[TapeSlip]:
    """Gradients of parameters without the first or the last sample, and of that one alone."""
    ends, tape = ends_of(one, found), found.tape
    axis = samples_axis(found, one)
    out = found.value(one.out)
    if axis is None:
        return
    count = out.shape[axis]
    for names, sample, alone in product(
        dict.fromkeys([one.leaves, *((name,) for name in one.leaves)]),
        (0, count - 1),
        (False, True),
    ):
        # Of two samples the one is what is left without the other.
        if count < (2 if alone else 3):
            continue

        def share(
            dy: Array,
            _: Mapping[int, Array],
            sample: int = sample,
            names: tuple[str, ...] = names,
            alone: bool = alone,
        ) -> Mapping[int, Array]:
            there = np.arange(count) == sample
            kept = (there if alone else ~there).reshape((-1,) + (1,) * (dy.ndim - axis - 1))
            right = tape.pull(one.out, dy, ends.values())
            wrong = tape.pull(one.out, dy * kept, ends.values())
            return {
                number: (wrong if name in names else right)[number]
                for name, number in ends.items()
                if number in right
            }

        key = MistakeKind.ONE_SAMPLE if alone else MistakeKind.SAMPLE_MISSING
        yield TapeSlip(key, {"where": one.called, "index": sample}, {one.out: share})


def samples_axis(found: TapePass, one: Affine) -> int | None:
    """The axis of the samples in what a linear layer gives; None where there is one sample."""
    if found.value(one.signal).ndim < 2:
        return None
    return 0 if one.place == 1 else found.value(one.out).ndim - 1


def of_biases(found: TapePass) -> Iterator[TapeSlip]:
    """At what is added to every sample: sums over another axis than that of the samples, or over
    all, and one sample for the sum."""
    tape = found.tape
    for wire in tape.order:
        # Of images `broadcast_slips.py` has more.
        if wire.operation is None or wire.operation.name != "add" or wire.value.ndim >= IMAGES:
            continue
        for source in wire.sources:
            leaf, own = found.parts.leaf_of(source), found.value(source)
            if leaf is None or leaf in found.parts.data or wire.number not in found.signals:
                continue
            if own.size == wire.value.size and own.size == 1:
                continue
            yield from _other_axes(found, wire, leaf, own)
            if own.size < wire.value.size and wire.value.shape[1:] == own.shape:
                yield from _one_of_the_sum(found, wire, source, leaf)


def _one_of_the_sum(found: TapePass, wire: Wire, source: int, leaf: str) -> Iterator[TapeSlip]:
    """What every sample has in common is given the gradient of one of them, or of all but one."""
    count = wire.value.shape[0]
    for sample, alone in product((0, count - 1), (True, False)):
        if count < (2 if alone else 3):
            continue

        def share(
            dy: Array, _: Mapping[int, Array], sample: int = sample, alone: bool = alone
        ) -> Mapping[int, Array]:
            own = dy[sample] if alone else dy.sum(axis=0) - dy[sample]
            return {**found.tape.shares(wire, dy), source: own}

        key = MistakeKind.ONE_SAMPLE if alone else MistakeKind.SAMPLE_MISSING
        yield TapeSlip(key, {"where": leaf, "index": sample}, {wire.number: share})


def _other_axes(found: TapePass, wire: Wire, leaf: str, own: Array) -> Iterator[TapeSlip]:
    for axes in (None, *range(wire.value.ndim)):
        dy = found.signals[wire.number]
        wrong = np.asarray(dy.sum(axis=axes))
        if axes is None and own.size == 1:
            continue

        def changed(
            gradients: Gradients, axes: int | None = axes, number: int = wire.number
        ) -> Gradients:
            total = np.asarray(found.signals[number].sum(axis=axes))
            return {leaf: total if axes is None else _as(total, own.shape)}

        def filled(gradients: Gradients, number: int = wire.number) -> Gradients:
            return {leaf: np.full(own.shape, found.signals[number].sum())}

        right = summed_to(np.asarray(dy), own.shape)
        # Of another axis the sums may be another number of them.
        if axes is None or wrong.size != own.size or difference(_as(wrong, own.shape), right):
            values = {"where": found.parts.called(wire.number)}
            yield TapeSlip(MistakeKind.WRONG_AXIS, values, leaves=changed)
            if axes is None:
                yield TapeSlip(MistakeKind.WRONG_AXIS, values, leaves=filled)


def _as(array: Array, shape: tuple[int, ...]) -> Array:
    return array.reshape(shape) if array.size == np.prod(shape) else array
