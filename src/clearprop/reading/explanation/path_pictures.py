"""The paths from one number to the loss as a picture: thickness by contribution, colour by sign."""

import math
from collections.abc import Sequence

from clearprop.base.numbers import percent
from clearprop.drawing.diagrams.parts import LegendEntry, TextLine, derivative, equation
from clearprop.drawing.diagrams.sankey import SankeyLayout, SankeyLink, SankeyNode, parts_of, sankey
from clearprop.drawing.pen.markup import number_markup, plain
from clearprop.drawing.pen.palette import Role
from clearprop.reading.explanation.paths import LOSS, REST, Passage, Paths, Place
from clearprop.reading.explanation.reading import say
from clearprop.reading.explanation.signals import Signal


def draw_paths(paths: Paths, root: tuple[TextLine, ...], language: str) -> SankeyLayout:
    """Every place as a box and every passage as a way. `root` is written in the first box."""
    parts = parts_of([one.contribution for one in paths.passages])
    size = sum(abs(one.contribution) for one in paths.passages if one.start == paths.root.key)
    named = {place.key: place for place in paths.places}
    ways = [
        SankeyLink(
            one.start,
            one.end,
            one.contribution,
            part,
            _label(one),
            _way_says(one, named[one.end], size, language),
            dashed=one.kind == REST,
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
    if place.end == LOSS and place.signal is not None:
        lines = _loss_lines(place.signal)
    elif place.end == REST:
        key = "picture.other" if place.count == 1 else "picture.others"
        lines = (TextLine(say(language, key, count=place.count), "muted"),)
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
    if loss.target is not None:
        lines.append(TextLine(equation("*t*", loss.target)))
    return (*lines, TextLine(equation(derivative("*C*", "*y*"), loss.value), "backward"))


FACTORS = {
    "product": derivative("*z*", "*w*"),
    "weight": "*w*",
    "slope": "*a*′(*z*)",
    "output": derivative("*y*", "*z*"),
    "loss": derivative("*C*", "*y*"),
}


def _label(one: Passage) -> str:
    if one.factor is None or one.kind == "skip":
        return number_markup(one.contribution)
    name = FACTORS[one.kind]
    return f"{name} = {number_markup(one.factor)} → {number_markup(one.contribution)}"


def _way_says(one: Passage, end: Place, size: float, language: str) -> str:
    name = one.via
    if end.end == LOSS and end.signal is not None and end.signal.loss is not None:
        name = f"{end.signal.place} → {end.signal.loss.loss}"
    lines = [name or say(language, "picture.way")]
    if one.factor is not None:
        factor = FACTORS.get(one.kind, "1")
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
