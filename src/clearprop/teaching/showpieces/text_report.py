"""What the reports of the trainings on a text have in common: their beginning and end, their files.

`say` says the sentences of one showpiece; the keys are the same in all.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.base.errors import FileError
from clearprop.base.messages import Say
from clearprop.base.numbers import brief, number
from clearprop.drawing.charts import Curve, chart, number_axis
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.losses import CrossEntropy
from clearprop.formats import network_file as files
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
from clearprop.teaching.showpieces.text_training import CLOSE, TextResult


def write_text_report(
    result: TextResult,
    middle: Sequence[Block],
    folder: Path,
    language: str,
    say: Say,
    *,
    smoothed: int,
    more: Mapping[str, Any],
) -> None:
    """Write the page, results.json and network.safetensors into `folder`, which is empty.

    middle    what stands between the text that was written and PyTorch
    smoothed  over how many steps the curve of the loss is averaged
    more      what results.json tells beside the training

    Raises MissingDependencyError without Jinja2, FileError where the folder cannot be written.
    """
    blocks = [*_beginning(result, language, say, smoothed), *middle, *_end(result, language, say)]
    page = showpiece_page(say(language, "title"), say(language, "subtitle"), blocks, language)
    try:
        (folder / PAGE).write_text(page, encoding="utf-8")
        (folder / "results.json").write_text(_json(result, more), encoding="utf-8")
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


def _beginning(result: TextResult, language: str, say: Say, smoothed: int) -> list[Block]:
    before, after = result.written
    different = len(result.letters.known)
    facts = {
        "parameters": f"{result.network.size:,}",
        "letters": f"{len(result.letters.ids):,}",
        "different": different,
        "steps": f"{len(result.losses):,}",
        "seconds": round(result.seconds),
    }
    losses = {
        "first": number(float(result.losses[0]), 4),
        "even": number(float(np.log(different)), 4),
        "last": number(float(np.mean(result.losses[-20:])), 4),
        "unseen": number(result.held_out[-1][1], 4),
        "least": number(min(one for _, one in result.held_out), 4),
    }
    curve = _loss_curve(result, language, say, smoothed)
    return [
        Paragraph(say(language, "lead", **facts)),
        Heading(say(language, "loss.heading")),
        Paragraph(say(language, "loss.says", **losses)),
        Picture("loss", curve, say(language, "loss.caption")),
        Heading(say(language, "written.heading")),
        Paragraph(say(language, "written.before", prompt=result.prompt)),
        Printed(before),
        Paragraph(say(language, "written.after")),
        Printed(after),
    ]


def _end(result: TextResult, language: str, say: Say) -> list[Block]:
    heading, one = Heading(say(language, "torch.heading")), result.torch
    if one is None:
        return [heading, Paragraph(say(language, "torch.left_out"))]
    columns = ("", say(language, "torch.apart"), say(language, "torch.tolerance"))
    rows = (
        (say(language, "torch.losses"), number(one.losses, 2), brief(CLOSE)),
        (say(language, "torch.params"), number(one.params, 2), brief(CLOSE)),
    )
    return [
        heading,
        Paragraph(say(language, "torch.says", steps=one.steps)),
        Numbers(columns, rows),
        Paragraph(say(language, f"torch.{'agrees' if one.agrees else 'disagrees'}")),
    ]


def _loss_curve(result: TextResult, language: str, say: Say, smoothed: int) -> Scene:
    """The loss of every step, smoothed a little, and that of the text that was held out."""
    steps = np.arange(len(result.losses))
    width = min(smoothed, len(steps))
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


def _json(result: TextResult, more: Mapping[str, Any]) -> str:
    torch = result.torch
    found = {
        "parameters": result.network.size,
        "steps": len(result.losses),
        "seconds": result.seconds,
        "losses": result.losses.tolist(),
        "held_out": [list(one) for one in result.held_out],
        "written": {"before": result.written[0], "after": result.written[1]},
        **more,
        "torch": None
        if torch is None
        else {"steps": torch.steps, "losses": torch.losses, "params": torch.params},
    }
    return json.dumps(found, ensure_ascii=False, indent=2)
