"""Where the state of a training in machine code lies: of one network, of many in the SIMD lanes, or
of many side by side."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL
from dataclasses import replace
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.cores import usable_cores
from clearprop.base.errors import DataError
from clearprop.compiled.buffers import Buffers, put, put_params, take, take_flat, take_layers
from clearprop.compiled.kernel_running import Ran, run
from clearprop.compiled.lanes import Stack, has_lanes, put_stack, run_stack, take_stack
from clearprop.compiled.lowering import Refusal
from clearprop.compiled.plan import TrainingPlan, WeightPenalty, plan_of, require_targets
from clearprop.compiled.thread_choice import ThreadChoice
from clearprop.engine.layers.layer import Tree
from clearprop.training.course import Course
from clearprop.training.penalized import Penalized
from clearprop.training.stacking import (
    Held,
    layers_of,
    layers_together,
    separate,
    together,
    with_settings,
)


class KernelMemory(Protocol):
    """The kernels' memory of a training."""

    def put(self, held: Held) -> None:
        """Write a state into it."""

    def take(self, *, last: bool = False) -> Held:
        """The state, in arrays of its own; `last` lets go of the memory meanwhile."""

    def run(self, steps: int, step: int, seed: int, order: Array | None, stops: bool) -> Ran:
        """Take so many steps, or fewer, the first of them step number `step`; `stops` at a loss
        that is not finite, where the memory is of one network."""

    def put_params(self, params: Array, layers: Tree) -> None:
        """Write parameters for an optimizer that has taken no step."""

    def take_slot(self) -> tuple[Array, Tree]:
        """The first thing that the optimizer remembers, and what the layers changed, in arrays of
        their own."""


class OneNetwork:
    """One network's."""

    def __init__(
        self,
        plan: TrainingPlan,
        library: CDLL,
        data: Sequence[Array | None],
        threads: int | None = None,
    ) -> None:
        self.plan, self.library = plan, library
        self.threads = ThreadChoice(plan.threads, threads)
        self.buffers = Buffers(plan, *data)  # type: ignore[arg-type]

    def put(self, held: Held) -> None:
        put(self.plan, self.buffers, *held)

    def take(self, *, last: bool = False) -> Held:
        return take(self.plan, self.buffers, last=last)

    def run(self, steps: int, step: int, seed: int, order: Array | None, stops: bool) -> Ran:
        threads, steps = self.threads.next_call(steps)
        begin = perf_counter()
        ran = run(
            self.plan,
            self.library,
            self.buffers,
            steps=steps,
            step=step,
            seed=seed,
            order=order,
            stop_at_nonfinite=stops,
            threads=threads,
        )
        self.threads.note(threads, max(ran.steps, 1), perf_counter() - begin)
        return ran

    def put_params(self, params: Array, layers: Tree) -> None:
        put_params(self.plan, self.buffers, params, layers)

    def take_slot(self) -> tuple[Array, Tree]:
        return take_flat(self.plan, self.buffers, 1), take_layers(self.plan, self.buffers)


class InLanes:
    """K equal networks', one a lane, over threads."""

    def __init__(self, plan: TrainingPlan, library: CDLL, stack: Stack, threads: int) -> None:
        self.plan, self.library, self.stack, self.threads = plan, library, stack, threads

    def put(self, held: Held) -> None:
        params, optimizer, _ = held
        put_stack(self.plan, self.stack, params, optimizer)

    def take(self, *, last: bool = False) -> Held:
        return take_stack(self.plan, self.stack)

    def run(self, steps: int, step: int, seed: int, order: Array | None, stops: bool) -> Ran:
        return run_stack(
            self.plan,
            self.library,
            self.stack,
            steps=steps,
            step=step,
            order=order,
            threads=self.threads,
        )

    def put_params(self, params: Array, layers: Tree) -> None:
        self.stack.updates = 0
        self.stack.state[0] = params

    def take_slot(self) -> tuple[Array, Tree]:
        return self.stack.state[1].copy(), EMPTY


class EachAlone:
    """K networks', each by itself, over threads: for what the lanes do not have."""

    def __init__(self, parts: Sequence[OneNetwork], threads: int) -> None:
        self.parts = parts
        self._map: Callable[..., Any] = map
        if threads > 1:
            self._map = ThreadPoolExecutor(threads, thread_name_prefix="clearprop").map

    def put(self, held: Held) -> None:
        for part, own in zip(self.parts, separate(held, len(self.parts)), strict=True):
            part.put(own)

    def take(self, *, last: bool = False) -> Held:
        return together([part.take(last=last) for part in self.parts])

    def run(self, steps: int, step: int, seed: int, order: Array | None, stops: bool) -> Ran:
        ran = [*self._map(lambda part: part.run(steps, step, seed, order, False), self.parts)]
        if any(one.steps < steps for one in ran):
            raise DataError("weights_zero")  # all that the kernels stop for
        parts = zip(*((one.totals, one.weights, one.penalties) for one in ran), strict=True)
        totals, weights, penalties = (np.stack(each, axis=-1) for each in parts)
        return Ran(totals, weights, penalties, "done")

    def put_params(self, params: Array, layers: Tree) -> None:
        for number, part in enumerate(self.parts):
            part.put_params(params[number], layers_of(layers, number))

    def take_slot(self) -> tuple[Array, Tree]:
        slots, layers = zip(*(part.take_slot() for part in self.parts), strict=True)
        return np.stack(slots), layers_together(layers)


def plan_course(course: Course, dtype: str, threads: int) -> TrainingPlan | Refusal:
    """The plan of one network of a course, whose steps so many threads share. Raises what the loss
    raises for targets and weights that cannot be, of every network."""
    if course.side_inputs.arrays:
        return Refusal("side_inputs", {"names": ", ".join(course.side_inputs.arrays)})
    x, target, sample_weight = course.data.of(0)
    optimizer, penalty = course.optimizer, WeightPenalty()
    if isinstance(course.optimizer, Penalized):
        optimizer = course.optimizer.optimizer
        penalty = WeightPenalty(course.optimizer.penalty, course.optimizer.spans)
    plan = plan_of(
        course.network,
        course.loss,
        optimizer,
        x,
        target,
        sample_weight,
        dtype=dtype,
        batch_size=course.batch_size,
        threads=threads,
        penalty=penalty,
    )
    data = course.data
    if isinstance(plan, TrainingPlan) and (
        data.target.own or (data.sample_weight and data.sample_weight.own)
    ):
        for network in range(1, course.networks or 1):
            _, target, sample_weight = data.of(network)
            require_targets(
                course.loss, plan.output_shape, target, sample_weight, dtype, course.batch_size
            )
    return plan


def memory_of(
    course: Course,
    plan: TrainingPlan,
    library: CDLL,
    *,
    settings: Mapping[str, Sequence[float]],
    threads: int | None,
) -> KernelMemory:
    """The memory of a course: in the lanes where there are several networks and the lanes can have
    them. `settings` are numbers of the optimizer that each of K networks has of its own."""
    if course.networks is None:
        return OneNetwork(plan, library, course.data.of(0), threads)
    threads = threads or usable_cores()
    if has_lanes(plan, settings):
        x, target, sample_weight = course.data.take(None)
        stack = Stack(
            plan,
            course.networks,
            x,
            target,
            sample_weight,
            own=course.data.own,
            settings=settings,
        )
        return InLanes(plan, library, stack, threads)
    parts = []
    for network in range(course.networks):
        own = {name: numbers[network] for name, numbers in settings.items()}
        planned = plan
        if own:
            one = replace(course, optimizer=with_settings(course.optimizer, own))
            planned = plan_course(replace(one, networks=None), plan.dtype, 1)  # type: ignore[assignment]
        parts.append(OneNetwork(planned, library, course.data.of(network)))
    return EachAlone(parts, threads)
