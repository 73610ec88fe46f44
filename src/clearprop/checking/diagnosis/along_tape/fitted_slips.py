"""Slips with a number in them that has to be found, and those beside a penalty."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.checking.diagnosis.along_tape.loss_slips import penalty_of
from clearprop.checking.diagnosis.along_tape.part_kinds import Affine
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip, hypothesis
from clearprop.checking.diagnosis.along_tape.way_slips import has_several_ways
from clearprop.checking.diagnosis.elementary import elementary, named_factors
from clearprop.checking.diagnosis.fitted import ENOUGH, fit, telling
from clearprop.checking.diagnosis.hypotheses import (
    USUAL,
    Discrepancy,
    Hypothesis,
    difference,
    scale,
)
from clearprop.checking.diagnosis.recording.tape import Share
from clearprop.checking.verdict.candidates import Standing
from clearprop.checking.verdict.mistakes import MistakeKind


def updated_weights(discrepancy: Discrepancy, found: TapePass) -> Iterator[TapeSlip]:
    """Dx from W − η ∂C/∂W: the weights were updated before the signal went through them; those of
    all linear layers, or those of one."""
    linear = [one for one in found.parts.affine if found.tape.names[one.signal] & {*found.right}]
    ones = [[one] for one in linear]
    for chosen in [linear, *ones] if len(linear) > 1 else ones:
        rate = _rate(discrepancy, found, chosen)
        if rate > 0:
            yield _updated(found, chosen, rate)


def _updated(found: TapePass, chosen: Sequence[Affine], rate: float) -> TapeSlip:
    tape = found.tape

    def share_of(one: Affine) -> Share:
        product = tape.wires[one.product]

        def share(dy: Array, _: Mapping[int, Array]) -> Mapping[int, Array]:
            values = tape.values(product)
            gradient = tape.share(product, dy, one.place, values)
            values[one.place] = values[one.place] - rate * (0 if gradient is None else gradient)
            wrong = tape.share(product, dy, 1 - one.place, values)
            right = tape.shares(product, dy)
            return right if wrong is None else {**right, one.signal: wrong}

        return share

    return TapeSlip(
        MistakeKind.UPDATED_WEIGHTS,
        {"where": chosen[-1].called, "rate": rate},
        {one.product: share_of(one) for one in chosen},
        standing=Standing.FITTED,
    )


def _rate(discrepancy: Discrepancy, found: TapePass, chosen: Sequence[Affine]) -> float:
    """η, fitted where only the last update reaches, because there it enters linearly."""
    once = found.with_slips(_updated(found, chosen[-1:], 1.0))
    near = set(chosen[-2].leaves) if len(chosen) > 1 else {*once}
    for name in discrepancy.wrong:
        if name not in once or name not in near:
            continue
        direction = once[name] - found.right[name]
        same = discrepancy.claimed[name].shape == direction.shape
        if same and np.count_nonzero(direction) >= ENOUGH:
            return fit(discrepancy.claimed[name] - found.right[name], direction)
    return 0.0


def other_penalties(discrepancy: Discrepancy, found: TapePass) -> Iterator[Hypothesis]:
    """A penalty with a factor that nothing names."""
    penalty = penalty_of(found)
    for names in dict.fromkeys([tuple(penalty), *((name,) for name in penalty)]):
        known = [n for n in names if n in discrepancy.wrong and n in discrepancy.claimed]
        known = [n for n in known if discrepancy.claimed[n].shape == penalty[n].shape]
        if not known:
            continue
        direction = np.concatenate([penalty[n].ravel() for n in known])
        rest = [discrepancy.claimed[n] - found.right[n] for n in known]
        factor = 1 + fit(np.concatenate([one.ravel() for one in rest]), direction)
        if telling(direction) >= ENOUGH:
            predicted = {n: found.right[n] + (factor - 1) * penalty[n] for n in names}
            yield Hypothesis(
                MistakeKind.PENALTY_FACTOR,
                {**found.right, **predicted},
                {"factor": factor},
                Standing.FITTED,
            )


def beside_penalty(discrepancy: Discrepancy, found: TapePass) -> Iterator[Hypothesis]:
    """A mistake in all of a gradient but what the penalty gives."""
    penalty = penalty_of(found)
    if not penalty:
        return
    rest = {
        name: (discrepancy.expected[name] - penalty[name])
        if name in penalty and penalty[name].shape == discrepancy.expected[name].shape
        else discrepancy.expected[name]
        for name in discrepancy.expected
    }
    given = {
        name: discrepancy.claimed[name] - penalty[name]
        if name in penalty and penalty[name].shape == discrepancy.claimed[name].shape
        else discrepancy.claimed[name]
        for name in discrepancy.claimed
    }
    without = replace(discrepancy, expected=rest, claimed=given)
    for one in elementary(without):
        predicted = {
            name: array + penalty[name]
            if name in penalty and penalty[name].shape == array.shape
            else array
            for name, array in one.predicted.items()
        }
        yield one._replace(predicted=predicted)


def factors_beside_penalty(discrepancy: Discrepancy, found: TapePass) -> Iterator[Hypothesis]:
    """A factor that people forget in what a part hands on, where behind it a penalty comes in, so
    that no gradient is a multiple of the right one."""
    if not found.parts.penalties:
        return
    numbers = sorted({n for one in found.parts.affine for n in (one.out, one.signal)})
    for number in (n for n in numbers if n in found.signals):
        for key, factor, count in [(MistakeKind.SIGN, -1.0, 0), *named_factors(discrepancy)]:
            values = {"factor": factor, "count": count} if count else EMPTY
            yield hypothesis(found, _scaled(key, number, factor, values))


def factors_on_the_way(discrepancy: Discrepancy, found: TapePass) -> Iterator[Hypothesis]:
    """The factor in what a part hands on, fitted where behind it another way comes in."""
    if has_several_ways(found):
        outs = [one.out for one in found.parts.functions]
        for out in (*outs, *(one.out for one in found.parts.affine)):
            yield from _handed_on(discrepancy, found, out)


def _scaled(key: MistakeKind, number: int, factor: float, values: Mapping[str, object]) -> TapeSlip:
    return TapeSlip(key, values, signals={number: lambda g: factor * g})


def _handed_on(discrepancy: Discrepancy, found: TapePass, number: int) -> Iterator[Hypothesis]:
    """The factor that a wire's signal has, fitted where it enters linearly and beside others."""
    key, where = MistakeKind.FACTOR_HANDED_ON, {"where": found.parts.called(number)}
    without = found.with_slips(_scaled(key, number, 0.0, where))
    reached = [
        name
        for name in discrepancy.wrong
        if name in without
        and discrepancy.claimed[name].shape == without[name].shape
        and difference(without[name], found.right[name]) > USUAL
    ]
    if not any(scale(without[name]) > USUAL * scale(found.right[name]) for name in reached):
        return
    directions = np.concatenate([(found.right[n] - without[n]).ravel() for n in reached])
    values = np.concatenate([(discrepancy.claimed[n] - without[n]).ravel() for n in reached])
    factor = fit(values, directions)
    if np.count_nonzero(directions) >= ENOUGH and factor:
        slip = _scaled(key, number, factor, {**where, "factor": factor})
        yield hypothesis(found, slip)._replace(standing=Standing.FITTED)
