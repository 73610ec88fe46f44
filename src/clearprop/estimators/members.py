"""Several networks trained at once on the same rows, each with rows of its own that it never sees.

Every network (a member) holds out a fold, is judged on it after each epoch, and goes back to its
own best epoch. The members walk through their rows in orders of their own: what noise one batch
brings is not that of the others, and averages out of what they say together. Where so many copies
of the rows would be too large, all walk through the same batches, and what a member holds out has
the weight 0 in its loss.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import DataError
from clearprop.engine.losses import Loss
from clearprop.engine.optimizers import Optimizer
from clearprop.estimators.falling_rates import FallingRate
from clearprop.training import DivergenceEvent, TrainingState

# From the outputs (M, D), the targets and the weights (M,) of held-out rows to a number: less is
# better.
Metric = Callable[[Array, Array, Array], float]

# How much the members' own copies of the rows may take.
MOST_BYTES = 1 << 29
# Members that walk through the same batches need some that are not all held out by one of them:
# with two members a batch of so many rows is so once in 2^64 times, with more less often.
SAFE_BATCH = 64
# Weights of rows above it, or below its reciprocal, are brought nearer to 1.
REACH = 2.0**60


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as a network takes them: inputs (N, F), targets (N, D) or ids (N,), weights (N,).

    own  which of "x", "target" and "sample_weight" have an axis K before these, for K members
    """

    x: Array
    target: Array
    weight: Array
    own: tuple[str, ...] = ()

    def take(self, rows: Array) -> "Rows":
        """Some of the rows."""
        return Rows(self.x[rows], self.target[rows], self.weight[rows])


@dataclass(frozen=True, eq=False)
class MemberCourse:
    """How the members are trained.

    epochs          how many at most
    patience        how many epochs without a better one (by the held-out score, or by the loss
                    where none is held out) are borne, of all members; one more ends it; None
                    bears any number
    least           how much better an epoch has to be to count as such for patience; None:
                    `member_training` has how much
    engine          what takes the steps, as for `train`
    state           the last state of a training to go on from, by this many epochs more
    begun           where this very training stood, to end it as if it had never stopped
    falling         how the rate changes between epochs; it cannot be begun elsewhere
    """

    loss: Loss
    optimizer: Optimizer
    epochs: int
    batch_size: int
    seed: int = 0
    patience: int | None = None
    least: float | None = None
    engine: str = "auto"
    state: TrainingState | None = None
    begun: "Members | None" = None
    falling: FallingRate | None = None


class MemberEpoch(NamedTuple):
    """One epoch.

    losses, scores  (K,) of training, and of held-out rows; NaN without any
    best            (K,) which members are at their best
    record          (K,) the best that each was judged by so far
    waited          epochs since one that was notably better
    rate            the learning rate of the last step; NaN of an optimizer without one
    engine          what took the steps
    """

    epoch: int
    losses: Array
    scores: Array
    best: Array
    state: Any
    record: Array
    waited: int
    rate: float
    engine: str


class Members(NamedTuple):
    """Trained members, or where their training stands after an epoch: all that it takes to go on.

    params      (K, P) each one's of its best epoch
    epoch       (K,) that epoch
    score       (K,) its score
    state       the last state
    record, waited  as in MemberEpoch
    divergence  what ended the training where it diverged
    """

    params: Array
    epoch: Array
    score: Array
    state: TrainingState
    record: Array
    waited: int = 0
    divergence: DivergenceEvent | None = None


def in_reach(weight: Array) -> Array:
    """Weights of rows (N,), brought to a size that float32 holds where they are of another: a mean
    over rows is the same whatever the unit of their weights, and by a power of 2 to the bit."""
    largest = float(weight.max(initial=0.0))
    if not 0 < largest < np.inf or 1 / REACH < largest < REACH:
        return weight
    nearer: Array = np.ldexp(weight, -int(np.frexp(largest)[1]))
    return nearer


def require_finite(outputs: Array, *, axis: int, first: int = 0) -> None:
    """Refuse outputs that are no finite numbers; their rows are along `axis`, counted from `first`
    on. Raises DataError."""
    finite = np.isfinite(outputs).all(axis=tuple(k for k in range(outputs.ndim) if k != axis))
    if not finite.all():
        row = first + int(np.argmin(finite))
        raise DataError("prediction_overflows", row=row, dtype=outputs.dtype)


def folds(count: int, members: int, seed: int, classes: Array | None = None) -> list[Array]:
    """For each member the rows that it holds out: an equal part of the rows each, drawn by `seed`;
    with `classes` (N,) every part has its share of each."""
    order = _drawn(count, seed, classes)
    if classes is not None:
        order = np.concatenate([order[part::members] for part in range(members)])
    size = max(1, count // members)
    return [order[part * size : (part + 1) * size] for part in range(members)]


def share_of_rows(count: int, share: float, seed: int, classes: Array | None = None) -> Array:
    """The rows that are held out, this share of them, at least one and not all, drawn by `seed`;
    with `classes` (N,) of each its share."""
    order = _drawn(count, seed, classes)
    # A hair more, because 3 / 0.1 may be a little less than 30 in binary.
    size = min(max(1, int(count * share + 1e-9)), count - 1)
    if classes is None:
        return order[:size]
    places = (np.arange(size) / share + 1e-9).astype(int).clip(max=count - 1)
    drawn: Array = order[places]
    return drawn


def share_of_groups(groups: Array, share: float, seed: int) -> Array:
    """The rows that are held out, whole groups (N,) of them, as close to this share as a fraction
    of at most ten parts is. Raises DataError where all rows are of one group."""
    fraction = Fraction(share).limit_denominator(10)
    of = max(fraction.denominator, 2)
    parts = folds_of_groups(groups, of, seed)
    distinct = {part.tobytes(): part for part in parts}
    held = min(max(fraction.numerator, 1), len(distinct) - 1)
    return np.concatenate(list(distinct.values())[:held])


def _drawn(count: int, seed: int, classes: Array | None) -> Array:
    """The rows in an order drawn by `seed`, class by class where there are any."""
    order = keyed_generator(seed, path="folds").permutation(count)
    return order if classes is None else order[np.argsort(classes[order], kind="stable")]


def folds_of_groups(groups: Array, members: int, seed: int) -> list[Array]:
    """For each member the rows that it holds out, whole groups (N,) of them; the largest group
    goes to the part that has the fewest rows, and so on. With fewer groups than members some hold
    out the same.

    Raises DataError where all rows are of one group.
    """
    names, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise DataError("group_alone", value=names[0])
    parts = min(members, len(names))
    drawn = keyed_generator(seed, path="folds").permutation(len(names))
    part_of, filled = np.zeros(len(names), int), np.zeros(parts, int)
    for group in drawn[np.argsort(-sizes[drawn], kind="stable")]:
        part_of[group] = filled.argmin()
        filled[part_of[group]] += sizes[group]
    rows = [np.flatnonzero(part_of[which] == part) for part in range(parts)]
    return [rows[member % parts] for member in range(members)]


def rows_of_members(rows: Rows, parts: list[Array], batch_size: int, seed: int) -> Rows:
    """The rows that K members learn from, each all but its part, in an order of its own.

    parts  what each holds out
    """
    count, members = len(rows.x), len(parts)
    if batch_size >= count and not any(map(len, parts)):
        return rows
    copies = members * rows.x.nbytes
    if members == 1 or copies <= MOST_BYTES or batch_size < SAFE_BATCH:
        chosen = [np.setdiff1d(np.arange(count), part) for part in parts]
        if members == 1:
            return rows.take(chosen[0])
        longest = max(map(len, chosen))
        # Where parts differ in size some rows are repeated, and count as nothing there.
        own = np.stack(
            [
                keyed_generator(seed, member, path="orders").permutation(np.resize(part, longest))
                for member, part in enumerate(chosen)
            ]
        )
        taken = replace(rows.take(own), own=("x", "target", "sample_weight"))
        if any(len(part) < longest for part in chosen):
            taken = replace(taken, weight=taken.weight * _first_of_each(own))
        return taken
    weights = np.repeat(rows.weight[None], members, axis=0)
    for member, part in enumerate(parts):
        weights[member, part] = 0
    return Rows(rows.x, rows.target, weights, own=("sample_weight",))


def _first_of_each(rows: Array) -> Array:
    """Where a row (K, N) stands for the first time, (K, N) booleans."""
    first = np.zeros(rows.shape, bool)
    for member, own in enumerate(rows):
        first[member, np.unique(own, return_index=True)[1]] = True
    return first
