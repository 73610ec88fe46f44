"""One sample as a picture: its cost, what the loss says of its outputs, and where it pulls."""

from typing import TYPE_CHECKING

from clearprop.base.numbers import percent
from clearprop.drawing.diagrams.bar_chart import Bar, bars
from clearprop.drawing.diagrams.parts import derivative, explained
from clearprop.drawing.pen.items import Item
from clearprop.drawing.pen.markup import number_markup, plain
from clearprop.drawing.pen.scene import Scene
from clearprop.reading.explanation.gradient_picture import stacked
from clearprop.reading.explanation.reading import say

if TYPE_CHECKING:
    from clearprop.reading.explanation.samples import SampleExplanation
    from clearprop.reading.explanation.signals import Rest


def picture(of: "SampleExplanation", language: str) -> Scene:
    """Three groups of bars: the loss, the outputs, the pulls."""
    groups = [
        (_costs(of, language), say(language, "table.title_cost", sample=of.sample)),
        (_outputs(of, language), say(language, "picture.outputs", sample=of.sample)),
        (_pulls(of, language), say(language, "picture.pulls", sample=of.sample)),
    ]
    items: list[Item] = []
    for rows, heading in groups:
        if rows:
            items = stacked(items, bars(rows, heading))
    return explained(
        items,
        [],
        title=say(language, "picture.sample_title", sample=of.sample),
        description=[of.words(language)],
        language=language,
    )


def _bar(name: str, value: float, written: str) -> Bar:
    return Bar(name, value, written, f"{name}\n{plain(written)}")


def _rest(rest: "Rest", language: str) -> list[Bar]:
    if not rest.count:
        return []
    key = "picture.other" if rest.count == 1 else "picture.others"
    return [_bar(say(language, key, count=rest.count), rest.value, number_markup(rest.value))]


def _costs(of: "SampleExplanation", language: str) -> list[Bar]:
    own = f"{number_markup(of.cost)} ({percent(of.share)})"
    rows = [_bar(say(language, "picture.sample", sample=of.sample), of.cost, own)]
    if of.samples > 1:
        key = "picture.other" if of.samples == 2 else "picture.others"
        name = say(language, key, count=of.samples - 1)
        rows.append(_bar(name, of.others, number_markup(of.others)))
    return rows


def _outputs(of: "SampleExplanation", language: str) -> list[Bar]:
    rows = []
    for one in of.outputs:
        written = f"{derivative('*C*', '*y*')} = {number_markup(one.loss.value)},  *y* = "
        written += number_markup(one.loss.output)
        if one.loss.target is not None:
            written += f",  *t* = {number_markup(one.loss.target)}"
        rows.append(_bar(one.place, one.loss.value, written))
    return [*rows, *_rest(of.unlisted, language)]


def _pulls(of: "SampleExplanation", language: str) -> list[Bar]:
    rows = []
    for pull in of.pulls:
        whole = f"{derivative('*L*', '*w*')} = {number_markup(pull.gradient)}"
        written = f"{number_markup(pull.value)} ({percent(pull.share)}),  {whole}"
        rows.append(_bar(pull.address, pull.value, written))
    return [*rows, *_rest(of.rest, language)] if rows else []
