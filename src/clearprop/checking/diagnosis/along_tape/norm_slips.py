"""Mistakes at normalization, dropout and rows of a table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.part_kinds import Drop, NormPart
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip
from clearprop.checking.diagnosis.hypotheses import (
    USUAL,
    scale,
)
from clearprop.checking.diagnosis.recording.primitives import summed_to
from clearprop.checking.verdict.mistakes import MistakeKind


def of_normals(found: TapePass) -> Iterator[TapeSlip]:
    """At every normalization."""
    for part in found.parts.normals:
        yield from _of_normal(found, part)


def _of_normal(found: TapePass, part: NormPart) -> Iterator[TapeSlip]:
    hat, inverse = part.hat, part.inverse
    name = "RMSNorm" if not part.is_centred else "norm"
    where: dict[str, object] = {"where": f"{name}({found.parts.called(part.source)})"}
    count = int(np.prod([hat.shape[axis] for axis in part.axes]))

    x = found.value(part.source)

    def mean(array: Array, axes: tuple[int, ...] = part.axes) -> Array:
        average: Array = array.mean(axis=axes, keepdims=True)
        return average

    def slip(
        key: MistakeKind,
        shift: float = 1.0,
        along: float = 1.0,
        *,
        axes: tuple[tuple[int, ...], tuple[int, ...]] = (part.axes, part.axes),
        behind: Array | float = hat,
        by: Array | float = inverse,
        scaled: bool = True,
        **said: object,
    ) -> TapeSlip:
        """∂C/∂x = by · (g − shift · mean(g) − along · behind · mean(g · x̂)), of g = γ · ∂C/∂y; the
        two means are over `axes`."""

        def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
            g = part.scale * dy if scaled else dy
            shifted = shift * mean(g, axes[0]) if part.is_centred else 0.0
            dx = by * (g - shifted - along * behind * mean(g * hat, axes[1]))
            own = found.tape.pull(part.out, dy, [part.source, *part.within])
            return {**{n: own[n] for n in part.within if n in own}, part.source: dx}

        return TapeSlip(key, {**where, **said}, {part.out: share})

    yield slip(MistakeKind.NORM_CONSTANT, 0, 0)
    if part.is_centred:
        yield slip(MistakeKind.NORM_MEAN_CONSTANT, 0, 1)
        yield slip(MistakeKind.NORM_VARIANCE_CONSTANT, 1, 0)
    bessel = count / (count - 1)
    yield slip(MistakeKind.NORM_BESSEL, 1, bessel, count=count)
    yield slip(MistakeKind.NORM_BESSEL, bessel, bessel, count=count)
    for size in range(1, hat.ndim + 1):
        for over in combinations(range(hat.ndim), size):
            if {*over} == {*part.axes}:
                continue
            # Means over other axes, or sums over them that are divided by the right number.
            share_of_all = float(np.prod([hat.shape[axis] for axis in over])) / count
            for factor in (1.0, share_of_all):
                yield slip(MistakeKind.NORM_AXES, factor, factor, axes=(over, over))
            for axes in ((over, part.axes), (part.axes, over)) if part.is_centred else ():
                yield slip(MistakeKind.NORM_AXES, axes=axes)
    for power, by in (("1", 1.0), ("1/σ²", inverse**2), ("σ", 1 / inverse)):
        yield slip(MistakeKind.NORM_DIVISOR, by=by, power=power)
    for said, behind in (("1", 1.0), ("x", x), ("x − μ", x - mean(x))):
        yield slip(MistakeKind.NORM_HAT_MISSING, behind=behind, instead=said)
    # What is summed over samples and places may be divided by the number of samples alone.
    places = [count / hat.shape[0]] if 0 in part.axes and len(part.axes) > 1 else []
    for factor in (2.0, 0.5, -1.0, float(count), 1 / count, *places):
        yield slip(MistakeKind.NORM_PATH_FACTOR, 1, factor, path="v", factor=factor)
        if part.is_centred:
            yield slip(MistakeKind.NORM_PATH_FACTOR, factor, 1, path="μ", factor=factor)
            yield slip(MistakeKind.NORM_PATH_FACTOR, factor, factor, path="μ, v", factor=factor)
    if part.within:
        yield slip(MistakeKind.NORM_GAIN_MISSING, scaled=False)
        yield from _gains_within(found, part, where, mean)
    if part.gain is None:
        return
    gain, place = found.tape.wires[part.gain], part.place
    (moved,) = [one for i, one in enumerate(gain.sources) if i != place]

    def without(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
        return {**found.tape.shares(gain, dy), moved: dy}

    if gain.value.shape == found.value(moved).shape:
        yield TapeSlip(MistakeKind.NORM_GAIN_MISSING, where, {part.gain: without})
    read = [found.tape.played(moved, {part.out: one}) for one in (x, x - mean(x), np.ones_like(x))]
    for instead in (*read, *_outputs(found, part)):
        values = [instead if one == moved else found.value(one) for one in gain.sources]

        def wrong(
            dy: Array, _: Mapping[int, Array], values: Sequence[Array] = values
        ) -> Mapping[int, Array]:
            share = found.tape.share(gain, dy, place, values)
            right = found.tape.shares(gain, dy)
            return right if share is None else {**right, gain.sources[place]: share}

        yield TapeSlip(MistakeKind.NORM_GAIN_FROM_INPUT, where, {part.gain: wrong})


def _gains_within(
    found: TapePass,
    part: NormPart,
    where: Mapping[str, object],
    mean: Callable[[Array], Array],
) -> Iterator[TapeSlip]:
    """The gradient of a γ that is multiplied in before the division, from something else than x̂."""
    x = found.value(part.source)
    gain = part.within[0]
    for factor in (x, x - mean(x), found.value(part.out)):

        def share(dy: Array, _: Mapping[int, Array], factor: Array = factor) -> Mapping[int, Array]:
            own = found.tape.pull(part.out, dy, [part.source, *part.within])
            return {**own, gain: summed_to(dy * factor, found.value(gain).shape)}

        yield TapeSlip(MistakeKind.NORM_GAIN_FROM_INPUT, where, {part.out: share})


def _outputs(found: TapePass, part: NormPart) -> Iterator[Array]:
    """What the layer hands on: γ·x̂, and that plus β."""
    if part.gain is not None:
        yield found.value(part.gain)
        for taker in found.tape.takers[part.gain]:
            if found.value(taker).shape == found.value(part.gain).shape:
                yield found.value(taker)


def of_drops(found: TapePass) -> Iterator[TapeSlip]:
    """At dropout: the mask left out, or its scale not taken once."""
    weights = {part.out for part in found.parts.shares}
    for part in found.parts.drops:
        kept = part.multiplier != 0
        factor = scale(part.multiplier)
        if part.source in weights and abs(factor - 1) < USUAL:
            continue  # the mask of an attention, which has its own name
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


def of_lookups(found: TapePass) -> Iterator[TapeSlip]:
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
