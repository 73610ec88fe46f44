"""What happens inside a layer at the moment that is shown: stage by stage its equations with
numbers, and every number of the stage as matrices whose entries have addresses.

The stages are those of the walk inside a layer: every time of one that goes through time, the
places of a convolution with the largest signals, scores, weights and heads of attention. Before
them, forward and backward, stands the layer as a whole: its parameters, what it puts out, and what
is inside it over all times.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, UnknownNameError
from clearprop.drawing.diagrams.matrix import axis_word
from clearprop.engine.graph import Node, join_path
from clearprop.engine.layers.layer import Intermediate
from clearprop.engine.summary import repr_short
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.lab.messages import numbers
from clearprop.lab.moments import StepView, lines_of
from clearprop.reading.explanation.readable import joined
from clearprop.reading.walk import WalkStage
from clearprop.reading.walk.inside import backward_stages, forward_stages

# So many matrices of an array are shown; of more, the first ones.
MOST_MATRICES = 16
# Of a matrix that is asked for once, and not with every picture of a run, so many are written out.
MOST_TEXTS = 20_000
# The two axes of a matrix, where an address has a number of its own for each of its entries.
ROW, COLUMN = "{row}", "{column}"

say = messages.within("lab")


class _Stage(NamedTuple):
    """A stage, of the layer as a whole where there is none of the walk."""

    backward: bool
    walked: WalkStage | None


class _Grid(NamedTuple):
    """An array as matrices: what its axes are called, and the address of the entry at a place.

    axes     one name for every axis of the values
    address  from as many numbers, some of which are `ROW` and `COLUMN`
    names    what the rows are called, where they have names
    """

    name: str
    values: Array
    axes: tuple[str, ...]
    address: Callable[[Sequence[str]], str]
    names: tuple[str, ...] = ()


def layers_inside(view: StepView) -> list[dict[str, Any]]:
    """The layers that declare what is inside them, in the order in which they run."""
    forward = view.step.forward
    return [
        {"path": path, "title": f"{path or '—'} {repr_short(node.layer)}"}
        for path, node in forward.network.graph.nodes.items()
        if forward.inside(path)
    ]


def inside_told(
    view: StepView, layer: str | None, stage: int | None, language: str
) -> dict[str, Any]:
    """The fields of `inside`.

    layer  its path; None is the first that has something inside
    stage  its number; None is the first. One beyond the last is the last

    Raises UnknownNameError for a layer that has nothing inside.
    """
    layers = layers_inside(view)
    if not layers:
        told: dict[str, Any] = {
            "layer": None,
            "layers": [],
            "stages": [],
            "stage": 0,
            "title": "",
            "lines": [],
        }
        return {**told, "matrices": [], "says": say(language, "session.inside.nothing")}
    known = [str(one["path"]) for one in layers]
    path = known[0] if layer is None else layer
    if path not in known:
        raise UnknownNameError("lab_inside_unknown", path=path[:60], known=", ".join(known))
    if stage is not None and stage < 0:
        raise ConfigurationError("lab_whole", part="stage", least=0, value=str(stage))
    node = view.step.forward.network.graph.nodes[path]
    with np.errstate(all="ignore"):
        stages = _stages(view, node)
        at = min(stage or 0, len(stages) - 1)
        shown = stages[at]
        grids = _whole(view, node, backward=shown.backward)
        if shown.walked is not None:
            grids = _walked(view, node, shown)
        matrices = [one for grid in grids for one in _matrices(grid, shown.backward, language)]
    left_out = sum(max(0, _count(grid) - MOST_MATRICES) for grid in grids)
    says = [say(language, "session.inside.says", sample=view.sample)]
    if left_out:
        says.append(say(language, "session.inside.left_out", count=left_out))
    return {
        "layer": path,
        "layers": layers,
        "stages": [_told(one, language) for one in stages],
        "stage": at,
        "title": f"{path or '—'} {repr_short(node.layer)}",
        "says": joined(language, says),
        "lines": [] if shown.walked is None else lines_of(shown.walked, language),
        "matrices": matrices,
    }


def _stages(view: StepView, node: Node) -> list[_Stage]:
    step, sample = view.step, view.sample
    return [
        _Stage(False, None),
        *(_Stage(False, one) for one in forward_stages(step, node, sample)),
        *(_Stage(True, one) for one in backward_stages(step, node, sample)),
        _Stage(True, None),
    ]


def _told(stage: _Stage, language: str) -> dict[str, Any]:
    way = "backward" if stage.backward else "forward"
    if stage.walked is None:
        return {"part": way, "title": say(language, f"session.inside.whole_{way}")}
    named = say(language, f"session.inside.{way}", inside=stage.walked.inside)
    return {"part": way, "title": named}


def _whole(view: StepView, node: Node, *, backward: bool) -> list[_Grid]:
    """The parameters, what is inside over all times, and what comes out, or their derivatives."""
    step, path, sample = view.step, node.path, view.sample
    forward, network = step.forward, step.forward.network
    flat = step.backward.gradient if backward else forward.params
    grids = []
    inside = forward.inside(path)
    if all(one.within == ("time",) for one in inside.values()):
        grids += [_inner(view, node, name, backward=backward) for name in inside]
    given = step.signals(path)[sample] if backward else forward.value(path)[sample]
    axes = _output_axes(given.ndim, images=node.layer.images)
    grids.append(_Grid("∂C/∂y" if backward else "y", given, axes, _indexed(path)))
    for name, slot in node.parameters.items():
        letter = f"∂L/∂{name}" if backward else name
        axes = _parameter_axes(len(slot.shape))
        values = network.layout.view(flat, slot.path)
        grids.append(_Grid(letter, values, axes, _indexed(slot.path)))
    return grids


def _walked(view: StepView, node: Node, stage: _Stage) -> list[_Grid]:
    """The numbers of a stage of the walk."""
    assert stage.walked is not None
    inside, where = view.step.forward.inside(node.path), stage.walked.inside
    if where in inside:
        return [_inner(view, node, where, backward=stage.backward)]
    # `time[3]`, or `row[2].column[1]` of a convolution.
    place = tuple(int(part.partition("[")[2].rstrip("]")) for part in where.split("."))
    if "patch" in inside:
        return _at_place(view, node, place, where, backward=stage.backward)
    return _at_time(view, node, place[0], where, backward=stage.backward)


def _inner(view: StepView, node: Node, name: str, *, backward: bool) -> _Grid:
    """All of an intermediate, or of its gradient."""
    one = view.step.forward.inside(node.path)[name]
    values = _values(view, node, name, one, backward=backward)
    symbol = _symbol(node, name)

    def address(numbers: Sequence[str]) -> str:
        path = node.path
        for axis, number in zip(one.within, numbers, strict=False):
            path = join_path(path, f"{axis}[{number}]")
        return f"{join_path(path, name)}[{','.join(numbers[len(one.within) :])}]"

    titled = f"∂C/∂{symbol}" if backward else symbol
    return _Grid(
        name if titled == name else f"{name}: {titled}", values, (*one.within, *one.axes), address
    )


def _at_time(view: StepView, node: Node, time: int, where: str, *, backward: bool) -> list[_Grid]:
    """Every number of one time: names in rows, units in columns."""
    inside = view.step.forward.inside(node.path)
    found: dict[str, Array] = {
        name: _values(view, node, name, one, backward=backward)[time]
        for name, one in inside.items()
    }
    before = join_path(node.path, where)
    grids = []
    x = view.step.forward.value(node.source)[view.sample][time]
    if not backward:
        lead = f"{node.source}[{time}"
        grids.append(_Grid("x", x, ("feature",), lambda at: f"{lead},{','.join(at)}]"))
    for size in dict.fromkeys(one.size for one in found.values()):
        names = tuple(name for name, one in found.items() if one.size == size)
        values = np.stack([found[name] for name in names])
        title = f"∂C/∂ … {where}" if backward else where
        grids.append(
            _Grid(
                title,
                values,
                ("name", "unit"),
                lambda at: f"{join_path(before, at[0])}[{','.join(at[1:])}]",
                names,
            )
        )
    return grids


def _at_place(
    view: StepView, node: Node, place: tuple[int, ...], where: str, *, backward: bool
) -> list[_Grid]:
    """What lies under the kernel at a place, channel by channel, and what every channel makes of
    it there."""
    one = view.step.forward.inside(node.path)["patch"]
    patch = _values(view, node, "patch", one, backward=backward)[place]
    before = join_path(join_path(node.path, where), "patch")
    given = view.step.signals(node.path) if backward else view.step.forward.value(node.path)
    at: Any = (view.sample, slice(None), *place)
    put_out = given[at]
    behind = ",".join(map(str, place))
    symbol = _symbol(node, "patch")
    return [
        _Grid(
            f"∂C/∂{symbol}" if backward else f"patch: {symbol}", patch, one.axes, _indexed(before)
        ),
        _Grid(
            "∂C/∂z" if backward else "z",
            put_out,
            ("channel",),
            lambda at: f"{node.path}[{at[0]},{behind}]",
        ),
    ]


def _values(view: StepView, node: Node, name: str, one: Intermediate, *, backward: bool) -> Array:
    gradients = view.step.backward.inside(node.path)
    values: Array = (gradients[name] if backward else one.values)[view.sample]
    return values


def _symbol(node: Node, name: str) -> str:
    row = LAYER_ROWS.get(type(node.layer))
    return row.inside[name].symbol if row is not None and name in row.inside else name


def _indexed(path: str) -> Callable[[Sequence[str]], str]:
    return lambda at: f"{path}[{','.join(at)}]"


def _parameter_axes(count: int) -> tuple[str, ...]:
    # A kernel (out, in, row, column); a matrix as it stands in its layer; a bias in one row.
    return ("out", "in", "row", "column")[:count] if count > 2 else ("row", "column")[-count:]


def _output_axes(count: int, *, images: bool) -> tuple[str, ...]:
    if images:
        return ("channel", "row", "column")[:count] if count > 2 else ("channel", "column")
    return ("position", "feature")[-count:] if count <= 2 else tuple(map(str, range(count)))


def _count(grid: _Grid) -> int:
    return int(np.prod(grid.values.shape[:-2], dtype=int))


def _matrices(grid: _Grid, backward: bool, language: str) -> Iterator[dict[str, Any]]:
    """One matrix for each place of all axes but the last two."""
    values, axes = grid.values, grid.axes
    tokens = [ROW, COLUMN] if values.ndim > 1 else [COLUMN]
    outer = values.shape[: max(0, values.ndim - 2)]
    for index in list(np.ndindex(*outer))[:MOST_MATRICES]:
        lead = ", ".join(f"{axis}[{number}]" for axis, number in zip(axes, index, strict=False))
        matrix = np.atleast_2d(values[index])
        yield {
            "title": f"{grid.name}, {lead}" if lead else grid.name,
            "role": "backward" if backward else "forward",
            "rows": list(grid.names) or list(map(str, range(len(matrix)))),
            "axes": [
                axis_word(language, axis)
                for axis in (axes[-2] if values.ndim > 1 else "", axes[-1])
            ],
            "address": grid.address([*map(str, index), *tokens]),
            "values": numbers(matrix.astype(np.float64), MOST_TEXTS),
        }
