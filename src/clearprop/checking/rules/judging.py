"""Judging one array: its claimed gradient against difference quotients.

An entry that fails, or whose two sides differ, is looked at on a finer ladder of steps (`limits`).
Where a kink is at the point every value between the slopes of the two sides is accepted: each is a
subgradient. Where kinks combine, the right answer of every primitive's convention may lie outside
that: x = relu(x) − relu(−x) at 0. Then the gradient is compared at points beside this one; if it is
right there, and the function has a kink here at all, nothing can be said.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.rules.along_directions import differences_along, is_steady
from clearprop.checking.rules.kink_watch import KinkWatch
from clearprop.checking.rules.limits import limits
from clearprop.checking.rules.tolerances import Tolerance
from clearprop.checking.verdict.array_verdicts import ArrayVerdict, Kink, Method, Reason
from clearprop.checking.verdict.outcomes import RIGHT, UNDECIDED, WRONG, Outcome
from clearprop.checking.witnesses.quotients import TRIED, Quotients

KINKS_KEPT = 8
SMALL = 1e-2  # of the usual step: what rests on smaller ones may be rounding
CLOSELY = 400  # entries, at most, that are all looked at closely
BLOCK = 32  # entries that are looked at closely before the next are
BLOCK_OF_MANY = 4  # where moving one takes very many numbers
DIRECTIONS = 12
# An entry is decided where its own error is below this many times an array's resolution.
UNKNOWN = 20
# Entries that are compared of an array too large to compare them all; fewer where moving one takes
# very many numbers.
SAMPLE = 200
SAMPLE_OF_MANY, MANY = 64, 100_000


class Judgement(NamedTuple):
    """The verdict of one array, and for the diagnosis the gradient that was expected, of the
    array's shape with NaN where it was not compared, the kinks among it, and the tolerance; with
    the claimed gradient, and the slopes at kinks by flat index."""

    verdict: ArrayVerdict
    claimed: Array
    expected: Array
    kinks: Array
    tolerance: float
    sides: Mapping[int, Kink]


class Neighbours(Protocol):
    """Whether the claimed gradient is right at points beside this one."""

    watch: KinkWatch

    def __call__(self, name: str, index: int) -> bool:
        """That of the entry at a flat index of the array `name`."""

    def along(self, name: str, direction: Array) -> bool:
        """That of the array `name` along a direction of its shape, as far as kinks let one see."""


class _Entries:
    """What is known of the compared entries, refined step by step."""

    def __init__(self, indices: Array, claimed: Array, expected: Array, tolerance: Array):
        self.indices = indices
        self.claimed = claimed
        self.expected = expected.copy()
        self.tolerance = tolerance
        self.kinks: dict[int, Kink] = {}
        self.unresolved = np.zeros(len(indices), bool)
        self.refined = np.zeros(len(indices), bool)
        self.errors = np.full(len(indices), np.inf)
        self.steps = np.zeros(len(indices))

    @property
    def error(self) -> Array:
        difference = np.abs(self.claimed - self.expected)
        return np.where(np.isfinite(difference), difference, np.inf)

    @property
    def failing(self) -> Array:
        # A tolerance that is no number lets nothing pass.
        return ~(self.error <= self.tolerance)


def judge(
    quotients: Quotients,
    name: str,
    claimed: Array,
    tolerance: Tolerance,
    neighbours: Neighbours,
    *,
    limit: int,
    seed: int = 0,
) -> Judgement:
    """Judge the gradient `claimed` of the array `name`; every entry, or a sample if there are more
    than `limit`."""
    generator = np.random.default_rng(seed)
    flat = claimed.ravel().astype(np.float64)
    most = _sample(quotients)
    every = flat.size <= max(limit, most)
    indices = _chosen(flat, flat.size if every else most, generator)
    rung, error = _step(quotients, name, _chosen(flat, TRIED, generator), tolerance)
    with np.errstate(all="ignore"):
        slopes = quotients.slopes(name, indices, rung)
        central = slopes.central
        scale = _largest(central)
        error = max(error, _largest(slopes.noise))
        if not slopes.moved.any():
            return _motionless(quotients, name, claimed, indices, tolerance)
        entries = _Entries(indices, flat[indices], central, tolerance.of(central, error, scale))
        sides = np.abs(slopes.right) + np.abs(slopes.left)
        two_sided = slopes.jump > 1e-2 * sides + 16 * slopes.noise
        outcome, reason = _look_closely(
            quotients, name, entries, two_sided, scale, tolerance, neighbours
        )
        if outcome == RIGHT and _blind(entries, error, scale, tolerance):
            outcome, reason = _seen_closely(quotients, name, entries, scale, tolerance)
        directions = 0
        if len(indices) < flat.size:
            directions = DIRECTIONS
            if outcome == RIGHT:
                outcome, reason = _directions(
                    quotients, name, claimed, tolerance, neighbours, generator
                )
    step = quotients.base * rung
    return _judgement(name, claimed, entries, scale, tolerance, step, outcome, reason, directions)


def _sample(quotients: Quotients) -> int:
    return SAMPLE if quotients.subject.widest <= MANY else SAMPLE_OF_MANY


def _chosen(flat: Array, count: int, generator: np.random.Generator) -> Array:
    """The indices of all entries, or of `count`: half of them the largest, half drawn."""
    if flat.size <= count:
        return np.arange(flat.size)
    largest = np.argsort(-np.abs(flat))[: count // 2]
    return np.union1d(largest, generator.choice(flat.size, count - count // 2, replace=False))


def _step(
    quotients: Quotients, name: str, tried: Array, tolerance: Tolerance
) -> tuple[float, float]:
    """The rung for the whole array, and the error to assume: ∛ε where that will do, otherwise the
    larger of the two neighbouring steps that agree best over the entries that are tried."""
    with np.errstate(all="ignore"):
        ladder = quotients.ladder(name, tried)
        gaps = np.abs(np.diff(ladder.central, axis=0)) + ladder.noise[1:]
        gaps = np.where(np.isfinite(gaps), gaps, np.inf)
        typical = np.median(gaps, axis=1)
        usual = quotients.rungs.index(1.0)
        scale = _largest(ladder.central[usual])
    best = int(np.argmin(typical)) + 1
    if 8 * typical[usual - 1] <= 0.1 * tolerance.resolution * scale:
        best = usual
    found = float(typical[best - 1])
    return quotients.rungs[best], found if np.isfinite(found) else 0.0


def _largest(values: Array) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0))


def _look_closely(
    quotients: Quotients,
    name: str,
    entries: _Entries,
    two_sided: Array,
    scale: float,
    tolerance: Tolerance,
    neighbours: Neighbours,
) -> tuple[Outcome, Reason | None]:
    """Look at the entries that fail or have two sides, the worst first; stop at a mistake."""
    suspects = np.flatnonzero(entries.failing | two_sided)
    with np.errstate(all="ignore"):
        suspects = suspects[np.argsort(-(entries.error / entries.tolerance)[suspects])]
    size = BLOCK if quotients.subject.widest <= MANY else BLOCK_OF_MANY
    for start in range(0, len(suspects), size):
        block = suspects[start : start + size]
        _refine(quotients, name, entries, block, scale, tolerance)
        wrong = [row for row in block if entries.failing[row] and not entries.unresolved[row]]
        if wrong and all(_may_be_kinks(entries, row, name, neighbours) for row in wrong[:2]):
            return UNDECIDED, Reason.KINKS
        if not all(_is_doubtful(quotients, entries, row, name, neighbours) for row in wrong):
            finite = np.isfinite(entries.claimed[wrong]).all()
            return WRONG, Reason.DIFFERS if finite else Reason.NOT_FINITE
        entries.unresolved[wrong] = True
    if entries.unresolved.any():
        return UNDECIDED, Reason.UNRESOLVED
    if any(_is_beside(entries, row, name, neighbours) for row in entries.kinks):
        return UNDECIDED, Reason.UNRESOLVED
    return RIGHT, None


def _is_doubtful(
    quotients: Quotients, entries: _Entries, row: int, name: str, neighbours: Neighbours
) -> bool:
    """Whether an entry that fails may do so for what its slopes rest on: steps across a kink beside
    the point, with the claim between the slopes of the two sides, or steps so small that the
    rounding inside the function is all that they show."""
    between = row in entries.kinks or _is_between(quotients, entries, row, name)
    if between and _is_beside(entries, row, name, neighbours):
        return True
    error = float(entries.error[row])
    step = float(entries.steps[row])
    small = 0 < step < SMALL * quotients.base
    return bool(small and error <= entries.tolerance[row] + 8 * quotients.shaken / step)


def _is_between(quotients: Quotients, entries: _Entries, row: int, name: str) -> bool:
    """Whether the claim lies between the slopes of the two sides at the step that is rested on."""
    step = entries.steps[row]
    if not step:
        return False
    sides = quotients.slopes_at(name, entries.indices[[row]], np.array([step]))
    low, high = sorted((float(sides.left[0]), float(sides.right[0])))
    room = float(entries.tolerance[row])
    return bool(low - room <= entries.claimed[row] <= high + room)


def _is_beside(entries: _Entries, row: int, name: str, neighbours: Neighbours) -> bool:
    """Whether the slopes rest on a step across a kink beside the point: no two equal numbers are
    compared here, and a comparison flips within the step. The slope is then that of one side, and
    which one nobody can see in slopes."""
    watch = neighbours.watch
    beside = not watch.tied or watch.is_near
    return beside and watch.flips(name, int(entries.indices[row]), entries.steps[row])


def _may_be_kinks(entries: _Entries, row: int, name: str, neighbours: Neighbours) -> bool:
    """Whether the claim for an entry may be right where its slopes say otherwise: there is a kink
    at the point, or within the step that the slopes rest on, and beside it the claim is right."""
    index, watch = int(entries.indices[row]), neighbours.watch
    kinked = row in entries.kinks or watch.tied or watch.flips(name, index, entries.steps[row])
    return kinked and neighbours(name, index)


def _blind(entries: _Entries, error: Array | float, scale: float, tolerance: Tolerance) -> bool:
    """Whether a mistake could hide in the error of the quotients. Where all are 0 and all that is
    claimed is 0, there is none to hide."""
    if tolerance.absolute is not None or (scale == 0 and not entries.claimed.any()):
        return False
    return bool(np.any(8 * error > tolerance.resolution * scale))


def _seen_closely(
    quotients: Quotients, name: str, entries: _Entries, scale: float, tolerance: Tolerance
) -> tuple[Outcome, Reason | None]:
    """Where the one step for all entries cannot see enough, each may have one that can."""
    if len(entries.indices) > CLOSELY:
        return UNDECIDED, Reason.RESOLUTION
    rest = np.flatnonzero(~entries.refined)
    for start in range(0, len(rest), BLOCK):
        _refine(quotients, name, entries, rest[start : start + BLOCK], scale, tolerance)
    scale = max(scale, _largest(entries.expected))
    if entries.failing.any() or _blind(entries, entries.errors, scale, tolerance):
        return UNDECIDED, Reason.RESOLUTION
    return RIGHT, None


def _refine(
    quotients: Quotients,
    name: str,
    entries: _Entries,
    rows: Array,
    scale: float,
    tolerance: Tolerance,
) -> None:
    """Put the best that the finer ladder can say in the place of the first quotients."""
    found = limits(quotients.fine_ladder(name, entries.indices[rows]))
    shape = quotients.subject.arrays[name].shape
    for row, limit in zip(rows, found, strict=True):
        low, high = sorted((limit.left, limit.right))
        largest = max(abs(low), abs(high))
        # Where the first step was too large for an entry, the scale does not know of it yet.
        of = max(scale, largest) if np.isfinite(largest) else scale
        entries.expected[row] = limit.nearest(float(entries.claimed[row]))
        entries.tolerance[row] = tolerance.of(np.array(largest), limit.error, of)
        entries.refined[row], entries.errors[row] = True, limit.error
        entries.steps[row] = limit.step
        if limit.kink:
            index = tuple(int(i) for i in np.unravel_index(entries.indices[row], shape))
            entries.kinks[int(row)] = Kink(index, limit.left, limit.right)
        unknown = 8 * limit.error > UNKNOWN * tolerance.resolution * of
        unknown &= bool(largest or entries.claimed[row])
        if not np.isfinite(limit.error) or (tolerance.absolute is None and unknown):
            entries.unresolved[row] = True


def _motionless(
    quotients: Quotients, name: str, claimed: Array, indices: Array, tolerance: Tolerance
) -> Judgement:
    """No output moved by a bit. The gradient is zero if that holds for a step of 0.1 as well, on
    one side at least (the other may wake a dead unit); the gradient that such a step could hide
    is ε/0.1 of the outputs."""
    few = indices[:: max(1, len(indices) // 256)]
    wide = quotients.slopes(name, few, 0.1 / quotients.base)
    still = bool(np.all((wide.right == 0) | (wide.left == 0)))
    hidden = 10 * tolerance.epsilon * float(np.linalg.norm(quotients.dy * quotients.output))
    flat = claimed.ravel().astype(np.float64)[indices]
    entries = _Entries(indices, flat, np.zeros(len(indices)), np.full(len(indices), 8 * hidden))
    outcome: Outcome = UNDECIDED
    reason: Reason | None = Reason.RESOLUTION
    if entries.failing.any() and still:
        outcome, reason = WRONG, Reason.DIFFERS
    elif still and not flat.any():
        outcome, reason = RIGHT, None
    step = quotients.base
    return _judgement(name, claimed, entries, 0.0, tolerance, step, outcome, reason, 0)


def _directions(
    quotients: Quotients,
    name: str,
    claimed: Array,
    tolerance: Tolerance,
    neighbours: Neighbours,
    generator: np.random.Generator,
) -> tuple[Outcome, Reason | None]:
    """Compare the claimed slope along random directions of all entries, each entry ±1."""
    outcome: Outcome = RIGHT
    for _ in range(DIRECTIONS):
        direction = generator.choice([-1.0, 1.0], claimed.shape)
        differences = differences_along(quotients, name, claimed, direction, tolerance)
        if not differences:
            continue
        # Where it is steady it is a mistake, or that of kinks at the point itself.
        if is_steady(differences) and not neighbours.along(name, direction):
            return WRONG, Reason.DIRECTION
        outcome = UNDECIDED
    return outcome, Reason.KINKS if outcome == UNDECIDED else None


def _judgement(
    name: str,
    claimed: Array,
    entries: _Entries,
    scale: float,
    tolerance: Tolerance,
    step: float,
    outcome: Outcome,
    reason: Reason | None,
    directions: int,
) -> Judgement:
    error = entries.error
    with np.errstate(all="ignore"):
        ratios = np.nan_to_num(error / entries.tolerance, nan=0.0, posinf=np.inf)
    # Of entries that fail, the largest error; otherwise the one that is nearest to failing.
    worst = int(np.argmax(np.where(entries.failing, error, 0) if outcome == WRONG else ratios))
    index = tuple(int(i) for i in np.unravel_index(entries.indices[worst], claimed.shape))
    expected = np.full(claimed.size, np.nan)
    expected[entries.indices] = entries.expected
    kinks = np.zeros(claimed.size, bool)
    kinks[entries.indices[list(entries.kinks)]] = True
    largest = scale or _largest(entries.claimed) or 1.0
    verdict = ArrayVerdict(
        name=name,
        outcome=outcome,
        reason=reason,
        shape=claimed.shape,
        checked=len(entries.indices),
        size=claimed.size,
        directions=directions,
        index=index,
        claimed=float(entries.claimed[worst]),
        expected=float(entries.expected[worst]),
        absolute=float(error[worst]),
        relative=float(error[worst] / largest),
        tolerance=float(entries.tolerance[worst]),
        tolerance_source=tolerance.source,
        method=Method.EVERY_ENTRY if len(entries.indices) == claimed.size else Method.SAMPLE,
        step=step,
        kinks=tuple(list(entries.kinks.values())[:KINKS_KEPT]),
        kinks_met=len(entries.kinks),
    )
    shape = claimed.shape
    limit = float(np.max(entries.tolerance, initial=0.0))
    sides = {int(entries.indices[row]): kink for row, kink in entries.kinks.items()}
    return Judgement(verdict, claimed, expected.reshape(shape), kinks.reshape(shape), limit, sides)
