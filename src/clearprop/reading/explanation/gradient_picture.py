"""One gradient as a picture: the samples' shares, and the paths of the first one to the loss."""

from typing import TYPE_CHECKING

from clearprop.base.numbers import percent
from clearprop.drawing.diagrams.bar_chart import Bar, bars
from clearprop.drawing.diagrams.parts import TextLine, derivative, equation, explained
from clearprop.drawing.pen.items import Item, bounds, moved
from clearprop.drawing.pen.markup import number_markup, plain
from clearprop.drawing.pen.scene import Scene
from clearprop.reading.explanation.path_pictures import draw_paths, largest_of, path_legend
from clearprop.reading.explanation.paths import paths_of_share
from clearprop.reading.explanation.reading import say

if TYPE_CHECKING:
    from clearprop.reading.explanation.gradients import GradientExplanation


def picture(of: "GradientExplanation", language: str) -> Scene:
    """The shares as bars where there are several samples, then the paths."""
    items: list[Item] = []
    if of.samples > 1:
        items += bars(_shares(of, language), say(language, "picture.shares", address=of.address))
    entries = []
    for share in of.shares[:1]:
        paths = paths_of_share(share)
        variable = "*x*" if of.kind == "input" else "*b*" if of.kind == "bias" else "*w*"
        name = derivative(f"*C*^[{share.sample}]", variable)
        root = [TextLine(of.address)]
        if of.value is not None:
            root.append(TextLine(equation(variable, of.value)))
        root.append(TextLine(equation(name, share.value), "backward"))
        drawn = draw_paths(paths, tuple(root), language).items
        items = stacked(items, drawn)
        entries = path_legend(name, largest_of(paths), language)
    return explained(
        items,
        entries,
        title=say(language, "picture.gradient.title", address=of.address),
        description=[of.words(language)],
        language=language,
    )


def stacked(above: list[Item], below: list[Item], gap: float = 34.0) -> list[Item]:
    """Two groups of items, the second under the first and flush left with it."""
    if not above:
        return below
    upper, lower = bounds(above), bounds(below)
    dx, dy = upper.left - lower.left, upper.bottom + gap - lower.top
    return [*above, *(moved(item, dx, dy) for item in below)]


def _shares(of: "GradientExplanation", language: str) -> list[Bar]:
    rows = []
    for share in of.shares:
        name = say(language, "picture.sample", sample=share.sample)
        written = f"{number_markup(share.value)} ({percent(share.share)})"
        rows.append(Bar(name, share.value, written, f"{name}\n{plain(written)}"))
    if of.rest.count:
        key = "picture.other" if of.rest.count == 1 else "picture.others"
        name = say(language, key, count=of.rest.count)
        written = number_markup(of.rest.value)
        rows.append(Bar(name, of.rest.value, written, f"{name}\n{plain(written)}"))
    name = say(language, "picture.sum")
    written = number_markup(of.gradient)
    rows.append(Bar(name, of.gradient, written, f"{name}\n{plain(written)}"))
    return rows
