"""The output of the network, or of one neuron, over what comes in: a curve over one input, a plane
over two, and for more of them what comes out for the sample that is looked at.
"""

from typing import Any

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.numbers import brief
from clearprop.engine.addresses import Address, every_sample, neuron_address
from clearprop.engine.layers.activations import Sigmoid
from clearprop.engine.layers.softmax import Softmax
from clearprop.engine.losses import BinaryCrossEntropy, CrossEntropy
from clearprop.engine.step import Step
from clearprop.lab.data_sets import LabData
from clearprop.lab.messages import array
from clearprop.lab.moments import StepView

# Points along each axis: as many as a panel has pixels to show.
CURVE, PLANE = 201, 61
MOST_CURVE, MOST_PLANE = 2001, 201
# How far the drawing goes beyond the samples, as a part of their range.
BEYOND = 0.15
# From this share on the second of two classes is the likelier one.
HALF = 0.5

say = messages.within("lab")


def output_told(
    view: StepView, data: LabData, of: str | None, resolution: int | None, language: str
) -> dict[str, Any]:
    """The fields of `output`. Raises what `neuron_address` raises for a neuron that is not
    there."""
    step = view.step
    place = None if of is None else neuron_address(step, of)
    x = data.x
    if x.ndim != 2 or x.shape[1] > 2:
        return _bars(view, data, place, language)
    wide = x.shape[1] == 2
    count = min(
        max(resolution or (PLANE if wide else CURVE), 2), MOST_PLANE if wide else MOST_CURVE
    )
    ranges = [_range(x[:, column], count) for column in range(x.shape[1])]
    grid = np.stack(np.meshgrid(*ranges, indexing="xy"), axis=-1).reshape(-1, x.shape[1])
    made = _at(step, grid.astype(x.dtype), place)
    shape = (count, count) if wide else (count,)
    classes = place is None and bool(data.classes)
    form = "classes" if classes else "plane" if wide else "curve"
    values, sure = made[:, 0], None
    if classes:
        values, sure = _classes(step, made)
    return {
        "of": of or "",
        "form": form,
        "title": _title(place, language),
        "axes": [
            {
                "name": name,
                "low": float(one[0]),
                "high": float(one[-1]),
                "low_text": brief(float(one[0])),
                "high_text": brief(float(one[-1])),
            }
            for name, one in zip(data.inputs, ranges, strict=False)
        ],
        "values": array(np.asarray(values, np.float64).reshape(shape)),
        "sure": None if sure is None else array(sure.reshape(shape)),
        "classes": list(data.classes),
        "x": array(x),
        "t": array(data.target if data.target.ndim == 1 else data.target[:, 0]),
        "says": say(language, f"session.output.{form}", points=count, outputs=made.shape[1]),
    }


def _bars(view: StepView, data: LabData, place: Address | None, language: str) -> dict[str, Any]:
    """What comes out for the sample that is looked at, number by number."""
    forward = view.step.forward
    values = forward.output if place is None else forward.value(place.path)
    names = list(data.classes) if place is None and data.classes else []
    return {
        "of": "" if place is None else str(place),
        "form": "bars",
        "title": _title(place, language),
        "axes": [],
        "values": array(np.asarray(values[view.sample], np.float64).reshape(-1)),
        "sure": None,
        "classes": names,
        "x": None,
        "t": None,
        "says": say(language, "session.output.bars", inputs=len(data.inputs)),
    }


def _title(place: Address | None, language: str) -> str:
    if place is None:
        return say(language, "session.output.of_network")
    return say(language, "session.output.of_neuron", named=str(place))


def _range(column: Array, count: int) -> Array:
    low, high = float(column.min()), float(column.max())
    beyond = BEYOND * (high - low) or 1.0
    return np.linspace(low - beyond, high + beyond, count)


def _at(step: Step, x: Array, place: Address | None) -> Array:
    """What the network puts out at x (M, inputs), not in training: (M, outputs) or (M, 1)."""
    forward = step.forward
    made = forward.network.forward(forward.params, x, training=False, state=forward.state or None)
    if place is None:
        return made.output.reshape(len(x), -1)
    found: Array = made.value(place.path)[every_sample(place.index)]
    return found.reshape(len(x), 1)


def _classes(step: Step, made: Array) -> tuple[Array, Array]:
    """The likeliest class at every point, and the share that it has among all."""
    if isinstance(step.loss, CrossEntropy):
        shares = Softmax().value(made)
        return shares.argmax(axis=1), shares.max(axis=1)
    if made.shape[1] > 1:
        # One output for each class, 1 where it is that one.
        return made.argmax(axis=1), np.clip(made.max(axis=1), 0, 1)
    # One output for two classes, 0 and 1.
    binary = isinstance(step.loss, BinaryCrossEntropy)
    first = Sigmoid().value(made[:, 0]) if binary else np.clip(made[:, 0], 0, 1)
    return (first > HALF).astype(np.int64), np.maximum(first, 1 - first)
