"""A training saved between two steps, and gone on with as if it had never stopped."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable
from clearprop.base.errors import FileError
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.formats import network_file as files
from clearprop.formats.network_contents import SavedNetwork
from clearprop.training.events import TrainingState


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
    optimizer: Optimizer | str,
    loss: Loss | str,
    **beside: Any,
) -> None:
    """Save a network in the middle of its training, with all that the training needs to go on.

    `beside` is what else `files.save` keeps: batch_size, x, target, classes, start, arrays, notes.
    Raises what `files.save` raises.
    """
    files.save(path, network, state.params, optimizer=optimizer, loss=loss, state=state, **beside)


def load_checkpoint(path: str | Path, *, kinds: Iterable[type[Configurable]] = ()) -> Checkpoint:
    """Read what `save_checkpoint` wrote, or `files.save` with a loss and an optimizer; `kinds` are
    the classes of one's own that stand in it, be they layers, initializers, losses, optimizers or
    schedules.

    Raises what `files.load` raises, and FileError for a file that holds a network and no training.
    """
    checkpoint = checkpoint_in(files.load(path, kinds=kinds))
    if checkpoint is None:
        raise FileError("file_without_training", path=path)
    return checkpoint


def checkpoint_in(saved: SavedNetwork) -> Checkpoint | None:
    """The training in a file that has been read already; None where it holds a network alone."""
    if saved.loss is None or saved.optimizer is None:
        return None
    progress = saved.progress
    state = TrainingState(
        params=saved.params,
        optimizer=progress.memory,
        layers=saved.state,
        step=progress.step,
        seed=progress.seed,
        total=progress.total,
        weight=progress.weight,
    )
    return Checkpoint(
        network=saved.network,
        state=state,
        optimizer=saved.optimizer,
        loss=saved.loss,
        batch_size=progress.batch_size,
        arrays=saved.arrays,
        notes=saved.notes,
    )
