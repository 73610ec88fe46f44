"""The mistakes that can be made on a tape, part by part.

A slip is what some wires give back in place of what they should, or what is put in the place of
∂C/∂(a wire), or what becomes of the gradients at the end. Slips can be put together: two mistakes
in one code are two slips on one way back.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.checking.diagnosis.chain_rule import slope_formula
from clearprop.checking.diagnosis.hypotheses import USUAL, difference, scale
from clearprop.checking.diagnosis.primitives import STEP, summed_to
from clearprop.checking.diagnosis.recognition import BETWEEN
from clearprop.checking.diagnosis.tape import Share, Signal, Tape, Wire
from clearprop.checking.diagnosis.tape_parts import Affine, Drop, Function, Normal, Parts, Shares
from clearprop.checking.verdict.candidates import Standing
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.engine.layers.activations import Activation, Identity

Gradients = Mapping[str, Array]
# What is done in a part of the loss, with no weights between, is no layer's function.
ROUNDS = 3  # from so many times round on it is a loop
OF_A_LOSS = frozenset("square multiply divide negative log exp power sqrt add subtract".split())


class TapeSlip(NamedTuple):
    """One mistake.

    shares, signals  as in `Tape.back`
    leaves           from all gradients by name to those that are other ones, made of them
    """

    key: MistakeKind
    values: Mapping[str, object]
    shares: Mapping[int, Share] = EMPTY
    signals: Mapping[int, Signal] = EMPTY
    leaves: Callable[[Gradients], Gradients] | None = None
    standing: Standing = Standing.EXACT


@dataclass(frozen=True, eq=False)
class TapePass:
    """The right way back along a tape.

    dy      ∂C/∂y
    arrays  the function's own, by name
    asked   the names of those whose gradients are looked at
    """

    tape: Tape
    parts: Parts
    dy: Array
    arrays: Mapping[str, Array]
    asked: frozenset[str]

    @cached_property
    def signals(self) -> Mapping[int, Array]:
        """∂C/∂(every wire)."""
        return self.tape.back(self.dy)

    @cached_property
    def right(self) -> Gradients:
        """The gradients by name."""
        return self.tape.gradients(self.signals)

    def with_slips(self, *slips: TapeSlip) -> Gradients:
        """The gradients, had somebody made these mistakes."""
        shares = {number: made for one in slips for number, made in one.shares.items()}
        signals = {number: made for one in slips for number, made in one.signals.items()}
        found: Gradients = self.right
        if shares or signals:
            found = self.tape.gradients(self.tape.altered(self.signals, shares, signals))
        for one in slips:
            if one.leaves is not None:
                found = {**found, **one.leaves(found)}
        return found

    @cached_property
    def has_several_ways(self) -> bool:
        """Whether a signal comes back several ways somewhere outside of softmax and norms."""
        return any(
            len(_ways(self, wire, set())) > 1
            for wire in self.tape.order
            if wire.number not in self.parts.inside
            and wire.leaf is None
            and self.parts.roots[wire.number] == wire.number
        )

    def value(self, number: int) -> Array:
        """What stands on a wire."""
        return self.tape.wires[number].value

    def slips(self) -> Iterator[TapeSlip]:
        """Every slip, the likeliest first; what stands in a loop is done wrong every time round."""
        alone = list(self._slips())
        yield from repeated(alone)
        yield from alone

    def _slips(self) -> Iterator[TapeSlip]:
        yield from _of_functions(self)
        yield from _of_affine(self)
        yield from _of_shares(self)
        yield from _of_entropy(self)
        yield from _of_normals(self)
        yield from _of_drops(self)
        yield from _of_lookups(self)
        yield from _of_penalties(self)
        yield from _of_ways(self)
        yield from _of_rounds(self)
        yield from _of_copies(self)
        yield from _anywhere(self)


def repeated(slips: Sequence[TapeSlip]) -> Iterator[TapeSlip]:
    """The same slip at every part that is called the same, as in a loop; and at every part of its
    kind, as where one function goes back through all of them."""
    for sort in (_called, _of_its_kind):
        groups: dict[object, list[TapeSlip]] = {}
        seen: Counter[object] = Counter()
        for one in slips:
            wires = (*one.shares, *one.signals)
            said = (one.key, sort(one.values))
            # A part may have several slips of one name; the first of each belong together.
            groups.setdefault((*said, seen[*said, wires]), []).append(one)
            seen[*said, wires] += 1
        for group in groups.values():
            places = [*dict.fromkeys(str(one.values.get("where", "")) for one in group)]
            is_new = len(group) > 1 if sort is _called else len(places) > 1
            if is_new and group[0].leaves is None:
                yield _together(group, places)
                if len(places) > 2:
                    # The last layer often has a line of its own.
                    yield _together(group, places[:-1])


def _together(slips: Sequence[TapeSlip], places: Sequence[str]) -> TapeSlip:
    chosen = [one for one in slips if str(one.values.get("where", "")) in places]
    return chosen[0]._replace(
        values={**chosen[0].values, "where": ", ".join(places)},
        shares={n: made for one in chosen for n, made in one.shares.items()},
        signals={n: made for one in chosen for n, made in one.signals.items()},
    )


def _called(values: Mapping[str, object]) -> str:
    return str(dict(values))


def _of_its_kind(values: Mapping[str, object]) -> str:
    kind = str(values.get("where", "")).partition("(")[0]
    rest = {k: one for k, one in values.items() if k not in ("where", "before", "after")}
    return str((kind, rest))


# Functions entry by entry


def _of_functions(found: TapePass) -> Iterator[TapeSlip]:
    hidden = {one.signal for one in found.parts.affine}
    for function in found.parts.functions:
        if {function.source, function.out} & found.parts.inside:
            continue
        if function.layer is None:
            of_a_loss = found.value(found.tape.output).size == 1 and function.out not in hidden
            if of_a_loss and function.name in OF_A_LOSS:
                continue
        yield from _of_function(found, function)


def _of_function(found: TapePass, function: Function) -> Iterator[TapeSlip]:
    parts, z, a = found.parts, found.value(function.source), found.value(function.out)
    right = parts.slopes(function.source, function.out)
    where = {"where": parts.called(function.out)}

    def slip(key: MistakeKind, slope: Callable[[Array], Array], **more: object) -> TapeSlip:
        def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
            with np.errstate(all="ignore"):
                return {function.source: dy * slope(dy)}

        return TapeSlip(key, {**where, **more}, {function.out: share})

    yield slip(MistakeKind.DERIVATIVE_MISSING, np.ones_like)
    if not np.any(right * (right - 1)):
        yield slip(MistakeKind.MASK_INVERTED, lambda dy: 1 - right)
    else:
        yield slip(MistakeKind.DERIVATIVE_TWICE, lambda dy: right**2)
        yield slip(MistakeKind.DERIVATIVE_AT_A, lambda dy: _slope_at(found, function, a))
        yield slip(MistakeKind.MASK_INVERTED, lambda dy: 1 - right)
    yield slip(MistakeKind.VALUE_FOR_DERIVATIVE, lambda dy: a)
    yield slip(MistakeKind.MASK_FROM_UPSTREAM, lambda dy: (dy > 0) * 1.0)
    yield slip(MistakeKind.MASK_FROM_UPSTREAM, lambda dy: (dy > 0) * right)
    layer = function.layer
    if layer is None:
        return
    # A rectifier's own slopes, chosen by the sign of what comes back.
    yield slip(MistakeKind.MASK_FROM_UPSTREAM, lambda dy: slope_formula(layer, dy, dy))
    yield slip(MistakeKind.DERIVATIVE_OF_Z, lambda dy: slope_formula(layer, z, z))
    yield slip(MistakeKind.DERIVATIVE_OF_Z, lambda dy: slope_formula(layer, a, a))
    for other in BETWEEN:
        if other in (layer, Identity()):
            continue
        same = type(other) is type(layer)
        name = str(other) if same else type(other).__name__
        key = MistakeKind.OTHER_FUNCTION
        yield slip(key, lambda dy, f=other: slope_formula(f, z, f.value(z)), other=name)
        yield slip(key, lambda dy, f=other: slope_formula(f, z, a), other=name)


def _slope_at(found: TapePass, function: Function, point: Array) -> Array:
    """F' at another point: the function is played again."""
    tape, step = found.tape, STEP * np.maximum(1.0, np.abs(point))
    with np.errstate(all="ignore"):
        above = tape.played(function.out, {function.source: point + step})
        below = tape.played(function.out, {function.source: point - step})
    slope: Array = (above - below) / (2 * step)
    return slope


# Linear layers


def _of_affine(found: TapePass) -> Iterator[TapeSlip]:
    for one in found.parts.affine:
        yield from _of_one_affine(found, one)
    yield from _of_biases(found)


def _ends(one: Affine, found: TapePass) -> dict[str, int]:
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
    before = {
        function.source: function for function in parts.functions if function.out == one.signal
    }
    for other in _signals(found, signal.shape, {one.signal, one.weight}):
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
    yield from _samples_missing(found, one)


def _before(found: TapePass, one: Affine, function: Function) -> Iterator[TapeSlip]:
    ends, tape, parts = _ends(one, found), found.tape, found.parts
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


def _samples_missing(found: TapePass, one: Affine) -> Iterator[TapeSlip]:
    ends, tape = _ends(one, found), found.tape
    axis = samples_axis(found, one)
    out = found.value(one.out)
    if axis is None or out.shape[axis] < 3:
        return
    for names in dict.fromkeys([one.leaves, *((name,) for name in one.leaves)]):
        for sample in (0, out.shape[axis] - 1):

            def share(
                dy: Array,
                _: Mapping[int, Array],
                sample: int = sample,
                names: tuple[str, ...] = names,
            ) -> Mapping[int, Array]:
                fewer = np.array(dy)
                fewer[(slice(None),) * axis + (sample,)] = 0
                right = tape.pull(one.out, dy, ends.values())
                wrong = tape.pull(one.out, fewer, ends.values())
                return {
                    number: (wrong if name in names else right)[number]
                    for name, number in ends.items()
                    if number in right
                }

            values = {"where": one.called, "index": sample}
            yield TapeSlip(MistakeKind.SAMPLE_MISSING, values, {one.out: share})


def samples_axis(found: TapePass, one: Affine) -> int | None:
    """The axis of the samples in what a linear layer gives; None where there is one sample."""
    if found.value(one.signal).ndim < 2:
        return None
    return 0 if one.place == 1 else found.value(one.out).ndim - 1


def _of_biases(found: TapePass) -> Iterator[TapeSlip]:
    """Sums over another axis than that of the samples, or over all."""
    tape = found.tape
    for wire in tape.order:
        if wire.operation is None or wire.operation.name != "add":
            continue
        for source in wire.sources:
            leaf, own = tape.wires[source].leaf, found.value(source)
            if leaf is None or leaf in found.parts.data or wire.number not in found.signals:
                continue
            if own.size == wire.value.size and own.size == 1:
                continue
            yield from _other_axes(found, wire, leaf, own)


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
        if axes is None or (wrong.size == own.size and difference(_as(wrong, own.shape), right)):
            values = {"where": found.parts.called(wire.number)}
            yield TapeSlip(MistakeKind.WRONG_AXIS, values, leaves=changed)
            if axes is None:
                yield TapeSlip(MistakeKind.WRONG_AXIS, values, leaves=filled)


def _as(array: Array, shape: tuple[int, ...]) -> Array:
    return array.reshape(shape) if array.size == np.prod(shape) else array


def _signals(found: TapePass, shape: tuple[int, ...], but: set[int]) -> Iterator[Wire]:
    """Other wires that a person may have at hand: inputs, and what comes out of parts."""
    parts = found.parts
    named = {*found.tape.leaves.values()}
    for affine in parts.affine:
        named |= {affine.out, affine.signal}
    for function in parts.functions:
        named |= {function.source, function.out}
    for normal in parts.normals:
        named |= {normal.source, normal.out, *([normal.gain] if normal.gain else [])}
    for part in (*parts.shares, *parts.drops):
        named |= {part.source, part.out}
    for number in sorted(named - but):
        wire = found.tape.wires[number]
        if wire.value.shape == shape and wire.value.dtype.kind == "f":
            yield wire


# Softmax, its logarithm, and cross-entropy


def _of_shares(found: TapePass) -> Iterator[TapeSlip]:
    for part in found.parts.shares:
        where = {"where": f"Softmax({found.parts.called(part.source)})"}
        p = part.p

        def slip(
            key: MistakeKind,
            made: Callable[[Array], Array],
            part: Shares = part,
            where: Mapping[str, object] = where,
        ) -> TapeSlip:
            def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
                return {part.source: made(dy)}

            return TapeSlip(key, where, {part.out: share})

        yield slip(MistakeKind.DERIVATIVE_MISSING, lambda dy: dy)
        if part.is_log:
            yield slip(MistakeKind.SOFTMAX_DIAGONAL, lambda dy, p=p: dy * (1 - p))
            yield slip(MistakeKind.SOFTMAX_SUM, lambda dy, p=p: dy - p)
        else:
            yield slip(MistakeKind.SOFTMAX_DIAGONAL, lambda dy, p=p: dy * p * (1 - p))
            yield slip(MistakeKind.SOFTMAX_SUM, lambda dy, p=p: dy * p)


class Target(NamedTuple):
    """∂C/∂z = c (p − t), or ∂C/∂p that belongs to it: the wire, p, t, c, and the axis of the
    classes, None where every output is one by itself."""

    wire: int
    p: Array
    t: Array
    factor: float
    axis: int | None


def _of_entropy(found: TapePass) -> Iterator[TapeSlip]:
    for one in _targets(found):
        p, t, axis = one.p, one.t, one.axis
        where = {"where": found.parts.called(one.wire)}

        def instead(
            key: MistakeKind, made: Callable[[Array], Array], one: Target = one,
            where: Mapping[str, object] = where,
        ) -> TapeSlip:
            return TapeSlip(key, where, signals={one.wire: made})

        yield instead(
            MistakeKind.DERIVATIVE_ON_CROSS_ENTROPY, lambda g, p=p: g * p * (1 - p)
        )
        if axis is not None:
            yield instead(
                MistakeKind.DERIVATIVE_ON_CROSS_ENTROPY,
                lambda g, p=p, axis=axis: p * (g - (g * p).sum(axis, keepdims=True)),
            )
            for by in (1, -1):
                shifted = np.roll(t, by, axis)
                yield instead(
                    MistakeKind.LABELS_SHIFTED, lambda g, p=p, s=shifted, c=one.factor: c * (p - s)
                )
        yield instead(MistakeKind.TARGET_MISSING, lambda g, p=p, c=one.factor: c * p)
    for one in _targets(found, of_probabilities=True):
        key = MistakeKind.CROSS_ENTROPY_OF_LOGITS
        if found.tape.wires[one.wire].leaf is None:
            key = MistakeKind.DERIVATIVE_ON_CROSS_ENTROPY
        yield TapeSlip(
            key,
            {"where": found.parts.called(one.wire)},
            signals={one.wire: lambda g, o=one: o.factor * (o.p - o.t)},
        )


def _targets(found: TapePass, *, of_probabilities: bool = False) -> Iterator[Target]:
    seen: set[int] = set()
    for wire in found.tape.order:
        z = wire.value
        g = found.signals.get(wire.number)
        if g is None or z.dtype.kind != "f" or z.size < 2 or not np.any(g):
            continue
        for p, axis in _probabilities(z, of_probabilities):
            for t in _labels(found, z.shape, axis):
                if of_probabilities:
                    with np.errstate(all="ignore"):
                        unit = -t / p if axis is not None else (p - t) / (p * (1 - p))
                else:
                    unit = p - t
                if not np.isfinite(unit).all() or not np.any(unit):
                    continue
                factor = float(np.sum(g * unit) / np.sum(unit * unit))
                if wire.number not in seen and factor and difference(g, factor * unit) <= USUAL:
                    seen.add(wire.number)
                    yield Target(wire.number, p, t, factor, axis)


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


def _labels(found: TapePass, shape: tuple[int, ...], axis: int | None) -> Iterator[Array]:
    """What may be the target: an array of that shape between 0 and 1, or ids of classes."""
    given = [*found.arrays.values()]
    given += [
        one
        for wire in found.tape.order
        for one in wire.operands
        if not isinstance(one, int) and one.shape == shape
    ]
    for array in given:
        a = np.asarray(array)
        if a.shape == shape and np.all((a >= 0) & (a <= 1)):
            yield a.astype(np.float64)
        elif axis is not None and a.dtype.kind in "iu":
            classes = shape[axis]
            without = shape[:axis] + shape[axis + 1 :]
            if a.size == np.prod(without) and a.size and 0 <= a.min() and a.max() < classes:
                yield np.moveaxis(np.eye(classes)[a.reshape(without)], -1, axis)


# Normalization


def _of_normals(found: TapePass) -> Iterator[TapeSlip]:
    for part in found.parts.normals:
        yield from _of_normal(found, part)


def _of_normal(found: TapePass, part: Normal) -> Iterator[TapeSlip]:
    hat, inverse = part.hat, part.inverse
    name = "RMSNorm" if not part.is_centred else "norm"
    where: dict[str, object] = {"where": f"{name}({found.parts.called(part.source)})"}
    count = int(np.prod([hat.shape[axis] for axis in part.axes]))

    def mean(array: Array) -> Array:
        average: Array = array.mean(axis=part.axes, keepdims=True)
        return average

    def slip(key: MistakeKind, shift: float, along: float, **more: object) -> TapeSlip:
        """With factors before the term of the mean and that of the variance."""

        def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
            return through(dy, part.scale * dy, shift, along)

        return TapeSlip(key, {**where, **more}, {part.out: share})

    def through(dy: Array, g: Array, shift: float, along: float) -> dict[int, Array]:
        shifted = shift * mean(g) if part.is_centred else 0.0
        dx = inverse * (g - shifted - along * hat * mean(g * hat))
        own = found.tape.pull(part.out, dy, [part.source, *part.within])
        return {**{n: own[n] for n in part.within if n in own}, part.source: dx}

    yield slip(MistakeKind.NORM_CONSTANT, 0, 0)
    if part.is_centred:
        yield slip(MistakeKind.NORM_MEAN_CONSTANT, 0, 1)
        yield slip(MistakeKind.NORM_VARIANCE_CONSTANT, 1, 0)
    bessel = count / (count - 1)
    yield slip(MistakeKind.NORM_BESSEL, 1, bessel, count=count)
    yield slip(MistakeKind.NORM_BESSEL, bessel, bessel, count=count)
    for factor in (2.0, 0.5, -1.0, float(count), 1 / count):
        yield slip(MistakeKind.NORM_PATH_FACTOR, 1, factor, path="v", factor=factor)
        if part.is_centred:
            yield slip(MistakeKind.NORM_PATH_FACTOR, factor, 1, path="μ", factor=factor)
            yield slip(MistakeKind.NORM_PATH_FACTOR, factor, factor, path="μ, v", factor=factor)
    if part.within:
        key = MistakeKind.NORM_GAIN_MISSING
        yield TapeSlip(key, where, {part.out: lambda dy, _: through(dy, dy, 1, 1)})
        yield from _gains_within(found, part, where, mean)
    if part.gain is None:
        return
    gain, place = found.tape.wires[part.gain], part.place

    def without(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        return {**found.tape.shares(gain, dy), part.out: dy}

    if gain.value.shape == hat.shape:
        yield TapeSlip(MistakeKind.NORM_GAIN_MISSING, where, {part.gain: without})
    x = found.value(part.source)
    centred = x - mean(x)
    for instead in (x, centred, *_outputs(found, part)):
        values = [instead if one == part.out else found.value(one) for one in gain.sources]

        def wrong(
            dy: Array, _: Mapping[int, Array], values: Sequence[Array] = values
        ) -> Mapping[int, Array]:
            share = found.tape.share(gain, dy, place, values)
            right = found.tape.shares(gain, dy)
            return right if share is None else {**right, gain.sources[place]: share}

        yield TapeSlip(MistakeKind.NORM_GAIN_FROM_INPUT, where, {part.gain: wrong})


def _gains_within(
    found: TapePass,
    part: Normal,
    where: Mapping[str, object],
    mean: Callable[[Array], Array],
) -> Iterator[TapeSlip]:
    """The gradient of a γ that is multiplied in before the division, from something else than x̂."""
    x = found.value(part.source)
    gain = part.within[0]
    for factor in (x, x - mean(x), found.value(part.out)):

        def share(
            dy: Array, _: Mapping[int, Array], factor: Array = factor
        ) -> Mapping[int, Array]:
            own = found.tape.pull(part.out, dy, [part.source, *part.within])
            return {**own, gain: summed_to(dy * factor, found.value(gain).shape)}

        yield TapeSlip(MistakeKind.NORM_GAIN_FROM_INPUT, where, {part.out: share})


def _outputs(found: TapePass, part: Normal) -> Iterator[Array]:
    """What the layer hands on: γ·x̂, and that plus β."""
    if part.gain is not None:
        yield found.value(part.gain)
        for taker in found.tape.takers[part.gain]:
            if found.value(taker).shape == found.value(part.out).shape:
                yield found.value(taker)


# Dropout, lookups, penalties


def _of_drops(found: TapePass) -> Iterator[TapeSlip]:
    for part in found.parts.drops:
        kept = part.multiplier != 0
        factor = scale(part.multiplier)
        where = {"where": f"Dropout({found.parts.called(part.source)})", "scale": factor}

        def slip(
            key: MistakeKind,
            by: Array | float,
            part: Drop = part,
            where: Mapping[str, object] = where,
        ) -> TapeSlip:
            def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
                return {part.source: dy * by}

            return TapeSlip(key, where, {part.out: share})

        if abs(factor - 1) > USUAL:
            yield slip(MistakeKind.DROPOUT_SCALE, kept * 1.0)
            yield slip(MistakeKind.DROPOUT_SCALE, kept * factor * factor)
        for by in dict.fromkeys((factor, 1.0)):
            yield slip(MistakeKind.DROPOUT_MASK, by)


def _of_lookups(found: TapePass) -> Iterator[TapeSlip]:
    """A table's rows picked by ids: every use of a row adds to its gradient."""
    for wire in found.tape.order:
        index = wire.operation.chosen if wire.operation else None
        ids = np.asarray(index) if not isinstance(index, tuple) else np.asarray(None)
        if ids.dtype.kind not in "iu" or ids.size < 2 or np.unique(ids).size == ids.size:
            continue
        (source,) = wire.sources

        def share(
            dy: Array, _: Mapping[int, Array], ids: Array = ids, source: int = source
        ) -> Mapping[int, Array]:
            wrong = np.zeros_like(found.value(source))
            wrong[ids] = dy
            return {source: wrong}

        where = {"where": found.parts.called(source)}
        yield TapeSlip(MistakeKind.EMBEDDING_OVERWRITTEN, where, {wire.number: share})


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


def _of_penalties(found: TapePass) -> Iterator[TapeSlip]:
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


# Ways that are forgotten, values and signals of another place


def _of_ways(found: TapePass) -> Iterator[TapeSlip]:
    """Where a signal comes back several ways, one of them is left out."""
    tape, parts = found.tape, found.parts
    penalties = {
        n for one in parts.penalties for n in tape.between(one, tape.leaves.values())
    }
    for wire in tape.order:
        if wire.number in parts.inside or wire.value.dtype.kind != "f":
            continue
        if any(function.source == wire.number and _is_bent(function) for function in parts.functions):
            continue
        ways = _ways(found, wire, penalties)
        added = bool(penalties & {*found.tape.takers[wire.number]})
        if len(ways) + added < 2:
            continue
        if wire.leaf is not None and len(ways) >= ROUNDS and _is_a_loop(tape, ways):
            continue
        direct = [way for way in ways if _is_direct(tape, wire.number, way)]
        called = parts.called(wire.number)
        for way in ways:
            key = MistakeKind.RESIDUAL_SKIP if way in direct else MistakeKind.PATH_FORGOTTEN
            if direct and way not in direct and len(ways) == 2:
                key = MistakeKind.RESIDUAL_BRANCH
            values: dict[str, object] = {"where": called}
            yield TapeSlip(key, values, {n: _silent(found, n, wire.number) for n in way})


def _is_bent(function: Function) -> bool:
    """Whether the function is one of pieces, of which each is a use of its argument."""
    return function.layer is not None and bool(function.layer.kinks())


def _is_a_loop(tape: Tape, ways: Sequence[frozenset[int]]) -> bool:
    """Whether all ways begin alike."""
    made = [tape.wires[n].operation for way in ways for n in way]
    return len({(one.name, one.family) for one in made if one is not None}) == 1


def _of_rounds(found: TapePass) -> Iterator[TapeSlip]:
    """One time round a loop over the samples is left out, for all parameters."""
    tape, rounds = found.tape, dict[int, list[tuple[int, int]]]()
    for name in found.asked & {*tape.leaves}:
        leaf = tape.leaves[name]
        takers = [frozenset([n]) for n in dict.fromkeys(tape.takers[leaf]) if n in found.signals]
        if name not in found.parts.data and len(takers) >= ROUNDS and _is_a_loop(tape, takers):
            numbers = sorted(n for way in takers for n in way)
            rounds.setdefault(len(takers), []).extend((leaf, n) for n in numbers)
    for count, pairs in rounds.items():
        leaves = dict.fromkeys(leaf for leaf, _ in pairs)
        for index in (0, count - 1):
            left = [(leaf, [n for one, n in pairs if one == leaf][index]) for leaf in leaves]
            shares = {n: _silent(found, n, leaf) for leaf, n in left}
            values = {"where": "…", "index": index}
            yield TapeSlip(MistakeKind.SAMPLE_MISSING, values, shares)


def _ways(found: TapePass, wire: Wire, penalties: set[int]) -> list[frozenset[int]]:
    """The wires that take this one, those of one part together."""
    takers = [
        number
        for number in dict.fromkeys(found.tape.takers[wire.number])
        if number not in penalties and number in found.signals
    ]
    parts = (*found.parts.shares, *found.parts.normals)
    together = [
        found.tape.between(part.out, [part.source]) for part in parts if part.source == wire.number
    ]
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


def _silent(found: TapePass, number: int, source: int) -> Share:
    wire = found.tape.wires[number]

    def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        return {n: one for n, one in found.tape.shares(wire, dy).items() if n != source}

    return share


def _of_copies(found: TapePass) -> Iterator[TapeSlip]:
    """The derivative of one layer taken at another one's values; one layer's signal for another's
    gradients."""
    for function in found.parts.functions:
        layer = function.layer
        if layer is None:
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
                dy: Array, _: Mapping[int, Array], wire: Wire = wire, places: tuple[int, ...] = places
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
            yield from _signals(found, other, but)


def _of_other_signals(found: TapePass) -> Iterator[TapeSlip]:
    tape = found.tape
    for one in found.parts.affine:
        ends = _ends(one, found)
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


def _anywhere(found: TapePass) -> Iterator[TapeSlip]:
    """A signal that stops at a part, or that is 1 there; a loss has none to ignore."""
    parts = found.parts
    outs = {one.out for one in (*parts.affine, *parts.functions, *parts.shares, *parts.normals)}
    for number in sorted(outs):
        if number not in found.signals:
            continue
        where = {"where": parts.called(number)}
        if found.value(found.tape.output).size > 1:
            yield TapeSlip(MistakeKind.UPSTREAM_IGNORED, where, signals={number: np.ones_like})
        yield TapeSlip(MistakeKind.GRADIENT_STOPS, where, signals={number: np.zeros_like})
