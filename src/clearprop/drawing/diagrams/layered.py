"""A small network with the numbers of one sample: forward, with ∂z/∂w, and backward.

The three diagrams share one layout, so that a reader finds every neuron in the same place, and
differ in what they write at neurons and edges.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.drawing.diagrams.chain import Stage, stages
from clearprop.drawing.diagrams.parts import (
    LegendEntry,
    Line,
    chord,
    derivative,
    edge,
    equation,
    explained,
    label_above,
    label_width,
    node,
    node_radius,
    port_heights,
    say,
    symbol,
)
from clearprop.drawing.pen.items import Item, Path, Text, saying
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene
from clearprop.drawing.pen.text import number, plain, text_width
from clearprop.engine.graph import join_path
from clearprop.engine.network import BackwardPass

# The largest network whose edges are labelled.
LABELLED_LAYERS = 3
LABELLED_NEURONS = 4

# The room between two columns in which edges climb: at least so much, and so much of the height.
# What thickness and colour mean where edges are not labelled.
SIGNS: tuple[tuple[Role, int, str], ...] = (
    ("positive5", 0, "positive"),
    ("negative5", 0, "negative"),
)
THINNEST, THICKEST = 0.5, 4.0

BEND, BEND_UNLABELLED = 52.0, 70.0
CLIMB, CLIMB_UNLABELLED = 0.12, 0.24


@dataclass(frozen=True)
class View:
    """What one diagram writes.

    weight, bias  the label of an edge from input i to neuron j, and of neuron j's bias
    output        what stands at the arrow to the right of output neuron j
    quantity      what the number of an edge is called
    edge          the number of an edge from input i to neuron j; where edges are too many to be
                  labelled, its size is their thickness and its sign their colour
    legend        its entries where edges are labelled, and where they are too many
    under         what stands under neuron j, or None
    backwards     the arrows go from right to left
    """

    name: str
    weight: Callable[[Stage, int, int], Line]
    bias: Callable[[Stage, int, float], Line]
    output: Callable[[Stage, int], Line]
    quantity: str
    edge: Callable[[Stage], Array]
    legend: tuple[tuple[Role, int, str], ...]
    unlabelled_legend: tuple[tuple[Role, int, str], ...]
    under: Callable[[Stage, int], Line] | None = None
    backwards: bool = False


class _Column(NamedTuple):
    """A column of neurons, or of inputs: its middle, the neurons' radius and heights, and where
    the level lines of its ports begin."""

    x: float
    radius: float
    heights: list[float]
    ports_begin: float


def _weight(stage: Stage, i: int, j: int) -> str:
    return symbol("w", f"{i + 1}{j + 1}", stage.layer)


def _bias(stage: Stage, j: int) -> str:
    return symbol("b", j + 1, stage.layer)


def _z(stage: Stage, j: int) -> str:
    return symbol("z", j + 1, stage.layer)


def _by_bias(stage: Stage, j: int) -> str:
    return derivative(_z(stage, j), _bias(stage, j))


FORWARD = View(
    "network_forward",
    weight=lambda s, i, j: Line(equation(_weight(s, i, j), s.weight[i, j])),
    bias=lambda s, j, value: Line(equation(_bias(s, j), value)),
    output=lambda s, j: Line(equation(symbol("y", j + 1), s.a[j]), "forward"),
    quantity="*w*",
    edge=lambda s: s.weight,
    legend=(("forward", 1, "forward"), ("ink", 0, "weight")),
    unlabelled_legend=(("forward", 1, "forward"), *SIGNS),
)

FACTORS = View(
    "forward_factors",
    weight=lambda s, i, j: Line(
        equation(derivative(_z(s, j), _weight(s, i, j)), s.input[i]), "forward"
    ),
    bias=lambda s, j, _: Line(f"{_by_bias(s, j)} = 1", "forward"),
    output=lambda s, j: Line(equation(symbol("y", j + 1), s.a[j]), "forward"),
    quantity=derivative("*z*", "*w*"),
    edge=lambda s: np.broadcast_to(s.input[:, None], s.weight.shape),
    legend=(("forward", 1, "factor"),),
    unlabelled_legend=(("forward", 1, "unlabelled_factor"), *SIGNS),
)

BACKWARD = View(
    "network_backward",
    weight=lambda s, i, j: Line(
        equation(derivative("*C*", _weight(s, i, j)), s.weight_gradient[i, j]), "backward"
    ),
    bias=lambda s, j, _: Line(equation(derivative("*C*", _bias(s, j)), s.dz[j]), "backward"),
    output=lambda s, j: Line(equation(derivative("*C*", symbol("y", j + 1)), s.da[j]), "backward"),
    quantity=derivative("*C*", "*w*"),
    edge=lambda s: s.weight_gradient,
    legend=(("forward", 1, "forward"), ("backward", -1, "backward")),
    unlabelled_legend=(
        ("forward", 1, "forward"),
        ("backward", -1, "backward"),
        *SIGNS,
    ),
    under=lambda s, j: Line(equation(derivative("*C*", _z(s, j)), s.dz[j]), "backward"),
    backwards=True,
)


def draw_small(backward: BackwardPass, sample: int, language: str, view: View) -> Scene:
    """A small chain with every neuron drawn. Raises ConfigurationError as `chain.stages` does."""
    chain = stages(backward, sample)
    labelled = len(chain) <= LABELLED_LAYERS and all(
        max(stage.inputs, stage.outputs) <= LABELLED_NEURONS for stage in chain
    )
    headings = [say(language, "input")] + [_heading(language, stage) for stage in chain]
    columns = _columns(chain, view, headings, labelled)
    items: list[Item] = []
    edges = _labelled_edges if labelled else _bare_edges
    for stage, (source, target) in zip(chain, pairwise(columns), strict=True):
        items += edges(stage, source, target, view)
    items += _nodes(chain, columns, view)
    items += _outputs(chain[-1], columns[-1], view)
    top = min(height for column in columns for height in column.heights)
    top -= max(column.radius for column in columns) + 26
    items += [
        Text(column.x, top, heading, "muted", bold=True)
        for column, heading in zip(columns, headings, strict=True)
    ]
    entries = view.legend if labelled else view.unlabelled_legend
    widths = "-".join(str(n) for n in (chain[0].inputs, *(stage.outputs for stage in chain)))
    return explained(
        items,
        [
            LegendEntry(role, way, say(language, f"legend.{key}", name=view.quantity))
            for role, way, key in entries
        ],
        title=say(language, f"{view.name}.title"),
        description=[
            say(language, f"{view.name}.description", sample=sample, widths=widths),
            *map(_spoken, headings[1:], chain, repeat(view)),
        ],
        language=language,
    )


def _heading(language: str, stage: Stage) -> str:
    name = stage.activation or say(language, "no_activation")
    return say(language, "layer", number=stage.layer, activation=name)


def _spoken(heading: str, stage: Stage, view: View) -> str:
    lines = [line for j in range(stage.outputs) for line in _neuron(stage, j)]
    if view.under is not None:
        lines += [view.under(stage, j) for j in range(stage.outputs)]
    return f"{heading}: {', '.join(plain(line.content) for line in lines)}."


def _neuron(stage: Stage, j: int) -> list[Line]:
    a = symbol("a", j + 1, stage.layer)
    return [
        Line(equation(_z(stage, j), stage.z[j]), "forward"),
        Line(equation(a, stage.a[j]), "forward"),
    ]


def _input(stage: Stage, i: int) -> list[Line]:
    return [Line(symbol("x", i + 1), "forward"), Line(number(stage.input[i]), "forward")]


def _labels(stage: Stage, j: int, view: View) -> list[Line]:
    """What stands at the ports of neuron j: its weights' labels from above, then its bias's."""
    labels = [view.weight(stage, i, j) for i in range(stage.inputs)]
    return labels if stage.bias is None else [*labels, view.bias(stage, j, stage.bias[j])]


def _columns(
    chain: tuple[Stage, ...], view: View, headings: list[str], labelled: bool
) -> list[_Column]:
    neurons = [_neuron(stage, j) for stage in chain for j in range(stage.outputs)]
    ports = max(stage.inputs + (stage.bias is not None) for stage in chain) if labelled else 1
    radius = node_radius(neurons, ports)
    inputs = [_input(chain[0], i) for i in range(chain[0].inputs)]
    pitch = 2 * radius + (40 if view.under else 18)
    room = [text_width(heading, 13, bold=True) / 2 for heading in headings]

    def heights(count: int) -> list[float]:
        return [(k - (count - 1) / 2) * pitch for k in range(count)]

    tallest = pitch * max(len(inputs), *(stage.outputs for stage in chain))
    columns = [_Column(0, node_radius(inputs), heights(len(inputs)), 0)]
    for index, stage in enumerate(chain):
        before = columns[-1]
        if labelled:
            labels = [line for j in range(stage.outputs) for line in _labels(stage, j, view)]
            bend, level = BEND + CLIMB * tallest, label_width(labels)
        else:
            bend, level = BEND_UNLABELLED + CLIMB_UNLABELLED * tallest, 0.0
        x = before.x + before.radius + bend + level + radius
        # The headings must not meet either.
        x = max(x, before.x + room[index] + room[index + 1] + 16)
        columns.append(_Column(x, radius, heights(stage.outputs), x - radius - level))
    return columns


def _labelled_edges(stage: Stage, source: _Column, target: _Column, view: View) -> list[Item]:
    signal, role, arrow = _direction(stage, view)
    items: list[Item] = []
    for j, height in enumerate(target.heights):
        labels = _labels(stage, j, view)
        for i, port in enumerate(port_heights(height, len(labels))):
            end = (target.x - chord(target.radius, port - height), port)
            if i < stage.inputs:
                start = (source.x + source.radius, source.heights[i])
                line = edge(start, target.ports_begin, end, role, backwards=signal, arrow=arrow)
                says = _edge_says(stage, i, j, view)
            else:
                begin = (target.ports_begin, port)
                line = Path(begin, (end,), "muted", arrow=not view.backwards)
                bias = join_path(stage.path, f"bias[{j}]")
                says = f"{bias}\n{plain(labels[i].content)}"
            items += saying([line, label_above(target.ports_begin + 4, port, labels[i])], says)
    return items


def _bare_edges(stage: Stage, source: _Column, target: _Column, view: View) -> list[Item]:
    signal = view.backwards and stage.layer > 1
    numbers = view.edge(stage)
    finite = np.abs(numbers[np.isfinite(numbers)])
    largest = float(finite.max()) if finite.size else 0.0
    items: list[Item] = []
    for j, height in enumerate(target.heights):
        for i, start_height in enumerate(source.heights):
            ends = ((source.x + source.radius, start_height), (target.x - target.radius, height))
            begin, end = ends[::-1] if signal else ends
            value = float(numbers[i, j])
            # Of what is not finite nothing but that can be said.
            part = abs(value) / largest if largest and np.isfinite(value) else 0.0
            role: Role = "muted" if not part else "positive5" if value > 0 else "negative5"
            items.append(
                Path(
                    begin,
                    (end,),
                    role,
                    width=THINNEST + (THICKEST - THINNEST) * part,
                    says=_edge_says(stage, i, j, view),
                )
            )
    return items


def _edge_says(stage: Stage, i: int, j: int, view: View) -> str:
    """An edge's weight, the input that it multiplies, and what comes back, as words to point at."""
    lines = [
        join_path(stage.path, f"weight[{i},{j}]"),
        equation(_weight(stage, i, j), stage.weight[i, j]),
        equation(derivative(_z(stage, j), _weight(stage, i, j)), stage.input[i]),
    ]
    if view.backwards:
        gradient = stage.weight_gradient[i, j]
        lines.append(equation(derivative("*C*", _weight(stage, i, j)), gradient))
    return "\n".join(map(plain, lines))


def _direction(stage: Stage, view: View) -> tuple[bool, Role, bool]:
    """Whether the edges carry a signal back, their role, and whether they are arrows."""
    # Nothing asks for ∂C/∂x: no signal goes on to the inputs.
    signal = view.backwards and stage.layer > 1
    return signal, "backward" if signal else "muted", signal or not view.backwards


def _nodes(chain: tuple[Stage, ...], columns: list[_Column], view: View) -> list[Item]:
    items: list[Item] = []
    for i, y in enumerate(columns[0].heights):
        drawn = node(columns[0].x, y, columns[0].radius, _input(chain[0], i), "forward")
        x = equation(symbol("x", i + 1), chain[0].input[i])
        items += saying(drawn, f"input[{i}]\n{plain(x)}")
    for stage, column in zip(chain, columns[1:], strict=True):
        for j, y in enumerate(column.heights):
            drawn = node(column.x, y, column.radius, _neuron(stage, j), "ink")
            items += saying(drawn, _neuron_says(stage, j, view))
            if view.under is not None:
                line = view.under(stage, j)
                below = y + column.radius + 13
                items.append(Text(column.x, below, line.content, line.role, halo=True))
    return items


def _neuron_says(stage: Stage, j: int, view: View) -> str:
    lines = [f"{stage.path}[{j}]", *(line.content for line in _neuron(stage, j))]
    if view.backwards:
        a = symbol("a", j + 1, stage.layer)
        lines += [
            equation(derivative("*C*", a), stage.da[j]),
            equation("*a*′(*z*)", stage.slope[j]),
            equation(derivative("*C*", _z(stage, j)), stage.dz[j]),
        ]
    return "\n".join(map(plain, lines))


def _outputs(stage: Stage, column: _Column, view: View) -> list[Item]:
    lines = [view.output(stage, j) for j in range(stage.outputs)]
    left = column.x + column.radius
    right = left + label_width(lines)
    items: list[Item] = []
    for y, line in zip(column.heights, lines, strict=True):
        begin, end = (right, left) if view.backwards else (left, right)
        items.append(Path((begin, y), ((end, y),), line.role, arrow=True))
        items.append(label_above(left + 12, y, line))
    return items
