"""The whole report of a reproduction: page, figures, numbers and networks, written to a folder."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from clearprop.base.errors import FileError
from clearprop.drawing import DIAGRAMS, Scene, drawable_language, png, sample_cost, svg
from clearprop.engine.losses import MSE
from clearprop.engine.optimizers import SGD
from clearprop.formats import network_file as files
from clearprop.formats.checkpoints import save_checkpoint
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.experiments.tutorial_networks import with_relu, without_activation
from clearprop.teaching.reports.figures.figure_catalogue import CURVES, draw_curves
from clearprop.teaching.reports.figures.theme import standalone
from clearprop.teaching.reports.report_page import render
from clearprop.teaching.reports.results import results_json, versions
from clearprop.teaching.reports.tutorial_programs import WHOLE_PROGRAMS, program_text

PAGE = "report.html"

# What an earlier report may have left and this one does not write again.
KNOWN_FILES = tuple(
    f"figures/{name.replace('_', '-')}.{kind}"
    for name in (*CURVES, "sample_cost", *DIAGRAMS)
    for kind in ("svg", "png")
)


def write_report(
    result: Reproduction, folder: Path, language: str, progress: Callable[[int, int], None]
) -> None:
    """Write everything into `folder`, which is empty. `progress` follows the figures.

    Raises MissingDependencyError without matplotlib, Jinja2 or latex2mathml, FileError where the
    folder cannot be written.
    """
    pictures = {}
    content: dict[str, bytes] = {}
    for name, inline, alone, bitmap in _pictures(result, language, progress):
        pictures[name] = inline
        stem = f"figures/{name.replace('_', '-')}"
        content[f"{stem}.svg"] = alone.encode()
        content[f"{stem}.png"] = bitmap
    content[PAGE] = render(
        result,
        pictures,
        language,
        versions(result),
        labels_language=drawable_language(language),
    ).encode()
    for name in WHOLE_PROGRAMS:
        text = program_text(name, result.settings, language)
        content[f"programs/{name}_program.py"] = text.encode()
    content["results.json"] = results_json(result, language).encode()
    try:
        for path, data in content.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(data)
        (folder / "networks").mkdir()
    except OSError as problem:
        raise FileError("folder_unwritable", path=folder, problem=problem.strerror) from problem
    _save_networks(result, folder / "networks")


def _pictures(
    result: Reproduction, language: str, progress: Callable[[int, int], None]
) -> Iterator[tuple[str, str, str, bytes]]:
    """(name, SVG to stand in the page, SVG as a file, PNG) of every diagram and curve."""
    labels_language = drawable_language(language)
    worked = result.worked
    forward = worked.backward.forward

    def cost(language: str) -> Scene:
        sample = (forward.input[0], forward.output[0], worked.target[0])
        return sample_cost(*sample, worked.loss, language=language)

    diagrams: dict[str, Callable[..., Scene]] = {"sample_cost": cost}
    diagrams |= {name: partial(diagram, worked.backward) for name, diagram in DIAGRAMS.items()}
    for name, diagram_in in diagrams.items():
        scene = diagram_in(language=language)
        # The SVG's text is drawn by the reader's browser, the PNG's by matplotlib.
        bitmap_scene = diagram_in(language=labels_language)
        yield name, svg(scene, prefix=name), svg(scene, standalone=True), png(bitmap_scene, scale=3)
    for name, drawn in draw_curves(result, language, progress).items():
        yield name, drawn.svg, standalone(drawn.svg), drawn.png


def _save_networks(result: Reproduction, folder: Path) -> None:
    """The trained networks of S12 and S13, ready to go on training, and those of the parabola."""
    optimizer = SGD(result.settings.learning_rate)
    # What was trained with the printed backward is, forward, an ordinary network.
    runs = {
        "linear": (without_activation(), result.trainings.linear),
        "relu": (with_relu(), result.trainings.relu),
        "relu-as-printed": (with_relu(), result.trainings.relu_as_printed),
    }
    for name, (network, run) in runs.items():
        save_checkpoint(
            folder / f"{name}.safetensors",
            network,
            run.state,
            optimizer=optimizer,
            loss=MSE(),
            x=result.data.x,
            target=result.data.target,
            start=run.start,
            notes={"experiment": run.name},
        )
    curved = result.curved
    for name, network, params in (
        ("curved-linear", without_activation(), curved.linear_params),
        ("curved-relu", with_relu(), curved.relu_params),
    ):
        files.save(
            folder / f"{name}.safetensors",
            network,
            params,
            x=curved.data.x,
            target=curved.data.target,
            notes={"experiment": name},
        )
