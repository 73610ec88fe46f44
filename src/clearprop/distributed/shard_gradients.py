"""The gradient of one shard's part of a batch, by NumPy or by the compiled kernels.

A shard gives the sum over its samples, and not their mean: how much they count together is known
only when all shards have been heard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from clearprop.base.arrays import EMPTY, Array, keyed_generator
from clearprop.engine.layers.layer import Context, Tree
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD
from clearprop.engine.running import run_backward_into, run_forward, settle_output_gradient
from clearprop.training.arguments import Data, Samples
from clearprop.training.course import Course
from clearprop.training.engine_choice import (
    EngineChoice,
    numpy_seconds,
    parameter_uses,
    without_a_plan,
)

if TYPE_CHECKING:
    from clearprop.compiled.plan import TrainingPlan


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

    def __init__(self, course: Course, plan: "TrainingPlan", seed: int) -> None:
        from clearprop.compiled.building import library
        from clearprop.training.kernel_memory import memory_of

        kernels = library(plan.dtype)
        self._memory = memory_of(course, plan, kernels, threads=1, settings={})
        self._seed = seed

    def of(self, params: Array, layers: Tree, step: int, rows: Array) -> ShardGradient:
        self._memory.put_params(params, layers)
        ran = self._memory.run(1, step, self._seed, rows, False)
        if not ran.steps:
            # None of these rows counts.
            nothing = np.zeros(params.shape[:-1])
            return ShardGradient(np.zeros_like(params), nothing, nothing, layers)
        gradient, layers = self._memory.take_slot()
        total, weight = ran.totals[0], ran.weights[0]
        factor = np.asarray(weight, params.dtype)
        gradient *= factor[:, None] if factor.ndim else factor
        return ShardGradient(gradient, total, weight, layers)


# Any rate will do: what the probe's step makes of the parameters is thrown away.
PROBE = SGD(0.01, momentum=0.9)


class Planned(NamedTuple):
    """What takes a training's gradients: the engine, and of machine code each shard's plan."""

    engine: EngineChoice
    plans: Mapping[int, "TrainingPlan"]


def planned(
    network: Network,
    loss: Loss,
    shards: Mapping[int, tuple[ShardRows, int]],
    params: Array,
    *,
    engine: str,
    samples: int,
    steps: int,
) -> Planned:
    """The engine for a training of so many steps with so many samples each, of which these shards
    are here: their rows, and how many of them a step takes.

    The same for every run of a training: where machine code is of use it is waited for, because
    another engine would round otherwise.
    """
    some = next(iter(shards.values()))[0]
    uses = samples * parameter_uses(network, some.x.shape[1:])
    seconds = numpy_seconds(network, uses=uses, steps=steps)
    chosen = without_a_plan(engine, seconds, None)
    if chosen is not None:
        return Planned(chosen, {})
    from clearprop.compiled.plan import TrainingPlan
    from clearprop.training.kernel_choice import WORTH_WAITING, choose
    from clearprop.training.kernel_memory import plan_course

    found = {
        shard: plan_course(
            _probing(network, loss, rows, params, part), params.dtype.name, threads=1
        )
        for shard, (rows, part) in shards.items()
        if len(rows)
    }
    plans = {shard: one for shard, one in found.items() if isinstance(one, TrainingPlan)}
    refusal = next((one for one in found.values() if not isinstance(one, TrainingPlan)), None)
    if refusal is None and not plans:
        return Planned(EngineChoice("numpy", "short"), {})
    choice, _ = choose(engine, refusal or next(iter(plans.values())), max(seconds, WORTH_WAITING))
    return Planned(choice, plans)


def gradient_sources(
    network: Network,
    loss: Loss,
    shards: Mapping[int, tuple[ShardRows, int]],
    params: Array,
    *,
    plans: Mapping[int, "TrainingPlan"],
    seed: int,
) -> dict[int, GradientSource]:
    """What computes the gradients of these shards: the kernels, where there are plans for them."""
    sources: dict[int, GradientSource] = {}
    for shard, (rows, part) in shards.items():
        key = int(keyed_generator(seed, shard, "shard").integers(2**31))
        if shard in plans:
            course = _probing(network, loss, rows, params, part)
            sources[shard] = KernelGradients(course, plans[shard], key)
        else:
            sources[shard] = NumpyGradients(network, loss, rows, key)
    return sources


def _probing(network: Network, loss: Loss, rows: ShardRows, params: Array, part: int) -> Course:
    data = Data(*map(Samples, rows))
    networks = len(params) if params.ndim == 2 else None
    return Course(network, data, loss, PROBE, 1, part, networks)
