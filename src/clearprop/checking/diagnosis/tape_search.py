"""The hypotheses of a tape: every slip, two of them at once, and weights that were updated first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, keyed_generator
from clearprop.checking.diagnosis.behaviour import run_again
from clearprop.checking.diagnosis.elementary import elementary, named_factors
from clearprop.checking.diagnosis.evidence import Evidence
from clearprop.checking.diagnosis.fitted import ENOUGH, fit, telling
from clearprop.checking.diagnosis.hypotheses import (
    USUAL,
    Budget,
    Discrepancy,
    Hypothesis,
    Weighed,
    difference,
    scale,
)
from clearprop.checking.diagnosis.recorded_array import recorded
from clearprop.checking.diagnosis.tape import Share
from clearprop.checking.diagnosis.tape_parts import Affine, Parts
from clearprop.checking.diagnosis.tape_slips import (
    TapePass,
    TapeSlip,
    penalty_of,
    samples_axis,
)
from clearprop.checking.verdict.candidates import Lost, Standing
from clearprop.checking.verdict.mistakes import MistakeKind

# Names that arrays of samples have.
SAMPLES = frozenset("x xs inputs input data images features samples a0 batch x_train xb".split())
# Of so many slips that explain something and not all, a second one is looked for.
FIRST_OF_TWO = 8
# How long one step along a tape takes, and one entry: what a budget is reckoned with.
SECONDS_A_WIRE, SECONDS_AN_ENTRY = 2e-5, 1e-8


def taped(discrepancy: Discrepancy) -> TapePass | None:
    """The way back along the tape of what was checked; None where its forward leaves none, or one
    that does not give the expected gradients."""
    found = _pass(discrepancy.evidence)
    return found if found is not None and _agrees(discrepancy, found) else None


def _pass(evidence: Evidence) -> TapePass | None:
    if evidence.run is None:
        return None
    arrays = {name: np.asarray(array) for name, array in evidence.arrays.items()}
    tape = recorded(evidence.run, arrays, np.asarray(evidence.output))
    if tape is None or not tape.leaves:
        return None
    dy = np.asarray(evidence.output_gradient, np.float64)
    dy = dy.reshape(tape.wires[tape.output].value.shape)
    asked = frozenset(evidence.expected)
    return TapePass(tape, Parts(tape, _data(evidence, arrays)), dy, arrays, asked)


def _data(evidence: Evidence, arrays: Mapping[str, Array]) -> frozenset[str]:
    """The arrays that are no parameters: those without a gradient, and the samples."""
    data = {name for name in arrays if name not in evidence.expected}
    data |= {name for name in arrays if name.lower() in SAMPLES}
    first = next(iter(arrays))
    if not data and not first.lower().startswith(("w", "theta")):
        data.add(first)
    return frozenset(data)


def _agrees(discrepancy: Discrepancy, found: TapePass) -> bool:
    for name, mine in found.right.items():
        if name not in discrepancy.expected:
            continue
        right = discrepancy.expected[name]
        near = max(discrepancy.evidence.tolerance(name), USUAL * scale(right))
        if mine.size != right.size:
            return False
        off = np.abs(mine.reshape(right.shape) - right) > 10 * near
        if np.any(off & ~_kinks(discrepancy, name)):
            return False
    return True


def _kinks(discrepancy: Discrepancy, name: str) -> Array:
    """Where differences met a kink, and so say little."""
    shape = discrepancy.expected[name].shape
    kinks = discrepancy.evidence.kinks.get(name)
    return np.zeros(shape, bool) if kinks is None or kinks.shape != shape else kinks


def _at_kinks(discrepancy: Discrepancy, found: TapePass) -> dict[str, Array]:
    """The expected gradients, of the tape where differences met a kink and the claim is beside
    both slopes."""
    expected = dict(discrepancy.expected)
    for name in expected:
        kinks, right, claimed = _kinks(discrepancy, name), expected[name], discrepancy.claimed[name]
        if name in found.right and kinks.any() and claimed.shape == right.shape:
            beside = kinks & (np.abs(claimed - right) > discrepancy.evidence.tolerance(name))
            expected[name] = np.where(beside, found.right[name].reshape(right.shape), right)
    return expected


def counted(discrepancy: Discrepancy, found: TapePass) -> Discrepancy:
    """The discrepancy with what the tape tells: the numbers of samples and outputs, and the slopes
    where differences met a kink."""
    discrepancy = replace(discrepancy, expected=_at_kinks(discrepancy, found))
    for one in reversed(found.parts.affine):
        out = found.value(one.out)
        axis = samples_axis(found, one)
        if axis is None:
            # One sample, or one at a time in a loop.
            rounds = sum(other.leaves == one.leaves for other in found.parts.affine)
            return replace(discrepancy, batch=(rounds,), features=out.size)
        rows = out.shape[axis]
        batch = [rows]
        if one.place == 1 and out.ndim > 2:
            batch += [int(np.prod(out.shape[:-1])), *out.shape[1:-1]]
        return replace(
            discrepancy,
            batch=tuple(dict.fromkeys(batch)),
            features=_features(found, one, rows),
        )
    return discrepancy


def _features(found: TapePass, one: Affine, rows: int) -> int:
    """How many outputs one sample has."""
    out = found.value(one.out)
    if found.value(one.weight).ndim < 2:
        return 1
    return out.shape[-1] if one.place == 1 else out.size // rows


def on_tape(
    discrepancy: Discrepancy,
    found: TapePass,
    budget: Budget,
    kinds: frozenset[MistakeKind] | None = None,
) -> Iterator[tuple[Hypothesis, tuple[TapeSlip, ...]]]:
    """Every slip as a hypothesis, with the slip itself."""
    for slip in found.slips():
        if kinds is not None and slip.key not in kinds:
            continue
        if not budget.spend():
            return
        made = hypothesis(found, slip)
        if slip.key is not MistakeKind.GRADIENT_STOPS or _stops_at_a_parameter(found, made):
            yield made, (slip,)
    for slip in _updated_weights(discrepancy, found):
        yield hypothesis(found, slip), (slip,)
    for made in (
        *_beside_penalty(discrepancy, found),
        *_other_penalties(discrepancy, found),
        *_factors_on_the_way(discrepancy, found),
    ):
        yield made, ()


def _stops_at_a_parameter(found: TapePass, made: Hypothesis) -> bool:
    return any(
        name not in found.parts.data and not np.any(array) and np.any(found.right[name])
        for name, array in made.predicted.items()
    )


def hypothesis(found: TapePass, *slips: TapeSlip) -> Hypothesis:
    """What somebody gets who made these mistakes; named after the last of them."""
    with np.errstate(all="ignore"):
        predicted = found.with_slips(*slips)
    last = slips[-1]
    return Hypothesis(last.key, predicted, last.values, last.standing)


def budget_of(found: TapePass, seconds: float, deadline: float | None) -> Budget:
    """How many slips can be tried in about so many seconds, whatever the machine does meanwhile."""
    entries = sum(wire.value.size for wire in found.tape.order)
    each = SECONDS_A_WIRE * len(found.tape.order) + SECONDS_AN_ENTRY * entries
    return Budget(int(seconds / each), deadline)


def _updated_weights(discrepancy: Discrepancy, found: TapePass) -> Iterator[TapeSlip]:
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


def _other_penalties(discrepancy: Discrepancy, found: TapePass) -> Iterator[Hypothesis]:
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


def _beside_penalty(discrepancy: Discrepancy, found: TapePass) -> Iterator[Hypothesis]:
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


def _factors_on_the_way(discrepancy: Discrepancy, found: TapePass) -> Iterator[Hypothesis]:
    """A factor in what a part hands on, where behind it another way or a penalty comes in, so that
    no gradient is a multiple of the right one."""
    numbers = sorted({n for one in found.parts.affine for n in (one.out, one.signal)})
    for number in (n for n in numbers if n in found.signals):
        if found.parts.penalties:
            for key, factor, count in [(MistakeKind.SIGN, -1.0, 0), *named_factors(discrepancy)]:
                values = {"factor": factor, "count": count} if count else EMPTY
                yield hypothesis(found, _scaled(key, number, factor, values))
    if found.has_several_ways:
        for function in (*found.parts.functions, *found.parts.affine):
            yield from _handed_on(discrepancy, found, function.out)


def _scaled(
    key: MistakeKind, number: int, factor: float, values: Mapping[str, object]
) -> TapeSlip:
    return TapeSlip(key, values, signals={number: lambda g: factor * g})


def _handed_on(
    discrepancy: Discrepancy, found: TapePass, number: int
) -> Iterator[Hypothesis]:
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


class Pair(NamedTuple):
    """Two mistakes at once, and all that they give."""

    first: Hypothesis
    second: Hypothesis
    both: Hypothesis


def pairs(
    discrepancy: Discrepancy,
    found: TapePass,
    tried: Iterable[tuple[Weighed, tuple[TapeSlip, ...]]],
    budget: Budget,
) -> Iterator[Pair]:
    """Two slips that together give every claimed array, where one of them gives some by itself."""
    firsts = [
        (one, slips)
        for one, slips in tried
        if slips and one.names and one.lost is Lost.ONLY_SOME and _is_telling(discrepancy, one)
    ]
    firsts.sort(key=lambda pair: -len(pair[0].names))
    for one, slips in firsts[:FIRST_OF_TWO]:
        made = one.hypothesis
        left = _left(discrepancy, made)
        if not left.wrong:
            continue
        for second in elementary(left):
            both = Hypothesis(second.key, {**left.expected, **second.predicted}, second.values)
            if _gives_all(discrepancy, both):
                yield Pair(made, second, both)
        for slip in found.slips():
            if slip.key == made.key and slip.values == made.values:
                continue
            if not budget.spend():
                return
            both = hypothesis(found, *slips, slip)
            if _gives_all(discrepancy, both):
                yield Pair(made, hypothesis(found, slip), both)


def _is_telling(discrepancy: Discrepancy, one: Weighed) -> bool:
    return sum(telling(one.hypothesis.predicted[name]) for name in one.names) >= ENOUGH


def _wrong(discrepancy: Discrepancy, base: Mapping[str, Array]) -> tuple[str, ...]:
    return tuple(
        name
        for name in discrepancy.claimed
        if difference(discrepancy.claimed[name], base[name]) > 10 * discrepancy.relative[name]
    )


def _gives_all(discrepancy: Discrepancy, made: Hypothesis) -> bool:
    weighed = discrepancy.weigh(made)
    return weighed.lost is None and set(discrepancy.wrong) <= weighed.names


def holds_elsewhere(there: "Elsewhere", pair: Pair) -> bool:
    """Whether the same two mistakes give what the code returns at another point."""
    found, discrepancy = there.found, there.discrepancy
    called: dict[object, list[TapeSlip]] = {}
    for one in found.slips():
        called.setdefault(identity(hypothesis_of(one)), []).append(one)
    seconds = called.get(identity(pair.second), [])
    for first in called.get(identity(pair.first), []):
        if any(_gives_all(discrepancy, hypothesis(found, first, one)) for one in seconds):
            return True
        left = _left(discrepancy, hypothesis(found, first))
        for one in elementary(left):
            both = Hypothesis(one.key, {**left.expected, **one.predicted})
            if identity(one) == identity(pair.second) and _gives_all(discrepancy, both):
                return True
    return False


def _left(discrepancy: Discrepancy, made: Hypothesis) -> Discrepancy:
    """What is left to explain when one mistake was made for certain."""
    base = {
        name: made.predicted[name].reshape(right.shape)
        if name in made.predicted and made.predicted[name].size == right.size
        else right
        for name, right in discrepancy.expected.items()
    }
    return replace(discrepancy, expected=base, wrong=_wrong(discrepancy, base))


def hypothesis_of(slip: TapeSlip) -> Hypothesis:
    """The slip without its numbers."""
    return Hypothesis(slip.key, {}, slip.values, slip.standing)


def identity(hypothesis: Hypothesis) -> tuple[object, ...]:
    """A hypothesis without its arrays; a fitted number to four digits."""
    values = (
        f"{value:.3e}" if isinstance(value, float) else str(value)
        for value in hypothesis.values.values()
    )
    return (hypothesis.key, *values)


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """The same code at another point, where a mistake that is in the code is made as well."""

    discrepancy: Discrepancy
    found: TapePass


def elsewhere(discrepancy: Discrepancy, found: TapePass) -> tuple[Elsewhere | None, str]:
    """The code run at another point with another upstream gradient, and what it raised, if it did.

    Only arrays with a gradient are moved, by a tenth towards 0: what is between 0 and 1 stays there,
    and labels, which are whole numbers, stay what they are.
    """
    evidence = discrepancy.evidence
    generator = keyed_generator(0, path="elsewhere")
    arrays = dict(evidence.arrays)
    for name in discrepancy.expected:
        array = np.asarray(arrays[name])
        if array.dtype.kind == "f" and np.any(array % 1):
            factor = 1 - 0.1 * generator.uniform(0.2, 1, size=array.shape)
            arrays[name] = (array * factor).astype(array.dtype)
    dy = np.asarray(evidence.output_gradient)
    if dy.shape:
        drawn = generator.normal(size=dy.shape) * (scale(dy) or 1.0)
        dy = drawn.astype(dy.dtype)
    claimed, problem = run_again(discrepancy, dy, arrays)
    if claimed is None or evidence.forward is None:
        return None, problem
    moved = replace(
        evidence, arrays=arrays, output=evidence.forward(arrays), output_gradient=dy, backward=None
    )
    other = _pass(moved)
    if other is None or not {*found.right} <= {*other.right}:
        return None, ""
    names = [name for name in discrepancy.expected if name in other.right]
    looked_at = Discrepancy.of(
        replace(
            moved,
            claimed={name: claimed[name] for name in names},
            expected={
                name: other.right[name].reshape(discrepancy.expected[name].shape) for name in names
            },
            tolerances={},
        )
    )
    if looked_at is None:
        return None, ""
    return Elsewhere(
        replace(looked_at, batch=discrepancy.batch, features=discrepancy.features), other
    ), ""
