"""A weight or a point dragged to another place: the loss as the gradient predicts it, and as it is.

predicted  L + ∂L/∂v · (v' − v)     the straight line of the gradient, right for a small move
true       L(v')                    computed anew
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import brief
from clearprop.engine.addresses import neuron_address, parameter_address
from clearprop.engine.graph import INPUT
from clearprop.engine.losses import MAE, MSE, Huber, Pinball
from clearprop.engine.step import Step
from clearprop.lab.lab_recipe import Problem
from clearprop.lab.messages import array
from clearprop.lab.moments import StepView, finite

TARGET = "target"
# Losses of y − t, of which ∂C/∂t is −∂C/∂y.
OF_DIFFERENCES = (MSE, MAE, Huber, Pinball)
# Points of the line that is drawn around the place where a number was.
POINTS = 25
# It goes so many times as far as the number was dragged, and at least so far.
BEYOND, LEAST = 1.3, 0.1


class Move(NamedTuple):
    """What is dragged where; `sample` is the place in the batch of a point's sample."""

    what: str
    address: str
    sample: int | None
    value: float

    @property
    def row(self) -> int:
        """The sample of a point. Raises ConfigurationError where it is not said."""
        if self.sample is None:
            raise ConfigurationError("lab_move_sample")
        return self.sample


def moved(view: StepView, move: Move, language: str) -> dict[str, Any]:
    """The fields of `moved`. Raises ConfigurationError for what cannot be moved."""
    if not np.isfinite(move.value):
        raise ConfigurationError("lab_value", address=move.address[:60], value=str(move.value))
    step = view.step
    if move.what in ("weight", "bias"):
        address, old, gradient, losses = _of_parameter(step, move)
    elif move.what == "point":
        address, old, gradient, losses = _of_point(step, move)
    else:
        raise ConfigurationError("lab_move", what=move.what[:40])
    far = max(BEYOND * abs(move.value - old), LEAST)
    places = np.linspace(old - far, old + far, POINTS)
    true = losses(move.value)
    predicted = step.value + gradient * (move.value - old)
    line = [(v, step.value + gradient * (v - old), losses(v)) for v in places.tolist()]
    numbers = {
        "value": move.value,
        "loss": step.value,
        "predicted": predicted,
        "true": true,
        "gradient": gradient,
    }
    texts = {name: brief(number) for name, number in numbers.items()}
    return {
        "address": address,
        **{name: finite(number) for name, number in numbers.items()},
        "texts": texts,
        "says": messages.text(language, "lab.session.moved", address=address, **texts),
        "line": array(np.array(line)),
    }


def moved_point(problem: Problem, move: Move, row: int) -> Problem:
    """The problem with one number of one sample of its data set to another."""
    name, column = _column(move.address)
    x, target = problem.data.x.copy(), problem.target.copy()
    (x if name == INPUT else target).reshape(len(x), -1)[row, column] = move.value
    data = replace(
        problem.data, x=x, target=problem.data.target.copy() if name == INPUT else target
    )
    return replace(problem, data=data, target=target)


def _of_parameter(step: Step, move: Move) -> Any:
    place = parameter_address(step, move.address)
    slot = step.forward.network.layout.slots[place.path]
    position = slot.start + int(np.ravel_multi_index(place.index, slot.shape))
    params = step.forward.params

    def loss(value: float) -> float:
        changed = params.copy()
        changed[position] = value
        return _loss(step, changed, None)

    return str(place), float(params[position]), float(step.backward.gradient[position]), loss


def _of_point(step: Step, move: Move) -> Any:
    sample = step.check_sample(move.row)
    name, column = _column(move.address)
    if name == TARGET:
        return _of_target(step, move, sample, column)
    place = neuron_address(step, move.address)
    signals = step.signals(INPUT)
    x = step.forward.input

    def loss(value: float) -> float:
        changed = x.copy()
        changed[(sample, *place.index)] = value
        return _loss(step, step.forward.params, changed)

    where = (sample, *place.index)
    return str(place), float(x[where]), float(signals[where]), loss


def _of_target(step: Step, move: Move, sample: int, column: int) -> Any:
    if not isinstance(step.loss, OF_DIFFERENCES):
        raise ConfigurationError("lab_move_target", loss=type(step.loss).__name__)
    target, output = step.target, step.forward.output
    if target.ndim != 2 or column >= target.shape[1]:
        raise ConfigurationError("lab_move", what=move.address[:40])

    def loss(value: float) -> float:
        changed = target.copy()
        changed[sample, column] = value
        return float(step.loss.evaluate(output, changed).value)

    gradient = -float(step.result.gradient[sample, column])
    return f"{TARGET}[{column}]", float(target[sample, column]), gradient, loss


def _loss(step: Step, params: Array, x: Array | None) -> float:
    _, result = step.again(params, x)
    return float(result.total / result.weight)


def _column(address: str) -> tuple[str, int]:
    """`input[0]` or `target[0]` taken apart. Raises ConfigurationError."""
    name, _, rest = address.strip().partition("[")
    number = rest.removesuffix("]")
    if name not in (INPUT, TARGET) or not number.isdecimal():
        raise ConfigurationError("lab_move", what=address[:40])
    return name, int(number)
