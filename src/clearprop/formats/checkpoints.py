"""A training saved between two steps, and gone on with as if it had never stopped."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable, decode, encode
from clearprop.base.errors import (
    ConfigurationError,
    DamagedFileError,
    FileError,
    UnknownNameError,
)
from clearprop.engine.layers.layer import Tree
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer, OptimizerState
from clearprop.formats import network_file as files
from clearprop.kinds.kind_tables import LOSSES, OPTIMIZERS, SCHEDULES
from clearprop.training.events import TrainingState

# The name among a checkpoint's arrays for the parameters (P,) before the first step, for whoever
# wants to look at the start of a training beside its end.
START_PARAMS = "start.params"


class Checkpoint(NamedTuple):
    """What `train` needs to go on: hand it all of these and the same data."""

    network: Network
    state: TrainingState
    optimizer: Optimizer
    loss: Loss
    batch_size: int | None
    arrays: Mapping[str, Array]
    notes: Mapping[str, Any]


def save_checkpoint(
    path: str | Path,
    network: Network,
    state: TrainingState,
    *,
    optimizer: Optimizer,
    loss: Loss,
    batch_size: int | None = None,
    arrays: Mapping[str, Array] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Save a network in the middle of its training, as `files.save` saves it, with all that the
    training needs to go on. `arrays` and `notes` are kept beside it.

    Raises what `files.save` raises, and ConfigurationError for an array or a note whose name is
    that of the training's own.
    """
    for name in (*(arrays or {}), *(notes or {})):
        if name.split(".")[0] == "training":
            raise ConfigurationError("name_reserved", name=name)
    training = {
        "step": state.step,
        "seed": state.seed,
        "weight": np.asarray(state.weight).tolist(),
        "optimizer_step": state.optimizer.step,
        "optimizer": encode(optimizer),
        "loss": encode(loss),
        "batch_size": None if batch_size is None else int(batch_size),
    }
    kept = {"training.total": np.asarray(state.total)}
    kept |= {f"training.slot.{name}": slot for name, slot in state.optimizer.slots.items()}
    kept |= {f"training.state.{path}": array for path, array in _flat_state(state.layers)}
    files.save(
        path,
        network,
        state.params,
        arrays={**(arrays or {}), **kept},
        notes={**(notes or {}), "training": training},
    )


def load_checkpoint(path: str | Path, *, classes: Iterable[type[Configurable]] = ()) -> Checkpoint:
    """Read what `save_checkpoint` wrote; `classes` are those of one's own that stand in it, be they
    layers, initializers, losses, optimizers or schedules.

    Raises what `files.load` raises, and FileError for a file that holds a network and no training.
    """
    classes = tuple(classes)
    checkpoint = checkpoint_in(files.load(path, classes=classes), classes=classes)
    if checkpoint is None:
        raise FileError("file_without_training", path=path)
    return checkpoint


def checkpoint_in(
    saved: files.SavedNetwork, *, classes: Iterable[type[Configurable]] = ()
) -> Checkpoint | None:
    """The training in a file that has been read already; None where it holds a network alone.

    `classes` are those of `load_checkpoint`. Raises UnknownNameError for one that is not known,
    DamagedFileError where the training is not what `save_checkpoint` writes.
    """
    if saved.notes.get("training") is None:
        return None
    try:
        return _checkpoint(saved, classes)
    except UnknownNameError:
        raise
    # The checksum is right, so somebody made it so.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
        raise DamagedFileError("training_damaged", problem=problem) from problem


def _checkpoint(saved: files.SavedNetwork, classes: Iterable[type[Configurable]]) -> Checkpoint:
    notes = dict(saved.notes)
    training = notes.pop("training")
    own = {kind.type_name: kind for kind in classes}
    slots = _under("training.slot.", saved.arrays)
    total = saved.arrays["training.total"]
    state = TrainingState(
        params=saved.params,
        optimizer=OptimizerState(_whole(training, "optimizer_step"), slots),
        layers=_state_of(_under("training.state.", saved.arrays)),
        step=_whole(training, "step"),
        seed=_whole(training, "seed"),
        total=total if total.ndim else total.item(),
        weight=_weight(training["weight"], total),
    )
    optimizer = decode(training["optimizer"], {**OPTIMIZERS, **SCHEDULES, **own})
    loss = decode(training["loss"], {**LOSSES, **own})
    if not isinstance(optimizer, Optimizer) or not isinstance(loss, Loss):
        raise TypeError("optimizer, loss")
    return Checkpoint(
        network=saved.network,
        state=state,
        optimizer=optimizer,
        loss=loss,
        batch_size=None if training["batch_size"] is None else _whole(training, "batch_size"),
        arrays={name: a for name, a in saved.arrays.items() if not name.startswith("training.")},
        notes=notes,
    )


def _whole(training: Mapping[str, Any], name: str) -> int:
    value = training[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name}: {value!r}")
    return value


def _weight(kept: Any, total: Array) -> Any:
    """A number, or an array in the totals' dtype where it differs between stacked networks."""
    return np.array(kept, total.dtype) if isinstance(kept, list) else kept


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


# The paths of layers hold dots and brackets, so the name of an array is set off by a character that
# no path has.
_SEPARATOR = "/"


def _flat_state(state: Tree) -> list[tuple[str, Array]]:
    return [
        (f"{path}{_SEPARATOR}{name}", array)
        for path, own in state.items()
        for name, array in own.items()
    ]


def _state_of(arrays: Mapping[str, Array]) -> Tree:
    state: dict[str, dict[str, Array]] = {}
    for place, array in arrays.items():
        # Files of before have the separator between a layer and one within it as well.
        *path, name = place.split(_SEPARATOR)
        state.setdefault(".".join(path), {})[name] = array
    return state
