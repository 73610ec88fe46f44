"""A training in NumPy: the reference, which every layer, loss and optimizer has."""

from collections.abc import Iterator
from sys import getrefcount

import numpy as np

from clearprop.base.arrays import Array, freeze
from clearprop.engine.layers.layer import Context
from clearprop.engine.optimizers.optimizer import require_step
from clearprop.engine.running import run_backward_into, run_forward, settle_output_gradient
from clearprop.training.course import Course
from clearprop.training.engine_choice import EngineChoice
from clearprop.training.events import EpochEvent, StepEvent, TrainingState
from clearprop.training.heap_pages import keep_pages
from clearprop.training.penalized import Penalized, mean_penalty


def numpy_events(
    course: Course, state: TrainingState, engine: EngineChoice
) -> Iterator[StepEvent | EpochEvent]:
    """An event for every step and every epoch, from `state` to the end of the course."""
    keep_pages()
    per_epoch, replay, layout = course.steps_per_epoch, course.replay, course.network.layout
    loss, optimizer = course.loss, course.optimizer
    gradient_name = f"{type(loss).__name__}.gradient"
    data, own_input = course.data, course.data.x.own
    x, target, sample_weight = data.take(None)
    beside = course.beside(None)
    stacked = course.networks is not None
    is_shuffled, order, ordered = course.batch_size < course.samples, None, -1
    last = course.epochs * per_epoch
    places = layout.gradient_places(state.params)
    params, remembered, layers, step, seed, total, weight = state
    penalties: list[Array] = []
    while step < last:
        epoch = step // per_epoch
        if is_shuffled:
            if epoch != ordered:
                order, ordered = course.order(seed, epoch), epoch
            rows = course.rows(step, order)
            x, target, sample_weight = data.take(rows)
            beside = course.beside(rows)
        # Not around the yield: what the caller computes between two events is the caller's.
        with np.errstate(over="ignore", invalid="ignore"):
            context = Context(True, False, seed, step, "", layers, beside, course.networks)
            ran = run_forward(layout, params, x, context, own_input=own_input)
            result = loss.evaluate(ran.output, target, sample_weight=sample_weight, stacked=stacked)
            dy = settle_output_gradient(result.gradient, ran.output, where=gradient_name)
            gradient = run_backward_into(layout.graph, ran, dy, places)
            if isinstance(optimizer, Penalized):
                penalties.append(optimizer.value(params))
            holders = getrefcount(places.flat)
            stepped, remembered = optimizer.step(params, remembered, gradient)
            if stepped.dtype is not params.dtype or stepped.shape != params.shape:
                require_step(optimizer, params, stepped)
            params = stepped
            # An optimizer of one's own may keep the gradient or a view of it, wherever it likes:
            # then the next step must not write into it.
            if getrefcount(places.flat) > holders:
                places = layout.gradient_places(params)
            value = result.value
            # In float64: the sum of many in float32 loses digits.
            if stacked:
                total = total + np.asarray(result.total, np.float64)
                weight = weight + np.asarray(result.weight, np.float64)
            else:
                total, weight = total + float(result.total), weight + float(result.weight)
            mean = total / weight
        before, layers, step = state, ran.state, step + 1
        if step % per_epoch:
            state = TrainingState(freeze(params), remembered, layers, step, seed, total, weight)
            yield StepEvent(step - 1, epoch, value, before, state, replay, engine)
            continue
        # The sums of the next epoch start at 0.
        total = weight = 0.0
        state = TrainingState(freeze(params), remembered, layers, step, seed)
        yield StepEvent(step - 1, epoch, value, before, state, replay, engine)
        yield EpochEvent(epoch, mean, state, engine, mean_penalty(penalties))
        penalties = []
