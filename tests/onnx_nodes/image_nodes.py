"""ONNX's operators on images that are layers here: read as from a file, and computed.

Pad's cases in whole numbers are computed in float32, which holds them all; what no layer here
computes (images with three axes) is left out with its reason.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop import (
    AvgPool2d,
    Context,
    Conv2d,
    Flatten,
    GlobalAverage,
    GroupNorm,
    Layer,
    MaxPool2d,
    Pad,
)
from clearprop.base.arrays import Array
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.kinds.onnx_terms import Held, OnnxForm, Slot, X
from tests.onnx_nodes.cases import NodeCase


def form_of(kind: type[Layer], case: NodeCase) -> OnnxForm:
    """The form of a layer that is the case's operator alone, with inputs at the same places, and
    with dilations where the case has them."""
    return next(
        form
        for form in LAYER_ROWS[kind].onnx_forms
        if form.term.operator == case.operator
        and {n for n, one in enumerate(form.term.inputs) if one is not None} == set(case.inputs)
        and all(isinstance(one, Slot | None) for one in form.term.inputs)
        and {"dilations"} & set(case.attributes) <= {name for name, _ in form.term.attributes}
    )


def found_in(case: NodeCase, form: OnnxForm) -> Mapping[str, Any]:
    """What stands in a case under the names of a form."""
    found = {
        slot.name: case.inputs[place]
        for place, slot in enumerate(form.term.inputs)
        if isinstance(slot, Slot) and slot != X
    }
    for name, value in form.term.attributes:
        if isinstance(value, Held):
            found[value.name] = case.attribute(name, value.default)
    return found


def measured(x: Array) -> Array:
    """Whole numbers as measurements, which a layer takes."""
    return x.astype(np.float32) if x.dtype.kind in "iu" else x


def read_as(kind: type[Layer], operator: str) -> Callable[[NodeCase], tuple[Array | None, ...]]:
    """The output of what such a node is read as."""

    def run(case: NodeCase) -> tuple[Array | None, ...]:
        form = form_of(kind, case)
        x = measured(case.x) if kind is Pad else case.x
        made = form.layer(found_in(case, form), x.dtype)
        assert made is not None, case.name
        y, _, _ = made.layer.forward(made.params, x, Context(training=False))
        # Which entry was the largest, the second output of MaxPool, is not told in use.
        return (y, None)[: len(case.outputs)]

    return run


def flatten(case: NodeCase) -> tuple[Array]:
    """Behind another axis than the first, the axes before it count samples."""
    axis = case.attribute("axis", 1)
    axis = axis if axis >= 0 else axis + case.x.ndim
    samples = case.x.reshape(-1, *case.x.shape[axis:]) if axis else case.x[None]
    return (Flatten().forward({}, samples, Context())[0],)


IMAGE_LAYERS: dict[str, Callable[[NodeCase], tuple[Array | None, ...]]] = {
    "Conv": read_as(Conv2d, "Conv"),
    "MaxPool": read_as(MaxPool2d, "MaxPool"),
    "AveragePool": read_as(AvgPool2d, "AveragePool"),
    "GlobalAveragePool": read_as(GlobalAverage, "GlobalAveragePool"),
    "Flatten": flatten,
    "Pad": read_as(Pad, "Pad"),
    "GroupNormalization": read_as(GroupNorm, "GroupNormalization"),
    "InstanceNormalization": read_as(GroupNorm, "InstanceNormalization"),
}
