"""A saved network and samples for it, opened as the step that its training would take next."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, FileError
from clearprop.cli.csv_tables import read_table, split
from clearprop.engine.graph import INPUT, Node
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import Network
from clearprop.engine.step import Step, take_step
from clearprop.formats import network_file as files
from clearprop.formats.checkpoints import START_PARAMS, checkpoint_in


class SavedTraining(NamedTuple):
    """A saved network at its next step, and the parameters (P,) that its training started from;
    None where the file does not hold them."""

    step: Step
    start: Array | None


def saved_step(file: Path, data: Path | None, target: str | None) -> Step:
    """The next step of the training that is saved in `file`; without one, a pass with MSE.

    data    a CSV file of samples; without it, those that are kept with the network
    target  the names of its target columns, with commas between; the last ones unless given

    Raises FileError for a file that cannot be used, ConfigurationError for columns without a file.
    """
    return saved_training(file, data, target).step


def saved_training(
    file: Path, data: Path | None, target: str | None, *, finite: bool = True
) -> SavedTraining:
    """The same step with the start of the training; `finite=False` takes data with NaN and
    infinities in it."""
    if target is not None and data is None:
        raise ConfigurationError("explain_target_without_data")
    saved = files.load(file)
    start = saved.arrays.get(START_PARAMS)
    x, t = _samples(saved, file, data, target, finite=finite)
    checkpoint = checkpoint_in(saved)
    if checkpoint is None:
        return SavedTraining(take_step(saved.network, saved.params, x, t), start)
    state = checkpoint.state
    step = take_step(
        checkpoint.network,
        state.params,
        x,
        t,
        loss=checkpoint.loss,
        optimizer=checkpoint.optimizer,
        state=state.optimizer,
        layer_state=state.layers,
        seed=state.seed,
        number=state.step,
    )
    return SavedTraining(step, start)


def _samples(
    saved: files.SavedNetwork, file: Path, data: Path | None, target: str | None, *, finite: bool
) -> tuple[Array, Array]:
    """The samples in the parameters' dtype: those of the CSV file, or those kept in the network's
    own file."""
    if data is None:
        names = ("sample.x", "sample.target")
        if any(name not in saved.arrays for name in names):
            raise FileError("file_without_sample", path=file)
        x, t = (saved.arrays[name] for name in names)
        return x, t
    table = read_table(data, finite=finite)
    inputs, outputs = widths(saved.network)
    x, t = split(table, target, outputs)
    if inputs is not None and x.shape[1] != inputs:
        raise FileError(
            "table_columns",
            path=data,
            came=x.shape[1],
            target=t.shape[1],
            expected=inputs,
        )
    kind = saved.params.dtype
    return x.astype(kind), t.astype(kind)


def widths(network: Network) -> tuple[int | None, int]:
    """How many features the network takes, None where that cannot be told, and how many outputs it
    has."""
    inputs = next((one.inputs for one in first_layers(network) if isinstance(one, Linear)), None)
    shapes = network.graph.shapes(None if inputs is None else (inputs,))
    shape = shapes[network.graph.output]
    return inputs, 1 if shape is None else int(np.prod(shape))


def first_layers(network: Network) -> list[Layer]:
    """The layers that take the network's own input."""
    takers = network.graph.takers(INPUT)
    return [one.layer for one in takers if isinstance(one, Node)]
