"""Pieces of the pictures of explanations: the paths from one number to the loss, thickness by
contribution and colour by sign; what a neuron feeds; bars, and one group of items under another."""

import math
from collections.abc import Mapping, Sequence

from clearprop.base.numbers import percent
from clearprop.drawing.diagrams.bar_chart import Bar
from clearprop.drawing.diagrams.neuron_diagrams import COST_BY_Y
from clearprop.drawing.diagrams.parts import LegendEntry, TextLine, derivative, equation
from clearprop.drawing.diagrams.sankey import SankeyLayout, SankeyLink, SankeyNode, parts_of, sankey
from clearprop.drawing.pen.items import Item, bounds, moved
from clearprop.drawing.pen.markup import number_markup, plain
from clearprop.drawing.pen.palette import Role
from clearprop.reading.explanation.paths import Passage, Paths, Place
from clearprop.reading.explanation.readable import say
from clearprop.reading.explanation.signals import LossDerivative, Signal, WayKind
from clearprop.reading.largest_terms import Rest, others_label

# What a way's factor is, in markup; ways that are not here have none but 1. That of a product is
# the derivative by the number that is explained.
FACTORS = {
    WayKind.WEIGHT: "*w*",
    WayKind.SLOPE: "*a*′(*z*)",
    WayKind.OUTPUT: derivative("*y*", "*z*"),
    WayKind.LOSS: derivative("*C*", "*y*"),
}


def draw_paths(
    paths: Paths, root: tuple[TextLine, ...], language: str, *, variable: str = ""
) -> SankeyLayout:
    """Every place as a box and every passage as a way. `root` is written in the first box;
    `variable` is what the number that is explained is called, in markup, where there are products.
    """
    names = {**FACTORS, WayKind.PRODUCT: derivative("*z*", variable)}
    parts = parts_of([one.contribution for one in paths.passages])
    size = sum(abs(one.contribution) for one in paths.passages if one.start == paths.root.key)
    named = {place.key: place for place in paths.places}
    ways = [
        SankeyLink(
            one.start,
            one.end,
            one.contribution,
            part,
            _label(one, names),
            _way_says(one, named[one.end], names, size, language),
            dashed=one.kind == WayKind.REST,
        )
        for one, part in zip(paths.passages, parts, strict=True)
    ]
    return sankey([_stop(place, paths, root, language) for place in paths.places], ways)


def path_legend(name: str, largest: float, language: str) -> list[LegendEntry]:
    """What thickness and colour mean; `name` is the number that is explained, in markup."""
    values = {"name": name, "largest": number_markup(largest)}
    roles: tuple[tuple[Role, str], ...] = (
        ("positive5", "positive"),
        ("negative5", "negative"),
        ("muted", "edge"),
    )
    return [
        LegendEntry(role, 0, say(language, f"picture.legend.{key}", **values))
        for role, key in roles
    ]


def largest_of(paths: Paths) -> float:
    """The size of the contribution that the thickest way has."""
    sizes = [abs(one.contribution) for one in paths.passages]
    return max((size for size in sizes if math.isfinite(size)), default=0.0)


def signal_lines(signal: Signal, language: str) -> tuple[TextLine, ...]:
    """A place, its signal, and its slope where it has one."""
    lines = [
        TextLine(signal.place),
        TextLine(equation(derivative("*C*", "*z*"), signal.value), "backward"),
    ]
    if signal.slope is not None:
        slope = equation("*a*′(*z*)", signal.slope.value)
        lines.append(TextLine(f"{slope} ({signal.slope.name})", "forward"))
    if not signal.opened:
        lines.append(TextLine(say(language, "picture.not_opened"), "muted"))
    elif signal.slope is not None and signal.slope.value == 0:
        lines.append(TextLine(say(language, "picture.blocked"), "accent"))
    elif signal.loss is None and not signal.terms:
        lines.append(TextLine(say(language, "picture.nothing"), "muted"))
    return tuple(lines)


def _stop(place: Place, paths: Paths, root: tuple[TextLine, ...], language: str) -> SankeyNode:
    if place.key == paths.root.key:
        return SankeyNode(place.key, 0, root, said(root), stroke="accent")
    if place.end == WayKind.LOSS and place.signal is not None:
        lines = _loss_lines(place.signal)
    elif place.end == WayKind.REST:
        lines = (TextLine(others_label(place.count, language), "muted"),)
    elif place.signal is None:
        lines = (TextLine(say(language, "picture.samples"), "muted"),)
    else:
        lines = signal_lines(place.signal, language)
    return SankeyNode(place.key, place.column, lines, said(lines), place.signal is None)


def _loss_lines(signal: Signal) -> tuple[TextLine, ...]:
    loss = signal.loss
    if loss is None:
        return ()
    lines = [TextLine(loss.loss), TextLine(equation("*y*", loss.output), "forward")]
    lines += target_lines(loss)
    return (*lines, TextLine(equation(derivative("*C*", "*y*"), loss.value), "backward"))


def target_lines(loss: LossDerivative) -> list[TextLine]:
    """What the output should be: a number, or the class of the sample by its name."""
    if loss.wanted is not None:
        return [TextLine(f"*t*: {loss.wanted.name}")]
    return [] if loss.target is None else [TextLine(equation("*t*", loss.target))]


def _label(one: Passage, names: Mapping[WayKind, str]) -> str:
    name = names.get(one.kind)
    if one.factor is None or name is None:
        return number_markup(one.contribution)
    return f"{name} = {number_markup(one.factor)} → {number_markup(one.contribution)}"


def _way_says(
    one: Passage, end: Place, names: Mapping[WayKind, str], size: float, language: str
) -> str:
    name = one.via
    if end.end == WayKind.LOSS and end.signal is not None and end.signal.loss is not None:
        name = f"{end.signal.place} → {end.signal.loss.loss}"
    lines = [name or say(language, "picture.way")]
    if one.factor is not None:
        factor = names.get(one.kind, "1")
        lines.append(factor if factor == "1" else f"{factor} = {number_markup(one.factor)}")
    if end.signal is not None and end.end is None:
        lines.append(f"∂*C*/∂{end.signal.place} = {number_markup(end.signal.value)}")
    lines.append(say(language, "picture.part", value=number_markup(one.contribution)))
    share = abs(one.contribution) / size if size else math.nan
    if math.isfinite(share):
        lines[-1] += f" ({percent(share)})"
    return "\n".join(map(plain, lines))


def said(lines: Sequence[TextLine]) -> str:
    """The lines of a box as words to point at."""
    return "\n".join(plain(line.content) for line in lines)


def successors(signal: Signal, language: str) -> list[tuple[SankeyNode, SankeyLink]]:
    """Everything that the neuron feeds, and what comes back through each; or the loss."""
    rows: list[tuple[str, tuple[TextLine, ...], float, str]] = []
    if signal.loss is not None:
        loss = signal.loss
        lines = [TextLine(loss.loss), TextLine(equation("*y*", loss.output), "forward")]
        lines += target_lines(loss)
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
        lines = [TextLine(others_label(signal.rest.count, language), "muted")]
        rows.append(("rest", tuple(lines), signal.rest.value, number_markup(signal.rest.value)))
    parts = parts_of([value for _, _, value, _ in rows])
    found = []
    for (key, about, value, label), part in zip(rows, parts, strict=True):
        says = f"{said(about)}\n{plain(label)}"
        dashed = key == "rest"
        stop = SankeyNode(f"out/{key}", 2, about, says, dashed)
        found.append((stop, SankeyLink("neuron", stop.key, value, part, label, says, dashed)))
    return found


def named_bar(name: str, value: float, written: str) -> Bar:
    """A bar that says its name and what is written behind it, where it is pointed at."""
    return Bar(name, value, written, f"{name}\n{plain(written)}")


def rest_bars(rest: Rest, language: str) -> list[Bar]:
    """The bar of all that is not listed; none where there is nothing left."""
    if not rest.count:
        return []
    return [named_bar(others_label(rest.count, language), rest.value, number_markup(rest.value))]


def stacked(above: list[Item], below: list[Item], gap: float = 34.0) -> list[Item]:
    """Two groups of items, the second under the first and flush left with it; one where the other
    has nothing to show."""
    if not (above and below):
        return above or below
    upper, lower = bounds(above), bounds(below)
    dx, dy = upper.left - lower.left, upper.bottom + gap - lower.top
    return [*above, *(moved(item, dx, dy) for item in below)]
