"""Run a plan: many steps without returning to Python."""

import ctypes
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, freeze, keyed_generator, shape_text
from clearprop.base.cores import usable_cores
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.compiled.blas import large_product
from clearprop.compiled.placing import ParameterPlace
from clearprop.compiled.plan import TrainingPlan
from clearprop.compiled.tables import (
    NONE,
    SAMPLES_OF_PART,
    LossFields,
    OptimizerFields,
    RunFields,
    Stop,
)
from clearprop.engine.layers.layer import Tree
from clearprop.engine.losses.loss import require_targets
from clearprop.engine.optimizers import OptimizerState
from clearprop.engine.schedules import Schedule, rate_at

# Entries before and behind the arena, which nothing may write to.
GUARD = 64
GUARD_VALUE = -1.5

# How often a thread looks for the others before it lets go of its core: some 20 µs, which is longer
# than they take if each has a core of its own.
SPINS = 1000

# The masks of dropout are drawn for a few steps at a time, so that they take no memory to speak of.
MASK_BYTES = 1 << 18


class Ran(NamedTuple):
    """What a run of steps gives back.

    totals, weights   of every step that was done, (steps,) in float64: the loss is their quotient
    stop              "done"; "not_finite" after a step whose loss is infinite or NaN, where that
                      was asked for; "weights_zero" before a step whose samples all count nothing,
                      for which the NumPy engine has the sentence
    """

    totals: Array
    weights: Array
    stop: str

    @property
    def steps(self) -> int:
        """The number of steps done."""
        return len(self.totals)


class Buffers:
    """The memory of a plan: one arena, and the caller's data, which is read where it lies.

    updates  how many steps the optimizer has taken

    Raises ShapeError for data of other shapes than those of the plan, DataError for ids out of
    range.
    """

    def __init__(
        self, plan: TrainingPlan, x: Array, target: Array, sample_weight: Array | None = None
    ) -> None:
        _require_planned(plan, x, target, sample_weight)
        dtype = np.dtype(plan.dtype)
        raw = np.full(plan.entries + 2 * GUARD + GUARD, GUARD_VALUE, dtype)
        # On the border of a cache line.
        first = GUARD + (-raw[GUARD:].ctypes.data % 64) // dtype.itemsize
        self.raw = raw
        self.arena = raw[first : first + plan.entries]
        self.arena[:] = 0
        self.x = np.ascontiguousarray(x, dtype)
        if plan.takes_ids:
            self.target = _own_ids(plan, target)
        else:
            self.target = np.ascontiguousarray(target, dtype)
        self.sample_weight = None
        if sample_weight is not None:
            self.sample_weight = np.ascontiguousarray(sample_weight, dtype)
        self.updates = 0
        placed = plan.placed
        for place in placed.ones:
            self.arena[place : place + plan.batch_size] = 1
        if placed.is_columns and not plan.is_shuffled:
            self._lay(placed.input, placed.input_stride, self.x.T)
            self._lay(
                placed.target_rows, placed.input_stride, self.target.reshape(plan.samples, -1).T
            )
            if self.sample_weight is not None:
                self._lay(placed.weight_row, placed.input_stride, self.sample_weight[None])
        elif placed.input != NONE and not plan.is_shuffled:
            self._lay(placed.input, placed.input_stride, self.x)

    def _lay(self, place: int, stride: int, matrix: Array) -> None:
        rows, columns = matrix.shape
        self.arena[place : place + rows * stride].reshape(rows, stride)[:, :columns] = matrix

    def shrink(self, entries: int) -> None:
        """Give back what lies behind so many entries of the arena, which no training can use then;
        its contents before them stay."""
        first = (self.arena.ctypes.data - self.raw.ctypes.data) // self.raw.itemsize
        self.arena = self.raw[:0]
        # Where somebody still looks at the memory, NumPy refuses, and it stays as it is.
        with suppress(ValueError):
            self._resize(first + entries)
        self.arena = self.raw[first : first + entries]

    def _resize(self, entries: int) -> None:
        del self.arena
        self.raw.resize(entries)

    @property
    def is_intact(self) -> bool:
        """Whether nothing was written before or behind the arena."""
        inside = np.zeros(len(self.raw), bool)
        first = (self.arena.ctypes.data - self.raw.ctypes.data) // self.raw.itemsize
        inside[first : first + len(self.arena)] = True
        return bool((self.raw[~inside] == GUARD_VALUE).all())


def put(
    plan: TrainingPlan, buffers: Buffers, params: Array, optimizer: OptimizerState, layers: Tree
) -> None:
    """Write a training's state into the buffers."""
    put_params(plan, buffers, params, layers)
    buffers.updates = optimizer.step
    for number, name in enumerate(plan.slots, 1):
        _put_flat(plan, buffers, optimizer.slots[name], number)


def put_params(plan: TrainingPlan, buffers: Buffers, params: Array, layers: Tree) -> None:
    """Write parameters and the layers' state alone, for an optimizer that has taken no step: what
    it remembers is then not read."""
    buffers.updates = 0
    _put_flat(plan, buffers, params, 0)
    for state in plan.placed.states:
        given = layers[state.path]
        mean, variance, batches = _statistics(buffers, state.place, state.features)
        mean[...], variance[...] = given["running_mean"], given["running_var"]
        batches[...] = given["num_batches"]


def _put_flat(plan: TrainingPlan, buffers: Buffers, flat: Array, number: int) -> None:
    for parameter in plan.placed.parameters:
        given = flat[parameter.start : parameter.stop].reshape(parameter.rows, -1)
        for view, columns in _panels(plan, buffers, parameter, number):
            view[...] = given[:, columns]


def take(
    plan: TrainingPlan, buffers: Buffers, *, last: bool = False
) -> tuple[Array, OptimizerState, Tree]:
    """The state of the training after the last whole step: new, read-only arrays.

    last  the buffers are not used again: they are given back piece by piece meanwhile, so that the
          memory never holds the state twice
    """
    layers = take_layers(plan, buffers)
    flats: list[Array] = []
    for number in reversed(range(1 + len(plan.slots))):
        if last:
            buffers.shrink((number + 1) * plan.placed.slot)
        flats.append(freeze(take_flat(plan, buffers, number)))
    *slots, params = flats
    named = dict(zip(plan.slots, reversed(slots), strict=True))
    return params, OptimizerState(buffers.updates, named or EMPTY), layers


def take_layers(plan: TrainingPlan, buffers: Buffers) -> Tree:
    """What the layers changed: new, read-only arrays."""
    layers = {}
    for state in plan.placed.states:
        mean, variance, batches = _statistics(buffers, state.place, state.features)
        layers[state.path] = {
            "running_mean": freeze(mean.reshape(1, -1).copy()),
            "running_var": freeze(variance.reshape(1, -1).copy()),
            "num_batches": freeze(batches.astype(np.int64).reshape(())),
        }
        del mean, variance, batches
    return layers or EMPTY


def take_flat(plan: TrainingPlan, buffers: Buffers, number: int) -> Array:
    """The parameters, or slot number - 1, as a flat array of its own."""
    flat = np.empty(plan.network.size, plan.dtype)
    for parameter in plan.placed.parameters:
        into = flat[parameter.start : parameter.stop].reshape(parameter.rows, -1)
        for view, columns in _panels(plan, buffers, parameter, number):
            into[:, columns] = view
    return flat


def _panels(
    plan: TrainingPlan, buffers: Buffers, parameter: ParameterPlace, number: int
) -> list[tuple[Array, slice]]:
    """Views (rows, some columns) of a parameter, or of its slot number - 1, and which columns."""
    first = parameter.place + number * plan.placed.slot
    whole = buffers.arena[first : first + parameter.entries]
    wide = parameter.entries // parameter.rows
    if parameter.row == wide:
        return [(whole.reshape(parameter.rows, wide)[:, : parameter.columns], slice(None))]
    panels = whole.reshape(-1, parameter.rows, parameter.row)
    return [
        (
            panel[:, : parameter.columns - first],
            slice(first, first + parameter.row),
        )
        for first, panel in zip(range(0, parameter.columns, parameter.row), panels, strict=True)
    ]


def _statistics(buffers: Buffers, place: int, features: int) -> tuple[Array, Array, Array]:
    panel = 64 // buffers.arena.itemsize
    wide = -(-features // panel) * panel
    mean = buffers.arena[place : place + features]
    variance = buffers.arena[place + wide : place + wide + features]
    return mean, variance, buffers.arena[place + 2 * wide : place + 2 * wide + 1]


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
    parts = [Ran(np.empty(0), np.empty(0), "done")]
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
    totals, weights, _ = zip(*parts, strict=True)
    return Ran(np.concatenate(totals), np.concatenate(weights), parts[-1].stop)


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
    totals, weights = np.empty(steps), np.empty(steps)
    stopped = ctypes.c_int64()
    rates = rates_of(plan, buffers.updates, steps)
    masks = _masks(plan, seed, step, steps)
    # Of two steps: total and product of every part.
    parts = np.empty((2, -(-plan.batch_size // SAMPLES_OF_PART), 2))
    placed = plan.placed
    fields = RunFields(
        operations=address(placed.operations),
        operation_count=len(placed.operations),
        blocks=address(plan.blocks),
        block_count=len(plan.blocks),
        settings=address(plan.settings),
        arena=address(buffers.arena),
        input=placed.input,
        input_stride=placed.input_stride,
        features=plan.features,
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
        x=address(buffers.x),
        x_stride=plan.features,
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
        stopped=ctypes.addressof(stopped),
        loss=LossFields(*plan.loss_row.tolist()),
        optimizer=OptimizerFields(*plan.optimizer_row.tolist()),
    )
    train = library.clearprop_train
    train.restype, train.argtypes = ctypes.c_int64, [ctypes.POINTER(RunFields)]
    done = train(ctypes.byref(fields))
    buffers.updates += done
    return Ran(totals[:done], weights[:done], Stop(stopped.value).name.lower())


def _require_planned(
    plan: TrainingPlan, x: Array, target: Array, sample_weight: Array | None
) -> None:
    outputs = () if plan.takes_ids else (int(plan.loss_row["outputs"]),)
    expected = {"x": (plan.samples, plan.features), "target": (plan.samples, *outputs)}
    given = {"x": x, "target": target}
    if sample_weight is not None:
        expected["sample_weight"], given["sample_weight"] = (plan.samples,), sample_weight
    for name, array in given.items():
        if array.shape != expected[name]:
            came, shape = shape_text(array.shape), shape_text(expected[name])
            raise ShapeError("plan_data", name=name, came=came, expected=shape)


def _own_ids(plan: TrainingPlan, target: Array) -> Array:
    """Class ids that nobody else can write to: the kernels go where they lead."""
    ids = freeze(np.array(target, np.int64))
    outputs, ignored = int(plan.loss_row["outputs"]), plan.loss_row["ignored"]
    inside = (ids == ignored) | ((ids >= 0) & (ids < outputs))
    require_targets(inside, ids, condition=f"0 <= t <= {outputs - 1}")
    return ids


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
            drawn: Any = keyed_generator(seed, step, one.path).random((count, one.features))
            kept = (drawn >= one.probability).ravel()
            masks[number, one.first : one.first + kept.size] = kept
    return masks
