"""The learning rate of a training that was not told one, found before its first step.

Plain gradient descent is stable below a bound that the loss's curvature sets (`training.rate_bound`
has the derivation): half of it goes to the lowest point along the sharpest direction. That is taken
of the first network at its start. Adam and its like divide by the size of the gradients, and the
bound is not theirs: USUAL is a rate at which they do well on tables of all kinds
(benchmarks/README.md has the panel that it was chosen on).

Either is then tried. The training's first STEPS steps are taken at that rate as it stands; where a
network's loss breaks, or is higher at their end than at their beginning, the rate is a third, and
so on, at most MOST_TIMES. Nothing of what was tried is kept: the training begins at its start.
"""

from dataclasses import replace

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD, Optimizer
from clearprop.engine.step import take_step
from clearprop.estimators.members import Rows
from clearprop.estimators.table_recipe import TableRecipe
from clearprop.training import DivergenceEvent, StepEvent, start, train
from clearprop.training.curvature import curvature
from clearprop.training.rate_bound import bound_of, two_digits

USUAL = 0.005
# Half the bound of stability, and no more than this where the loss is nearly flat.
MOST = 1.0
STEPS = 50
MOST_TIMES = 8
# So many rows tell the curvature well enough.
CURVED_ROWS = 512


def found_rate(
    network: Network, starts: Array, rows: Rows, loss: Loss, recipe: TableRecipe, batch_size: int
) -> float:
    """The rate for networks that start at `starts` (K, P), rounded down to two digits."""
    rate = _first_rate(network, starts, rows, loss, recipe)
    for _ in range(MOST_TIMES):
        if _does_well(network, starts, rows, loss, recipe, rate, batch_size):
            break
        rate = two_digits(rate / 3)
    return rate


def _first_rate(
    network: Network, starts: Array, rows: Rows, loss: Loss, recipe: TableRecipe
) -> float:
    optimizer = _optimizer(recipe, USUAL)
    if not isinstance(optimizer, SGD):
        return USUAL
    x = (rows.x[0] if "x" in rows.own else rows.x)[:CURVED_ROWS]
    target = (rows.target[0] if "target" in rows.own else rows.target)[:CURVED_ROWS]
    with np.errstate(all="ignore"):
        step = take_step(network, starts[0], x, target, loss=loss, seed=recipe.seed)
        bound = bound_of(optimizer, curvature(step))[1]
    # NaN where a gradient is not finite, of which the training itself will speak.
    return two_digits(min(bound / 2, MOST)) if bound > 0 else USUAL


def _does_well(
    network: Network,
    starts: Array,
    rows: Rows,
    loss: Loss,
    recipe: TableRecipe,
    rate: float,
    batch_size: int,
) -> bool:
    """Whether the first steps at this rate end with a loss that is finite and below its first."""
    optimizer = _optimizer(recipe, rate)
    per_epoch = -(-rows.weight.shape[-1] // batch_size)
    losses = []
    for event in train(
        network,
        start(network, starts, optimizer, seed=recipe.seed),
        rows.x,
        rows.target,
        loss=loss,
        optimizer=optimizer,
        epochs=-(-STEPS // per_epoch),
        batch_size=batch_size,
        own=tuple(name for name in rows.own if name != "sample_weight"),
        engine="numpy",
    ):
        if isinstance(event, DivergenceEvent):
            return False
        if isinstance(event, StepEvent):
            losses.append(event.loss)
        if len(losses) == STEPS:
            break
    last = np.mean(losses[-(STEPS // 4) :], axis=0)
    return bool((last <= losses[0]).all())


def _optimizer(recipe: TableRecipe, rate: float) -> Optimizer:
    return replace(recipe, learning_rate=rate, schedule="constant").optimizer_for(1)
