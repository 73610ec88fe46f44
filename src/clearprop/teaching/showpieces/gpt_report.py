"""The report of the micro-GPT: its page, its pictures, its numbers and the network itself."""

import json
from pathlib import Path

import numpy as np

from clearprop.base import messages
from clearprop.base.errors import FileError
from clearprop.base.numbers import brief, number
from clearprop.drawing.charts import Curve, chart, number_axis
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.losses import CrossEntropy
from clearprop.formats import network_file as files
from clearprop.reading.explanation import explain_inside, explain_weight
from clearprop.reading.explanation.explained_steps import as_text
from clearprop.reading.explanation.inside_picture import draw_inside
from clearprop.teaching.showpieces.gpt_training import CLOSE, GptResult
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

# Where attention stands in each block, and the number that is explained.
ATTENTION = ("layers[2].branch.layers[1]", "layers[4].branch.layers[1]")
EXPLAINED = f"{ATTENTION[1]}.heads[1].weights[12,8]"
WEIGHT = f"{ATTENTION[1]}.in_proj_weight[3,20]"

say = messages.within("showpieces.gpt")


def write_gpt_report(result: GptResult, folder: Path, language: str) -> None:
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
    forward = result.step.forward
    files.save(
        folder / "network.safetensors",
        result.network,
        result.params,
        loss=CrossEntropy(),
        x=forward.input,
        target=result.step.target,
        notes={"letters": result.letters.known},
    )


def _blocks(result: GptResult, language: str) -> list[Block]:
    before, after = result.written
    inner = explain_inside(result.step, EXPLAINED)
    weight = explain_weight(result.step, WEIGHT, depth=3)
    letters, different = len(result.letters.ids), len(result.letters.known)
    facts = {
        "parameters": f"{result.network.size:,}",
        "letters": f"{letters:,}",
        "different": different,
        "steps": f"{len(result.losses):,}",
        "seconds": round(result.seconds),
    }
    blocks: list[Block] = [
        Paragraph(say(language, "lead", **facts)),
        Heading(say(language, "loss.heading")),
        Paragraph(
            say(
                language,
                "loss.says",
                first=number(float(result.losses[0]), 4),
                even=number(float(np.log(different)), 4),
                last=number(float(np.mean(result.losses[-20:])), 4),
                unseen=number(result.held_out[-1][1], 4),
                least=number(min(one for _, one in result.held_out), 4),
            )
        ),
        Picture("loss", loss_curve(result, language), say(language, "loss.caption")),
        Heading(say(language, "written.heading")),
        Paragraph(say(language, "written.before", prompt=result.prompt)),
        Printed(before),
        Paragraph(say(language, "written.after")),
        Printed(after),
        Heading(say(language, "maps.heading")),
        Paragraph(say(language, "maps.says")),
    ]
    for block, path in enumerate(ATTENTION):
        scene = draw_inside(
            result.step, f"{path}.heads[0].weights[0,0]", mark=False, language=language
        )
        blocks.append(
            Picture(f"maps{block}", scene, say(language, "maps.caption", block=block + 1))
        )
    blocks += [
        Heading(say(language, "explained.heading")),
        Paragraph(say(language, "explained.says", address=EXPLAINED)),
        Printed(inner.text(language, 100)),
        Picture("inner", inner.picture(language), say(language, "explained.caption")),
        Paragraph(say(language, "explained.weight", address=WEIGHT)),
        Printed("\n".join(as_text(weight.steps(language), 100))),
        Heading(say(language, "torch.heading")),
    ]
    if result.torch is None:
        return [*blocks, Paragraph(say(language, "torch.left_out"))]
    one = result.torch
    outcome = "agrees" if one.agrees else "disagrees"
    return [
        *blocks,
        Paragraph(say(language, "torch.says", steps=one.steps)),
        Numbers(
            ("", say(language, "torch.apart"), say(language, "torch.tolerance")),
            (
                (say(language, "torch.losses"), number(one.losses, 2), brief(CLOSE)),
                (say(language, "torch.params"), number(one.params, 2), brief(CLOSE)),
            ),
        ),
        Paragraph(say(language, f"torch.{outcome}")),
    ]


def loss_curve(result: GptResult, language: str) -> Scene:
    """The loss of every step, smoothed a little, and that of the text that was held out."""
    steps = np.arange(len(result.losses))
    width = min(20, len(steps))
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


def _json(result: GptResult) -> str:
    torch = result.torch
    found = {
        "parameters": result.network.size,
        "steps": len(result.losses),
        "seconds": result.seconds,
        "losses": result.losses.tolist(),
        "held_out": [list(one) for one in result.held_out],
        "written": {"before": result.written[0], "after": result.written[1]},
        "torch": None
        if torch is None
        else {"steps": torch.steps, "losses": torch.losses, "params": torch.params},
    }
    return json.dumps(found, ensure_ascii=False, indent=2)
