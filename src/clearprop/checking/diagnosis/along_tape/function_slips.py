"""Mistakes about f' of a function that works entry by entry."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.part_kinds import Function
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip
from clearprop.checking.diagnosis.chain_rule import slope_formula
from clearprop.checking.diagnosis.recognition import BETWEEN
from clearprop.checking.diagnosis.recording.primitives import STEP
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.engine.layers.activations import Activation, Identity

OF_A_LOSS = frozenset(
    ["square", "multiply", "divide", "negative", "log", "exp", "power", "sqrt", "add", "subtract"]
)


def of_functions(found: TapePass) -> Iterator[TapeSlip]:
    """About every function, of the catalogue or otherwise."""
    hidden = {one.signal for one in found.parts.affine}
    missing: list[TapeSlip] = []
    for function in found.parts.functions:
        if {function.source, function.out} & found.parts.inside:
            continue
        if function.layer is None:
            of_a_loss = found.value(found.tape.output).size == 1 and function.out not in hidden
            if of_a_loss and function.name in OF_A_LOSS:
                continue
        own = [*_of_function(found, function)]
        missing += [one for one in own if one.key is MistakeKind.DERIVATIVE_MISSING]
        yield from own
    if len({str(one.values["where"]).partition("(")[0] for one in missing}) > 1:
        # All of them at once, whatever they are, as of the gates of one step.
        where = ", ".join(dict.fromkeys(str(one.values["where"]) for one in missing))
        shares = {number: made for one in missing for number, made in one.shares.items()}
        yield TapeSlip(MistakeKind.DERIVATIVE_MISSING, {"where": where}, shares)


def _of_function(found: TapePass, function: Function) -> Iterator[TapeSlip]:
    parts, z, a = found.parts, found.value(function.source), found.value(function.out)
    right = parts.slopes(function.source, function.out)
    where = {"where": parts.called(function.out)}

    def slip(key: MistakeKind, slope: Callable[[Array], Array], **more: object) -> TapeSlip:
        def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
            with np.errstate(all="ignore"):
                return {function.source: dy * slope(dy)}

        return TapeSlip(key, {**where, **more}, {function.out: share})

    if not found.parts.is_in_time(function.out):
        # In a loop over time it is missing in every round, and called after the gate.
        yield slip(MistakeKind.DERIVATIVE_MISSING, np.ones_like)
    if not np.any(right * (right - 1)):
        yield slip(MistakeKind.MASK_INVERTED, lambda dy: 1 - right)
    else:
        yield slip(MistakeKind.DERIVATIVE_TWICE, lambda dy: right**2)
        yield slip(MistakeKind.DERIVATIVE_AT_A, lambda dy: _slope_at(found, function, a))
        yield slip(MistakeKind.MASK_INVERTED, lambda dy: 1 - right)
    yield slip(MistakeKind.VALUE_FOR_DERIVATIVE, lambda dy: a)
    yield slip(MistakeKind.INPUT_FOR_DERIVATIVE, lambda dy: z)
    yield slip(MistakeKind.MASK_FROM_UPSTREAM, lambda dy: (dy > 0) * 1.0)
    yield slip(MistakeKind.MASK_FROM_UPSTREAM, lambda dy: (dy > 0) * right)
    layer = function.layer
    if layer is None:
        # Of what has a mask the other one may be looked for, as of a ReLU that is cut at 6.
        if not np.any(right * (right - 1)):
            yield from _of_others(slip, None, z, a)
        return
    # A rectifier's own slopes, chosen by the sign of what comes back.
    yield slip(MistakeKind.MASK_FROM_UPSTREAM, lambda dy: slope_formula(layer, dy, dy))
    yield slip(MistakeKind.DERIVATIVE_OF_Z, lambda dy: slope_formula(layer, z, z))
    yield slip(MistakeKind.DERIVATIVE_OF_Z, lambda dy: slope_formula(layer, a, a))
    yield from _of_others(slip, layer, z, a)


def _of_others(
    slip: Callable[..., TapeSlip], layer: Activation | None, z: Array, a: Array
) -> Iterator[TapeSlip]:
    """The derivative of another function of the catalogue."""
    for other in BETWEEN:
        if other in (layer, Identity()):
            continue
        same = type(other) is type(layer)
        name = str(other) if same else type(other).__name__
        for value in (None, a):
            slope = partial(_slope_of, other, z, value)
            yield slip(MistakeKind.OTHER_FUNCTION, slope, other=name)


def _slope_of(layer: Activation, z: Array, a: Array | None, _: Array) -> Array:
    return slope_formula(layer, z, np.asarray(layer.value(z)) if a is None else a)


def _slope_at(found: TapePass, function: Function, point: Array) -> Array:
    """F' at another point: the function is played again."""
    tape, step = found.tape, STEP * np.maximum(1.0, np.abs(point))
    with np.errstate(all="ignore"):
        above = tape.played(function.out, {function.source: point + step})
        below = tape.played(function.out, {function.source: point - step})
    slope: Array = (above - below) / (2 * step)
    return slope
