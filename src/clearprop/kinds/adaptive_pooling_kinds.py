"""Adaptive pooling: the rows of a window that the size of the image decides."""

from typing import Any

import numpy as np

from clearprop.base.errors import ContractError
from clearprop.engine.layers.adaptive_pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
)
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.pooling import GlobalAverage
from clearprop.kinds.counterparts import TorchTwin
from clearprop.kinds.onnx_terms import Held, OnnxForm, OnnxPlace, X, op
from clearprop.kinds.pooling_kinds import (
    POOL,
    average_passes,
    average_worked,
    max_passes,
    max_worked,
)
from clearprop.kinds.poolings_elsewhere import average_in_jax, max_in_jax
from clearprop.kinds.row import Equations, LayerExample, LayerRow
from clearprop.kinds.window_kernels import largest_kernel, mean_kernel
from clearprop.kinds.window_places import average_ways, largest_ways


def _module(nn: Any, one: Any) -> Any:
    return getattr(nn, type(one).__name__)(one.output_size)


def _of_torch(kind: type[Any]) -> Any:
    def layer(m: Any) -> Layer | None:
        sides = np.ravel(m.output_size)
        # None keeps the size of an axis, and no one number stands for that.
        if any(one is None for one in sides) or getattr(m, "return_indices", False):
            return None
        if "Avg" in kind.__name__ and {*sides} == {1}:
            return GlobalAverage(keep_axes=True)
        made: Layer = kind(m.output_size)
        return made

    return layer


def _in_onnx(at: OnnxPlace) -> dict[str, Any] | None:
    """ONNX's pools have windows of a size of their own: that on the images that are told."""
    if at.stacked:
        return None
    if at.shape is None:
        raise ContractError("onnx_shape_needed", layer=repr(at.layer))
    window = at.layer.window_on(at.shape[1:])
    return {"kernel": list(window.kernel), "strides": list(window.stride)}


def _row(kind: Any, *examples: LayerExample) -> LayerRow:
    largest = "Max" in kind.__name__
    operator = "MaxPool" if largest else "AveragePool"
    attributes = {"kernel_shape": Held("kernel", ()), "strides": Held("strides", ())}
    equations = (
        Equations(
            ("y[c,p] = max over i of x[c, s p + i]",),
            ("∂C/∂x[c,t] = Σ over p where t is the first largest of ∂C/∂y[c,p]",),
        )
        if largest
        else Equations(
            ("y[c,p] = (1/k) Σᵢ x[c, s p + i]",),
            ("∂C/∂x[c,t] = Σ over p that cover t of ∂C/∂y[c,p] / k",),
        )
    )
    return LayerRow(
        kind=kind,
        examples=examples,
        equations=equations,
        worked=max_worked if largest else average_worked,
        passes=max_passes if largest else average_passes,
        output=POOL,
        torch=TorchTwin(_module, {kind.__name__: _of_torch(kind)}),
        jax=max_in_jax if largest else average_in_jax,
        onnx=None,
        # A file's pool is read as what it is, a pool with a window of its own.
        onnx_forms=(OnnxForm(op(operator, X, **attributes), _in_onnx, lambda *_: None),),
        compiled=largest_kernel if largest else mean_kernel,
        weighted=not largest,
        onward=largest_ways if largest else average_ways,
    )


ADAPTIVE_POOLINGS = (
    _row(
        AdaptiveMaxPool1d,
        LayerExample(AdaptiveMaxPool1d(2), (2, 4)),
        LayerExample(AdaptiveMaxPool1d(2), (1, 5)),
    ),
    _row(AdaptiveMaxPool2d, LayerExample(AdaptiveMaxPool2d((2, 1)), (2, 4, 3))),
    _row(AdaptiveAvgPool1d, LayerExample(AdaptiveAvgPool1d(2), (2, 4))),
    _row(
        AdaptiveAvgPool2d,
        LayerExample(AdaptiveAvgPool2d(2), (2, 4, 6)),
        LayerExample(AdaptiveAvgPool2d((2, 3)), (1, 3, 3)),
    ),
)
