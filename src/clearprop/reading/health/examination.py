"""A network examined: everything that is looked for, in one go."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ShapeError
from clearprop.engine.step import Step, take_step
from clearprop.reading.explanation.documents import Document
from clearprop.reading.health import words
from clearprop.reading.health.draws import draws
from clearprop.reading.health.finding import NOTE, SEVERITIES, Finding, Values
from clearprop.reading.health.nonfinite import first_nonfinite
from clearprop.reading.health.output import constant_output
from clearprop.reading.health.replay import where_it_broke
from clearprop.reading.health.signals import SignalSize, signal_sizes, vanishing_or_exploding
from clearprop.reading.health.stability import Stability, rate_above_bound, stability_at
from clearprop.reading.health.units import dead_units, saturated_units, silent_samples, units_of
from clearprop.reading.health.unmoved import unmoved_weights


@dataclass(frozen=True)
class Look:
    """One thing that was looked at, or that could not be; the key of its sentence, and numbers."""

    kind: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Examination(Document):
    """What was found, the worst first, and what was looked at.

    loss       L of the step that was examined
    silent     for how many samples the slope of each unit is 0, by the path of its activation
    signals    how large ∂C/∂z is, layer by layer
    stability  the local bound of the learning rate, at the start and at the end where both are
               known
    """

    samples: int
    loss: float
    findings: tuple[Finding, ...]
    looked_at: tuple[Look, ...]
    silent: Mapping[str, tuple[int, ...]]
    signals: tuple[SignalSize, ...]
    stability: tuple[Stability, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found but notes."""
        return all(one.severity == NOTE for one in self.findings)

    def text(self, language: str = "en") -> str:
        """All of it, for a terminal."""
        return words.read_out(self, language)

    def __str__(self) -> str:
        return self.text()


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
    findings = [] if broken is None else [broken]
    if broken is not None and broken.kind == "nonfinite_parameter" and start is not None:
        findings += where_it_broke(step, start.astype(step.forward.params.dtype))
    findings += constant_output(step)
    findings += dead_units(units, sum(one.samples for one in steps))
    findings += saturated_units(units)
    findings += vanishing_or_exploding(sizes)
    findings += unmoved_weights(steps, units)
    stability = _stability(step, start, rate, broken is None)
    findings += rate_above_bound(stability)
    findings.sort(key=lambda one: SEVERITIES.index(one.severity))
    looked_at = [
        Look("numbers", {"samples": step.samples, "params": len(step.forward.params)}),
        Look("units", {"count": sum(len(one.z) for one in units), "layers": len(units)}),
        Look("signals", {"layers": len(sizes)}),
    ]
    if len(steps) > 1:
        looked_at.append(Look("draws", {"count": len(steps)}))
    if broken is not None:
        looked_at.append(Look("broken"))
    elif not len(step.forward.params):
        looked_at.append(Look("nothing_learned"))
    elif {one.when for one in stability} == {"end"}:
        looked_at.append(Look("no_start"))
    return Examination(
        step.samples,
        step.value,
        tuple(findings),
        tuple(looked_at),
        silent_samples(units),
        sizes,
        stability,
    )


def _stability(
    step: Step, start: Array | None, rate: float | None, finite: bool
) -> tuple[Stability, ...]:
    """At the start and here, wherever the numbers are finite."""
    if not len(step.forward.params):
        return ()
    begun = start is not None or (step.state is not None and step.state.step > 0)
    steps = [("end" if begun else "here", step)] if finite else []
    if start is not None:
        first = _first_step(step, start)
        if first_nonfinite(first) is None:
            steps.insert(0, ("start", first))
    return tuple(stability_at(one, when, rate) for when, one in steps)


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
        seed=context.seed,
    )
