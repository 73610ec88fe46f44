"""The channels of an image beside one another: what a layer puts out for one sample, and the
gradient of each number below, with the scale that all of them share."""

import math

import numpy as np

from clearprop.base.arrays import Array, Index
from clearprop.base.errors import ConfigurationError
from clearprop.drawing.diagrams.heatmap import SMALL, DrawnHeatmap, scale_legend, scale_of
from clearprop.drawing.diagrams.matrix import NUMBERED, MatrixPanel, draw_matrix, in_rows
from clearprop.drawing.diagrams.parts import LegendEntry, derivative, explained
from clearprop.drawing.pen.items import Item, Text, bounds, moved
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.addresses import Address, image_wires, neuron_address
from clearprop.engine.graph import INPUT
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.reading.explanation.readable import say
from clearprop.reading.explanation.signal_pictures import stacked

# So many channels are drawn at most, and so many cells of each kind, but FEWEST channels in any
# case; of more channels, those in which the marked one is.
MOST_CHANNELS, MOST_CELLS, FEWEST = 16, 6144, 4
# Where channels are small, or few, there is room for numbers.
SMALL_IMAGE, FEW = 4, 3
# The longer side of a channel without numbers, in pixels and in cells. Where it has more numbers, a
# cell stands for several neighbours and shows the one farthest from 0.
SIDE, MOST_SIDE = 118.0, 32
WIDTH, BETWEEN = 1240.0, 26.0


def draw_channels(step: Step, address: str | None, *, sample: int, language: str) -> Scene:
    """The channels of one wire for one sample, the values above their gradients.

    address  one of its numbers, `layers[0].channels[2][5,5]`, which is marked; without it the first
             layer whose output is images

    Raises ConfigurationError where there are no images, or for a number of none, and as
    `neuron_address`.
    """
    wire, marked = _chosen(step, address)
    values = step.forward.value(wire)[sample].astype(np.float64)
    groups: list[tuple[str, Role, Array]] = [(_symbol(step, wire), "forward", values)]
    gradients = step.backward.gradient_at(wire)
    if gradients is not None:
        back = gradients[sample].astype(np.float64)
        groups.append((derivative("*C*", groups[0][0]), "backward", back))
    if values.ndim == 2:
        groups = [(name, role, array[:, None]) for name, role, array in groups]
    channels, height, width = groups[0][2].shape
    own = None if marked is None else (marked[0], *((0,) if len(marked) == 2 else ()), *marked[1:])
    every = math.ceil(max(height, width) / MOST_SIDE)
    cells = math.ceil(height / every) * math.ceil(width / every)
    most = max(FEWEST, min(MOST_CHANNELS, MOST_CELLS // cells))
    begin = 0 if own is None else own[0] // most * most
    shown = range(begin, min(channels, begin + most))
    items: list[Item] = []
    for name, role, array in groups:
        part = array[shown.start : shown.stop]
        drawn = [
            draw_matrix(_panel(name, role, array, wire, channel, every, own, shown), language)
            for channel in shown
        ]
        block = in_rows(drawn, width=WIDTH, between=BETWEEN, aligned=True)
        label = say(language, "channels.scale", name=name, path=wire, sample=sample)
        scale = scale_legend(part.reshape(-1), language)
        items = stacked(items, [*block, *_below(block, scale, label)], BETWEEN)
    told = {"path": wire, "sample": sample, "count": channels}
    notes = []
    if len(shown) < channels:
        numbers = {"first": shown.start, "last": shown.stop - 1, "count": channels}
        notes.append(say(language, "channels.left_out", **numbers))
    if every > 1:
        notes.append(say(language, "channels.blocks", every=every, whole=f"{height} × {width}"))
    if gradients is None:
        notes.append(say(language, "channels.no_gradient"))
    entries = []
    if marked is not None:
        entries.append(LegendEntry("ink", 0, str(Address(wire, marked))))
    return explained(
        items,
        entries,
        title=say(language, "channels.title", **told),
        description=[say(language, "channels.says", **told)],
        language=language,
        notes=notes,
    )


def _chosen(step: Step, address: str | None) -> tuple[str, Index | None]:
    images = image_wires(step.forward)
    if not images:
        raise ConfigurationError("diagram_no_images")
    if address is None:
        return next((wire for wire in images if wire != INPUT), INPUT), None
    place = neuron_address(step, address)
    if place.path not in images:
        known = ", ".join(images)
        raise ConfigurationError("diagram_not_image", address=address, known=known)
    return place.path, place.index


def _symbol(step: Step, wire: str) -> str:
    """What the layer calls its output in its equations."""
    node = step.forward.network.graph.nodes.get(wire)
    if node is None:
        return "*x*" if wire == INPUT else "*y*"
    row = LAYER_ROWS.get(type(node.layer))
    return f"*{row.equations.output}*" if row is not None else "*y*"


def _panel(
    name: str,
    role: Role,
    values: Array,
    wire: str,
    channel: int,
    every: int,
    marked: Index | None,
    shown: range,
) -> MatrixPanel:
    """One channel of values (C, H, W), a cell for each block of `every` times `every` numbers; the
    image of a sequence has one row."""
    flat = values.shape[1] == 1
    farthest = _farthest(values[channel], every)

    def place(row: int, column: int) -> str:
        down, across = farthest[row, column]
        return str(Address(wire, (channel, across) if flat else (channel, down, across)))

    own = None
    if marked is not None and marked[0] == channel:
        own = (marked[1] // every, marked[2] // every)
    return MatrixPanel(
        f"{name}  channels[{channel}]",
        role,
        values[channel][farthest[..., 0], farthest[..., 1]],
        "" if flat else "row",
        "place" if flat else "column",
        place,
        own,
        every=every,
        limit=scale_of(values[shown.start : shown.stop].reshape(-1)).limit,
        side=SIDE,
        numbered=NUMBERED if len(shown) <= FEW else SMALL_IMAGE,
    )


def _farthest(image: Array, every: int) -> Array:
    """(rows, columns, 2) of each block the row and the column of the number farthest from 0; one
    that is not finite is farther."""
    rows, columns = (range(0, side, every) for side in image.shape)
    found = np.empty((len(rows), len(columns), 2), int)
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            block = image[top : top + every, left : left + every]
            sizes = np.where(np.isfinite(block), np.abs(block), np.inf)
            down, across = np.unravel_index(int(np.argmax(sizes)), block.shape)
            found[i, j] = top + down, left + across
    return found


def _below(block: list[Item], scale: DrawnHeatmap, label: str) -> list[Item]:
    """The scale of a block, under it."""
    around = bounds(block)
    top = around.bottom + 16
    told = Text(around.left, top, label, "muted", SMALL, "start")
    return [told, *(moved(item, around.left, top + 12) for item in scale.items)]
