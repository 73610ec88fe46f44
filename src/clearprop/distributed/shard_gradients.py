"""The gradient of one shard's part of a batch, by NumPy or by the compiled kernels.

A shard gives the sum over its samples, and not their mean: how much they count together is known
only when all shards have been heard.
"""

from collections.abc import Mapping
from ctypes import CDLL
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from clearprop.base.arrays import EMPTY, Array, keyed_generator
from clearprop.engine.layers.layer import Context, Tree
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD
from clearprop.engine.running import run_backward_into, run_forward, settle_output_gradient
from clearprop.training.arguments import Data, Samples
from clearprop.training.course import Course
from clearprop.training.engine_choice import EngineChoice, numpy_seconds, without_a_plan


class ShardRows(NamedTuple):
    """The rows of a shard: inputs (N, F), targets (N, D) or ids (N,), weights (N,)."""

    x: Array
    target: Array
    weight: Array

    def __len__(self) -> int:
        return len(self.x)


class ShardGradient(NamedTuple):
    """What some rows of a shard say.

    gradient  the sum of their gradients, of the parameters' shape; an array of its own
    total     the sum of their losses, a number or (K,)
    weight    how much they count, a number or (K,)
    layers    what the layers changed (running statistics)
    """

    gradient: Array
    total: Any
    weight: Any
    layers: Tree


class GradientSource(Protocol):
    """What computes the gradient of a shard."""

    def of(self, params: Array, layers: Tree, step: int, rows: Array) -> ShardGradient:
        """The gradient at `params` of these rows, in the shard's own step number `step`."""


@dataclass(frozen=True, eq=False)
class NumpyGradients:
    """A shard's gradients in NumPy, which every layer and loss has. `seed` keys what its layers
    draw."""

    network: Network
    loss: Loss
    rows: ShardRows
    seed: int

    def of(self, params: Array, layers: Tree, step: int, rows: Array) -> ShardGradient:
        networks = len(params) if params.ndim == 2 else None
        x, target, weight = (array[rows] for array in self.rows)
        layout, name = self.network.layout, f"{type(self.loss).__name__}.gradient"
        with np.errstate(over="ignore", invalid="ignore"):
            context = Context(True, False, self.seed, step, "", layers, EMPTY, networks)
            ran = run_forward(layout, params, x, context)
            result = self.loss.evaluate(
                ran.output,
                target,
                sample_weight=weight,
                divisor=1.0,
                stacked=networks is not None,
            )
            dy = settle_output_gradient(result.gradient, ran.output, where=name)
            places = layout.gradient_places(params)
            gradient = run_backward_into(layout.graph, ran, dy, places)
        return ShardGradient(gradient, result.total, result.weight, ran.state)


class KernelGradients:
    """A shard's gradients by the kernels.

    The kernels take steps. In the first step of gradient descent with momentum the velocity becomes
    the gradient itself, so that is the step which is taken, and the velocity what is looked at.
    """

    def __init__(self, course: Course, plan: Any, kernels: CDLL, params: Array, seed: int) -> None:
        from clearprop.training.kernel_memory import memory_of

        self._memory = memory_of(course, plan, kernels, threads=1, settings={})
        self._probe = course.optimizer.start(params)
        self._seed, self._stacked = seed, params.ndim == 2

    def of(self, params: Array, layers: Tree, step: int, rows: Array) -> ShardGradient:
        self._memory.put((params, self._probe, layers))
        ran = self._memory.run(1, step, self._seed, rows, False)
        if not ran.steps:
            # None of these rows counts.
            nothing = np.zeros(params.shape[:-1])
            return ShardGradient(np.zeros_like(params), nothing, nothing, layers)
        _, optimizer, layers = self._memory.take()
        total, weight = ran.totals[0], ran.weights[0]
        factor = np.asarray(weight, params.dtype)
        gradient = optimizer.slots["velocity"] * (factor[:, None] if factor.ndim else factor)
        return ShardGradient(gradient, total, weight, layers)


# Any rate will do: what the probe's step makes of the parameters is thrown away.
PROBE = SGD(0.01, momentum=0.9)


def gradient_sources(
    network: Network,
    loss: Loss,
    shards: Mapping[int, tuple[ShardRows, int]],
    params: Array,
    *,
    engine: EngineChoice,
    seed: int,
) -> dict[int, GradientSource]:
    """What computes the gradients of these shards, which are given with the rows that a batch takes
    of each, by the engine that `engine_for` has chosen."""
    sources: dict[int, GradientSource] = {}
    for shard, (rows, batch_size) in shards.items():
        key = int(keyed_generator(seed, shard, "shard").integers(2**31))
        if engine.name == "numpy" or not len(rows):
            sources[shard] = NumpyGradients(network, loss, rows, key)
            continue
        from clearprop.compiled.building import library

        course = _probing(network, loss, rows, params, batch_size)
        plan = _plan(course, params.dtype.name)
        sources[shard] = KernelGradients(course, plan, library(plan.dtype), params, key)
    return sources


def engine_for(
    network: Network,
    loss: Loss,
    rows: ShardRows,
    params: Array,
    *,
    engine: str,
    samples: int,
    steps: int,
) -> EngineChoice:
    """The engine for a training of so many steps with so many samples each, judged by some rows.

    The same for every run of a training: where machine code is of use it is waited for, because
    another engine would round otherwise.
    """
    seconds = numpy_seconds(
        network,
        samples=samples * int(np.prod(rows.x.shape[1:-1])),
        parameters=params.size,
        steps=steps,
    )
    chosen = without_a_plan(engine, seconds, None)
    if chosen is not None:
        return chosen
    from clearprop.training.kernel_choice import WORTH_WAITING, choose

    course = _probing(network, loss, rows, params, max(1, len(rows) - 1))
    plan = _plan(course, params.dtype.name)
    return choose(engine, plan, max(seconds, WORTH_WAITING))[0]


def _probing(
    network: Network, loss: Loss, rows: ShardRows, params: Array, batch_size: int
) -> Course:
    data = Data(*map(Samples, rows))
    networks = len(params) if params.ndim == 2 else None
    return Course(network, data, loss, PROBE, 1, min(batch_size, len(rows)), networks)


def _plan(course: Course, dtype: str) -> Any:
    from clearprop.training.kernel_memory import plan_course

    return plan_course(course, dtype)
