"""A training that broke, run again from its start to the step in which it did."""

from collections.abc import Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.step import Step
from clearprop.training import StepEvent, start, train
from clearprop.training.finding import Finding, Severity, Symptom
from clearprop.training.nonfinite import first_nonfinite

# A training that broke did so early, as a rule; a longer one is not run again to its end.
MOST_STEPS = 2000


def where_it_broke(step: Step, params: Array) -> Iterator[Finding]:
    """The first step, from the start `params` (P,) on these samples, that has a number that is not
    finite, and what was found there.

    Nothing where that does not happen: the training may have had other samples, or batches.
    """
    if step.optimizer is None or step.state is None or not step.state.step > 0:
        return
    seed = step.forward.context.seed
    network, x = step.forward.network, step.forward.input
    before = start(network, params, step.optimizer, seed=seed)
    events = train(
        network,
        before,
        x,
        step.target,
        loss=step.loss,
        optimizer=step.optimizer,
        epochs=min(step.state.step, MOST_STEPS),
    )
    for event in events:
        if not isinstance(event, StepEvent):
            continue
        if not (np.isfinite(event.loss) and np.isfinite(event.state.params).all()):
            broken = Step(event.backward, step.target, step.loss, step.optimizer, before.optimizer)
            found = first_nonfinite(broken)
            if found is not None:
                values = {"step": event.step, "steps": step.state.step, "loss": float(event.loss)}
                yield Finding(Symptom.REPLAYED, Severity.SERIOUS, found.places, values)
                yield found
            return
        before = event.state
