"""A window on an image elsewhere: as attributes of ONNX's operators, and as slices in JAX and
PyTorch."""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

from clearprop.base.arrays import Shape
from clearprop.engine.layers.uneven_windows import taken_by
from clearprop.engine.layers.windows import SAME, SAME_LOWER, Padding, Window, borders_of, sides_of
from clearprop.kinds.onnx_terms import Held

WINDOW_ATTRIBUTES: dict[str, Any] = {
    "kernel_shape": Held("kernel", ()),
    "strides": Held("strides", ()),
    "pads": Held("pads", ()),
    "auto_pad": Held("auto_pad", "NOTSET"),
}
DILATED_ATTRIBUTES: dict[str, Any] = {**WINDOW_ATTRIBUTES, "dilations": Held("dilations", ())}
# How ONNX calls a border that depends on the size of the image.
AUTO = {SAME: "SAME_UPPER", SAME_LOWER: "SAME_LOWER"}


class ReadWindow(NamedTuple):
    """A window as an operator's attributes tell it, as settings of a layer."""

    kernel: Shape
    stride: Shape
    padding: Padding
    dilation: Shape
    ceil_mode: bool


def window_in_onnx(layer: Any, *, dilated: bool = True) -> dict[str, Any]:
    """The attributes of a layer's window, under the names of `WINDOW_ATTRIBUTES`."""
    # Of another size the border alone is another one, and where it is that is not written.
    window = layer.window_on((1,) * layer.axes)
    found: dict[str, Any] = {"kernel": list(window.kernel), "strides": list(window.stride)}
    if dilated:
        found["dilations"] = list(window.dilation)
    if isinstance(layer.padding, str) and set(window.stride) != {1}:
        return found | {"auto_pad": AUTO[layer.padding]}
    lows, highs = zip(*window.own_padding, strict=True)
    return found | {"pads": [*lows, *highs]}


def window_of_onnx(found: Mapping[str, Any], axes: int, kernel: Shape) -> ReadWindow | None:
    """The window of such attributes; None where they are not those of `axes` axes."""
    stride = tuple(found.get("strides") or (1,) * axes)
    dilation = tuple(found.get("dilations") or (1,) * axes)
    pads = tuple(found.get("pads") or (0,) * (2 * axes))
    told = tuple(found.get("kernel") or kernel)
    if told != kernel or {len(stride), len(dilation), len(pads) // 2} != {axes} or min(pads) < 0:
        return None
    how = found.get("auto_pad", "NOTSET")
    words = {theirs: ours for ours, theirs in AUTO.items()}
    if how in words:
        return ReadWindow(kernel, stride, words[how], dilation, ceil_mode=False)
    if how == "VALID":
        return ReadWindow(kernel, stride, 0, dilation, ceil_mode=False)
    if how != "NOTSET":
        return None
    pairs = tuple(zip(pads[:axes], pads[axes:], strict=True))
    padding: Padding = pairs
    if set(stride) == {1} and any(low != high for low, high in pairs):
        spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        if pairs == tuple((total // 2, total - total // 2) for total in spans):
            padding = SAME
    return ReadWindow(kernel, stride, padding, dilation, bool(found.get("ceil_mode", 0)))


def even_padding(layer: Any) -> Shape | None:
    """How many numbers stand at both ends of every axis; None where that is not the same at both,
    or depends on the size of the image."""
    if isinstance(layer.padding, str):
        return None
    borders = borders_of(layer.padding, layer.axes)
    if any(low != high for low, high in borders):
        return None
    return tuple(low for low, _ in borders)


def kernel_of(layer: Any) -> tuple[Shape, Shape, Shape]:
    """Kernel, stride and dilation, one number for every axis."""
    stride = layer.kernel if layer.stride is None else layer.stride
    kernel, stride, dilation = (
        sides_of(one, layer.axes) for one in (layer.kernel, stride, layer.dilation)
    )
    return kernel, stride, dilation


def bordered_in_torch(nn: Any, window: Window, x: Any, fill: float = 0.0) -> Any:
    """Images (N, C, *S) in the window's border, in PyTorch."""
    border = [end for side in reversed(window.padding) for end in side]
    return nn.functional.pad(x, border, value=fill)


def bordered_in_jax(jax: Any, window: Window, x: Any, fill: float = 0.0) -> Any:
    """The same in JAX; of windows of several lengths with the numbers of every place one behind
    another."""
    if window.ranges:
        for axis, (spans, longest) in enumerate(zip(window.ranges, window.kernel, strict=True)):
            index, there = taken_by(spans, longest)
            shape = [-1 if one == axis + 2 else 1 for one in range(x.ndim)]
            x = jax.numpy.take(x, index.ravel(), axis=axis + 2)
            x = jax.numpy.where(there.reshape(shape), x, fill)
        return x
    return jax.numpy.pad(x, ((0, 0), (0, 0), *window.padding), constant_values=fill)


def parts_of(window: Window, bordered: Any) -> list[Any]:
    """What every entry of the window lies on, one array (N, C, *places) for each, of images in
    their border."""
    size = tuple(bordered.shape[2:])
    places = window._replace(padding=((0, 0),) * len(size), ranges=()).places(size)
    parts = []
    for index in itertools.product(*map(range, window.kernel)):
        sides = zip(index, window.dilation, window.stride, places, strict=True)
        cuts = (slice(d * i, d * i + s * (count - 1) + 1, s) for i, d, s, count in sides)
        parts.append(bordered[(..., *cuts)])
    return parts
