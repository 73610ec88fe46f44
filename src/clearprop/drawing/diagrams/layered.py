"""A small network with the numbers of one sample: forward, with ∂z/∂w, and backward.

The three diagrams share one layout, so that a reader finds every neuron in the same place, and
differ in what they write at neurons and edges.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, repeat

import numpy as np

from clearprop.base.arrays import Array
from clearprop.drawing.diagrams.multilayer_perceptron import DenseLayer, dense_layers
from clearprop.drawing.diagrams.parts import (
    LegendEntry,
    NeuronColumn,
    TextLine,
    chord,
    column_heights,
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
    weight_symbol,
)
from clearprop.drawing.pen.items import Item, Path, Text, saying
from clearprop.drawing.pen.markup import number_markup, plain, text_width
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.graph import join_path
from clearprop.engine.network import BackwardPass

# The largest network whose edges are labelled.
LABELLED_LAYERS = 3
LABELLED_NEURONS = 4

# What thickness and colour mean where edges are not labelled.
SIGNS: tuple[tuple[Role, int, str], ...] = (
    ("positive5", 0, "positive"),
    ("negative5", 0, "negative"),
)
THINNEST, THICKEST = 0.5, 4.0

# The room between two columns in which edges climb: at least so much, and so much of the height.
BEND, BEND_UNLABELLED = 52.0, 70.0
CLIMB, CLIMB_UNLABELLED = 0.12, 0.24


@dataclass(frozen=True)
class LayeredView:
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
    weight: Callable[[DenseLayer, int, int], TextLine]
    bias: Callable[[DenseLayer, int, float], TextLine]
    output: Callable[[DenseLayer, int], TextLine]
    quantity: str
    edge: Callable[[DenseLayer], Array]
    legend: tuple[tuple[Role, int, str], ...]
    unlabelled_legend: tuple[tuple[Role, int, str], ...]
    under: Callable[[DenseLayer, int], TextLine] | None = None
    backwards: bool = False


def _weight(dense: DenseLayer, i: int, j: int) -> str:
    return weight_symbol(i, j, dense.layer)


def _bias(dense: DenseLayer, j: int) -> str:
    return symbol("b", j + 1, dense.layer)


def _z(dense: DenseLayer, j: int) -> str:
    return symbol("z", j + 1, dense.layer)


def _by_bias(dense: DenseLayer, j: int) -> str:
    return derivative(_z(dense, j), _bias(dense, j))


FORWARD = LayeredView(
    "network_forward",
    weight=lambda s, i, j: TextLine(equation(_weight(s, i, j), s.weight[i, j])),
    bias=lambda s, j, value: TextLine(equation(_bias(s, j), value)),
    output=lambda s, j: TextLine(equation(symbol("y", j + 1), s.a[j]), "forward"),
    quantity="*w*",
    edge=lambda s: s.weight,
    legend=(("forward", 1, "forward"), ("ink", 0, "weight")),
    unlabelled_legend=(("forward", 1, "forward"), *SIGNS),
)

FACTORS = LayeredView(
    "forward_factors",
    weight=lambda s, i, j: TextLine(
        equation(derivative(_z(s, j), _weight(s, i, j)), s.input[i]), "forward"
    ),
    bias=lambda s, j, _: TextLine(f"{_by_bias(s, j)} = 1", "forward"),
    output=lambda s, j: TextLine(equation(symbol("y", j + 1), s.a[j]), "forward"),
    quantity=derivative("*z*", "*w*"),
    edge=lambda s: np.broadcast_to(s.input[:, None], s.weight.shape),
    legend=(("forward", 1, "factor"),),
    unlabelled_legend=(("forward", 1, "unlabelled_factor"), *SIGNS),
)

BACKWARD = LayeredView(
    "network_backward",
    weight=lambda s, i, j: TextLine(
        equation(derivative("*C*", _weight(s, i, j)), s.weight_gradient[i, j]), "backward"
    ),
    bias=lambda s, j, _: TextLine(equation(derivative("*C*", _bias(s, j)), s.dz[j]), "backward"),
    output=lambda s, j: TextLine(
        equation(derivative("*C*", symbol("y", j + 1)), s.da[j]), "backward"
    ),
    quantity=derivative("*C*", "*w*"),
    edge=lambda s: s.weight_gradient,
    legend=(("forward", 1, "forward"), ("backward", -1, "backward")),
    unlabelled_legend=(
        ("forward", 1, "forward"),
        ("backward", -1, "backward"),
        *SIGNS,
    ),
    under=lambda s, j: TextLine(equation(derivative("*C*", _z(s, j)), s.dz[j]), "backward"),
    backwards=True,
)


def draw_small(backward: BackwardPass, sample: int, language: str, view: LayeredView) -> Scene:
    """A small chain with every neuron drawn. Raises ConfigurationError as `dense_layers` does."""
    chain = dense_layers(backward, sample)
    labelled = len(chain) <= LABELLED_LAYERS and all(
        max(dense.inputs, dense.outputs) <= LABELLED_NEURONS for dense in chain
    )
    headings = [say(language, "input")] + [_heading(language, dense) for dense in chain]
    columns = _columns(chain, view, headings, labelled)
    items: list[Item] = []
    edges = _labelled_edges if labelled else _bare_edges
    for dense, (source, target) in zip(chain, pairwise(columns), strict=True):
        items += edges(dense, source, target, view)
    items += _nodes(chain, columns, view)
    items += _outputs(chain[-1], columns[-1], view)
    top = min(height for column in columns for height in column.heights)
    top -= max(column.radius for column in columns) + 26
    items += [
        Text(column.x, top, heading, "muted", bold=True)
        for column, heading in zip(columns, headings, strict=True)
    ]
    entries = view.legend if labelled else view.unlabelled_legend
    widths = "-".join(str(n) for n in (chain[0].inputs, *(dense.outputs for dense in chain)))
    return explained(
        items,
        [
            LegendEntry(role, way, say(language, f"legend.{key}", name=view.quantity))
            for role, way, key in entries
        ]
        + [LegendEntry("muted", 0, say(language, "legend.symbols", **_first_symbol(chain[0])))],
        title=say(language, f"{view.name}.title"),
        description=[
            say(language, f"{view.name}.description", sample=sample, widths=widths),
            *map(_spoken, headings[1:], chain, repeat(view)),
        ],
        language=language,
    )


def _first_symbol(dense: DenseLayer) -> dict[str, str]:
    """A symbol beside the address of the same number, for both begin to count elsewhere."""
    weight = join_path(dense.path, "weight")
    return {"first": weight_symbol(0, 0, dense.layer), "address": f"{weight}[0,0]"}


def _heading(language: str, dense: DenseLayer) -> str:
    name = dense.activation or say(language, "no_activation")
    return say(language, "layer", path=dense.path or "—", activation=name)


def _spoken(heading: str, dense: DenseLayer, view: LayeredView) -> str:
    lines = [line for j in range(dense.outputs) for line in _neuron(dense, j)]
    if view.under is not None:
        lines += [view.under(dense, j) for j in range(dense.outputs)]
    return f"{heading}: {', '.join(plain(line.content) for line in lines)}."


def _neuron(dense: DenseLayer, j: int) -> list[TextLine]:
    a = symbol("a", j + 1, dense.layer)
    return [
        TextLine(equation(_z(dense, j), dense.z[j]), "forward"),
        TextLine(equation(a, dense.a[j]), "forward"),
    ]


def _input(dense: DenseLayer, i: int) -> list[TextLine]:
    return [
        TextLine(symbol("x", i + 1), "forward"),
        TextLine(number_markup(dense.input[i]), "forward"),
    ]


def _labels(dense: DenseLayer, j: int, view: LayeredView) -> list[TextLine]:
    """What stands at the ports of neuron j: its weights' labels from above, then its bias's."""
    labels = [view.weight(dense, i, j) for i in range(dense.inputs)]
    return labels if dense.bias is None else [*labels, view.bias(dense, j, dense.bias[j])]


def _columns(
    chain: tuple[DenseLayer, ...], view: LayeredView, headings: list[str], labelled: bool
) -> list[NeuronColumn]:
    neurons = [_neuron(dense, j) for dense in chain for j in range(dense.outputs)]
    ports = max(dense.inputs + (dense.bias is not None) for dense in chain) if labelled else 1
    radius = node_radius(neurons, ports)
    inputs = [_input(chain[0], i) for i in range(chain[0].inputs)]
    pitch = 2 * radius + (40 if view.under else 18)
    room = [text_width(heading, 13, bold=True) / 2 for heading in headings]

    tallest = pitch * max(len(inputs), *(dense.outputs for dense in chain))
    columns = [NeuronColumn(0, node_radius(inputs), column_heights(len(inputs), pitch), 0)]
    for index, dense in enumerate(chain):
        before = columns[-1]
        if labelled:
            labels = [line for j in range(dense.outputs) for line in _labels(dense, j, view)]
            bend, level = BEND + CLIMB * tallest, label_width(labels)
        else:
            bend, level = BEND_UNLABELLED + CLIMB_UNLABELLED * tallest, 0.0
        x = before.x + before.radius + bend + level + radius
        # The headings must not meet either.
        x = max(x, before.x + room[index] + room[index + 1] + 16)
        columns.append(
            NeuronColumn(x, radius, column_heights(dense.outputs, pitch), x - radius - level)
        )
    return columns


def _labelled_edges(
    dense: DenseLayer, source: NeuronColumn, target: NeuronColumn, view: LayeredView
) -> list[Item]:
    signal, role, arrow = _direction(dense, view)
    items: list[Item] = []
    for j, height in enumerate(target.heights):
        labels = _labels(dense, j, view)
        for i, port in enumerate(port_heights(height, len(labels))):
            end = (target.x - chord(target.radius, port - height), port)
            if i < dense.inputs:
                start = (source.x + source.radius, source.heights[i])
                line = edge(start, target.ports_begin, end, role, backwards=signal, arrow=arrow)
                says = _edge_says(dense, i, j, view)
            else:
                begin = (target.ports_begin, port)
                line = Path(begin, (end,), "muted", arrow=not view.backwards)
                bias = join_path(dense.path, f"bias[0,{j}]")
                says = f"{bias}\n{plain(labels[i].content)}"
            items += saying([line, label_above(target.ports_begin + 4, port, labels[i])], says)
    return items


def _bare_edges(
    dense: DenseLayer, source: NeuronColumn, target: NeuronColumn, view: LayeredView
) -> list[Item]:
    signal = view.backwards and dense.layer > 1
    numbers = view.edge(dense)
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
                    says=_edge_says(dense, i, j, view),
                )
            )
    return items


def _edge_says(dense: DenseLayer, i: int, j: int, view: LayeredView) -> str:
    """An edge's weight, the input that it multiplies, and what comes back, as words to point at."""
    lines = [
        join_path(dense.path, f"weight[{i},{j}]"),
        equation(_weight(dense, i, j), dense.weight[i, j]),
        equation(derivative(_z(dense, j), _weight(dense, i, j)), dense.input[i]),
    ]
    if view.backwards:
        gradient = dense.weight_gradient[i, j]
        lines.append(equation(derivative("*C*", _weight(dense, i, j)), gradient))
    return "\n".join(map(plain, lines))


def _direction(dense: DenseLayer, view: LayeredView) -> tuple[bool, Role, bool]:
    """Whether the edges carry a signal back, their role, and whether they are arrows."""
    # Nothing asks for ∂C/∂x: no signal goes on to the inputs.
    signal = view.backwards and dense.layer > 1
    return signal, "backward" if signal else "muted", signal or not view.backwards


def _nodes(
    chain: tuple[DenseLayer, ...], columns: list[NeuronColumn], view: LayeredView
) -> list[Item]:
    items: list[Item] = []
    for i, y in enumerate(columns[0].heights):
        drawn = node(columns[0].x, y, columns[0].radius, _input(chain[0], i), "forward")
        x = equation(symbol("x", i + 1), chain[0].input[i])
        items += saying(drawn, f"input[{i}]\n{plain(x)}")
    for dense, column in zip(chain, columns[1:], strict=True):
        for j, y in enumerate(column.heights):
            drawn = node(column.x, y, column.radius, _neuron(dense, j), "ink")
            items += saying(drawn, _neuron_says(dense, j, view))
            if view.under is not None:
                line = view.under(dense, j)
                below = y + column.radius + 13
                items.append(Text(column.x, below, line.content, line.role, halo=True))
    return items


def _neuron_says(dense: DenseLayer, j: int, view: LayeredView) -> str:
    lines = [f"{dense.path}[{j}]", *(line.content for line in _neuron(dense, j))]
    if view.backwards:
        a = symbol("a", j + 1, dense.layer)
        lines += [
            equation(derivative("*C*", a), dense.da[j]),
            equation("*a*′(*z*)", dense.slope[j]),
            equation(derivative("*C*", _z(dense, j)), dense.dz[j]),
        ]
    return "\n".join(map(plain, lines))


def _outputs(dense: DenseLayer, column: NeuronColumn, view: LayeredView) -> list[Item]:
    lines = [view.output(dense, j) for j in range(dense.outputs)]
    left = column.x + column.radius
    right = left + label_width(lines)
    items: list[Item] = []
    for y, line in zip(column.heights, lines, strict=True):
        begin, end = (right, left) if view.backwards else (left, right)
        items.append(Path((begin, y), ((end, y),), line.role, arrow=True))
        items.append(label_above(left + 12, y, line))
    return items
