"""Which convolution or pooling turns one array into another: its layout, window, stride, border and
dilation, told by the numbers.

The place of the kernel where y begins is looked for among all places where it touches the image;
the next entries of y then say the stride. What is found is compared as a whole.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.base.errors import ClearpropError
from clearprop.checking.diagnosis.hypotheses import scale
from clearprop.checking.diagnosis.written_image import (
    Border,
    ImageLayer,
    WrittenImage,
    to_ours,
)
from clearprop.engine.layers.convolution import Conv1d, Conv2d
from clearprop.engine.layers.global_average import GlobalAverage
from clearprop.engine.layers.layer import Context
from clearprop.engine.layers.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d

# Two computations of the same sums agree to this part of the largest.
SAME = 1e-9
STRIDES, DILATIONS, KERNELS = range(1, 6), (1, 2, 3), range(1, 8)
# Layouts of images with channels, with those of what comes out of them, and without channels.
IMAGES = {1: ("NCL", "NLC", "CL", "LC"), 2: ("NCHW", "NHWC", "CHW", "HWC")}
BARE = {1: ("NL", "L"), 2: ("NHW", "HW")}
WEIGHTS = {1: ("OIL", "LIO", "OLI", "IOL", "OL"), 2: ("OIHW", "HWIO", "OHWI", "IOHW", "OHW", "HWO")}


class _Laid(NamedTuple):
    """One axis of a convolution: how far before the image it begins, and its stride."""

    low: int
    stride: int


def convolution(x: Array, weight: Array, bias: Array | None, y: Array) -> WrittenImage | None:
    """The convolution that turns x into y, with a bias or without."""
    for form in _fitting(x.shape, weight.shape, y.shape):
        images = "NCL" if "L" in form.x else "NCHW"
        ours, out = to_ours(x, form.x, images), to_ours(y, form.y, images)
        kernel = to_ours(weight, form.weight, "OI" + images[2:])
        if bias is not None:
            if bias.size != len(kernel):
                continue
            out = out - bias.reshape(1, -1, *(1 for _ in images[2:]))
        for turned in (False, True):
            laid = np.flip(kernel, tuple(range(2, kernel.ndim))) if turned else kernel
            if turned and np.array_equal(laid, kernel):
                continue
            found = _laid_on(ours, laid, out)
            if found is not None:
                layer, border = found
                if bias is None:
                    layer = type(layer).from_settings({**layer.settings(), "bias": False})
                shapes = (x.shape, weight.shape, *(() if bias is None else (bias.shape,)))
                return form.written(layer, shapes, turned, border)
    return None


class _Form(NamedTuple):
    """The letters of the axes of x, the weight and y."""

    x: str
    weight: str
    y: str

    def written(
        self, layer: Conv1d | Conv2d, shapes: tuple[Shape, ...], turned: bool, border: Border
    ) -> WrittenImage:
        return WrittenImage(
            layer=layer,
            x=self.x,
            y=self.y,
            weight=self.weight,
            shapes=shapes,
            turned=turned,
            border=border,
        )


def _forms() -> Iterator[_Form]:
    """Every layout; those with x and y in the same one first, as people write most of all."""
    for axes in (2, 1):
        letters = itertools.product(IMAGES[axes], WEIGHTS[axes], IMAGES[axes])
        yield from sorted(itertools.starmap(_Form, letters), key=lambda one: one.x != one.y)
        for bare in BARE[axes]:
            yield _Form(bare, "HW" if axes == 2 else "L", bare)


def _by_axes() -> dict[tuple[int, int, int], list[_Form]]:
    """The layouts by how many axes x, the weight and y have in them."""
    found: dict[tuple[int, int, int], list[_Form]] = {}
    for form in _forms():
        found.setdefault((len(form.x), len(form.weight), len(form.y)), []).append(form)
    return found


FORMS = _by_axes()


def _fitting(x: Shape, weight: Shape, y: Shape) -> Iterator[_Form]:
    """The layouts in which the numbers of samples and channels fit one another."""
    for form in FORMS.get((len(x), len(weight), len(y)), ()):
        of_x, of_y = dict(zip(form.x, x, strict=True)), dict(zip(form.y, y, strict=True))
        of_weight = dict(zip(form.weight, weight, strict=True))
        groups, rest = divmod(of_x.get("C", 1), of_weight.get("I", 1))
        outputs = of_weight.get("O", 1)
        same = of_x.get("N") == of_y.get("N") and outputs == of_y.get("C", 1)
        # Of one number that is no weight between channels, as of a factor, there is no kernel.
        # Nor is it larger than the image: kernel and image are not told apart by their sums.
        inside = all(of_weight[axis] <= of_x[axis] for axis in "HWL" if axis in of_weight)
        # A linear layer is a kernel of one number, too: it is one where its weight says so.
        sides = [of_weight[axis] for axis in "HWL" if axis in of_weight]
        places = np.prod([of_y[axis] for axis in "HWL" if axis in of_y])
        is_kernel = len(form.weight) > 2 or (min(sides) > 1 and places > 1 and inside)
        if same and is_kernel and groups and not rest and outputs % groups == 0:
            yield form


def _laid_on(x: Array, kernel: Array, y: Array) -> tuple[Conv1d | Conv2d, Border] | None:
    """The layer of ours, with a bias, and the border around x that it cannot have itself."""
    sizes, size = kernel.shape[2:], x.shape[2:]
    near = SAME * scale(y)
    for dilation in DILATIONS:
        span = [dilation * (k - 1) + 1 for k in sizes]
        if any(n + 2 * (one - 1) < one for n, one in zip(size, span, strict=True)):
            continue
        touched = _touching(x[0, : kernel.shape[1]], kernel[0], dilation)
        begins = np.argwhere(np.abs(touched - y.flat[0]) <= near)
        for begin in begins[:4]:
            sides = _strides(touched, y[0, 0], begin, near)
            if sides is None:
                continue
            laid = [
                _Laid(one - 1 - int(at), s) for one, at, s in zip(span, begin, sides, strict=True)
            ]
            found = _layer(x, kernel, y, dilation, laid)
            if found is not None:
                return found
        if max(sizes) == 1:
            break
    return None


def _touching(x: Array, kernel: Array, dilation: int) -> Array:
    """The sums of one sample at every place where the kernel touches the image at all."""
    span = [dilation * (k - 1) + 1 for k in kernel.shape[1:]]
    wide = np.pad(x, ((0, 0), *((one - 1, one - 1) for one in span)))
    windows = np.lib.stride_tricks.sliding_window_view(
        wide, tuple(span), axis=tuple(range(1, wide.ndim))
    )
    steps: Any = (..., *(slice(None, None, dilation) for _ in span))
    letters = "ab"[: len(span)]
    places = "pq"[: len(span)]
    sums: Array = np.einsum(f"c{places}{letters},c{letters}->{places}", windows[steps], kernel)
    return sums


def _strides(touched: Array, y: Array, begin: Array, near: float) -> list[int] | None:
    """The stride along every axis by the second entry of y; 1 where there is no second."""
    found = []
    for axis in range(y.ndim):
        if y.shape[axis] < 2:
            found.append(1)
            continue
        second = y[tuple(int(one == axis) for one in range(y.ndim))]
        line = np.moveaxis(touched, axis, 0)[:, *(n for a, n in enumerate(begin) if a != axis)]
        fits = [
            s
            for s in STRIDES
            if begin[axis] + s < len(line) and abs(line[begin[axis] + s] - second) <= near
        ]
        if not fits:
            return None
        found.append(fits[0])
    return found


def _layer(
    x: Array, kernel: Array, y: Array, dilation: int, laid: Sequence[_Laid]
) -> tuple[Conv1d | Conv2d, Border] | None:
    size, sizes, places = x.shape[2:], kernel.shape[2:], y.shape[2:]
    low = tuple(max(one.low, 0) for one in laid)
    kind = Conv1d if len(sizes) == 1 else Conv2d
    needed = tuple(
        max(0, dilation * (k - 1) + 1 + one.stride * (p - 1) - n - side)
        for k, one, p, n, side in zip(sizes, laid, places, size, low, strict=True)
    )
    if any(one.low < 0 for one in laid):
        return None
    settings = {
        "inputs": x.shape[1],
        "outputs": len(kernel),
        "kernel": sizes,
        "stride": tuple(one.stride for one in laid),
        "dilation": dilation,
        "groups": x.shape[1] // kernel.shape[1],
    }
    choices: list[tuple[Any, Border]] = [(low, ())]
    if needed != low:
        choices.append((0, tuple(zip(low, needed, strict=True))))
    params = {"weight": np.ascontiguousarray(kernel), "bias": np.zeros((1, len(kernel)))}
    for padding, border in choices:
        layer = kind.from_settings({**_defaults(kind, settings), "padding": padding})
        wide = np.pad(x, ((0, 0), (0, 0), *border)) if border else x
        if _is_run(layer, params, wide, y) and _meets_several(layer, wide.shape[2:]):
            return layer, border
    return None


def _meets_several(layer: Conv1d | Conv2d, size: Shape) -> bool:
    """Whether a kernel of several numbers lies on several numbers of the image at some place."""
    window = layer.window_on(size)
    if window.entries == 1:
        return True
    on_image = window.with_border(np.ones((*size, 1)))
    counts = sum(under for _, under in window.parts(on_image, window.places(size)))
    return bool(np.max(counts) > 1)


def _defaults(kind: Any, settings: dict[str, Any]) -> dict[str, Any]:
    return {**kind(1, 1, 1).settings(), **settings}


def _is_run(layer: ImageLayer, params: dict[str, Array], x: Array, y: Array) -> bool:
    """Whether the layer makes y of x."""
    try:
        found, _, _ = layer.forward(params, x, Context())
    except ClearpropError:
        return False
    return found.shape == y.shape and scale(found - y) <= SAME * scale(y)


def pooling(x: Array, y: Array) -> WrittenImage | None:
    """The pooling that turns x into y; one of one number of the image under each window is none."""
    if _is_multiple(x, y):
        return None
    for axes in (1, 2):
        for letters in (*IMAGES[axes], *BARE[axes]):
            ours = "NCHW" if axes == 2 else "NCL"
            if len(letters) != x.ndim:
                continue
            images = to_ours(x, letters, ours)
            if len(letters) < 3 and max(y.shape) < 2:
                continue
            for out in _pooled_layouts(letters, y.ndim):
                full = len(out) == x.ndim
                target = to_ours(y, out, ours if full else "NC")
                if target.shape[:2] != images.shape[:2]:
                    continue
                layer = _pool(images, target, x.ndim < 3)
                if layer is not None:
                    return WrittenImage(layer=layer, x=letters, y=out, shapes=(x.shape,))
    return None


def _is_multiple(x: Array, y: Array) -> bool:
    """Whether y is x times a number, which a mean with windows half in the border is too."""
    if x.shape != y.shape:
        return False
    at = np.unravel_index(np.argmax(np.abs(x)), x.shape)
    factor = y[at] / x[at] if x[at] else 0.0
    return scale(factor * x - y) <= SAME * scale(y)


def _pooled_layouts(letters: str, y: int) -> Iterator[str]:
    """The same layout, and that without the places, as a global mean leaves it."""
    if len(letters) == y:
        yield letters
    bare = "".join(letter for letter in letters if letter in "NC")
    if "C" in bare and len(bare) == y:
        yield bare


def _pool(x: Array, y: Array, is_bare: bool) -> ImageLayer | None:
    """The layer of ours that makes y (N, C, *places) of x (N, C, *S)."""
    places, size = y.shape[2:], x.shape[2:]
    if np.array_equal(x, y):
        return None
    if not places or set(places) == {1}:
        layer = GlobalAverage(keep_axes=bool(places))
        if not is_bare and _is_run(layer, {}, x, y) and np.prod(size) > 1:
            return layer
    if not places:
        return None
    image, begin = x[0, 0], float(y.flat[0])
    highest, means = _begins_with(image, begin)
    for window in _windows(size, places) if highest or means else ():
        kernel, stride, padding = (tuple(side) for side in zip(*window, strict=True))
        first = tuple(k - p for k, p in zip(kernel, padding, strict=True))
        for one in _kinds(kernel, stride, padding, first in highest, means.get(first, 0)):
            if _is_run(one, {}, x, y):
                return one
    return None


def _begins_with(image: Array, begin: float) -> tuple[frozenset[Shape], dict[Shape, int]]:
    """The sizes of the corner of an image whose largest number y begins with, and those whose sum
    is so many times what y begins with."""
    largest, sums = image, image
    for axis in range(image.ndim):
        largest, sums = np.maximum.accumulate(largest, axis), np.cumsum(sums, axis)
    highest = frozenset(tuple(int(i) + 1 for i in at) for at in np.argwhere(largest == begin))
    if not begin:
        return highest, {}
    ratio = sums / begin
    times = np.rint(ratio)
    near = (np.abs(ratio - times) <= SAME * np.abs(times)) & (times > 0)
    means = {tuple(int(i) + 1 for i in at): int(times[tuple(at)]) for at in np.argwhere(near)}
    return highest, means


def _kinds(
    kernel: Shape, stride: Shape, padding: Shape, is_largest: bool, count: int
) -> Iterator[ImageLayer]:
    """The layers of a window whose first place has such a largest number or sum."""
    flat = len(kernel) == 1
    if is_largest:
        yield (MaxPool1d if flat else MaxPool2d)(kernel, stride, padding)
    if count == np.prod(kernel):
        yield (AvgPool1d if flat else AvgPool2d)(kernel, stride, padding)
    if any(padding) and count == np.prod([k - p for k, p in zip(kernel, padding, strict=True)]):
        yield (AvgPool1d if flat else AvgPool2d)(kernel, stride, padding, count_border=False)


def _windows(size: Shape, places: Shape) -> Iterator[tuple[tuple[int, int, int], ...]]:
    """(kernel, stride, padding) along every axis, square windows first."""
    sides = [
        [
            (k, s, p)
            for k in KERNELS
            for s in STRIDES
            for p in range(k // 2 + 1)
            if s <= k and (2 * p + n - k) // s + 1 == count and k <= n + 2 * p
            if s == k or count > 1
        ]
        for n, count in zip(size, places, strict=True)
    ]
    every = (one for one in itertools.product(*sides) if _is_pooled(one, size, places))
    yield from sorted(every, key=lambda window: (len({*window}) > 1, [one[2] for one in window]))


def _is_pooled(window: tuple[tuple[int, int, int], ...], size: Shape, places: Shape) -> bool:
    """Whether it is a window as pooling has one: the largest of a whole row is one of softmax."""
    kernel = [one[0] for one in window]
    row = any(count == 1 < n for n, count in zip(size, places, strict=True))
    return max(kernel) > 1 and not (row and (len(kernel) == 1 or min(kernel) == 1))
