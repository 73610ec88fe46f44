"""What a person takes away: a link, a program, a network's file, pictures, answers."""

import base64
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.errors import ConfigurationError
from clearprop.drawing import DIAGRAMS, drawable_language, png, svg
from clearprop.formats.network_file import save
from clearprop.lab.answer_sheet import answer_files
from clearprop.lab.lab_recipe import encoded_link
from clearprop.lab.lab_state import LabState
from clearprop.reading.programs.composing import compose
from clearprop.reading.programs.recipe import Recipe
from clearprop.reading.walk import Part

KINDS = ("link", "program", "safetensors", "svg", "png", "answers")


class Made(NamedTuple):
    """A file that was made; `content` is text or bytes."""

    name: str
    media_type: str
    content: str | bytes

    def told(self) -> dict[str, Any]:
        """The fields of `file`."""
        text = self.content if isinstance(self.content, str) else None
        binary = self.content if isinstance(self.content, bytes) else None
        return {
            "name": self.name,
            "media_type": self.media_type,
            "text": text,
            "base64": None if binary is None else base64.b64encode(binary).decode("ascii"),
        }


def exported(state: LabState, what: str) -> Iterator[Made]:
    """The files of what is asked for. Raises ConfigurationError for anything else, and what is
    raised by whatever makes it."""
    if what not in KINDS:
        raise ConfigurationError("lab_export", what=what[:40], known=", ".join(KINDS))
    if what == "link":
        yield Made("link.txt", "text/plain", f"#r={_link(state)}")
    elif what == "program":
        yield from _program(state)
    elif what == "safetensors":
        yield Made("network.safetensors", "application/octet-stream", _saved(state))
    elif what == "svg":
        scene = _scene(state, state.language)
        yield Made("network.svg", "image/svg+xml", svg(scene, standalone=True))
    elif what == "png":
        yield Made(
            "network.png", "image/png", png(_scene(state, drawable_language(state.language)))
        )
    else:
        yield from _answers(state)


def _link(state: LabState) -> str:
    recipe = state.run.problem.recipe
    if recipe["layers"] is None:
        raise ConfigurationError("lab_link_of_file")
    return encoded_link(recipe)


def _program(state: LabState) -> Iterator[Made]:
    """The training of the branch that is shown, from its beginning, as a program."""
    run = state.run
    problem, first = run.problem, run.problem.first
    epochs = max(1, -(-run.steps // run.course.steps_per_epoch))
    recipe = Recipe(
        problem.network,
        first.params,
        problem.data.x,
        problem.target,
        loss=problem.loss,
        optimizer=problem.optimizer,
        epochs=epochs,
        batch_size=problem.batch,
        memory=first.optimizer,
        layers=first.layers,
        step=first.step,
        seed=first.seed,
        dtype=first.params.dtype.name,
        classes=problem.data.classes,
    )
    made = compose(recipe, state.language, "train.py", "train.npz")
    yield Made("train.py", "text/x-python", made.text)
    if made.arrays:
        stored = io.BytesIO()
        np.savez(stored, allow_pickle=False, **made.arrays)
        yield Made("train.npz", "application/octet-stream", stored.getvalue())


def _saved(state: LabState) -> bytes:
    """The network at the step that is shown, as every command takes it."""
    problem, at = state.run.problem, state.state()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        save(
            path,
            problem.network,
            at.params,
            x=problem.data.x,
            target=problem.target,
            loss=problem.loss,
            optimizer=problem.optimizer,
            state=at,
            batch_size=problem.batch,
            classes=problem.data.classes,
            start=problem.first.params,
        )
        return path.read_bytes()


def _scene(state: LabState, language: str) -> Any:
    view = state.view()
    parts = {stage.part for stage in view.walk.stages[: state.phases_done]}
    name = "network_backward" if Part.BACKWARD in parts else "network_forward"
    return DIAGRAMS[name](view.step.backward, sample=view.sample, language=language)


def _answers(state: LabState) -> Iterator[Made]:
    if not state.answered:
        raise ConfigurationError("lab_no_answers")
    form, key = answer_files(list(state.answered.values()), state.view().step, state.language)
    yield Made("answers.json", "application/json", form.content)
    yield Made(f"{key.variant}.json", "application/json", key.content)
