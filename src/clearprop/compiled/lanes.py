"""Many equal networks at once: one in each SIMD lane, over threads.

No network's numbers depend on which others are beside it, on how many threads there are, or on how
the steps are divided over calls.
"""

import ctypes
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np

from clearprop.base.arrays import EMPTY, Array, freeze
from clearprop.compiled.column_places import has_rows_of_features, place_columns
from clearprop.compiled.kernel_running import Ran, address, rates_of, require_order
from clearprop.compiled.lowering import LoweredGraph, lower_graph
from clearprop.compiled.placing import Arena, Placed
from clearprop.compiled.plan import TrainingPlan
from clearprop.compiled.tables import (
    NONE,
    PANEL_BYTES,
    LaneFields,
    LossFields,
    OptimizerFields,
    RunFields,
)
from clearprop.engine.layers.layer import Tree
from clearprop.engine.optimizers import OptimizerState

# How many samples the kernels take at a time.
BLOCK_OF_SAMPLES = 16

# Larger networks, with their gradients and a group of lanes, leave the nearest caches, and are
# faster alone.
MOST_PARAMETERS = 2048

# What each network may have of its own, of the settings of the optimizers.
OWN_SETTINGS = ("learning_rate", "weight_decay")


def has_lanes(plan: TrainingPlan, settings: Collection[str] = ()) -> bool:
    """Whether networks of this plan can share the lanes, with these settings of their own; if not,
    each is run by itself."""
    return (
        plan.network.size <= MOST_PARAMETERS
        and not plan.penalty
        and set(settings) <= set(OWN_SETTINGS)
        and has_rows_of_features(_lowered(plan))
    )


def _lowered(plan: TrainingPlan) -> LoweredGraph:
    # What has a plan has been lowered before, and was not refused.
    return cast(LoweredGraph, lower_graph(plan.network.graph, plan.input_shape))


@dataclass(frozen=True, eq=False)
class LanePlan:
    """A plan's tables for the lanes. Places count vectors; `places` are those of what each network
    has of its own."""

    placed: Placed
    loss_row: Array
    optimizer_row: Array
    places: Mapping[str, int]
    entries: int


def lane_plan(plan: TrainingPlan, own: Collection[str]) -> LanePlan:
    """The tables, with room for what each network has of its own."""
    lowered, arena = _lowered(plan), Arena(1)
    placed = place_columns(
        lowered,
        arena,
        batch=BLOCK_OF_SAMPLES,
        slots=len(plan.slots),
        size=plan.network.size,
    )
    loss, optimizer = plan.loss_row.copy(), plan.optimizer_row.copy()
    loss["y"], loss["y_stride"], loss["dy"] = (
        placed.output,
        placed.output_stride,
        placed.output_signal,
    )
    optimizer["slot"] = placed.slot
    outputs = 1 if plan.takes_ids else int(loss["outputs"])
    rooms = {"x": plan.rows.features, "target": outputs, "sample_weight": 1}
    places = {
        name: arena.take(plan.samples * room) if name in own else NONE
        for name, room in rooms.items()
    }
    return LanePlan(placed, loss, optimizer, places, arena.size)


class Stack:
    """K networks of one plan, their data and their settings.

    x, target, sample_weight  one for all, or (K, N, ...) for those named in `own`
    settings                  by the name of an optimizer's field (`learning_rate`, `weight_decay`)
                              K numbers in place of the optimizer's own
    """

    def __init__(
        self,
        plan: TrainingPlan,
        networks: int,
        x: Array,
        target: Array,
        sample_weight: Array | None = None,
        *,
        own: Collection[str] = (),
        settings: Mapping[str, Sequence[float]] = EMPTY,
    ) -> None:
        dtype = np.dtype(plan.dtype)
        self.networks = networks
        self.own = frozenset(own)
        self.lanes = lane_plan(plan, self.own)
        self.state = np.zeros((1 + len(plan.slots), networks, plan.network.size), dtype)
        self.updates = 0
        self.x = np.ascontiguousarray(x, dtype)
        # Ids that differ from network to network are numbers in the lanes.
        shares_ids = plan.takes_ids and "target" not in self.own
        self.target = np.ascontiguousarray(target, np.int64 if shares_ids else dtype)
        self.sample_weight = None
        if sample_weight is not None:
            self.sample_weight = np.ascontiguousarray(sample_weight, dtype)
        self.rates = _numbers(settings.get("learning_rate"))
        self.decays = _numbers(settings.get("weight_decay"))

    def counts(self, plan: TrainingPlan) -> Array | None:
        """How much each sample counts, (N,) or (K, N); None where all count the same and none is
        left out."""
        ignored: Any = np.zeros((), bool)
        if plan.takes_ids:
            ignored = self.target == plan.loss_row["ignored"]
        if self.sample_weight is None and not ignored.any():
            return None
        weights = np.ones(plan.samples) if self.sample_weight is None else self.sample_weight
        return np.where(ignored, 0, weights)


def _numbers(given: Sequence[float] | None) -> Array | None:
    return None if given is None else np.ascontiguousarray(given, np.float64)


def put_stack(plan: TrainingPlan, stack: Stack, params: Array, optimizer: OptimizerState) -> None:
    """Write the state (K, P) of a training into the stack. No layer in the lanes has a state."""
    stack.updates = optimizer.step
    stack.state[0] = params
    for number, name in enumerate(plan.slots, 1):
        stack.state[number] = optimizer.slots[name]


def take_stack(plan: TrainingPlan, stack: Stack) -> tuple[Array, OptimizerState, Tree]:
    """The state (K, P) of the training: new, read-only arrays."""
    params, *slots = (freeze(array.copy()) for array in stack.state)
    named = dict(zip(plan.slots, slots, strict=True))
    return params, OptimizerState(stack.updates, named or EMPTY), EMPTY


def run_stack(
    plan: TrainingPlan,
    library: ctypes.CDLL,
    stack: Stack,
    *,
    steps: int,
    step: int,
    order: Array | None = None,
    threads: int = 1,
) -> Ran:
    """Take `steps` steps of all networks; `totals` and `weights` are (steps, K). Ends before a step
    in which all samples of a network count nothing ("weights_zero")."""
    order = require_order(plan, order, steps, step)
    possible = _steps_with_weight(plan, stack, steps, step, order)
    networks = stack.networks
    totals, weights = np.empty((possible, networks)), np.empty((possible, networks))
    rates = rates_of(plan, stack.updates, possible)
    lanes = stack.lanes
    wide = int(library.clearprop_lane_count())

    def train(begin: int, end: int) -> None:
        raw = np.zeros(lanes.entries * wide + PANEL_BYTES, plan.dtype)
        arena = raw[(-raw.ctypes.data % PANEL_BYTES) // raw.itemsize :]
        for place in lanes.placed.ones:
            arena[place * wide : (place + BLOCK_OF_SAMPLES) * wide] = 1
        fields = _fields(plan, stack, arena, order, rates, step)
        own = LaneFields(
            networks=networks,
            begin=begin,
            end=end,
            size=plan.network.size,
            slots=len(plan.slots),
            state=address(stack.state),
            own_x="x" in stack.own,
            own_target="target" in stack.own,
            own_weight="sample_weight" in stack.own,
            x=lanes.places["x"],
            target=lanes.places["target"],
            weight=lanes.places["sample_weight"],
            gradient=lanes.placed.parameters[0].gradient,
            rates=address(stack.rates),
            decays=address(stack.decays),
            totals=address(totals),
            weights=address(weights),
        )
        function = library.clearprop_train_many
        function.restype = None
        function.argtypes = [ctypes.POINTER(RunFields), ctypes.POINTER(LaneFields)]
        function(ctypes.byref(fields), ctypes.byref(own))

    if possible:
        _over_threads(train, networks, wide, threads)
    stack.updates += possible
    return Ran(
        totals, weights, np.zeros(len(totals)), "done" if possible == steps else "weights_zero"
    )


def _over_threads(train: Any, networks: int, wide: int, threads: int) -> None:
    groups = -(-networks // wide)
    parts = min(threads, groups)
    if parts == 1:
        train(0, networks)
        return
    ends = [min(networks, groups * part // parts * wide) for part in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        for done in [pool.submit(train, *span) for span in pairwise(ends)]:
            done.result()


def _fields(
    plan: TrainingPlan, stack: Stack, arena: Array, order: Array | None, rates: Array, step: int
) -> RunFields:
    placed = stack.lanes.placed
    shares_ids = plan.takes_ids and "target" not in stack.own
    return RunFields(
        operations=address(placed.operations),
        operation_count=len(placed.operations),
        settings=address(plan.settings),
        arena=address(arena),
        input=placed.input,
        input_stride=placed.input_stride,
        features=plan.rows.features,
        x=address(stack.x),
        x_stride=plan.rows.features,
        target=None if shares_ids else address(stack.target),
        ids=address(stack.target) if plan.takes_ids else None,
        sample_weight=address(stack.sample_weight),
        order=address(order),
        rates=address(rates),
        samples=plan.samples,
        batch=plan.batch_size,
        first=step % plan.steps_per_epoch,
        step=stack.updates,
        steps=len(rates),
        loss=LossFields(*stack.lanes.loss_row.tolist()),
        optimizer=OptimizerFields(*stack.lanes.optimizer_row.tolist()),
    )


def _steps_with_weight(
    plan: TrainingPlan, stack: Stack, steps: int, step: int, order: Array | None
) -> int:
    """How many steps come before one in which all samples of some network count nothing."""
    counts = stack.counts(plan)
    if counts is None or not plan.loss_row["is_mean"]:
        return steps
    first = 0
    for number in range(steps):
        begins = (step + number) % plan.steps_per_epoch * plan.batch_size
        size = min(plan.batch_size, plan.samples - begins)
        rows = slice(None) if order is None else order[first : first + size]
        if not counts[..., rows].any(axis=-1).all():
            return number
        first += size
    return steps
