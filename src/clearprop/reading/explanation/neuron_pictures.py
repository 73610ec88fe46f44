"""One neuron as pictures: what comes in and what goes back; and the neuron in reverse."""

from typing import TYPE_CHECKING

from clearprop.base.numbers import percent
from clearprop.drawing.diagrams.neuron_diagrams import (
    COST_BY_A,
    COST_BY_Y,
    COST_BY_Z,
    SLOPE,
    amplifier,
)
from clearprop.drawing.diagrams.parts import (
    LegendEntry,
    TextLine,
    derivative,
    equation,
    explained,
    value_lines,
)
from clearprop.drawing.diagrams.sankey import SankeyLink, SankeyNode, parts_of, sankey
from clearprop.drawing.pen.items import Item, Path, Text, bounds, moved
from clearprop.drawing.pen.markup import factor_markup, number_markup, plain
from clearprop.drawing.pen.scene import Scene
from clearprop.reading.explanation.path_pictures import (
    FACTORS,
    draw_paths,
    largest_of,
    path_legend,
    said,
    signal_lines,
)
from clearprop.reading.explanation.paths import paths_of_signal
from clearprop.reading.explanation.reading import say
from clearprop.reading.explanation.signals import Signal

if TYPE_CHECKING:
    from clearprop.reading.explanation.neurons import NeuronExplanation


def picture(of: "NeuronExplanation", language: str) -> Scene:
    """What comes in from the left, the neuron, and what goes back to it from the right."""
    signal = of.signal
    middle = _neuron_lines(of)
    left, right = _inputs(of, language), _successors(signal, language)
    stops = [stop for stop, _ in left]
    stops += [SankeyNode("neuron", 1, middle, said(middle), stroke="accent")]
    stops += [stop for stop, _ in right]
    drawn = sankey(stops, [*(way for _, way in left), *(way for _, way in right)])
    entries = [
        LegendEntry("forward", 1, say(language, "picture.legend.incoming")),
        LegendEntry("backward", -1, say(language, "picture.legend.returning")),
        *_signs(language),
    ]
    return explained(
        [*_side_headings(drawn.items, of, language), *drawn.items],
        entries,
        title=say(language, "picture.neuron.title", address=of.address, sample=of.sample),
        description=[of.words(language)],
        language=language,
    )


def reversed_picture(of: "NeuronExplanation", language: str) -> Scene:
    """The neuron in reverse: what comes back is summed and amplified by a'(z), whatever neuron it
    is and whatever it feeds."""
    signal = of.signal
    is_output = signal.loss is not None
    inner = signal.value if signal.inner is None else signal.inner
    total = value_lines(COST_BY_Y if is_output else f"Σ = {COST_BY_A}", inner, "backward")
    slope = 1.0 if signal.slope is None else signal.slope.value
    items, right = amplifier(
        signal.value, slope, derivative("*y*", "*z*") if is_output else SLOPE, total
    )
    successors = _successors(signal, language)
    terms = []
    if not is_output:
        root = SankeyNode(
            "neuron", 1, (TextLine("Σ", "backward"),), f"Σ\n{plain(number_markup(inner))}"
        )
        drawn = sankey([root, *(s for s, _ in successors)], [way for _, way in successors])
        around = drawn.boxes["neuron"]
        dy = -(around.top + around.bottom) / 2
        items.append(Path((right + 34, 0), ((right, 0),), "backward", arrow=True))
        items += [moved(item, right + 34, dy) for item in drawn.items]
        terms = [
            f"{factor_markup(t.factor)}·{factor_markup(t.signal.value)}"
            for t in signal.terms
            if t.signal
        ]
        terms += [factor_markup(t.value) for t in signal.terms if t.signal is None]
        terms += [factor_markup(signal.rest.value)] if signal.rest.count else []
    inside = " + ".join(terms) or number_markup(inner)
    line = f"{COST_BY_Z} = {factor_markup(slope)} · ({inside}) = {number_markup(signal.value)}"
    formula = TextLine(line, "backward")
    around = bounds(items)
    items.append(Text(around.left, around.bottom + 30, line, "backward", 14, "start"))
    entries = [
        LegendEntry("backward", -1, say(language, "picture.legend.returning")),
        LegendEntry("forward", 0, say(language, "picture.legend.amplifier")),
        *([] if is_output else _signs(language)),
    ]
    return explained(
        items,
        entries,
        title=say(language, "picture.reversed.title", address=of.address, sample=of.sample),
        description=[say(language, "picture.reversed.description", address=of.address), formula],
        language=language,
    )


def paths_picture(of: "NeuronExplanation", language: str) -> Scene:
    """The paths from a neuron to the loss."""
    paths = paths_of_signal(of.signal)
    root = signal_lines(of.signal, language)
    name = derivative("*C*", "*z*")
    return explained(
        draw_paths(paths, root, language).items,
        path_legend(name, largest_of(paths), language),
        title=say(language, "picture.paths.title", address=of.address, sample=of.sample),
        description=[of.words(language)],
        language=language,
    )


def _signs(language: str) -> list[LegendEntry]:
    return [
        LegendEntry("positive5", 0, say(language, "picture.legend.plus")),
        LegendEntry("negative5", 0, say(language, "picture.legend.minus")),
    ]


def _neuron_lines(of: "NeuronExplanation") -> tuple[TextLine, ...]:
    signal = of.signal
    lines = [TextLine(of.address), TextLine(equation("*z*", of.z), "forward")]
    slope = signal.slope
    if slope is not None:
        inner = 0.0 if signal.inner is None else signal.inner
        lines += [
            TextLine(f"{equation('*a*', slope.a)} ({slope.name})", "forward"),
            TextLine(equation("*a*′(*z*)", slope.value), "forward"),
            TextLine(equation(COST_BY_A, inner), "backward"),
        ]
    return (*lines, TextLine(equation(COST_BY_Z, signal.value), "backward"))


def _inputs(of: "NeuronExplanation", language: str) -> list[tuple[SankeyNode, SankeyLink]]:
    """The largest inputs, the rest of them, and the bias: each a box and its way to the neuron."""
    rows: list[tuple[str, tuple[TextLine, ...], float, str, str]] = []
    lines: tuple[TextLine, ...]
    for one in of.inputs:
        lines = (TextLine(one.source), TextLine(equation("*x*", one.x), "forward"))
        name = "*w*" if of.adds_up else derivative("*z*", "*x*")
        label = f"{name} = {number_markup(one.factor)} → {number_markup(one.value)}"
        rows.append((one.source, lines, one.value, label, percent(one.share)))
    if of.rest.count:
        key = "picture.other" if of.rest.count == 1 else "picture.others"
        lines = (TextLine(say(language, key, count=of.rest.count), "muted"),)
        rows.append(("rest", lines, of.rest.value, number_markup(of.rest.value), ""))
    if of.bias is not None:
        bias = say(language, "table.bias")
        lines = (TextLine(bias), TextLine(equation("*b*", of.bias)))
        rows.append(("bias", lines, of.bias, number_markup(of.bias), ""))
    parts = parts_of([value for _, _, value, _, _ in rows])
    found = []
    for (key, lines, value, label, share), part in zip(rows, parts, strict=True):
        says = said(lines) + "\n" + plain(label) + (f" ({share})" if share else "")
        dashed = key == "rest"
        stop = SankeyNode(f"in/{key}", 0, lines, says, dashed)
        found.append((stop, SankeyLink(stop.key, "neuron", value, part, label, says, dashed)))
    return found


def _successors(signal: Signal, language: str) -> list[tuple[SankeyNode, SankeyLink]]:
    """Everything that the neuron feeds, and what comes back through each; or the loss."""
    rows: list[tuple[str, tuple[TextLine, ...], float, str]] = []
    if signal.loss is not None:
        loss = signal.loss
        lines = [TextLine(loss.loss), TextLine(equation("*y*", loss.output), "forward")]
        if loss.target is not None:
            lines.append(TextLine(equation("*t*", loss.target)))
        rows.append(("loss", tuple(lines), loss.value, equation(COST_BY_Y, loss.value)))
    for k, term in enumerate(signal.terms):
        if term.signal is None:
            lines = [TextLine(say(language, "picture.samples"), "muted")]
            label = number_markup(term.value)
        else:
            lines = [
                TextLine(term.signal.place),
                TextLine(equation(derivative("*C*", "*z*"), term.signal.value), "backward"),
            ]
            factor_name = FACTORS.get(term.kind)
            label = number_markup(term.value)
            if factor_name is not None:
                label = f"{factor_name} = {number_markup(term.factor)} → {label}"
        rows.append((f"{k}/{term.via}", tuple(lines), term.value, label))
    if signal.rest.count:
        key = "picture.other" if signal.rest.count == 1 else "picture.others"
        lines = [TextLine(say(language, key, count=signal.rest.count), "muted")]
        rows.append(("rest", tuple(lines), signal.rest.value, number_markup(signal.rest.value)))
    parts = parts_of([value for _, _, value, _ in rows])
    found = []
    for (key, about, value, label), part in zip(rows, parts, strict=True):
        says = f"{said(about)}\n{plain(label)}"
        dashed = key == "rest"
        stop = SankeyNode(f"out/{key}", 2, about, says, dashed)
        found.append((stop, SankeyLink("neuron", stop.key, value, part, label, says, dashed)))
    return found


def _side_headings(items: list[Item], of: "NeuronExplanation", language: str) -> list[Item]:
    around = bounds(items)
    y = around.top - 18
    found: list[Item] = []
    if of.inputs:
        content = say(language, "picture.incoming")
        found.append(Text(around.left, y, f"{content} →", "forward", 13, "start", bold=True))
    content = say(language, "picture.returning")
    found.append(Text(around.right, y, f"← {content}", "backward", 13, "end", bold=True))
    return found
