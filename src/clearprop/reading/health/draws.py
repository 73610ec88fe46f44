"""The step that is examined, and what it would be with other random draws.

A Dropout may leave a unit out for every sample of one step; that unit is not dead. So a network
that draws is looked at in several draws, and only what holds in all of them is said.
"""

import numpy as np

from clearprop.engine.step import Step

# With half of the entries left out and 4 samples, a unit is out in all of them once in 4 billion.
DRAWS = 8
# Two draws may be the same by chance where few numbers are drawn.
TRIED = 2


def draws(step: Step) -> tuple[Step, ...]:
    """The step, and where it draws, the same step in DRAWS − 1 other draws."""
    first = step.forward.context.step
    tried = [_drawn(step, first + number) for number in range(1, TRIED + 1)]
    if all(_is_same(step, other) for other in tried):
        return (step,)
    others = [_drawn(step, first + number) for number in range(TRIED + 1, DRAWS)]
    return (step, *tried, *others)


def _is_same(step: Step, other: Step) -> bool:
    pairs = zip(step.forward.records, other.forward.records, strict=True)
    return all(np.array_equal(a.output, b.output, equal_nan=True) for a, b in pairs)


def _drawn(step: Step, number: int) -> Step:
    context = step.forward.context
    forward = step.forward.network.forward(
        step.forward.params,
        step.forward.input,
        training=context.training,
        seed=context.seed,
        step=number,
        state=context.state,
        side_inputs=context.side_inputs,
    )
    gradient = step.loss.evaluate(forward.output, step.target).gradient
    backward = step.forward.network.backward(forward, gradient)
    return Step(backward, step.target, step.loss, step.optimizer, step.state, step.classes)
