"""A file as a problem of the lab: a saved network goes on where its training stood, on the samples
that are kept with it; a table has a network to begin with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError, FileError
from clearprop.base.opening import read_or_refused
from clearprop.engine.losses import MSE
from clearprop.engine.network import Network
from clearprop.formats.network_contents import SavedNetwork
from clearprop.formats.network_file import load
from clearprop.lab.building_blocks import BLOCKS, LIMITS
from clearprop.lab.data_sets import LabData
from clearprop.lab.lab_recipe import FOR_TABLES, Problem, fitting, problem_of, require_looked_at
from clearprop.lab.own_table import OwnTable, data_of_table, table_of
from clearprop.training.arguments import USUAL_OPTIMIZER
from clearprop.training.events import TrainingState


def problem_of_file(path: Path) -> Problem:
    """The training that is saved in a file, ready to go on.

    Raises what `load` raises, FileError where no samples are kept, and ConfigurationError for
    several networks in one or for one that is too large to be looked at.
    """
    saved = load(path)
    if saved.x is None or saved.target is None:
        raise FileError("file_without_sample", path=path)
    if saved.params.ndim != 1:
        raise ConfigurationError("explain_stacked", networks=len(saved.params))
    require_looked_at(saved.network)
    loss, optimizer = saved.loss or MSE(), saved.optimizer or USUAL_OPTIMIZER
    progress, most = saved.progress, LIMITS["samples"]
    memory = progress.memory if saved.optimizer is not None else optimizer.start(saved.params)
    layers = saved.state or saved.network.initial_state(saved.params)
    data = _data(path.name, saved, saved.x[:most], saved.target[:most])
    batch = progress.batch_size
    return Problem(
        recipe={
            "layers": blocks_of(saved.network, data.x.shape[1:]),
            "loss": _settings(loss),
            "optimizer": _settings(optimizer),
            "batch": batch,
            "start": {"kind": "own"},
            "seed": progress.seed,
            "data": {"name": path.name},
        },
        network=saved.network,
        data=data,
        target=data.target,
        loss=loss,
        optimizer=optimizer,
        batch=batch if batch is not None and batch < len(data.x) else None,
        first=TrainingState(saved.params, memory, layers, progress.step, progress.seed),
    )


def problem_of_csv(path: Path) -> tuple[Problem, OwnTable]:
    """A table with a network for it, and the table, whose columns are chosen on the page.

    Raises FileError for a file that cannot be read, and DataError for what is no table.
    """
    try:
        with read_or_refused(path):
            table = table_of(path.name, path.read_text(encoding="utf-8-sig"))
    except UnicodeError as problem:
        raise FileError("file_unreadable", path=path, problem=problem) from problem
    data, _ = data_of_table(table, None, None)
    return problem_of(fitting({"preset": FOR_TABLES}, data), data), table


def _data(name: str, saved: SavedNetwork, x: Array, target: Array) -> LabData:
    classes = saved.classes
    if not classes and target.dtype.kind in "iu":
        classes = tuple(str(number) for number in range(int(target.max(initial=0)) + 1))
    inputs = tuple(f"x{number}" for number in range(int(np.prod(x.shape[1:]))))
    outputs = target.shape[1] if target.ndim > 1 else 1
    targets = tuple(f"t{number}" for number in range(outputs))
    return LabData(name, x.copy(), target.copy(), inputs, targets, classes)


def blocks_of(network: Network, shape: Shape) -> list[dict[str, Any]] | None:
    """The layers as a recipe has them, for samples of that shape; None for a network that is no
    plain row of them, or has a layer with settings that a recipe does not ask for."""
    if network.graph.joins or len(network.graph.groups) > 1:
        return None
    found = []
    for node in network.graph.nodes.values():
        kind = type(node.layer).__name__
        settings = BLOCKS[kind].told(node.layer, shape) if kind in BLOCKS else None
        if settings is None:
            return None
        found.append({"kind": kind, **settings})
        shape = node.layer.output_shape(shape) or shape
    return found


def _settings(made: Configurable) -> Mapping[str, Any]:
    """A loss or an optimizer as a recipe has it."""
    plain = (bool, int, float, str, tuple)
    settings = {k: v for k, v in made.settings().items() if isinstance(v, plain)}
    return {
        "kind": type(made).__name__,
        **{k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()},
    }
