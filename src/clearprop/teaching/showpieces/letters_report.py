"""The report of the LSTM that reads letters: its page, pictures, numbers and the network itself."""

import json
from pathlib import Path

import numpy as np

from clearprop.base import messages
from clearprop.base.errors import FileError
from clearprop.base.numbers import brief, number
from clearprop.drawing.charts import Curve, chart, number_axis
from clearprop.drawing.diagrams.bar_chart import bars
from clearprop.drawing.diagrams.parts import explained
from clearprop.drawing.pen.markup import number_markup
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.losses import CrossEntropy
from clearprop.formats import network_file as files
from clearprop.reading.explanation import explain_inside, explain_weight
from clearprop.reading.explanation.signal_pictures import named_bar
from clearprop.teaching.showpieces.gpt_training import CLOSE
from clearprop.teaching.showpieces.letters_training import HIDDEN, RECURRENT, LettersResult
from clearprop.teaching.showpieces.showpiece_page import (
    PAGE,
    Block,
    Heading,
    Numbers,
    Paragraph,
    Picture,
    Printed,
    showpiece_page,
)

# The weight and the gate that are explained: of h into the forget gate of a unit.
UNIT = 5
WEIGHT = f"{RECURRENT}.weight_hh[3,{HIDDEN + UNIT}]"
# So many letters before the last one are drawn by themselves.
DRAWN = 20

say = messages.within("showpieces.letters")


def write_letters_report(result: LettersResult, folder: Path, language: str) -> None:
    """Write the page, results.json and network.safetensors into `folder`, which is empty.

    Raises MissingDependencyError without Jinja2, FileError where the folder cannot be written.
    """
    page = showpiece_page(
        say(language, "title"), say(language, "subtitle"), _blocks(result, language), language
    )
    try:
        (folder / PAGE).write_text(page, encoding="utf-8")
        (folder / "results.json").write_text(_json(result), encoding="utf-8")
    except OSError as problem:
        raise FileError("folder_unwritable", path=folder, problem=problem.strerror) from problem
    files.save(
        folder / "network.safetensors",
        result.network,
        result.params,
        loss=CrossEntropy(),
        x=result.step.forward.input,
        target=result.step.target,
        notes={"letters": result.letters.known},
    )


def _blocks(result: LettersResult, language: str) -> list[Block]:
    before, after = result.written
    times = len(result.text) - 1
    gate = f"{RECURRENT}.time[{times - 2}].forget[{UNIT}]"
    inner = explain_inside(result.step, gate)
    weight = explain_weight(result.step, WEIGHT, depth=2)
    facts = {
        "parameters": f"{result.network.size:,}",
        "letters": f"{len(result.letters.ids):,}",
        "different": len(result.letters.known),
        "steps": f"{len(result.losses):,}",
        "seconds": round(result.seconds),
    }
    factors = {name: brief(reach.factor) for name, reach in result.reaches.items()}
    blocks: list[Block] = [
        Paragraph(say(language, "lead", **facts)),
        Heading(say(language, "loss.heading")),
        Paragraph(
            say(
                language,
                "loss.says",
                first=number(float(result.losses[0]), 4),
                even=number(float(np.log(len(result.letters.known))), 4),
                last=number(float(np.mean(result.losses[-20:])), 4),
                unseen=number(result.held_out[-1][1], 4),
                least=number(min(one for _, one in result.held_out), 4),
            )
        ),
        Picture("loss", _loss_curve(result, language), say(language, "loss.caption")),
        Heading(say(language, "written.heading")),
        Paragraph(say(language, "written.before", prompt=result.prompt)),
        Printed(before),
        Paragraph(say(language, "written.after")),
        Printed(after),
        Heading(say(language, "reach.heading")),
        Paragraph(say(language, "reach.says", text=result.text, **factors)),
        Picture("reach", reach_curves(result, language), say(language, "reach.caption")),
        Picture("letters", letter_bars(result, language), say(language, "reach.bars")),
        Heading(say(language, "explained.heading")),
        Paragraph(say(language, "explained.weight", address=WEIGHT)),
        Printed(weight.text(language, 84)),
        Picture("weight", weight.picture(language), say(language, "explained.caption")),
        Paragraph(say(language, "explained.gate", address=gate)),
        Printed(inner.text(language, 84)),
        Heading(say(language, "torch.heading")),
    ]
    one = result.torch
    if one is None:
        return [*blocks, Paragraph(say(language, "torch.left_out"))]
    rows = (
        (say(language, "torch.losses"), number(one.losses, 2), brief(CLOSE)),
        (say(language, "torch.params"), number(one.params, 2), brief(CLOSE)),
    )
    columns = ("", say(language, "torch.apart"), say(language, "torch.tolerance"))
    return [
        *blocks,
        Paragraph(say(language, "torch.says", steps=one.steps)),
        Numbers(columns, rows),
        Paragraph(say(language, f"torch.{'agrees' if one.agrees else 'disagrees'}")),
    ]


def _loss_curve(result: LettersResult, language: str) -> Scene:
    steps = np.arange(len(result.losses))
    width = min(10, len(steps))
    smooth = np.convolve(result.losses, np.ones(width) / width, "valid")
    unseen = np.array(result.held_out)
    values = [0.0, float(result.losses.max()), float(unseen[:, 1].max())]
    return chart(
        number_axis([0.0, float(len(steps))], say(language, "loss.steps")),
        number_axis(values, say(language, "loss.axis"), from_zero=True),
        [
            Curve(steps[width - 1 :], smooth, "series1", say(language, "loss.trained")),
            Curve(unseen[:, 0], unseen[:, 1], "series2", say(language, "loss.unseen"), dashed=True),
        ],
        title=say(language, "loss.title"),
        description=say(language, "loss.caption"),
        language=language,
    )


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


def _json(result: LettersResult) -> str:
    torch = result.torch
    found = {
        "parameters": result.network.size,
        "steps": len(result.losses),
        "seconds": result.seconds,
        "losses": result.losses.tolist(),
        "held_out": [list(one) for one in result.held_out],
        "written": {"before": result.written[0], "after": result.written[1]},
        "reach": {
            name: {"factor": one.factor, "sizes": one.sizes.tolist()}
            for name, one in result.reaches.items()
        },
        "torch": None
        if torch is None
        else {"steps": torch.steps, "losses": torch.losses, "params": torch.params},
    }
    return json.dumps(found, ensure_ascii=False, indent=2)
