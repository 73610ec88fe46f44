"""A network examined: everything that is looked for, in one go."""

from collections.abc import Sequence

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ShapeError
from clearprop.engine.layers.attention import MultiheadAttention
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.step import Step, take_step
from clearprop.reading.health.attention_heads import attention_heads
from clearprop.reading.health.baselines import baselines, worse_than_simple
from clearprop.reading.health.channels import constant_channels
from clearprop.reading.health.constant_output import constant_output
from clearprop.reading.health.convergence import converged, convergence_of
from clearprop.reading.health.draws import draws
from clearprop.reading.health.examination import Examination, Looked, LookedAt
from clearprop.reading.health.replay import where_it_broke
from clearprop.reading.health.rounding import rounding_of
from clearprop.reading.health.signal_sizes import SignalSize, signal_sizes, vanishing_or_exploding
from clearprop.reading.health.stability import Moment, Stability, rate_above_bound, stability_at
from clearprop.reading.health.time_signals import through_time
from clearprop.reading.health.units import (
    Units,
    dead_units,
    saturated_units,
    silent_samples,
    units_of,
)
from clearprop.reading.health.unmoved import unmoved_weights
from clearprop.training.finding import Severity, Symptom
from clearprop.training.nonfinite import first_nonfinite


def examine(
    step: Step, *, start: Array | None = None, learning_rate: float | None = None
) -> Examination:
    """Look for everything that `clearprop.reading.health` knows.

    step           the record of one step, with the samples to look with
    start          (P,) the parameters before the first step, where `step` is not the first one:
                   the bound of the learning rate is then worked out there as well
    learning_rate  the rate to hold against the bound, instead of the optimizer's

    Nothing that is not finite makes it fail. Raises ShapeError for a start of another network.
    """
    params = step.forward.params
    if start is not None and start.shape != params.shape:
        raise ShapeError("health_start", came=start.shape, expected=params.shape)
    with np.errstate(all="ignore"):
        return _examine(step, start, learning_rate)


def _examine(step: Step, start: Array | None, rate: float | None) -> Examination:
    broken = first_nonfinite(step)
    steps = draws(step) if broken is None else (step,)
    units = units_of(steps)
    sizes = signal_sizes(step)
    rounding = rounding_of(step) if broken is None and len(step.forward.params) else None
    convergence = convergence_of(step, rounding) if rounding is not None else None
    reached = convergence is not None and convergence.reached
    of_units = [*dead_units(units, sum(one.samples for one in steps)), *saturated_units(units)]
    findings = [] if broken is None else [broken]
    if broken is not None and broken.kind == Symptom.NONFINITE_PARAMETER and start is not None:
        findings += where_it_broke(step, start.astype(step.forward.params.dtype))
    findings += constant_output(step, settled=reached and not of_units)
    findings += of_units
    findings += constant_channels(step)
    findings += attention_heads(step) if broken is None else ()
    if rounding is not None:
        noise = bool((np.abs(step.backward.output_gradient) <= rounding.signals).all())
        findings += vanishing_or_exploding(sizes, rounding=noise)
        if not noise:
            findings += through_time(step)
        findings += unmoved_weights(steps, units, rounding, converged=reached)
    stability = _stability(step, start, rate, broken is None)
    rates = list(rate_above_bound(stability, converged=reached))
    findings += rates
    simple = baselines(step) if broken is None else ()
    # Where the rate is above its bound now, that is what is wrong: training longer would not help.
    runs_away = any(one.kind in (Symptom.RATE_END, Symptom.RATE_HERE) for one in rates)
    if rounding is not None and not runs_away and (reached or _has_begun(step, start)):
        findings += worse_than_simple(step, simple, rounding.loss, converged=reached)
    if convergence is not None:
        findings += converged(step, convergence, findings)
    findings.sort(key=lambda one: list(Severity).index(one.severity))
    looked_at = _looked_at(step, units, sizes, rounding is not None)
    if convergence is not None:
        numbers: dict[str, float | int | str] = {
            "largest": convergence.largest,
            "place": convergence.place,
            "rounding": convergence.rounding,
        }
        looked_at.append(LookedAt(Looked.CONVERGENCE, numbers))
    if len(steps) > 1:
        looked_at.append(LookedAt(Looked.DRAWS, {"count": len(steps)}))
    if broken is not None:
        looked_at.append(LookedAt(Looked.BROKEN))
    elif not len(step.forward.params):
        looked_at.append(LookedAt(Looked.NOTHING_LEARNED))
    elif {one.when for one in stability} == {Moment.END}:
        looked_at.append(LookedAt(Looked.NO_START))
    return Examination(
        samples=step.samples,
        loss=step.value,
        findings=tuple(findings),
        looked_at=tuple(looked_at),
        silent=silent_samples(units),
        signals=sizes,
        stability=stability,
        baselines=simple,
        convergence=convergence,
    )


def _looked_at(
    step: Step, units: Sequence[Units], sizes: Sequence[SignalSize], finite: bool
) -> list[LookedAt]:
    """What every network is looked at for, and what this one has beside it."""
    found = [
        LookedAt(Looked.NUMBERS, {"samples": step.samples, "params": len(step.forward.params)})
    ]
    if units:
        count = sum(len(one.z) for one in units)
        found.append(LookedAt(Looked.UNITS, {"count": count, "layers": len(units)}))
    found.append(LookedAt(Looked.SIGNALS, {"layers": len(sizes)}))
    nodes = step.forward.network.graph.nodes
    recurrent = [path for path, node in nodes.items() if isinstance(node.layer, Recurrent)]
    if recurrent and finite:
        times = max(step.forward.value(path).shape[1] for path in recurrent)
        found.append(LookedAt(Looked.THROUGH_TIME, {"layers": len(recurrent), "times": times}))
    attention = [one.layer for one in nodes.values() if isinstance(one.layer, MultiheadAttention)]
    if attention and finite:
        heads = sum(one.heads for one in attention)
        found.append(LookedAt(Looked.HEADS, {"count": heads, "layers": len(attention)}))
    return found


def _stability(
    step: Step, start: Array | None, rate: float | None, finite: bool
) -> tuple[Stability, ...]:
    """At the start and here, wherever the numbers are finite."""
    if not len(step.forward.params):
        return ()
    begun = start is not None or _has_begun(step, start)
    steps = [(Moment.END if begun else Moment.HERE, step)] if finite else []
    if start is not None:
        first = _first_step(step, start)
        if first_nonfinite(first) is None:
            steps.insert(0, (Moment.START, first))
    return tuple(stability_at(one, when, rate) for when, one in steps)


def _has_begun(step: Step, start: Array | None) -> bool:
    """Whether the step is known to be of a training that has begun."""
    moved = start is not None and not np.array_equal(start, step.forward.params)
    return moved or (step.state is not None and step.state.step > 0)


def _first_step(step: Step, start: Array) -> Step:
    context = step.forward.context
    return take_step(
        step.forward.network,
        start.astype(step.forward.params.dtype),
        step.forward.input,
        step.target,
        loss=step.loss,
        optimizer=step.optimizer,
        training=context.training,
        layer_state=step.forward.network.initial_state(step.forward.params),
        seed=context.seed,
    )
