"""What people hand to `save`, made into what a file keeps, or refused before a file is touched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array, require_count, shape_text
from clearprop.base.errors import (
    ClearpropError,
    ConfigurationError,
    ContractError,
    DtypeError,
    ShapeError,
)
from clearprop.engine.known_side_inputs import side_inputs_of_samples
from clearprop.engine.layers.layer import Tree
from clearprop.engine.losses import MSE, Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer, OptimizerState
from clearprop.engine.state import state_of
from clearprop.formats.network_contents import SavedNetwork, SavedProgress
from clearprop.training.arguments import loss_of, optimizer_of
from clearprop.training.events import TrainingState

# So many samples are tried: enough to see that data, network and loss go together.
TRIED = 32


def what_is_saved(
    network: Network,
    params: Array,
    *,
    x: Array | None,
    target: Array | None,
    loss: Loss | str | None,
    optimizer: Optimizer | str | None,
    state: Tree | TrainingState | OptimizerState | None,
    batch_size: int | None,
    classes: Sequence[str],
    start: Array | None,
    arrays: Mapping[str, Array],
    notes: Mapping[str, Any],
    side_inputs: Mapping[str, Array],
) -> SavedNetwork:
    """The contents of the file; the arguments and what is raised are those of `save`."""
    params = np.asarray(params)
    network.named(params)  # refuses parameters that are not this network's
    if params.dtype.kind == "c":
        raise DtypeError("array_not_savable", name="params", dtype=params.dtype)
    if start is not None and np.shape(start) != params.shape:
        raise ShapeError(
            "save_start", came=shape_text(np.shape(start)), expected=shape_text(params.shape)
        )
    saved = SavedNetwork(
        network=network,
        params=params,
        x=None if x is None else np.asarray(x),
        target=None if target is None else np.asarray(target),
        loss=None if loss is None else loss_of(loss),
        optimizer=None if optimizer is None else optimizer_of(optimizer),
        state=_layers_of(network, params, state),
        classes=_class_names(network, classes),
        start=None if start is None else np.asarray(start),
        arrays={name: np.asarray(array) for name, array in arrays.items()},
        notes=notes,
        side_inputs={name: np.asarray(array) for name, array in side_inputs.items()},
    )
    saved = replace(saved, progress=_progress(saved, state, batch_size))
    _try_samples(saved)
    return saved


def _layers_of(network: Network, params: Array, state: object) -> Tree:
    """The running statistics in whatever is called a state."""
    layers = state
    if isinstance(state, TrainingState):
        if state.params is not params and not np.array_equal(state.params, params, equal_nan=True):
            raise ConfigurationError("save_state_params")
        layers = state.layers
    elif isinstance(state, OptimizerState):
        layers = None
    if layers is None and network.start_state:
        try:
            state_of(network.graph, params, network.start_state, None, training=False)
        except ConfigurationError as problem:
            raise ConfigurationError("save_state_missing", **problem.values) from problem
    return EMPTY if layers is None else _checked(network, params, layers)


def _checked(network: Network, params: Array, layers: object) -> Tree:
    return state_of(network.graph, params, network.start_state, layers, training=False)


def _progress(saved: SavedNetwork, state: object, batch_size: int | None) -> SavedProgress:
    progress = SavedProgress()
    if isinstance(state, OptimizerState):
        progress = replace(progress, memory=state, step=state.step)
    elif isinstance(state, TrainingState):
        progress = SavedProgress(
            state.optimizer, state.step, state.seed, None, state.total, state.weight
        )
    elif saved.optimizer is not None:
        progress = replace(progress, memory=saved.optimizer.start(saved.params))
    if saved.optimizer is not None:
        own = saved.optimizer.start(saved.params).slots
        if set(own) != set(progress.memory.slots):
            raise ConfigurationError("save_memory", optimizer=type(saved.optimizer).__name__)
    if batch_size is None:
        return progress
    return replace(progress, batch_size=require_count("batch_size", batch_size))


def _class_names(network: Network, classes: Sequence[str]) -> tuple[str, ...]:
    if isinstance(classes, str) or not all(isinstance(name, str) for name in classes):
        came = (
            classes
            if isinstance(classes, str)
            else next(name for name in classes if not isinstance(name, str))
        )
        raise ContractError("save_classes_kind", came=repr(came))
    names = tuple(str(name).strip() for name in classes)
    if len(set(names)) < len(names) or not all(name and name.isprintable() for name in names):
        raise ConfigurationError("save_classes_twice", classes=", ".join(map(ascii, names)))
    shape = network.graph.shapes(None)[network.graph.output]
    # One output tells two classes apart.
    if names and shape and len(names) not in {max(shape[-1], 2)}:
        raise ConfigurationError("save_classes_count", came=len(names), outputs=shape[-1])
    return names


def _try_samples(saved: SavedNetwork) -> None:
    """Refuse samples that do not go with the network and its loss. Raises what they raise."""
    x, target = saved.x, saved.target
    if x is None and target is None and not saved.side_inputs:
        return
    if x is None or target is None:
        raise ConfigurationError("save_half_sample")
    if not x.ndim or not target.ndim or len(x) != len(target):
        counts = (shape_text(x.shape), shape_text(target.shape))
        raise ShapeError("save_samples", x=counts[0], target=counts[1])
    beside = side_inputs_of_samples(saved.network.graph, saved.side_inputs, len(x))
    if saved.params.ndim > 1:
        # Data of stacked networks are shared or each one's own: who opens the file knows.
        return
    with np.errstate(all="ignore"):
        forward = saved.network.forward(
            saved.params,
            x[:TRIED],
            records=False,
            state=saved.state or None,
            side_inputs=beside.take(slice(TRIED)),
        )
        try:
            (saved.loss or MSE()).evaluate(forward.output, target[:TRIED])
        except ClearpropError as problem:
            if saved.loss is not None:
                raise
            raise ConfigurationError("save_loss_missing", problem=problem) from problem
