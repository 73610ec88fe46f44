"""One neuron forward: from its inputs to its activation, and on to the neurons that it feeds."""

from clearprop.drawing.diagrams.focus import Focus, drawn, focus
from clearprop.drawing.diagrams.parts import (
    NODE_SIZE,
    LegendEntry,
    Line,
    below,
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
    summed,
    value_lines,
)
from clearprop.drawing.pen.items import Item, Path, Text
from clearprop.drawing.pen.scene import Scene
from clearprop.drawing.pen.text import factor, number, text_width
from clearprop.engine.network import BackwardPass

BEND = 56.0
GAP = 12.0


def neuron_forward(
    backward: BackwardPass, *, sample: int = 0, language: str = "en", layer: int = 0, unit: int = 0
) -> Scene:
    """One neuron: its inputs, weights and bias, z with its sum written out, and a.

    `layer` is the index of the Linear layer and `unit` of its neuron, both from 0.

    Raises ConfigurationError for what cannot be drawn, as `chain.stages` says, and for a layer or
    unit that does not exist.
    """
    neuron = focus(backward, sample, layer, unit)
    shown = drawn(len(neuron.inputs))
    contents = [value_lines(item.name, item.value, "forward") for item in neuron.inputs]
    labels = [Line(equation(item.weight_name, item.weight)) for item in neuron.inputs]
    bias = [] if neuron.bias is None else [Line(equation("*b*", neuron.bias))]

    small = node_radius(contents)
    ports_begin = small + BEND
    radius = _pair_radius(neuron, len(shown) + len(bias))
    x = ports_begin + label_width([*labels, *bias]) + radius
    ports = port_heights(0, len(shown) + len(bias))
    items: list[Item] = []
    for row, i in enumerate(shown):
        y = (row - (len(shown) - 1) / 2) * (2 * small + GAP)
        if i is None:
            items += [Text(0, y, "⋮"), Text(ports_begin + 20, ports[row] - 6, "⋮")]
        else:
            end = (x - chord(radius, ports[row]), ports[row])
            items.append(edge((small, y), ports_begin, end))
            items.append(label_above(ports_begin + 4, ports[row], labels[i]))
            items += node(0, y, small, contents[i], "forward")
    for line in bias:
        end = (x - chord(radius, ports[-1]), ports[-1])
        items.append(Path((ports_begin, ports[-1]), (end,), "muted", arrow=True))
        items.append(label_above(ports_begin + 4, ports[-1], line))
    pair, right = _pair(neuron, x, radius)
    items += [*pair, Path((right, 0), ((right + 44, 0),), "muted", arrow=True)]

    terms = [f"{item.weight_name} {item.name}" for item in neuron.inputs]
    values = [f"{factor(item.weight)}·{factor(item.value)}" for item in neuron.inputs]
    if neuron.bias is not None:
        terms.append("*b*")
        values.append(factor(neuron.bias))
    formulas = [
        Line(f"*z* = {summed(terms)}"),
        Line(f"*z* = {summed(values)} = {number(neuron.z)}", "forward"),
        Line(f"*a* = {neuron.applied('*z*')} = {number(neuron.a)}", "forward"),
    ]
    entries = [
        LegendEntry("forward", 1, say(language, "legend.forward")),
        LegendEntry("ink", 0, say(language, "legend.parameters")),
    ]
    return explained(
        [*items, *below(items, formulas)],
        entries,
        title=say(language, "neuron_forward.title"),
        description=[neuron.said(language, "neuron_forward.description"), *formulas],
        language=language,
    )


def hidden_neuron(
    backward: BackwardPass, *, sample: int = 0, language: str = "en", layer: int = 0, unit: int = 0
) -> Scene:
    """A hidden neuron and the neurons that it feeds, with what comes back from each of them.

    `layer` is the index of the Linear layer and `unit` of its neuron, both from 0.

    Raises ConfigurationError for what cannot be drawn, as `chain.stages` says, for a layer or unit
    that does not exist, and for a network without a hidden layer.
    """
    neuron = focus(backward, sample, layer, unit, hidden=True)
    shown = drawn(len(neuron.successors))
    contents = [value_lines(item.name, item.z, "forward") for item in neuron.successors]
    labels = [Line(equation(item.weight_name, item.weight)) for item in neuron.successors]
    signals = [
        Line(equation(derivative("*C*", item.name), item.dz), "backward")
        for item in neuron.successors
    ]

    radius = _pair_radius(neuron, 1)
    items, right = _pair(neuron, 0, radius)
    items.append(Path((-radius - 50, 0), ((-radius, 0),), "muted", arrow=True))
    after = node_radius(contents, 2)
    ports_begin = right + BEND
    x = ports_begin + label_width(labels) + after
    for row, k in enumerate(shown):
        y = (row - (len(shown) - 1) / 2) * (2 * after + 2 * GAP)
        if k is None:
            items.append(Text(x, y, "⋮"))
            continue
        others = neuron.successors[k].others
        upper, *lower = port_heights(y, 2 if others else 1)
        reach = chord(after, upper - y)
        items.append(edge((right, 0), ports_begin, (x - reach, upper)))
        items.append(label_above(ports_begin + 4, upper, labels[k]))
        for port in lower:
            # The other things that feed the same neuron.
            items.append(Text(x - reach - 38, port, "⋯", "muted"))
            items.append(Path((x - reach - 26, port), ((x - reach, port),), "muted", arrow=True))
        items += node(x, y, after, contents[k], "ink")
        far = x + after + label_width(signals)
        items.append(Path((far, y), ((x + after, y),), "backward", arrow=True))
        items.append(label_above(x + after + 12, y, signals[k]))

    formulas = [
        Line(
            f"{derivative(item.name, '*a*')} = {equation(item.weight_name, item.weight)}",
            "forward",
        )
        for item in (neuron.successors[k] for k in shown if k is not None)
    ]
    products = [f"{factor(item.weight)}·{factor(item.dz)}" for item in neuron.successors]
    through = [
        f"{derivative(item.name, '*a*')}·{derivative('*C*', item.name)}"
        for item in neuron.successors
    ]
    cost = derivative("*C*", "*a*")
    formulas += [
        Line(f"{cost} = {summed(through)}", "backward"),
        Line(f"{cost} = {summed(products)} = {number(neuron.da)}", "backward"),
    ]
    entries = [
        LegendEntry("forward", 1, say(language, "legend.forward")),
        LegendEntry("ink", 0, say(language, "legend.weights")),
        LegendEntry("backward", -1, say(language, "legend.backward")),
    ]
    return explained(
        [*items, *below(items, formulas)],
        entries,
        title=say(language, "hidden_neuron.title"),
        description=[neuron.said(language, "hidden_neuron.description"), *formulas],
        language=language,
    )


def _pair_radius(neuron: Focus, ports: int) -> float:
    contents = [value_lines("*z*", neuron.z, "forward"), value_lines("*a*", neuron.a, "forward")]
    return node_radius(contents, ports)


def _pair(neuron: Focus, x: float, radius: float) -> tuple[list[Item], float]:
    """z, the activation and a, with z at (x, 0); and where their right side is."""
    name = neuron.activation or "*a* = *z*"
    length = text_width(name, NODE_SIZE) + 34
    left = x + radius
    a = left + length + radius
    return [
        *node(x, 0, radius, value_lines("*z*", neuron.z, "forward"), "ink"),
        Path((left, 0), ((left + length, 0),), "muted", arrow=True),
        label_above(left + 12, 0, Line(name)),
        *node(a, 0, radius, value_lines("*a*", neuron.a, "forward"), "ink"),
    ], a + radius
