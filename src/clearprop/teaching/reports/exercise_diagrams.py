"""The small network of an exercise as a picture: given numbers stand there, "= ?" at what is asked.

Of several samples only the symbols stand at the neurons; their numbers are in the sheet's table.
"""

from itertools import pairwise

from clearprop.base import messages
from clearprop.drawing.diagrams.parts import (
    NeuronColumn,
    TextLine,
    chord,
    column_heights,
    edge,
    label_above,
    label_width,
    node,
    node_radius,
    port_heights,
)
from clearprop.drawing.pen.items import Item, Path, Text
from clearprop.drawing.pen.markup import plain
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene, framed
from clearprop.teaching.exercises.naming import Label
from clearprop.teaching.exercises.quantities import NetworkShape
from clearprop.teaching.exercises.sheet import Exercise
from clearprop.teaching.exercises.topics import DENSE_TOPICS
from clearprop.teaching.reports.exercise_symbols import printed

BEND = 60.0
# Between two neurons of a column: a derivative is written under each.
GAP = 40.0
FUNCTIONS = {"relu": "ReLU", "sigmoid": "*σ*", "tanh": "tanh", "softmax": "softmax"}


class _Labels:
    """What is written at every place of the picture."""

    def __init__(self, sheet: Exercise) -> None:
        plan = DENSE_TOPICS[sheet.topic][sheet.level - 1].shape
        several = plan.samples > 1
        # The symbols are those of one sample, and the cost is still called L.
        self.derivative = plan.naming.derivative
        self.shape = NetworkShape(plan.widths, plan.activations, 1, plan.target)
        self._values = {} if several else sheet.given_values
        self._parameters = sheet.given_values
        self._asked = () if several else {blank.name for blank in sheet.blanks}

    def input(self, i: int) -> list[TextLine]:
        """An input: its symbol over its number."""
        label = self.shape.source(0, i, 0)
        lines = [TextLine(label.symbol, "forward")]
        if label.name in self._values:
            lines.append(TextLine(printed(self._values[label.name]), "forward"))
        return lines

    def neuron(self, layer: int, j: int) -> list[TextLine]:
        """A neuron: z, the activation, and a."""
        z, a = self.shape.z(layer, j, 0), self.shape.a(layer, j, 0)
        activation = self.shape.activations[layer]
        if not activation:
            return [self._line(z, "forward")]
        function = TextLine(FUNCTIONS[activation], "muted")
        return [self._line(z, "forward"), function, self._line(a, "forward")]

    def under(self, layer: int, j: int) -> list[TextLine]:
        """∂C/∂z under a neuron, where it is asked for."""
        label = self.derivative(self.shape.z(layer, j, 0))
        # At an output without activation it is ∂C/∂y, which stands at the arrow.
        if label.name not in self._asked or label == self._upstream(j):
            return []
        return [self._line(label, "backward")]

    def ports(self, layer: int, j: int) -> list[TextLine]:
        """The weights of a neuron and its bias."""
        naming = self.shape.naming
        weights = [naming.weight(layer, i, j) for i in range(self.shape.widths[layer])]
        labels = [*weights, naming.of_unit("b", layer, j)]
        return [TextLine(f"{one.symbol} = {printed(self._parameters[one.name])}") for one in labels]

    def outputs(self, j: int) -> list[TextLine]:
        """What stands at the arrow of an output: the target above, the derivative below."""
        back = self._line(self._upstream(j), "backward")
        if not self.shape.target:
            return [back]
        return [self._line(self.shape.naming.of_output("t", j, 0), "ink"), back]

    def _upstream(self, j: int) -> Label:
        return self.derivative(self.shape.a(self.shape.last, j, 0))

    def _line(self, label: Label, role: Role) -> TextLine:
        if label.name in self._values:
            return TextLine(f"{label.symbol} = {printed(self._values[label.name])}", role)
        return TextLine(f"{label.symbol} = ?" if label.name in self._asked else label.symbol, role)


def diagram(sheet: Exercise, language: str) -> Scene:
    """The network of a sheet, with what is given and what is asked."""
    labels = _Labels(sheet)
    columns = _columns(labels)
    items: list[Item] = []
    for layer, (source, target) in enumerate(pairwise(columns)):
        items += _edges(labels, layer, source, target)
    for i, y in enumerate(columns[0].heights):
        items += node(columns[0].x, y, columns[0].radius, labels.input(i), "forward")
    for layer, column in enumerate(columns[1:]):
        for j, y in enumerate(column.heights):
            items += node(column.x, y, column.radius, labels.neuron(layer, j), "ink")
            items += [
                Text(column.x, y + column.radius + 14, line.content, line.role, halo=True)
                for line in labels.under(layer, j)
            ]
    items += _outputs(labels, columns[-1])
    return sheet_scene(items, language)


def sheet_scene(items: list[Item], language: str) -> Scene:
    """The items as the picture of a sheet, with everything that stands in it said."""
    said = ", ".join(plain(item.content) for item in items if isinstance(item, Text))
    return framed(
        items,
        title=messages.text(language, "exercises.diagram.title"),
        description=messages.text(language, "exercises.diagram.description", labels=said),
        language=language,
    )


def _columns(labels: _Labels) -> list[NeuronColumn]:
    shape = labels.shape
    layers = range(len(shape.activations))
    neurons = [labels.neuron(k, j) for k in layers for j in range(shape.widths[k + 1])]
    radius = node_radius(neurons, max(shape.widths[:-1]) + 1)
    inputs = [labels.input(i) for i in range(shape.widths[0])]
    pitch = 2 * radius + GAP

    columns = [NeuronColumn(0, node_radius(inputs), column_heights(len(inputs), pitch), 0)]
    for k in layers:
        before, width = columns[-1], shape.widths[k + 1]
        level = label_width([line for j in range(width) for line in labels.ports(k, j)])
        x = before.x + before.radius + BEND + level + radius
        columns.append(NeuronColumn(x, radius, column_heights(width, pitch), x - radius - level))
    return columns


def _edges(labels: _Labels, layer: int, source: NeuronColumn, target: NeuronColumn) -> list[Item]:
    items: list[Item] = []
    for j, height in enumerate(target.heights):
        lines = labels.ports(layer, j)
        ports = port_heights(height, len(lines))
        for k, (line, port) in enumerate(zip(lines, ports, strict=True)):
            end = (target.x - chord(target.radius, port - height), port)
            if k < len(source.heights):
                start = (source.x + source.radius, source.heights[k])
                items.append(edge(start, target.ports_begin, end))
            else:
                items.append(Path((target.ports_begin, port), (end,), "muted", arrow=True))
            items.append(label_above(target.ports_begin + 4, port, line))
    return items


def _outputs(labels: _Labels, column: NeuronColumn) -> list[Item]:
    everything = [labels.outputs(j) for j in range(len(column.heights))]
    left = column.x + column.radius
    right = left + label_width([line for lines in everything for line in lines])
    items: list[Item] = []
    for y, lines in zip(column.heights, everything, strict=True):
        *above, back = lines
        if above:
            items.append(Path((left, y - 8), ((right, y - 8),), "muted", arrow=True))
            items.append(label_above(left + 6, y - 8, above[0]))
        low = y + 8 if above else y
        items.append(Path((right, low), ((left, low),), "backward", arrow=True))
        place = low + 12 if above else low - 10
        items.append(Text(left + 12, place, back.content, back.role, size=12.0, anchor="start"))
    return items
