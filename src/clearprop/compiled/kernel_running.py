"""Run a plan: many steps without returning to Python."""

import ctypes
import math
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.cores import usable_cores
from clearprop.base.errors import ConfigurationError
from clearprop.compiled.blas import large_product
from clearprop.compiled.buffers import Buffers
from clearprop.compiled.plan import TrainingPlan
from clearprop.compiled.tables import (
    SAMPLES_OF_PART,
    LossFields,
    OptimizerFields,
    RunFields,
    Stop,
)
from clearprop.engine.schedules import Schedule, rate_at

# How often a thread looks for the others before it lets go of its core: some 20 µs, which is longer
# than they take if each has a core of its own.
SPINS = 1000

# The masks of dropout are drawn for a few steps at a time, so that they take no memory to speak of.
MASK_BYTES = 1 << 18


class Ran(NamedTuple):
    """What a run of steps gives back.

    totals, weights   of every step that was done, (steps,) in float64: the loss is their quotient
    penalties         of the same steps, from before their updates; all 0 without a penalty
    stop              "done"; "not_finite" after a step whose loss is infinite or NaN, where that
                      was asked for; "weights_zero" before a step whose samples all count nothing,
                      for which the NumPy engine has the sentence
    """

    totals: Array
    weights: Array
    penalties: Array
    stop: str

    @property
    def steps(self) -> int:
        """The number of steps done."""
        return len(self.totals)


def run(
    plan: TrainingPlan,
    library: ctypes.CDLL,
    buffers: Buffers,
    *,
    steps: int,
    step: int,
    seed: int = 0,
    order: Array | None = None,
    stop_at_nonfinite: bool = False,
    threads: int | None = None,
) -> Ran:
    """Take `steps` steps, the first of them the training's step number `step`.

    order    the numbers of the samples, int64, as the epochs have shuffled them, from the first
             sample of step `step` on: at least as many as the steps take; None where every step
             takes all samples as they are
    threads  how many share them; those of the plan unless told otherwise, and no more

    Raises ConfigurationError for an order that would lead out of the data.
    """
    order = require_order(plan, order, steps, step)
    most = max(steps, 1)
    if plan.placed.masks:
        most = max(1, MASK_BYTES // plan.placed.mask_bytes)
    parts = [Ran(np.empty(0), np.empty(0), np.empty(0), "done")]
    for first in range(0, steps, most):
        count = min(most, steps - first)
        told: Any = {"seed": seed, "order": order, "stop_at_nonfinite": stop_at_nonfinite}
        told["threads"] = min(threads or plan.threads, plan.threads)
        parts.append(_call(plan, library, buffers, steps=count, step=step + first, **told))
        if parts[-1].stop != "done":
            break
        if order is not None:
            order = order[samples_of(plan, count, step + first) :]
    if len(parts) == 2:
        return parts[1]
    columns = zip(*((part.totals, part.weights, part.penalties) for part in parts), strict=True)
    totals, weights, penalties = map(np.concatenate, columns)
    return Ran(totals, weights, penalties, parts[-1].stop)


def _call(
    plan: TrainingPlan,
    library: ctypes.CDLL,
    buffers: Buffers,
    *,
    steps: int,
    step: int,
    seed: int,
    order: Array | None,
    stop_at_nonfinite: bool,
    threads: int,
) -> Ran:
    totals, weights, penalties = np.empty(steps), np.empty(steps), np.zeros(steps)
    stopped = ctypes.c_int64()
    rates = rates_of(plan, buffers.updates, steps)
    masks = _masks(plan, seed, step, steps)
    # Of two steps: total and product of every part.
    rows = plan.batch_size * int(plan.loss_row["places"])
    parts = np.empty((2, -(-rows // SAMPLES_OF_PART), 2))
    placed = plan.placed
    fields = RunFields(
        operations=address(placed.operations),
        operation_count=len(placed.operations),
        blocks=address(plan.blocks),
        block_count=len(plan.blocks),
        settings=address(plan.settings),
        shapes=address(plan.shapes),
        arena=address(buffers.arena),
        input=placed.input,
        input_stride=placed.input_stride,
        features=plan.rows.features,
        places=plan.rows.places,
        target_rows=placed.target_rows,
        weight_row=placed.weight_row,
        is_columns=placed.is_columns,
        pack=placed.pack,
        pack_entries=placed.pack_entries,
        threads=threads,
        spins=SPINS if threads <= usable_cores() else 0,
        parts=address(parts),
        gemm=_large_product(plan, library),
        large=plan.large,
        x=None if plan.reads_ids else address(buffers.x),
        x_ids=address(buffers.x) if plan.reads_ids else None,
        x_stride=math.prod(plan.input_shape),
        target=None if plan.takes_ids else address(buffers.target),
        ids=address(buffers.target) if plan.takes_ids else None,
        sample_weight=address(buffers.sample_weight),
        order=address(order),
        masks=address(masks),
        mask_bytes=placed.mask_bytes,
        rates=address(rates),
        samples=plan.samples,
        batch=plan.batch_size,
        first=step % plan.steps_per_epoch,
        step=buffers.updates,
        steps=steps,
        stops_at_nonfinite=stop_at_nonfinite,
        totals=address(totals),
        weights=address(weights),
        penalty=plan.penalty,
        penalties=address(penalties) if plan.penalty else None,
        stopped=ctypes.addressof(stopped),
        loss=LossFields(*plan.loss_row.tolist()),
        optimizer=OptimizerFields(*plan.optimizer_row.tolist()),
    )
    train = library.clearprop_train
    train.restype, train.argtypes = ctypes.c_int64, [ctypes.POINTER(RunFields)]
    done = train(ctypes.byref(fields))
    buffers.updates += done
    return Ran(totals[:done], weights[:done], penalties[:done], Stop(stopped.value).name.lower())


def samples_of(plan: TrainingPlan, steps: int, step: int) -> int:
    """How many samples so many steps take, the first of them step number `step`."""
    epochs, within = divmod(step % plan.steps_per_epoch + steps, plan.steps_per_epoch)
    begun = step % plan.steps_per_epoch * plan.batch_size
    return epochs * plan.samples + min(within * plan.batch_size, plan.samples) - begun


def require_order(plan: TrainingPlan, order: Array | None, steps: int, step: int) -> Array | None:
    """The order as the kernels read it. Raises ConfigurationError for one that would lead out of
    the data."""
    if not plan.is_shuffled:
        return None
    count = samples_of(plan, steps, step)
    if (
        order is None
        or order.dtype != np.int64
        or order.ndim != 1
        or len(order) < count
        or (count > 0 and not (0 <= order[:count].min() <= order[:count].max() < plan.samples))
    ):
        raise ConfigurationError("plan_order", count=count, last=plan.samples - 1)
    return np.ascontiguousarray(order[:count])


def _large_product(plan: TrainingPlan, library: ctypes.CDLL) -> int | None:
    if not plan.has_large_products:
        return None
    return large_product(plan.dtype, library.clearprop_lane_count() * np.dtype(plan.dtype).itemsize)


def address(array: Array | None) -> int | None:
    """Where an array begins in memory; None for none."""
    return None if array is None else array.ctypes.data


def rates_of(plan: TrainingPlan, first: int, steps: int) -> Array:
    """The learning rates of so many updates, the first of them number `first`."""
    if isinstance(plan.rate, Schedule):
        return np.array([rate_at(plan.rate, first + k) for k in range(steps)])
    return np.full(steps, plan.rate)


def _masks(plan: TrainingPlan, seed: int, first: int, steps: int) -> Array | None:
    """What the dropout layers keep in every step: the NumPy engine's draws, by seed, step and
    path."""
    placed = plan.placed
    if not placed.masks:
        return None
    masks = np.zeros((steps, placed.mask_bytes), np.uint8)
    for number in range(steps):
        step = first + number
        begins = step % plan.steps_per_epoch * plan.batch_size
        count = min(plan.batch_size, plan.samples - begins)
        for one in placed.masks:
            drawn: Any = keyed_generator(seed, step, one.path).random((count, *one.shape))
            kept = drawn >= one.probability
            if one.by_channels:
                kept = np.moveaxis(kept, 1, -1)
            masks[number, one.first : one.first + kept.size] = kept.ravel()
    return masks
