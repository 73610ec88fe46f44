"""The report of the digits: how well they are read, what the kernels and channels look like, one
weight explained from the loss down, the check, and PyTorch beside it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.base.errors import FileError
from clearprop.base.numbers import number, percent
from clearprop.drawing import Scene, drawable_language, png, svg
from clearprop.drawing.charts import Curve, chart, matrix_chart, number_axis, whole_axis
from clearprop.drawing.diagrams.image_grid import ImagePanel, image_grid
from clearprop.drawing.pen.palette import SERIES
from clearprop.engine.losses import CrossEntropy
from clearprop.engine.step import Step, take_step
from clearprop.formats import network_file as files
from clearprop.reading.explanation import explain_weight
from clearprop.reading.programs import Recipe, save_program
from clearprop.teaching.showpieces.digits_training import (
    COMPARED_STEPS,
    DigitRun,
    DigitsResult,
    lenet,
)
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
from clearprop.teaching.showpieces.text_training import CLOSE

say = messages.within("showpieces")

KEPT_SAMPLES = 20
MOST_MISREAD = 16
FIRST = "layers[0]"


class _Look(NamedTuple):
    """What the figures look at: the first seed's run, and a step on samples that it never saw."""

    result: DigitsResult
    run: DigitRun
    step: Step
    address: str


def write_digits_report(result: DigitsResult, folder: Path, language: str) -> None:
    """Write page, figures, numbers, the trained network and its program into `folder`, which is
    empty. Raises MissingDependencyError without Jinja2 or matplotlib, FileError where the folder
    cannot be written."""
    look = _look(result)
    labels = drawable_language(language)
    content: dict[str, bytes] = {}
    bitmaps = {one.name: one.scene for one in _blocks(look, labels) if isinstance(one, Picture)}
    blocks = _blocks(look, language)
    for one in blocks:
        if isinstance(one, Picture):
            content[f"figures/{one.name}.svg"] = svg(one.scene, standalone=True).encode()
            content[f"figures/{one.name}.png"] = png(bitmaps[one.name], scale=2)
    title, subtitle = say(language, "digits.title"), say(language, "digits.subtitle")
    content[PAGE] = showpiece_page(title, subtitle, blocks, language).encode()
    content["results.json"] = json.dumps(results_of(result), indent=2).encode()
    rows = look.run.held_out[:KEPT_SAMPLES]
    recipe = Recipe(
        lenet(dropout=0.0),
        None,
        result.digits.x[rows],
        result.digits.target[rows],
        loss=CrossEntropy(),
        epochs=20,
    )
    try:
        for path, data in content.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(data)
        (folder / "networks").mkdir()
        (folder / "programs").mkdir()
    except OSError as problem:
        raise FileError("folder_unwritable", path=folder, problem=problem.strerror) from problem
    save_program(folder / "programs/digits_program.py", recipe, language=language)
    files.save(
        folder / "networks/digits.safetensors",
        result.network,
        look.run.state.params,
        x=result.digits.x[rows].astype(np.float32),
        target=result.digits.target[rows],
        loss=CrossEntropy(),
        notes={"experiment": "digits"},
    )


def results_of(result: DigitsResult) -> dict[str, object]:
    """Every number of the report."""
    return {
        "accuracy": result.accuracy,
        "seeds": {
            str(run.seed): {
                "held_out": len(run.held_out),
                "accuracies": list(run.accuracies),
                "losses": list(run.losses),
            }
            for run in result.runs
        },
        "check": str(result.verdict.outcome),
        "beside_torch": None if result.beside is None else result.beside._asdict(),
    }


def _look(result: DigitsResult) -> _Look:
    run = result.runs[0]
    rows = run.held_out[:KEPT_SAMPLES]
    step = take_step(
        lenet(dropout=0.0),
        run.state.params.astype(np.float64),
        result.digits.x[rows],
        result.digits.target[rows],
        loss=CrossEntropy(),
    )
    gradient = np.abs(step.backward.named()[f"{FIRST}.weight"])
    place = np.unravel_index(int(gradient.argmax()), gradient.shape)
    return _Look(result, run, step, f"{FIRST}.weight[{','.join(str(int(i)) for i in place)}]")


def _blocks(look: _Look, language: str) -> list[Block]:
    return [
        *_reading(look, language),
        *_kernels(look, language),
        *_explained(look, language),
        *_checked(look.result, language),
        Heading(say(language, "digits.go_on")),
        Printed("\n".join(_commands())),
    ]


def _reading(look: _Look, language: str) -> list[Block]:
    result = look.result
    accuracy, seeds = percent(result.accuracy, 1), len(result.runs)
    heads = ("seed", "held_out", "right", "share")
    rows = tuple(
        (
            str(run.seed),
            str(len(run.held_out)),
            str(round(run.accuracies[-1] * len(run.held_out))),
            percent(run.accuracies[-1], 1),
        )
        for run in result.runs
    )
    return [
        Heading(say(language, "digits.reading")),
        Paragraph(say(language, "digits.data", images=len(result.digits.x))),
        Paragraph(say(language, "digits.accuracy", accuracy=accuracy, seeds=seeds)),
        Numbers(tuple(say(language, f"digits.{name}") for name in heads), rows),
        _curve(look, language, "accuracies"),
        _curve(look, language, "losses"),
        _confusion(look, language),
        _misread(look, language),
    ]


def _curve(look: _Look, language: str, which: str) -> Picture:
    runs = look.result.runs
    curves = [
        Curve(
            range(1, len(run.losses) + 1),
            getattr(run, which),
            SERIES[k % len(SERIES)],
            say(language, "digits.seed_named", seed=run.seed),
        )
        for k, run in enumerate(runs)
    ]
    values = [value for run in runs for value in getattr(run, which)]
    title = say(language, f"digits.{which}")
    scene = chart(
        whole_axis(len(runs[0].losses), say(language, "digits.epoch")),
        number_axis(values, ""),
        curves,
        title=title,
        description=say(language, f"digits.{which}_caption"),
        language=language,
    )
    return Picture(f"digits-{which}", scene, say(language, f"digits.{which}_caption"))


def _confusion(look: _Look, language: str) -> Picture:
    counts = np.zeros((10, 10))
    for run in look.result.runs:
        np.add.at(counts, (look.result.digits.target[run.held_out], run.predicted), 1)
    caption = say(language, "digits.confusion_caption")
    scene = matrix_chart(
        counts,
        [str(digit) for digit in range(10)],
        title=say(language, "digits.confusion"),
        rows=say(language, "digits.shown"),
        columns=say(language, "digits.read"),
        description=caption,
        language=language,
    )
    return Picture("digits-confusion", scene, caption)


def _misread(look: _Look, language: str) -> Picture:
    digits = look.result.digits
    wrong = [
        (int(row), int(told))
        for run in look.result.runs
        for row, told in zip(run.held_out, run.predicted, strict=True)
        if digits.target[row] != told
    ]
    panels = [
        ImagePanel(f"{digits.target[row]} → {told}", digits.x[row, 0])
        for row, told in dict(wrong[:MOST_MISREAD]).items()
    ]
    caption = say(language, "digits.misread_caption", count=len(wrong))
    scene = _grid(panels or [ImagePanel("", np.zeros((8, 8)))], caption, language)
    return Picture("digits-misread", scene, caption)


def _kernels(look: _Look, language: str) -> list[Block]:
    step = look.step
    kernels = step.forward[FIRST].params["weight"]
    gradients = step.backward.named()[f"{FIRST}.weight"]
    image = step.forward.input[0, 0]
    shown = say(language, "digits.channel", number="{}")
    figures = [
        ("kernels", [ImagePanel(f"w[{k}]", kernel[0]) for k, kernel in enumerate(kernels)]),
        ("gradients", [ImagePanel(f"∂L/∂w[{k}]", one[0]) for k, one in enumerate(gradients)]),
        (
            "channels",
            [
                ImagePanel("x", image),
                *(
                    ImagePanel(shown.format(k), one)
                    for k, one in enumerate(step.forward["layers[1]"].output[0])
                ),
            ],
        ),
        (
            "signals",
            [
                ImagePanel(shown.format(k), one)
                for k, one in enumerate(step.backward[FIRST].output_gradient[0])
            ],
        ),
    ]
    return [
        Heading(say(language, "digits.inside")),
        Paragraph(say(language, "digits.inside_says")),
        *(
            Picture(f"digits-{name}", _grid(panels, caption, language), caption)
            for name, panels in figures
            for caption in (say(language, f"digits.{name}_caption"),)
        ),
    ]


def _grid(panels: list[ImagePanel], description: str, language: str) -> Scene:
    return image_grid(
        panels, title=description, description=description, language=language, together=True
    )


def _explained(look: _Look, language: str) -> list[Block]:
    explained = explain_weight(look.step, look.address)
    caption = say(language, "digits.weight_caption", address=look.address)
    return [
        Heading(say(language, "digits.explained", address=look.address)),
        Paragraph(say(language, "digits.explained_says")),
        *(Paragraph(one.says) for one in explained.steps(language)),
        Printed(explained.table(language)),
        Picture("digits-weight", explained.picture(language), caption),
    ]


def _checked(result: DigitsResult, language: str) -> list[Block]:
    beside = say(language, "digits.without_torch")
    if result.beside is not None:
        agrees = max(result.beside) <= CLOSE
        beside = say(
            language,
            "digits.torch" if agrees else "digits.torch_apart",
            steps=COMPARED_STEPS,
            losses=number(result.beside.losses, 2),
            params=number(result.beside.params, 2),
            tolerance=number(CLOSE, 1),
        )
    return [
        Heading(say(language, "digits.checked")),
        Paragraph(say(language, f"digits.check.{result.verdict.outcome}")),
        Paragraph(beside),
        Printed(result.verdict.text(language)),
    ]


def _commands() -> Iterator[str]:
    file = "networks/digits.safetensors"
    yield f"clearprop show {file}"
    yield f'clearprop explain {file} "{FIRST}.weight[0,0,1,1]"'
    yield f"clearprop step {file}"
    yield f"clearprop health {file}"
    yield "clearprop check programs/digits_program.py:backward"
