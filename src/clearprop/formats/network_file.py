"""A network saved to one `.safetensors` file with all that it is used with, and loaded again.

The file holds named arrays, and as metadata JSON that says what made them; `network_contents` has
their names, and `checked_file` says what else stands in it. Nothing in a file is ever executed or
unpickled; a class of one's own is handed to `load`, never imported by a name that stands in the
file. A file of an earlier version is read as one of today.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable
from clearprop.base.errors import DamagedFileError, UnknownNameError
from clearprop.base.opening import CONTENTS_REFUSED
from clearprop.engine.layers.layer import Tree
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer, OptimizerState
from clearprop.formats.checked_file import read_checked, write_checked
from clearprop.formats.earlier_versions import from_version_1
from clearprop.formats.network_contents import (
    VERSION,
    SavedNetwork,
    arrays_of,
    contents_of,
    metadata_of,
)
from clearprop.formats.saving import what_is_saved
from clearprop.training.events import TrainingState

FORMAT = "clearprop-network"


def save(
    path: str | Path,
    network: Network,
    params: Array,
    *,
    x: Array | None = None,
    target: Array | None = None,
    loss: Loss | str | None = None,
    optimizer: Optimizer | str | None = None,
    state: Tree | TrainingState | OptimizerState | None = None,
    batch_size: int | None = None,
    classes: Sequence[str] = (),
    start: Array | None = None,
    arrays: Mapping[str, Array] | None = None,
    notes: Mapping[str, Any] | None = None,
    side_inputs: Mapping[str, Array] | None = None,
) -> None:
    """Write a network and its parameters, and beside them what is handed over: all that the
    commands need to explain, draw, walk, examine and write out its training.

    params      (P,), or (K, P) of K networks
    x, target   samples (N, ...) to look at the network with, as training takes them
    loss        what it is trained with; also by its name: "cross_entropy". Without it the mean
                squared error is taken where a loss is needed
    optimizer   likewise; without it nothing is said of updates
    state       what is called so where these parameters come from: a training's (`fit(...).state`),
                which is gone on with as if it had never stopped; what the layers changed, as
                `forward.state`; or what `optimizer.step` returned beside the parameters. A network
                with running statistics cannot go without
    batch_size  of the training; None takes all samples in each step
    classes     what the classes are called, by their ids
    start       params before the first step
    arrays      whatever else should be kept, by name
    notes       likewise, as JSON
    side_inputs what the layers need beside x, an entry for every sample: masks, lengths

    Written beside and renamed: an interruption leaves what stood there before. Raises FileError
    where the path cannot be written; ShapeError, DtypeError, DataError, ContractError or
    ConfigurationError for what cannot be saved, and for samples that the network and the loss
    cannot take.
    """
    saved = what_is_saved(
        network,
        params,
        x=x,
        target=target,
        loss=loss,
        optimizer=optimizer,
        state=state,
        batch_size=batch_size,
        classes=classes,
        start=start,
        arrays=arrays or {},
        notes=notes or {},
        side_inputs=side_inputs or {},
    )
    write_checked(Path(path), FORMAT, VERSION, arrays_of(saved), metadata_of(saved))


def load(path: str | Path, *, kinds: Iterable[type[Configurable]] = ()) -> SavedNetwork:
    """Read a file that `save` wrote; `kinds` are the classes of one's own that stand in it: layers,
    initializers, losses, optimizers and schedules.

    Raises FileError where the file is missing or cannot be read, ForeignFileError for another
    program's file, DamagedFileError for one that is truncated or altered, NewerFileError for one
    of a newer version, UnknownNameError for a class that is not known.
    """
    path = Path(path)
    metadata, arrays = read_checked(path, FORMAT, VERSION, needed="params")
    version = metadata.get("version", "")
    try:
        if version == "1":
            metadata, arrays = from_version_1(metadata, arrays)
        return replace(contents_of(metadata, arrays, kinds), version=int(version))
    except UnknownNameError:
        raise
    # The checksum is right, so somebody made it so.
    except CONTENTS_REFUSED as problem:
        raise DamagedFileError("file_damaged", path=path, problem=problem) from problem
