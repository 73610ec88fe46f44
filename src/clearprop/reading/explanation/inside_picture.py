"""All of one intermediate of one layer as a picture: every head's attention, every time's gates,
with the gradients below."""

from itertools import product
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Index
from clearprop.base.errors import ConfigurationError
from clearprop.drawing.diagrams.matrix import MatrixPanel, draw_matrix, in_rows
from clearprop.drawing.diagrams.parts import LegendEntry, derivative, explained
from clearprop.drawing.pen.items import Item
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.addresses import InnerAddress, inner_address, inner_path
from clearprop.engine.layers.layer import Intermediate
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.reading.explanation.readable import say
from clearprop.reading.explanation.signal_pictures import stacked

# So many matrices are drawn; of more, the first ones.
MOST_PANELS = 16
BETWEEN = 40.0
# So wide a picture is at most, but where one matrix is wider.
WIDTH = 1400.0


class _Layout(NamedTuple):
    """How an intermediate's axes are drawn: one matrix for each place of the outer ones."""

    outer: int
    rows: str
    columns: str


def draw_inside(
    step: Step,
    address: str | None,
    *,
    sample: int = 0,
    mark: bool = True,
    language: str = "en",
) -> Scene:
    """The matrices of one intermediate for one sample, the values above their gradients.

    address  one of its numbers; without it the first layer that has something inside, and of that
             what its row says is drawn
    mark     whether the number is marked

    Raises ConfigurationError where no layer has anything inside, and as `inner_address`.
    """
    place = _first(step) if address is None else inner_address(step, address)
    inside = step.forward.inside(place.path)[place.name]
    row = LAYER_ROWS.get(type(step.forward[place.path].layer))
    known = None if row is None else row.inside.get(place.name)
    symbol = place.name if known is None else known.symbol
    gradients = step.backward.inside(place.path)[place.name][sample]
    layout = _layout(inside)
    marked = place.place if mark and address is not None else None
    items: list[Item] = []
    kinds: tuple[tuple[str, Role, Array], ...] = (
        (f"*{symbol}*", "forward", inside.values[sample]),
        (derivative("*C*", f"*{symbol}*"), "backward", gradients),
    )
    indices = list(product(*map(range, inside.values.shape[1 : 1 + layout.outer])))
    left_out = max(0, len(indices) - MOST_PANELS)
    for name, role, values in kinds:
        drawn = [
            draw_matrix(_panel(place, inside, layout, name, role, values, index, marked), language)
            for index in indices[:MOST_PANELS]
        ]
        items = stacked(items, in_rows(drawn, width=WIDTH, between=BETWEEN, aligned=True), BETWEEN)
    entries = [
        LegendEntry("positive5", 0, say(language, "inner.legend.plus")),
        LegendEntry("negative5", 0, say(language, "inner.legend.minus")),
    ]
    if marked is not None:
        entries.append(LegendEntry("ink", 0, say(language, "inner.legend.marked", address=place)))
    described = [say(language, "inner.all", name=place.name, path=place.path or "—", sample=sample)]
    notes = [say(language, "inner.left_out", count=left_out)] if left_out else []
    return explained(
        items,
        entries,
        title=say(language, "inner.all_title", name=place.name, path=place.path or "—"),
        description=described,
        language=language,
        notes=notes,
    )


def _first(step: Step) -> InnerAddress:
    """The first number of what is drawn unless told otherwise."""
    for path in step.forward.network.graph.nodes:
        inside = step.forward.inside(path)
        if not inside:
            continue
        row = LAYER_ROWS.get(type(step.forward[path].layer))
        name = row.drawn if row is not None and row.drawn in inside else next(iter(inside))
        one = inside[name]
        within = tuple((axis, 0) for axis in one.within)
        return InnerAddress(path, name, within, (0,) * len(one.axes))
    raise ConfigurationError("explain_nothing_inside")


def _layout(one: Intermediate) -> _Layout:
    names = (*one.within, *one.axes)
    if len(names) == 1:
        return _Layout(0, "", names[0])
    return _Layout(len(names) - 2, names[-2], names[-1])


def _panel(
    place: InnerAddress,
    inside: Intermediate,
    layout: _Layout,
    name: str,
    role: Role,
    values: Array,
    index: Index,
    marked: Index | None,
) -> MatrixPanel:
    matrix = np.atleast_2d(values[index])

    def address(row: int, column: int) -> str:
        whole = (*index, row, column) if layout.rows else (column,)
        within = tuple(zip(inside.within, whole, strict=False))
        rest = whole[len(inside.within) :]
        path = inner_path(place.path, place.name, within)
        return f"{path}[{','.join(map(str, rest))}]"

    own = None
    if marked is not None and marked[: layout.outer] == index:
        own = (marked[-2] if layout.rows else 0, marked[-1])
    names = (*inside.within, *inside.axes)
    lead = ", ".join(f"{axis}[{number}]" for axis, number in zip(names, index, strict=False))
    title = f"{name}  {lead}" if lead else name
    return MatrixPanel(title, role, matrix, layout.rows, layout.columns, address, own)
