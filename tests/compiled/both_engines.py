"""One training in both engines, and how far apart they are."""

import ctypes
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from unittest import mock

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.compiled import column_places
from clearprop.compiled.buffers import Buffers, put, take
from clearprop.compiled.kernel_cache import cache_folder
from clearprop.compiled.kernel_running import Ran, run
from clearprop.compiled.lowering import Refusal
from clearprop.compiled.plan import TrainingPlan, WeightPenalty, plan_of
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.training import fit, start
from clearprop.training.penalized import Penalized

Library: TypeAlias = Callable[[str], ctypes.CDLL]

# Of every array's scale.
CLOSE = {"float64": 1e-10, "float32": 1e-4}


def cache_of_tests() -> Path:
    """Where kernels are kept that tests alone use: among a person's they would take the place of
    those of other versions, which would be made again and again."""
    return cache_folder() / "tests"


@dataclass
class Task:
    """What is trained, on what, and how long."""

    network: Network
    loss: Loss
    optimizer: Optimizer
    x: Array
    target: Array
    sample_weight: Array | None = None
    batch_size: int | None = None
    epochs: int = 5
    seed: int = 4

    def of(self, dtype: str) -> "Task":
        """The same in another dtype; class ids stay what they are."""

        def converted(array: Array | None) -> Any:
            return array if array is None or array.dtype.kind != "f" else array.astype(dtype)

        given = dict(vars(self))
        for name in ("x", "target", "sample_weight"):
            given[name] = converted(given[name])
        return Task(**given)

    def start(self, dtype: str) -> Array:
        """The parameters to begin with."""
        return self.network.initialize(self.seed, dtype=dtype)

    def plans(self, dtype: str) -> list[TrainingPlan]:
        """Its plans in every layout that can be had, the one that is chosen first."""
        plans = [self.plan(dtype)]
        for waste in (0.0, math.inf):
            with mock.patch.object(column_places, "WASTE", waste):
                plans.append(self.plan(dtype))
        assert all(isinstance(plan, TrainingPlan) for plan in plans), plans
        by_layout: dict[bool, Any] = {}
        for plan in plans:
            by_layout.setdefault(plan.placed.is_columns, plan)  # type: ignore[union-attr]
        return list(by_layout.values())

    def plan(self, dtype: str, threads: int = 1) -> TrainingPlan | Refusal:
        """Its plan, for so many threads."""
        optimizer, penalty = self.optimizer, WeightPenalty()
        if isinstance(self.optimizer, Penalized):
            optimizer = self.optimizer.optimizer
            penalty = WeightPenalty(self.optimizer.penalty, self.optimizer.spans)
        return plan_of(
            self.network,
            self.loss,
            optimizer,
            self.x,
            self.target,
            self.sample_weight,
            dtype=dtype,
            batch_size=self.batch_size,
            threads=threads,
            penalty=penalty,
        )


@dataclass
class Trained:
    """Where a training ended: losses, and every array of its state by a name."""

    losses: Array
    arrays: Mapping[str, Array]


def _arrays(params: Array, slots: Mapping[str, Array], layers: Mapping[str, Any]) -> Any:
    states = {f"{path}.{name}": a for path, own in layers.items() for name, a in own.items()}
    return {"params": params, **slots, **states}


def in_numpy(task: Task, dtype: str, params: Array | None = None) -> Trained:
    """The training by the NumPy engine, of K networks where `params` (K, P) are theirs."""
    task = task.of(dtype)
    done = fit(
        task.network,
        task.start(dtype) if params is None else params,
        task.x,
        task.target,
        loss=task.loss,
        optimizer=task.optimizer,
        epochs=task.epochs,
        batch_size=task.batch_size,
        sample_weight=task.sample_weight,
        seed=task.seed,
        engine="numpy",
    )
    state = done.state
    return Trained(done.losses, _arrays(state.params, state.optimizer.slots, state.layers))


def compiled(
    task: Task,
    dtype: str,
    library: Library,
    *,
    chunk: int | None = None,
    plan: TrainingPlan | None = None,
) -> Trained:
    """The training by the kernels, in calls of `chunk` steps; the arena's borders are looked at."""
    task = task.of(dtype)
    plan = plan or task.plans(dtype)[0]
    ran, buffers = run_plan(plan, task, library(dtype), chunk=chunk)
    params, optimizer, layers = take(plan, buffers)
    assert buffers.is_intact
    losses = np.concatenate([each.totals / each.weights for each in ran])
    return Trained(losses, _arrays(params, optimizer.slots, layers))


def run_plan(
    plan: TrainingPlan, task: Task, library: ctypes.CDLL, *, chunk: int | None = None
) -> tuple[list[Ran], Buffers]:
    """All steps of a task."""
    buffers = Buffers(plan, task.x, task.target, task.sample_weight)
    begin = start(task.network, task.start(plan.dtype), task.optimizer, seed=task.seed)
    put(plan, buffers, begin.params, begin.optimizer, begin.layers)
    steps, ran = task.epochs * plan.steps_per_epoch, []
    for step in range(0, steps, chunk or steps):
        count = min(chunk or steps, steps - step)
        order = None
        if plan.is_shuffled:
            epoch, within = divmod(step, plan.steps_per_epoch)
            shuffles = [
                keyed_generator(task.seed, one, "shuffle").permutation(plan.samples)
                for one in range(epoch, -(-(step + count) // plan.steps_per_epoch))
            ]
            order = np.concatenate(shuffles)[within * plan.batch_size :]
        told: Any = {"steps": count, "step": step, "seed": task.seed, "order": order}
        ran.append(run(plan, library, buffers, **told))
    return ran, buffers


def assert_same(task: Task, dtype: str, library: Library, **how: Any) -> None:
    """In every layout, the kernels are as close to the NumPy engine as they must be."""
    expected = in_numpy(task, dtype)
    for plan in task.of(dtype).plans(dtype):
        found = difference(compiled(task, dtype, library, plan=plan, **how), expected)
        assert found <= CLOSE[dtype], "columns" if plan.placed.is_columns else "rows"


def assert_same_bits(task: Task, dtype: str, library: Library) -> bool:
    """On one thread, two and three; whether there were several at all."""
    task = task.of(dtype)
    plans: list[Any] = [task.plan(dtype, threads) for threads in (1, 2, 3)]
    alone, *others = (compiled(task, dtype, library, plan=plan) for plan in plans)
    for other in others:
        assert np.array_equal(alone.losses, other.losses, equal_nan=True)
        for name, array in alone.arrays.items():
            assert np.array_equal(array, other.arrays[name], equal_nan=True), name
    return bool(plans[1].threads > 1)


def difference(one: Trained, other: Trained) -> float:
    """The largest difference of two trainings, of each array's scale."""
    assert set(one.arrays) == set(other.arrays)
    pairs = [(one.losses, other.losses)]
    pairs += [(one.arrays[name], other.arrays[name]) for name in one.arrays]
    return max(_relative(*pair) for pair in pairs)


def _relative(one: Array, other: Array) -> float:
    assert one.shape == other.shape
    assert one.dtype == other.dtype or one.ndim == 1
    scale = float(np.abs(other).max()) if other.size else 0.0
    gap = float(np.abs(one.astype(np.float64) - other).max()) if other.size else 0.0
    return gap / scale if scale else gap
