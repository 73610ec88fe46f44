"""The report of the LSTM that reads letters: its page, pictures, numbers and the network itself."""

from pathlib import Path

import numpy as np

from clearprop.base import messages
from clearprop.base.numbers import brief
from clearprop.drawing.charts import Curve, chart, number_axis
from clearprop.drawing.diagrams.bar_chart import bars
from clearprop.drawing.diagrams.parts import explained
from clearprop.drawing.pen.markup import number_markup
from clearprop.drawing.pen.scene import Scene
from clearprop.reading.explanation import explain_inside, explain_weight
from clearprop.reading.explanation.signal_pictures import named_bar
from clearprop.teaching.showpieces.letters_training import HIDDEN, RECURRENT, LettersResult
from clearprop.teaching.showpieces.showpiece_page import (
    Block,
    Heading,
    Paragraph,
    Picture,
    Printed,
)
from clearprop.teaching.showpieces.text_report import write_text_report

# So many letters before the last one are drawn by themselves.
DRAWN = 20

say = messages.within("showpieces.letters")


def write_letters_report(result: LettersResult, folder: Path, language: str) -> None:
    """Write the report into `folder`, which is empty. Raises as `write_text_report` does."""
    reach = {
        name: {"factor": one.factor, "sizes": one.sizes.tolist()}
        for name, one in result.reaches.items()
    }
    blocks, more = _blocks(result, language), {"reach": reach}
    write_text_report(result, blocks, folder, language, say, smoothed=10, more=more)


def _blocks(result: LettersResult, language: str) -> list[Block]:
    times = len(result.text) - 1
    row, unit = _forgetful(result)
    address = f"{RECURRENT}.weight_hh[{row},{HIDDEN + unit}]"
    gate = f"{RECURRENT}.time[{times - 2}].forget[{unit}]"
    inner = explain_inside(result.step, gate)
    weight = explain_weight(result.step, address, depth=2)
    factors = {name: brief(reach.factor) for name, reach in result.reaches.items()}
    return [
        Heading(say(language, "reach.heading")),
        Paragraph(say(language, "reach.says", text=result.text, **factors)),
        Picture("reach", reach_curves(result, language), say(language, "reach.caption")),
        Picture("letters", letter_bars(result, language), say(language, "reach.bars")),
        Heading(say(language, "explained.heading")),
        Paragraph(say(language, "explained.weight", address=address)),
        Printed(weight.text(language, 84)),
        Picture("weight", weight.picture(language), say(language, "explained.caption")),
        Paragraph(say(language, "explained.gate", address=gate)),
        Printed(inner.text(language, 84)),
    ]


def _forgetful(result: LettersResult) -> tuple[int, int]:
    """Of the weights from the state into forget gates the one with the largest gradient: its row,
    and the unit whose gate it is."""
    gradient = result.step.backward.named()[f"{RECURRENT}.weight_hh"][:, HIDDEN : 2 * HIDDEN]
    row, unit = np.unravel_index(int(np.abs(gradient).argmax()), gradient.shape)
    return int(row), int(unit)


def reach_curves(result: LettersResult, language: str) -> Scene:
    """How large the gradient of the last letter's loss is, by how many letters back, in powers of
    ten: of the LSTM before and after its training, and of a simple recurrence at its start."""
    powers = {
        name: np.log10(np.maximum(reach.sizes, 1e-300)) for name, reach in result.reaches.items()
    }
    roles = ("series1", "series2", "series3")
    curves = [
        Curve(np.arange(len(one)), one, role, say(language, f"reach.{name}"))  # type: ignore[arg-type]
        for (name, one), role in zip(powers.items(), roles, strict=True)
    ]
    values = [float(value) for one in powers.values() for value in one]
    return chart(
        number_axis([0.0, float(len(result.text) - 2)], say(language, "reach.back")),
        number_axis(values, say(language, "reach.axis")),
        curves,
        title=say(language, "reach.title"),
        description=say(language, "reach.caption"),
        language=language,
    )


def letter_bars(result: LettersResult, language: str) -> Scene:
    """The gradient at the last letters, each by itself."""
    sizes = result.reaches["lstm_after"].sizes
    text = result.text[:-1]
    rows = []
    for back in reversed(range(min(DRAWN, len(sizes)))):
        letter = text[len(text) - 1 - back]
        name = f"{back:2d}  {'␣' if letter == ' ' else letter}"
        rows.append(named_bar(name, float(sizes[back]), number_markup(float(sizes[back]))))
    title = say(language, "reach.bars_title")
    return explained(
        bars(rows, title),
        [],
        title=title,
        description=[say(language, "reach.bars")],
        language=language,
    )
