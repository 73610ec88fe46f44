"""`clearprop explain`: one step of a saved network, for a weight, a neuron or a sample."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearprop import files, messages
from clearprop.arrays import Array
from clearprop.cli.status import DONE
from clearprop.cli.tables import read_table, split
from clearprop.errors import ConfigurationError, FileError
from clearprop.explanation import Step, explain_neuron, explain_sample, explain_weight, take_step
from clearprop.explanation.reading import Readable
from clearprop.layers.linear import Linear
from clearprop.network import Network
from clearprop.parameters import leaves
from clearprop.training import load_checkpoint
from clearprop.writing import write_whole

FORMATS = ("text", "latex", "json")


@dataclass(frozen=True)
class Question:
    """What is asked: a weight or a neuron, for one sample where that is given, or a sample alone.

    Raises ConfigurationError where nothing is asked, or two things at once, and for a format that
    does not exist.
    """

    file: Path
    data: Path | None
    target: str | None
    weight: str | None
    neuron: str | None
    sample: int | None
    depth: int
    format: str

    def __post_init__(self) -> None:
        if self.weight is not None and self.neuron is not None:
            raise ConfigurationError("explain_two_questions")
        if self.weight is None and self.neuron is None and self.sample is None:
            raise ConfigurationError("explain_no_question")
        if self.target is not None and self.data is None:
            raise ConfigurationError("explain_target_without_data")
        if self.format not in FORMATS:
            known = ", ".join(FORMATS)
            raise ConfigurationError("format_unknown", name=self.format, known=known)


def explain(question: Question, out: Path | None, language: str) -> int:
    """Answer on standard output, or in the file `out`; returns the exit status."""
    answer = _answer(question, _step(question))
    if question.format == "json":
        text = answer.to_json()
    elif question.format == "latex":
        text = answer.latex(language)
    else:
        text = answer.text(language)
    if out is None:
        sys.stdout.write(f"{text}\n")
    else:
        write_whole(out, f"{text}\n".encode())
        sys.stdout.write(messages.text(language, "cli.explain.written", path=out) + "\n")
    return DONE


def _answer(question: Question, step: Step) -> Readable:
    sample, depth = question.sample, question.depth
    if question.weight is not None:
        return explain_weight(step, question.weight, sample=sample, depth=depth)
    if question.neuron is not None:
        return explain_neuron(step, question.neuron, sample=sample, depth=depth)
    # The question asks for one of the three.
    return explain_sample(step, step.check_sample(sample))


def _step(question: Question) -> Step:
    """The next step of the training that is saved in the file; without one, a pass with MSE."""
    saved = files.load(question.file)
    x, target = _data(question, saved)
    if "training" not in saved.notes:
        return take_step(saved.network, saved.params, x, target)
    checkpoint = load_checkpoint(question.file)
    state = checkpoint.state
    return take_step(
        checkpoint.network,
        state.params,
        x,
        target,
        loss=checkpoint.loss,
        optimizer=checkpoint.optimizer,
        state=state.optimizer,
        layer_state=state.layers,
        seed=state.seed,
        number=state.step,
    )


def _data(question: Question, saved: files.SavedNetwork) -> tuple[Array, Array]:
    """The samples in the parameters' dtype: those of the CSV file, or those kept in the network's
    own file."""
    if question.data is None:
        names = ("sample.x", "sample.target")
        if any(name not in saved.arrays for name in names):
            raise FileError("file_without_sample", path=question.file)
        x, target = (saved.arrays[name] for name in names)
        return x, target
    table = read_table(question.data)
    inputs, outputs = _widths(saved.network)
    x, target = split(table, question.target, outputs)
    if inputs is not None and x.shape[1] != inputs:
        raise FileError(
            "table_columns",
            path=question.data,
            came=x.shape[1],
            target=target.shape[1],
            expected=inputs,
        )
    kind = saved.params.dtype
    return x.astype(kind), target.astype(kind)


def _widths(network: Network) -> tuple[int | None, int]:
    """How many features the network takes, None where that cannot be told, and how many outputs it
    has."""
    first = next(layer for _, layer in leaves(network.layer))
    inputs = first.inputs if isinstance(first, Linear) else None
    shape = network.layer.output_shape(None if inputs is None else (inputs,))
    return inputs, 1 if shape is None else int(np.prod(shape))
