"""A neuron in reverse: what comes back is summed through the weights and amplified by a'(z).

In reverse the neuron is an amplifier with a constant factor: a'(z) was fixed by the forward pass.
"""

from collections.abc import Sequence

from clearprop.drawing.diagrams.focus import Focus, drawn, focus
from clearprop.drawing.diagrams.parts import (
    NODE_SIZE,
    LegendEntry,
    Line,
    below,
    derivative,
    edge,
    equation,
    explained,
    label_above,
    label_width,
    node,
    node_radius,
    say,
    summed,
    value_lines,
)
from clearprop.drawing.pen.items import Item, Path, Text, bounds, moved
from clearprop.drawing.pen.scene import Scene
from clearprop.drawing.pen.text import factor, number, text_width
from clearprop.engine.network import BackwardPass

BEND = 56.0
GAP = 12.0

# The amplifier's triangle.
LENGTH, HEIGHT = 64.0, 72.0

COST_BY_Z = derivative("*C*", "*z*")
COST_BY_A = derivative("*C*", "*a*")
COST_BY_Y = derivative("*C*", "*y*")
SLOPE = "*a*′(*z*)"


def reversed_neuron(
    backward: BackwardPass, *, sample: int = 0, language: str = "en", layer: int = 0, unit: int = 0
) -> Scene:
    """A hidden neuron in reverse: every ∂C/∂z′ comes in through its weight, they are summed, and
    a'(z) times the sum is ∂C/∂z.

    `layer` is the index of the Linear layer and `unit` of its neuron, both from 0.

    Raises ConfigurationError for what cannot be drawn, as `chain.stages` says, for a layer or unit
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

    Raises ConfigurationError for what cannot be drawn, as `chain.stages` says, for a layer or unit
    that does not exist, and for a network without a hidden layer.
    """
    hidden = focus(backward, sample, layer, unit, hidden=True)
    output = focus(backward, sample, -1, 0)
    items: list[Item] = []
    spoken: list[Line | str] = [hidden.said(language, "output_cases.description")]
    for key, neuron in (("case_1", output), ("case_2", hidden)):
        panel, formulas = _reversed(neuron) if neuron.successors else _output(neuron)
        panel += below(panel, formulas)
        around = bounds(panel)
        heading = neuron.said(language, f"output_cases.{key}")
        panel.append(Text(around.left, around.top - 22, heading, "ink", 15, "start", bold=True))
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


def _entries(language: str) -> list[LegendEntry]:
    return [
        LegendEntry("backward", -1, say(language, "legend.backward")),
        LegendEntry("forward", 0, say(language, "legend.amplifier")),
        LegendEntry("ink", 0, say(language, "legend.weights")),
    ]


def _reversed(neuron: Focus) -> tuple[list[Item], list[Line]]:
    shown = drawn(len(neuron.successors))
    contents = [
        value_lines(derivative("*C*", item.name), item.dz, "backward") for item in neuron.successors
    ]
    labels = [Line(equation(item.weight_name, item.weight)) for item in neuron.successors]
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
    values = [f"{factor(i.weight)}·{factor(i.dz)}" for i in neuron.successors]
    slope = factor(neuron.slope)
    return items, [
        Line(f"{COST_BY_Z} = {SLOPE} · ({summed(terms)})", "backward"),
        Line(f"{COST_BY_Z} = {slope} · ({summed(values)}) = {number(neuron.dz)}", "backward"),
    ]


def _output(neuron: Focus) -> tuple[list[Item], list[Line]]:
    slope_name = derivative("*y*", "*z*")
    incoming = value_lines(COST_BY_Y, neuron.da, "backward")
    items, _ = amplifier(neuron.dz, neuron.slope, slope_name, incoming)
    values = f"{factor(neuron.slope)} · {factor(neuron.da)}"
    return items, [
        Line(f"{COST_BY_Z} = {slope_name} · {COST_BY_Y}", "backward"),
        Line(f"{COST_BY_Z} = {values} = {number(neuron.dz)}", "backward"),
    ]


def amplifier(
    dz: float, slope: float, slope_name: str, incoming: Sequence[Line]
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
        Text(tip + LENGTH * 0.62, 0, "×", "forward", 18),
        Text(tip + LENGTH / 2, HEIGHT / 2 + 16, label, "forward", NODE_SIZE),
        Path((base + gap, 0), ((base, 0),), "backward", arrow=True),
        *node(x, 0, radius, incoming, "backward"),
    ], x + radius
