"""Windows' largest numbers and means in PyTorch, JAX and ONNX, and what is read of theirs."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.engine.layers.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from clearprop.kinds.onnx_terms import Held, OnnxForm, OnnxPlace, ReadLayer, Slot, X, number, op
from clearprop.kinds.own_modules import own_module
from clearprop.kinds.row import InJax
from clearprop.kinds.windows_elsewhere import (
    DILATED_ATTRIBUTES,
    WINDOW_ATTRIBUTES,
    bordered_in_jax,
    bordered_in_torch,
    even_padding,
    kernel_of,
    parts_of,
    window_in_onnx,
    window_of_onnx,
)

CEILING = {"ceil_mode": Held("ceil_mode", 0)}


def max_in_jax(at: InJax, x: Any) -> Any:
    """The largest number under the window."""
    window = at.layer.window_on(tuple(x.shape[2:]))
    y, *others = parts_of(window, bordered_in_jax(at.jax, window, x, -np.inf))
    for other in others:
        y = at.jax.numpy.where(other > y, other, y)
    return y


def average_in_jax(at: InJax, x: Any) -> Any:
    """The mean of the numbers under the window."""
    window = at.layer.window_on(tuple(x.shape[2:]))
    return sum(parts_of(window, bordered_in_jax(at.jax, window, x))) / _divisors(at.layer, x)


def _divisors(layer: Any, x: Any) -> Any:
    """How many numbers every mean is of, (*places), or one number for all."""
    counts = layer.counts(tuple(x.shape[2:]), np.dtype(np.float64))
    return counts[..., 0] if counts.ndim else float(counts)


def max_in_torch(nn: Any, one: Any) -> Any:
    """PyTorch's module, or one of our own where it has none for such a border."""
    kernel, stride, dilation = kernel_of(one)
    padding = even_padding(one)
    # PyTorch takes half a window's border at most.
    if padding is not None and all(2 * p <= k for p, k in zip(padding, kernel, strict=True)):
        kind = getattr(nn, type(one).__name__)
        return kind(kernel, stride, padding, dilation, ceil_mode=one.ceil_mode)
    largest = getattr(nn.functional, f"max_pool{one.axes}d")

    def compute(_: Any, x: Any) -> Any:
        window = one.window_on(tuple(x.shape[2:]))
        bordered = bordered_in_torch(nn, window, x, -np.inf)
        return largest(bordered, kernel, stride, dilation=dilation)

    return own_module(nn, one, compute)


def average_in_torch(nn: Any, one: Any) -> Any:
    """PyTorch's module, or one of our own where it has none for such a window."""
    kernel, stride, dilation = kernel_of(one)
    padding = even_padding(one)
    narrow = padding is not None and all(2 * p <= k for p, k in zip(padding, kernel, strict=True))
    if narrow and set(dilation) == {1}:
        kind = getattr(nn, type(one).__name__)
        told = {"ceil_mode": one.ceil_mode, "count_include_pad": one.count_border}
        return kind(kernel, stride, padding, **told)

    def compute(_: Any, x: Any) -> Any:
        window = one.window_on(tuple(x.shape[2:]))
        summed = sum(parts_of(window, bordered_in_torch(nn, window, x)))
        return summed / x.new_tensor(_divisors(one, x))

    return own_module(nn, one, compute)


def max_of_torch(kind: Any) -> Any:
    """From a module of PyTorch's to ours; None where it returns indices too."""

    def layer(m: Any) -> Any:
        if m.return_indices:
            return None
        return kind(m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode)

    return layer


def average_of_torch(kind: Any) -> Any:
    """From a module of PyTorch's to ours; None where it divides by a number of its own."""

    def layer(m: Any) -> Any:
        if getattr(m, "divisor_override", None) is not None:
            return None
        told = {"count_border": m.count_include_pad, "ceil_mode": m.ceil_mode}
        return kind(m.kernel_size, m.stride, m.padding, **told)

    return layer


def _max_in_onnx(at: OnnxPlace) -> dict[str, Any] | None:
    if at.stacked:
        return None
    return {**window_in_onnx(at.layer), "ceil_mode": int(at.layer.ceil_mode)}


def _pool_of_onnx(kinds: Mapping[int, Any], *more: str) -> Any:
    """From an operator's attributes to the layer of as many axes; `more` are flags of both."""

    def layer(found: Mapping[str, Any], _: object) -> ReadLayer | None:
        kernel = tuple(found["kernel"])
        window = window_of_onnx(found, len(kernel), kernel) if len(kernel) in kinds else None
        if window is None:
            return None
        flags = {name: bool(found.get(name, 0)) for name in more}
        try:
            return ReadLayer(kinds[len(kernel)](**window._asdict(), **flags))
        except ConfigurationError:  # as for a border wider than the window
            return None

    return layer


def _average_in_onnx(*, dilated: bool) -> Any:
    def values(at: OnnxPlace) -> dict[str, Any] | None:
        one = at.layer
        if at.stacked or (not dilated and set(kernel_of(one)[2]) != {1}):
            return None
        flags = {"count_border": int(one.count_border), "ceil_mode": int(one.ceil_mode)}
        return {**window_in_onnx(one, dilated=dilated), **flags}

    return values


_ONES, _COUNT = Slot("ones"), Slot("count")


def _mean_as_sum(at: OnnxPlace) -> dict[str, Any] | None:
    """A mean of numbers that are apart in operator sets without it: a sum with the weights 1 of
    every channel by itself, divided by how many there are, where that is one number."""
    one = at.layer
    if at.stacked or set(kernel_of(one)[2]) == {1} or one.ceil_mode or not one.count_border:
        return None
    if at.shape is None:
        raise ContractError("onnx_shape_needed", layer=repr(one))
    channels, kernel = at.shape[0], kernel_of(one)[0]
    ones = np.ones((channels, 1, *kernel), at.dtype)
    count = np.asarray(math.prod(kernel), at.dtype)
    return {"ones": ones, "count": count, "groups": channels, **window_in_onnx(one)}


def _sum_as_mean(found: Mapping[str, Any], dtype: Any) -> ReadLayer | None:
    ones, kernel = found["ones"], tuple(found["ones"].shape[2:])
    alone = found.get("groups", 1) == len(ones) and ones.shape[1] == 1
    if not alone or not np.all(ones == 1) or number(found["count"]) != math.prod(kernel):
        return None
    read: ReadLayer | None = _pool_of_onnx({1: AvgPool1d, 2: AvgPool2d}, "count_border")(
        {**found, "kernel": kernel, "count_border": 1}, dtype
    )
    return read


def _average_form(attributes: dict[str, Any], *, dilated: bool, since: int) -> OnnxForm:
    counts = Held("count_border", 0)
    term = op("AveragePool", X, **attributes, **CEILING, count_include_pad=counts)
    read = _pool_of_onnx({1: AvgPool1d, 2: AvgPool2d}, "count_border")
    return OnnxForm(term, _average_in_onnx(dilated=dilated), read, since)


MAX_FORMS = (
    OnnxForm(
        op("MaxPool", X, **DILATED_ATTRIBUTES, **CEILING),
        _max_in_onnx,
        _pool_of_onnx({1: MaxPool1d, 2: MaxPool2d}),
    ),
)
AVERAGE_FORMS = (
    _average_form(WINDOW_ATTRIBUTES, dilated=False, since=1),
    # Numbers that are apart have a mean since that operator set.
    _average_form(DILATED_ATTRIBUTES, dilated=True, since=19),
    OnnxForm(
        op("Div", op("Conv", X, _ONES, group=Held("groups", 1), **DILATED_ATTRIBUTES), _COUNT),
        _mean_as_sum,
        _sum_as_mean,
    ),
)
