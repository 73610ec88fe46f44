"""One neuron of a multilayer perceptron: forward, with the neurons that it feeds, and in reverse.

In reverse the neuron is an amplifier with a constant factor: what comes back is summed through the
weights and multiplied by a'(z), which was fixed by the forward pass.
"""

from collections.abc import Sequence

from clearprop.drawing.diagrams.focus import Focus, drawn, focus
from clearprop.drawing.diagrams.parts import (
    NODE_SIZE,
    LegendEntry,
    TextLine,
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
from clearprop.drawing.pen.items import Item, Path, Text, bounds, moved
from clearprop.drawing.pen.markup import factor_markup, number_markup, text_width
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.network import BackwardPass

BEND = 56.0
GAP = 12.0

# The amplifier's triangle.
LENGTH, HEIGHT = 64.0, 72.0

COST_BY_Z = derivative("*C*", "*z*")
COST_BY_A = derivative("*C*", "*a*")
COST_BY_Y = derivative("*C*", "*y*")
SLOPE = "*a*′(*z*)"


def neuron_forward(
    backward: BackwardPass, *, sample: int = 0, language: str = "en", layer: int = 0, unit: int = 0
) -> Scene:
    """One neuron: its inputs, weights and bias, z with its sum written out, and a.

    `layer` is the index of the Linear layer and `unit` of its neuron, both from 0.

    Raises ConfigurationError for what cannot be drawn, as `dense_layers` says, and for a layer or
    unit that does not exist.
    """
    neuron = focus(backward, sample, layer, unit)
    shown = drawn(len(neuron.inputs))
    contents = [value_lines(item.name, item.value, "forward") for item in neuron.inputs]
    labels = [TextLine(equation(item.weight_name, item.weight)) for item in neuron.inputs]
    bias = [] if neuron.bias is None else [TextLine(equation("*b*", neuron.bias))]

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
    values = [f"{factor_markup(item.weight)}·{factor_markup(item.value)}" for item in neuron.inputs]
    if neuron.bias is not None:
        terms.append("*b*")
        values.append(factor_markup(neuron.bias))
    formulas = [
        TextLine(f"*z* = {summed(terms)}"),
        TextLine(f"*z* = {summed(values)} = {number_markup(neuron.z)}", "forward"),
        TextLine(f"*a* = {neuron.applied('*z*')} = {number_markup(neuron.a)}", "forward"),
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

    Raises ConfigurationError for what cannot be drawn, as `dense_layers` says, for a layer or unit
    that does not exist, and for a network without a hidden layer.
    """
    neuron = focus(backward, sample, layer, unit, hidden=True)
    shown = drawn(len(neuron.successors))
    contents = [value_lines(item.name, item.z, "forward") for item in neuron.successors]
    labels = [TextLine(equation(item.weight_name, item.weight)) for item in neuron.successors]
    signals = [
        TextLine(equation(derivative("*C*", item.name), item.dz), "backward")
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
        TextLine(
            f"{derivative(item.name, '*a*')} = {equation(item.weight_name, item.weight)}",
            "forward",
        )
        for item in (neuron.successors[k] for k in shown if k is not None)
    ]
    products = [
        f"{factor_markup(item.weight)}·{factor_markup(item.dz)}" for item in neuron.successors
    ]
    through = [
        f"{derivative(item.name, '*a*')}·{derivative('*C*', item.name)}"
        for item in neuron.successors
    ]
    cost = derivative("*C*", "*a*")
    formulas += [
        TextLine(f"{cost} = {summed(through)}", "backward"),
        TextLine(f"{cost} = {summed(products)} = {number_markup(neuron.da)}", "backward"),
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


def reversed_neuron(
    backward: BackwardPass, *, sample: int = 0, language: str = "en", layer: int = 0, unit: int = 0
) -> Scene:
    """A hidden neuron in reverse: every ∂C/∂z′ comes in through its weight, they are summed, and
    a'(z) times the sum is ∂C/∂z.

    `layer` is the index of the Linear layer and `unit` of its neuron, both from 0.

    Raises ConfigurationError for what cannot be drawn, as `dense_layers` says, for a layer or unit
    that does not exist, and for a network without a hidden layer.
    """
    neuron = focus(backward, sample, layer, unit, hidden=True)
    items, formulas = _reversed(neuron)
    return explained(
        [*items, *below(items, formulas)],
        _entries(language),
        title=say(language, "reversed_neuron.title"),
        description=[neuron.said(language, "reversed_neuron.description"), *formulas],
        language=language,
    )


def output_cases(
    backward: BackwardPass, *, sample: int = 0, language: str = "en", layer: int = 0, unit: int = 0
) -> Scene:
    """The two cases of ∂C/∂z: the first output neuron, and the hidden neuron `unit` of the Linear
    layer `layer`, both counted from 0.

    Raises ConfigurationError for what cannot be drawn, as `dense_layers` says, for a layer or unit
    that does not exist, and for a network without a hidden layer.
    """
    hidden = focus(backward, sample, layer, unit, hidden=True)
    output = focus(backward, sample, -1, 0)
    items: list[Item] = []
    spoken: list[TextLine | str] = [hidden.said(language, "output_cases.description")]
    for key, neuron in (("case_1", output), ("case_2", hidden)):
        panel, formulas = _reversed(neuron) if neuron.successors else _output(neuron)
        panel += below(panel, formulas)
        around = bounds(panel)
        heading = neuron.said(language, f"output_cases.{key}")
        panel.append(
            Text(around.left, around.top - 22, heading, "ink", size=15, anchor="start", bold=True)
        )
        top = bounds(items).bottom + 40 if items else 0
        items += [moved(item, -around.left, top - bounds(panel).top) for item in panel]
        spoken += [f"{heading}.", *formulas]
    return explained(
        items,
        _entries(language),
        title=say(language, "output_cases.title"),
        description=spoken,
        language=language,
    )


def amplifier(
    dz: float, slope: float, slope_name: str, incoming: Sequence[TextLine]
) -> tuple[list[Item], float]:
    """∂C/∂z at the left, the triangle, and what comes into it; and where their right side is."""
    outgoing = value_lines(COST_BY_Z, dz, "backward")
    radius = node_radius([outgoing, incoming])
    label = equation(slope_name, slope)
    # The factor stands under the triangle and must not reach the circles.
    gap = max(40.0, (text_width(label, NODE_SIZE) - LENGTH) / 2 + 10)
    tip = radius + gap
    base = tip + LENGTH
    x = base + gap + radius
    triangle = Path(
        (tip, 0), ((base, -HEIGHT / 2), (base, HEIGHT / 2)), "forward", "paper", closed=True
    )
    return [
        *node(0, 0, radius, outgoing, "backward"),
        Path((tip, 0), ((radius, 0),), "backward", arrow=True),
        triangle,
        Text(tip + LENGTH * 0.62, 0, "×", "forward", size=18),
        Text(tip + LENGTH / 2, HEIGHT / 2 + 16, label, "forward", size=NODE_SIZE),
        Path((base + gap, 0), ((base, 0),), "backward", arrow=True),
        *node(x, 0, radius, incoming, "backward"),
    ], x + radius


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
        label_above(left + 12, 0, TextLine(name)),
        *node(a, 0, radius, value_lines("*a*", neuron.a, "forward"), "ink"),
    ], a + radius


def _entries(language: str) -> list[LegendEntry]:
    return [
        LegendEntry("backward", -1, say(language, "legend.backward")),
        LegendEntry("forward", 0, say(language, "legend.amplifier")),
        LegendEntry("ink", 0, say(language, "legend.weights")),
    ]


def _reversed(neuron: Focus) -> tuple[list[Item], list[TextLine]]:
    shown = drawn(len(neuron.successors))
    contents = [
        value_lines(derivative("*C*", item.name), item.dz, "backward") for item in neuron.successors
    ]
    labels = [TextLine(equation(item.weight_name, item.weight)) for item in neuron.successors]
    total = value_lines(f"Σ = {COST_BY_A}", neuron.da, "backward")
    items, right = amplifier(neuron.dz, neuron.slope, SLOPE, total)
    radius = node_radius(contents)
    ports_begin = right + BEND
    x = ports_begin + label_width(labels) + radius
    for row, k in enumerate(shown):
        y = (row - (len(shown) - 1) / 2) * (2 * radius + GAP)
        if k is None:
            items.append(Text(x, y, "⋮"))
            continue
        end = (x - radius, y)
        items.append(edge((right, 0), ports_begin, end, "backward", backwards=True))
        items.append(label_above(ports_begin + 4, y, labels[k]))
        items += node(x, y, radius, contents[k], "backward")
    terms = [f"{i.weight_name}·{derivative('*C*', i.name)}" for i in neuron.successors]
    values = [f"{factor_markup(i.weight)}·{factor_markup(i.dz)}" for i in neuron.successors]
    slope = factor_markup(neuron.slope)
    return items, [
        TextLine(f"{COST_BY_Z} = {SLOPE} · ({summed(terms)})", "backward"),
        TextLine(
            f"{COST_BY_Z} = {slope} · ({summed(values)}) = {number_markup(neuron.dz)}", "backward"
        ),
    ]


def _output(neuron: Focus) -> tuple[list[Item], list[TextLine]]:
    slope_name = derivative("*y*", "*z*")
    incoming = value_lines(COST_BY_Y, neuron.da, "backward")
    items, _ = amplifier(neuron.dz, neuron.slope, slope_name, incoming)
    values = f"{factor_markup(neuron.slope)} · {factor_markup(neuron.da)}"
    return items, [
        TextLine(f"{COST_BY_Z} = {slope_name} · {COST_BY_Y}", "backward"),
        TextLine(f"{COST_BY_Z} = {values} = {number_markup(neuron.dz)}", "backward"),
    ]
