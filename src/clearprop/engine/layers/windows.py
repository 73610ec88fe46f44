"""A window that is moved over images: the geometry that convolution and pooling share.

An image is (C, *S): channels, then one axis (Conv1d and its kin) or two (height and width). Along
an axis of S numbers a window has k entries, d apart (`dilation`), so it spans d (k − 1) + 1 of
them. It is laid on the image with a border of `low` and `high` more numbers (`padding`), at every
`stride`-th place: the places are o = 0 … P − 1, with

    P = ⌊(low + S + high − d (k − 1) − 1) / s⌋ + 1

and entry i of the window at place o lies on the number  s o + d i  of the image with its border.

Two settings leave the border to the size of the image (`laid`). "same" gives it as many places as
a stride goes into it, P = ⌈S / s⌉, for which the two ends of the border add up to

    max(0, s (P − 1) + d (k − 1) + 1 − S)

where that is odd, the far end is the wider one, and with "same_lower" the near one: what ONNX calls
SAME_UPPER and SAME_LOWER. `ceil_mode` rounds up, P = ⌈…⌉ + 1: a last window that begins on the
image or in front of it may end behind the border, on numbers `beyond` it.

Inside these layers the samples are the last axis, (C, *S, N): what is done for one place and one
channel then runs through memory without a gap, for all samples at once, and NumPy's loops are long.
What the layers hand on is a view of such an array with the samples in front.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array, Shape, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.engine.layers.layer import Context, Layer, OpenImage, image_text
from clearprop.engine.layers.uneven_windows import Ranges, collected, spread_out

# How a border is given: a number, one for every axis, (in front, behind) for every axis, or a word.
Padding: TypeAlias = int | tuple[int, ...] | tuple[tuple[int, int], ...] | str
SAME, SAME_LOWER, VALID = "same", "same_lower", "valid"


class Window(NamedTuple):
    """A window along every axis of an image: its entries, strides, dilations, and the border.

    beyond  how many numbers at the far end of the border are there for the last window alone, and
            are no part of what was asked for; () for none
    ranges  of windows of several lengths the numbers of every place (`uneven_windows`), of which
            the kernel is the longest; () for a window of one length
    """

    kernel: Shape
    stride: Shape
    dilation: Shape
    padding: tuple[tuple[int, int], ...]
    beyond: Shape = ()
    ranges: Ranges = ()

    @property
    def own_padding(self) -> tuple[tuple[int, int], ...]:
        """The border that was asked for."""
        beyond = self.beyond or (0,) * len(self.padding)
        return tuple(
            (low, high - more) for (low, high), more in zip(self.padding, beyond, strict=True)
        )

    @property
    def span(self) -> Shape:
        """How many numbers it spans along every axis."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def entries(self) -> int:
        """How many entries it has."""
        return math.prod(self.kernel)

    def bordered(self, size: Shape) -> Shape:
        """The size of an image with its border."""
        if self.ranges:
            return tuple(len(a) * k for a, k in zip(self.ranges, self.kernel, strict=True))
        return tuple(low + s + high for s, (low, high) in zip(size, self.padding, strict=True))

    def places(self, size: Shape) -> Shape:
        """How many places it has on an image of this size along every axis; 0 and less where it is
        larger than the image with its border."""
        sides = zip(self.bordered(size), self.span, self.stride, strict=True)
        return tuple((side - span) // stride + 1 for side, span, stride in sides)

    def with_border(self, x: Array, fill: float = 0.0) -> Array:
        """X (..., *S, N) inside its border of `fill`; without a border x itself, in memory as the
        layers like it."""
        if self.ranges:
            return spread_out(x, self.ranges, fill)
        if not any(map(any, self.padding)):
            return np.ascontiguousarray(x)
        axes = len(self.kernel)
        size = x.shape[-axes - 1 : -1]
        shape = (*x.shape[: -axes - 1], *self.bordered(size), x.shape[-1])
        bordered = np.full(shape, fill, x.dtype) if fill else np.zeros(shape, x.dtype)
        self.inside(bordered, size)[...] = x
        return bordered

    def inside(self, bordered: Array, size: Shape) -> Array:
        """The image of this size within its border, as a view; of windows of several lengths the
        sum of what stands at every number's copies."""
        if self.ranges:
            return collected(bordered, self.ranges, size)
        sides = zip(size, self.padding, strict=True)
        cuts: Any = (..., *(slice(low, low + s) for s, (low, _) in sides), slice(None))
        inner: Array = bordered[cuts]
        return inner

    def patches(self, bordered: Array, places: Shape) -> Array:
        """What lies under the window at every place: from (..., C, *S, N) a view
        (..., C, *kernel, *places, N) that repeats the numbers under several places."""
        axes = len(self.kernel)
        *before, own = bordered.strides[: -axes - 1], bordered.strides[-axes - 1 : -1]
        apart = tuple(d * one for d, one in zip(self.dilation, own, strict=True))
        along = tuple(s * one for s, one in zip(self.stride, own, strict=True))
        return np.lib.stride_tricks.as_strided(
            bordered,
            (*bordered.shape[: -axes - 1], *self.kernel, *places, bordered.shape[-1]),
            (*before[0], *apart, *along, bordered.strides[-1]),
            writeable=False,
        )

    def parts(self, bordered: Array, places: Shape) -> Iterator[tuple[Shape, Array]]:
        """Entry after entry of the window, row by row: its index, and as a view (..., *places, N)
        the numbers that it lies on at all places."""
        sides = tuple(zip(self.dilation, self.stride, places, strict=True))
        for index in itertools.product(*map(range, self.kernel)):
            along = (
                slice(d * i, d * i + s * (count - 1) + 1, s)
                for i, (d, s, count) in zip(index, sides, strict=True)
            )
            cuts: Any = (..., *along, slice(None))
            yield index, bordered[cuts]

    def lies_on(self, place: Shape, entry: Shape, size: Shape) -> Shape | None:
        """The number of an image of this size on which an entry of the window lies at a place;
        None where that is its border."""
        if self.ranges:
            spans = [axis[p] for axis, p in zip(self.ranges, place, strict=True)]
            on = tuple(start + i for (start, _), i in zip(spans, entry, strict=True))
            return on if all(t < end for t, (_, end) in zip(on, spans, strict=True)) else None
        sides = zip(place, entry, self.stride, self.dilation, self.padding, strict=True)
        at = tuple(s * p + d * i - low for p, i, s, d, (low, _) in sides)
        return at if all(0 <= t < side for t, side in zip(at, size, strict=True)) else None

    def numbers(self, place: Shape, size: Shape) -> Iterator[Shape | None]:
        """Those that the window lies on at a place, entry after entry, row by row."""
        for entry in itertools.product(*map(range, self.kernel)):
            yield self.lies_on(place, entry, size)

    def covering(self, at: Shape, size: Shape, places: Shape) -> Iterator[tuple[Shape, Shape]]:
        """Every place at which the window covers the number `at` of an image, and the entry that
        lies on it there."""
        sides = zip(at, self.padding, self.kernel, self.stride, self.dilation, places, strict=True)
        along = [
            [(p, t - start) for p, (start, end) in enumerate(axis) if start <= t < end]
            for t, axis in zip(at, self.ranges, strict=False)
        ]
        for t, (low, _), k, s, d, count in () if self.ranges else sides:
            steps = [(divmod(t + low - d * i, s), i) for i in range(k)]
            along.append([(p, i) for (p, left), i in steps if left == 0 and 0 <= p < count])
        for pairs in itertools.product(*along):
            yield tuple(p for p, _ in pairs), tuple(i for _, i in pairs)


def samples_last(x: Array, lead: int) -> Array:
    """(N, C, *S) as a view (C, *S, N); of K networks, where `lead` is 1, (K, N, …) as (K, …, N)."""
    return x.transpose(*range(lead), *range(lead + 1, x.ndim), lead)


def samples_first(y: Array, lead: int) -> Array:
    """The way back."""
    return y.transpose(*range(lead), y.ndim - 1, *range(lead, y.ndim - 1))


def laid(
    kernel: Shape,
    stride: Shape,
    dilation: Shape,
    padding: Padding,
    size: Shape,
    *,
    ceil_mode: bool = False,
) -> Window:
    """The window as it is moved over an image of this size; `padding` is settled."""
    bare = Window(kernel, stride, dilation, ((0, 0),) * len(kernel))
    if isinstance(padding, str):
        border = []
        for own, span, step in zip(size, bare.span, stride, strict=True):
            total = max(0, step * (-(-own // step) - 1) + span - own)
            less, more = total // 2, total - total // 2
            border.append((less, more) if padding == SAME else (more, less))
        return bare._replace(padding=tuple(border))
    window = bare._replace(padding=borders_of(padding, len(kernel)))
    if not ceil_mode:
        return window
    beyond = []
    for own, span, step, (low, high) in zip(size, window.span, stride, window.padding, strict=True):
        count = -(-(low + own + high - span) // step) + 1
        # As in PyTorch, no window begins behind the image.
        count -= step * (count - 1) >= low + own
        beyond.append(max(0, step * (count - 1) + span - low - own - high))
    sides = zip(window.padding, beyond, strict=True)
    padded = tuple((low, high + more) for (low, high), more in sides)
    return window._replace(padding=padded, beyond=tuple(beyond))


def settle_padding(owner: object, axes: int) -> None:
    """Make `padding` a `Padding` in its shortest form; "valid" is 0. Raises ConfigurationError for
    anything else."""
    value = vars(owner)["padding"]
    settled = _settled_padding(value, axes)
    if settled is None:
        raise ConfigurationError(
            "padding_invalid", owner=type(owner).__name__, axes=axes, value=value
        )
    object.__setattr__(owner, "padding", settled)


def _settled_padding(value: Any, axes: int) -> Padding | None:
    if isinstance(value, str):
        words: dict[str, Padding] = {SAME: SAME, SAME_LOWER: SAME_LOWER, VALID: 0}
        return words.get(value)
    sides = list(value) if isinstance(value, tuple | list) else [value] * axes
    pairs = [list(one) if isinstance(one, tuple | list) else [one, one] for one in sides]
    numbers = [number for pair in pairs for number in pair]
    if len(pairs) != axes or not all(len(pair) == 2 for pair in pairs):
        return None
    if not all(map(is_whole, numbers)) or min(numbers) < 0:
        return None
    if any(low != high for low, high in pairs):
        return tuple((int(low), int(high)) for low, high in pairs)
    even = tuple(int(low) for low, _ in pairs)
    return even[0] if len(set(even)) == 1 else even


def borders_of(padding: "int | tuple[Any, ...]", axes: int) -> tuple[tuple[int, int], ...]:
    """A settled padding that is no word as (in front, behind) for every axis."""
    sides = padding if isinstance(padding, tuple) else (padding,) * axes
    return tuple(one if isinstance(one, tuple) else (one, one) for one in sides)


def is_whole(value: object) -> bool:
    """Whether it is a whole number; True and False are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def settle_sides(owner: object, name: str, axes: int, least: int) -> None:
    """Make a setting whole numbers of at least `least`, one for every axis: a number stands for
    the same along all of them. Raises ConfigurationError for anything else."""
    value = getattr(owner, name)
    sides = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if len(sides) != axes or not all(map(is_whole, sides)) or min(sides) < least:
        raise ConfigurationError(
            "sides_invalid",
            owner=type(owner).__name__,
            name=name,
            axes=axes,
            least=least,
            value=value,
        )
    sides = tuple(map(int, sides))
    object.__setattr__(owner, name, sides[0] if len(set(sides)) == 1 else sides)


def sides_of(value: "int | tuple[int, ...]", axes: int) -> Shape:
    """A settled setting, one number for every axis."""
    return value if isinstance(value, tuple) else (value,) * axes


def require_images(
    layer: Layer, x: Array, axes: int, channels: int | None, context: Context
) -> None:
    """Refuse what is no batch of images with `axes` axes beside samples and channels (None of
    `channels`: any number), or that of another number of networks. Raises ShapeError."""
    lead = context.networks is not None
    others = lead and x.shape[:1] != (context.networks,)
    fits = x.ndim == lead + 2 + axes and not others
    if fits and channels in (None, x.shape[lead + 1]):
        return
    # The commonest of these mistakes: channels that come last, and grey images without their axis.
    key = "images_turned" if fits and x.shape[-1] == channels else "images_input"
    if not lead and x.ndim == 1 + axes and channels in (None, 1, x.shape[0]):
        key = "images_alone" if channels == x.shape[0] != 1 else "images_grey"
    raise ShapeError(
        key,
        path=context.path or type(layer).__name__,
        layer=type(layer).__name__,
        expected=image_text(axes, "C" if channels is None else channels),
        came=shape_text(x.shape),
        order=shape_text((0, axes + 1, *range(1, axes + 1))),
    )


def require_image_before(
    layer: Layer, input_shape: Shape, axes: int, channels: int | None = None
) -> None:
    """For output_shape: refuse a layer before that gives no such images. Raises ShapeError."""
    if len(input_shape) != axes + 1 or channels not in (None, input_shape[0]):
        raise ShapeError(
            "images_chain",
            layer=type(layer).__name__,
            expected=image_text(axes, "C" if channels is None else channels),
            came=shape_text(("N", *input_shape)),
        )


def require_open_images(
    layer: Layer, before: OpenImage | None, axes: int, channels: int | None = None
) -> None:
    """For images_after: refuse images of other axes, or other channels. Raises ShapeError."""
    if before is not None and (before.axes != axes or channels not in (None, before.channels)):
        raise ShapeError(
            "images_chain_open",
            layer=type(layer).__name__,
            expected=image_text(axes, "C" if channels is None else channels),
            source=before.source,
            came=before.text,
        )


def require_places(layer: Layer, window: Window, size: Shape) -> Shape:
    """How many places the window has on an image of this size. Raises ShapeError where it has
    none."""
    places = window.places(size)
    if min(places) < 1 or min(size) < 1:
        raise ShapeError(
            "window_too_large",
            layer=type(layer).__name__,
            span=" × ".join(map(str, window.span)),
            size=" × ".join(map(str, size)),
            bordered=" × ".join(map(str, window.bordered(size))),
        )
    return places
