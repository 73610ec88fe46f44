"""A kernel on its image, with numbers.

What one of its entries reads at every place, the signal that it meets there, their products, and
the sum of these, which is the sample's share of its gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from clearprop.base.arrays import Array, Index
from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import bracketed, brief, product_text
from clearprop.drawing.diagrams.matrix import MatrixPanel, draw_matrix, in_rows
from clearprop.drawing.diagrams.parts import (
    LegendEntry,
    TextLine,
    below,
    derivative,
    explained,
)
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.addresses import Address, parameter_address
from clearprop.engine.graph import Node, join_path
from clearprop.engine.layers.convolution import Conv1d, Conv2d
from clearprop.engine.layers.windows import Window
from clearprop.engine.step import Step
from clearprop.reading.explanation.place_shares import UsedAtPlaces, used_at_places
from clearprop.reading.explanation.readable import say
from clearprop.reading.largest_terms import NOTHING, largest_first, rest_of
from clearprop.reading.worked_lines import WorkedLine

# So many of the largest places are marked, and so many products stand in the equation.
RANKED, WRITTEN = 5, 3
# Of a larger image this many rows and columns are drawn, around the place of the largest product.
MOST_SIDE = 24
# Up to so many rows and columns have their numbers in them.
NUMBERED = 12
WIDTH, BETWEEN = 1240.0, 36.0


@dataclass(frozen=True)
class _Kernel:
    """One entry of a kernel and one sample: `spread` is what every place gives, `place` that of the
    largest product, with two numbers as all places here: those of a sequence are of its row 0."""

    step: Step
    node: Node
    entry: Index
    sample: int
    spread: UsedAtPlaces

    @property
    def window(self) -> Window:
        """The kernel as it is moved over the image."""
        layer = self.node.layer
        assert isinstance(layer, Conv1d | Conv2d)
        return layer.window_on(self.step.forward.value(self.node.source).shape[2:])

    @property
    def products(self) -> Array:
        """(P, P′) what every place gives."""
        return np.atleast_2d(self.spread.values[self.sample])

    @property
    def ranked(self) -> list[tuple[int, int]]:
        """The places of the largest products, largest first."""
        chosen, _ = largest_first(self.products.reshape(-1), RANKED)
        places = (np.unravel_index(one, self.products.shape) for one in chosen)
        return [(int(row), int(column)) for row, column in places]

    @property
    def place(self) -> tuple[int, int]:
        """The one that is looked at."""
        return self.ranked[0] if self.ranked else (0, 0)

    def own(self, pair: tuple[int, int]) -> Index:
        """A pair as the layer has it: of a sequence its second number."""
        return pair[-len(self.window.kernel) :]

    def corner(self, place: tuple[int, int]) -> tuple[int, int]:
        """Row and column, in the image with its border, of the kernel's first entry at a place."""
        along = (s * p for s, p in zip(self.window.stride, self.own(place), strict=True))
        return _pair(tuple(along))

    def read(self, place: tuple[int, int]) -> tuple[int, int]:
        """Row and column, in the image with its border, that the entry reads at a place."""
        row, column = self.corner(place)
        down, across = _pair(
            tuple(d * i for d, i in zip(self.window.dilation, self.entry[2:], strict=True))
        )
        return row + down, column + across


def draw_kernel(step: Step, address: str | None, *, sample: int | None, language: str) -> Scene:
    """The kernel that an entry of a convolution's weight is of, on one sample's image.

    address  `layers[3].weight[2,1,0,2]`; without it the entry of the first convolution whose
             gradient is the largest
    sample   the one with the largest share unless told otherwise

    Raises ConfigurationError where there is no convolution, or for what is no entry of a kernel,
    and as `parameter_address`.
    """
    node, entry = _chosen(step, address)
    spread = used_at_places(step, node, "weight", entry)
    assert spread is not None
    shares = spread.values.reshape(step.samples, -1).sum(axis=1)
    if sample is None:
        sample = int(np.argmax(np.abs(shares)))
    kernel = _Kernel(step, node, entry, sample, spread)
    panels, notes = _panels(kernel, language)
    panels = [replace(one, numbered=NUMBERED) for one in panels]
    items = in_rows([draw_matrix(one, language) for one in panels], width=WIDTH, between=BETWEEN)
    lines = _equations(kernel, float(shares[sample]), float(shares.sum()), language)
    items += below(items, [TextLine(line, "backward") for line in lines], gap=34)
    weight = str(Address(join_path(node.path, "weight"), entry))
    told = {"address": weight, "sample": sample}
    entries = [
        LegendEntry("backward", 0, say(language, "kernel.ranked", count=len(kernel.ranked))),
        LegendEntry("ink", 0, say(language, "kernel.marked", **told)),
        LegendEntry("positive5", 0, say(language, "inner.legend.plus")),
        LegendEntry("negative5", 0, say(language, "inner.legend.minus")),
    ]
    return explained(
        items,
        entries,
        title=say(language, "kernel.title", **told),
        description=[say(language, "kernel.says", **told), *lines],
        language=language,
        notes=notes,
    )


def _chosen(step: Step, address: str | None) -> tuple[Node, Index]:
    nodes = step.forward.network.graph.nodes.values()
    kernels = {
        node.parameters["weight"].path: node
        for node in nodes
        if isinstance(node.layer, Conv1d | Conv2d)
    }
    if not kernels:
        raise ConfigurationError("diagram_no_kernel")
    if address is None:
        path, node = next(iter(kernels.items()))
        gradient = step.forward.network.layout.view(step.backward.gradient, path)
        largest = np.unravel_index(int(np.argmax(np.abs(gradient))), gradient.shape)
        return node, tuple(int(i) for i in largest)
    place = parameter_address(step, address)
    if place.path not in kernels:
        known = ", ".join(kernels)
        raise ConfigurationError("diagram_not_kernel", address=address, known=known)
    return kernels[place.path], place.index


def _panels(kernel: _Kernel, language: str) -> tuple[list[MatrixPanel], list[str]]:
    """Image, what lies under the kernel, the kernel, the signals, the products; and what is left
    out of them."""
    step, node, window = kernel.step, kernel.node, kernel.window
    unit, own, *inside = kernel.entry
    layer = node.layer
    assert isinstance(layer, Conv1d | Conv2d)
    channel = unit // (layer.outputs // layer.groups) * (layer.inputs // layer.groups) + own
    image = step.forward.value(node.source)[kernel.sample, channel].astype(np.float64)
    bordered = np.atleast_2d(np.pad(image, window.padding))
    low = _pair(tuple(near for near, _ in window.padding))
    at = _pair(tuple(inside))
    down, across = _pair(window.dilation, 1)
    high, wide = _pair(window.kernel, 1)
    row, column = kernel.corner(kernel.place)
    patch = bordered[row : row + down * high : down, column : column + across * wide : across]
    weights = np.atleast_2d(step.forward[node.path].params["weight"][unit, own])
    signals = np.atleast_2d(kernel.spread.signals[kernel.sample])
    axes = ("", "place") if layer.axes == 1 else ("row", "column")

    notes = []
    seen, around = _part(bordered, kernel.read(kernel.place))
    made, behind = _part(kernel.products, kernel.place)
    if seen.shape != bordered.shape or made.shape != kernel.products.shape:
        notes.append(
            say(
                language,
                "kernel.part",
                shown=" × ".join(map(str, seen.shape)),
                whole=" × ".join(map(str, bordered.shape)),
                shown_places=" × ".join(map(str, made.shape)),
                places=" × ".join(map(str, kernel.products.shape)),
            )
        )
    if any(map(any, window.padding)):
        notes.append(say(language, "kernel.border"))
    ranked = [kernel.read(one) for one in kernel.ranked]
    first = around[0] - low[0], around[1] - low[1]
    spans = down * (high - 1) + 1, across * (wide - 1) + 1
    there = behind[0] + made.shape[0], behind[1] + made.shape[1]
    signal = signals[behind[0] : there[0], behind[1] : there[1]]
    image_name = say(language, "kernel.image", path=node.source, channel=channel)
    under = Address(node.path, (unit, *kernel.own(kernel.place)))
    weight_path = join_path(node.path, "weight")
    backward = derivative("*C*", "*z*")
    at_places = [
        MatrixPanel(
            name,
            "backward",
            values,
            *axes,
            _addresses(kernel, node.path, unit, behind),
            ranked=_within(kernel.ranked, behind, made.shape),
            first=behind,
        )
        for name, values in (
            (f"{backward}  {say(language, 'kernel.image', path=node.path, channel=unit)}", signal),
            (f"*x̄* · {backward}  {say(language, 'kernel.products')}", made),
        )
    ]
    return [
        MatrixPanel(
            f"*x̄*  {image_name}",
            "forward",
            seen,
            *axes,
            _addresses(kernel, node.source, channel, first, image.shape, language),
            ranked=_within(ranked, around, seen.shape),
            first=first,
            window=_outline_in(seen, (row - around[0], column - around[1]), spans),
        ),
        MatrixPanel(
            f"*x̄*  {say(language, 'kernel.patch', output=under)}",
            "forward",
            patch,
            *axes,
            lambda r, c: f"x̄[{','.join(map(str, kernel.own((r, c))))}]",
            marked=at,
        ),
        MatrixPanel(
            f"*w*  {weight_path}[{unit},{own}]",
            "ink",
            weights,
            *axes,
            lambda r, c: str(Address(weight_path, (unit, own, *kernel.own((r, c))))),
            marked=at,
        ),
        *at_places,
    ], notes


def _addresses(
    kernel: _Kernel,
    path: str,
    channel: int,
    first: tuple[int, int],
    size: tuple[int, ...] | None = None,
    language: str = "en",
) -> Callable[[int, int], str]:
    """The address of every cell of a part that begins at `first`; of an image of this size what
    lies outside is its border."""

    def place(row: int, column: int) -> str:
        at = kernel.own((row + first[0], column + first[1]))
        if size is not None and not all(0 <= i < side for i, side in zip(at, size, strict=True)):
            return say(language, "kernel.edge")
        return str(Address(path, (channel, *at)))

    return place


def _outline_in(
    seen: Array, corner: tuple[int, int], spans: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The kernel's outline, as much of it as lies in the part that is drawn."""
    top, left = (max(0, one) for one in corner)
    bottom, right = (
        min(side, one + span) for side, one, span in zip(seen.shape, corner, spans, strict=True)
    )
    return top, left, bottom - top, right - left


def _part(values: Array, around: tuple[int, int]) -> tuple[Array, tuple[int, int]]:
    """The rows and columns that are drawn, and the numbers of the first ones."""
    first = [
        max(0, min(at - MOST_SIDE // 2, side - MOST_SIDE))
        for at, side in zip(around, values.shape, strict=True)
    ]
    cut = values[first[0] : first[0] + MOST_SIDE, first[1] : first[1] + MOST_SIDE]
    return cut, (first[0], first[1])


def _within(
    places: list[tuple[int, int]], first: tuple[int, int], shape: tuple[int, ...]
) -> tuple[tuple[int, int] | None, ...]:
    """Places as they are numbered in the part that is drawn; None for those outside."""
    moved = ((row - first[0], column - first[1]) for row, column in places)
    return tuple(
        one if 0 <= one[0] < shape[0] and 0 <= one[1] < shape[1] else None for one in moved
    )


def _equations(kernel: _Kernel, share: float, gradient: float, language: str) -> list[str]:
    """The share as the sum of the products, and the gradient as the sum of the shares."""
    flat = kernel.products.reshape(-1)
    chosen, others = largest_first(flat, WRITTEN)
    factors = np.atleast_2d(kernel.spread.factors[kernel.sample]).reshape(-1)
    signals = np.atleast_2d(kernel.spread.signals[kernel.sample]).reshape(-1)
    right = tuple(product_text(float(factors[i]), float(signals[i])) for i in chosen)
    hidden = flat[others]
    rest = rest_of(hidden[hidden != 0]) if hidden.any() else NOTHING
    left = f"∂C[{kernel.sample}]/∂w = Σ x̄ · ∂C/∂z"
    line = WorkedLine(left, right, share, rest).text(language)
    samples = kernel.step.samples
    if samples == 1:
        return [line]
    whole = say(language, "kernel.whole", count=samples - 1, value=brief(gradient))
    return [line, f"∂L/∂w = {brief(share)} + {bracketed(gradient - share)} {whole}"]


def _pair(numbers: Index, before: int = 0) -> tuple[int, int]:
    """Two numbers of a place; one of a sequence stands behind `before`."""
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (before, numbers[0])
