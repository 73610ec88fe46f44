"""What stands in the file of a saved network, and how it is told by named arrays and JSON.

    params             the parameters
    x, target          samples, to explain and examine the network with
    side.NAME          what stands beside x: masks, lengths
    start              the parameters before the first step
    state.PATH/NAME    what the layers changed beside their output: running statistics
    optimizer.NAME     what the optimizer remembers
    total              the loss totals of an epoch that is not over
    extra.NAME         every array that the writer added

The metadata beside them are JSON: `architecture` (the layers and their settings, and which
parameters are tied), `training` (the loss, the optimizer, and where the training stands), `classes`
(what the classes are called, by their ids) and `notes` (whatever else the writer wanted kept).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.configuration import Configurable, decode, encode
from clearprop.base.errors import ConfigurationError
from clearprop.engine.layers.layer import Tree
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer, OptimizerState
from clearprop.kinds.kind_tables import INITIALIZERS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULES

# The version of the format.
VERSION = 2

EXTRA = "extra."
STATE = "state."
SIDE = "side."
MEMORY = "optimizer."
# The paths of layers hold dots and brackets, so the name of an array is set off by a character that
# no path has.
SEPARATOR = "/"


@dataclass(frozen=True, eq=False)
class SavedProgress:
    """Where a training stands between two steps: what `TrainingState` has beside parameters and the
    layers' state, and how large its batches are; None takes all samples in each step."""

    memory: OptimizerState = field(default_factory=OptimizerState)
    step: int = 0
    seed: int = 0
    batch_size: int | None = None
    total: Any = 0.0
    weight: Any = 0.0


@dataclass(frozen=True, eq=False)
class SavedNetwork:
    """What stands in a file: a network, its parameters, and what was kept beside them.

    x, target  samples (N, ...), both or neither
    side_inputs  what the layers need beside x, an entry for every sample: masks, lengths
    loss       what it is trained with; None where nothing is said of it
    optimizer  likewise
    state      the layers' running statistics by their paths, as `network.predict` takes them; empty
               for a network without any, and where an old file lost them
    classes    what the classes are called, by their ids; none where they have no names
    start      the parameters before the first step, of params' shape
    progress   where the training stands
    arrays     whatever else was kept, by name
    notes      likewise, as JSON
    version    of the format that the file was written in
    """

    network: Network
    params: Array
    x: Array | None = None
    target: Array | None = None
    loss: Loss | None = None
    optimizer: Optimizer | None = None
    state: Tree = field(default_factory=lambda: EMPTY)
    classes: tuple[str, ...] = ()
    start: Array | None = None
    progress: SavedProgress = field(default_factory=SavedProgress)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION
    side_inputs: Mapping[str, Array] = field(default_factory=dict)

    def predict(self, x: Array, *, side_inputs: Mapping[str, Array] = EMPTY) -> Array:
        """The network's output at x, with its parameters and running statistics, beside masks and
        lengths. Raises what `Network.predict` raises."""
        state = self.state or None
        return self.network.predict(self.params, x, state=state, side_inputs=side_inputs)


def arrays_of(saved: SavedNetwork) -> dict[str, Array]:
    """Every array of a file by its name."""
    single = {
        "params": saved.params,
        "x": saved.x,
        "target": saved.target,
        "start": saved.start,
    }
    found = {name: array for name, array in single.items() if array is not None}
    for path, own in saved.state.items():
        found |= {f"{STATE}{path}{SEPARATOR}{name}": np.asarray(a) for name, a in own.items()}
    found |= {f"{SIDE}{name}": array for name, array in saved.side_inputs.items()}
    found |= {f"{MEMORY}{name}": slot for name, slot in saved.progress.memory.slots.items()}
    total = np.asarray(saved.progress.total)
    if total.ndim or total:
        found["total"] = total
    return found | {f"{EXTRA}{name}": array for name, array in saved.arrays.items()}


def metadata_of(saved: SavedNetwork) -> dict[str, str]:
    """Everything else of a file, as JSON. Raises ConfigurationError for notes that JSON has no form
    for, ContractError for such a setting."""
    progress = saved.progress
    training = {
        "loss": encode(saved.loss),
        "optimizer": encode(saved.optimizer),
        "optimizer_step": progress.memory.step,
        "step": progress.step,
        "seed": progress.seed,
        "batch_size": progress.batch_size,
        "weight": np.asarray(progress.weight).tolist(),
    }
    network = saved.network
    return {
        "architecture": json.dumps({"layer": encode(network.layer), "tied": dict(network.tied)}),
        "training": json.dumps(training),
        "classes": json.dumps(list(saved.classes)),
        "notes": _notes_json(saved.notes),
    }


def contents_of(
    metadata: Mapping[str, str], arrays: Mapping[str, Array], kinds: Iterable[type[Configurable]]
) -> SavedNetwork:
    """The inverse of `metadata_of` and `arrays_of`; `kinds` are the classes of one's own.

    Raises UnknownNameError for a class that is not known, and what Python and the engine raise for
    contents that nobody has written with these.
    """
    own = {kind.type_name: kind for kind in kinds}
    made_of = json.loads(metadata["architecture"])
    layers: dict[str, type[Configurable]] = {**LAYERS, **INITIALIZERS, **own}
    network = Network(decode(made_of["layer"], layers), made_of["tied"])
    training = json.loads(metadata["training"])
    saved = SavedNetwork(
        network=network,
        params=arrays["params"],
        x=arrays.get("x"),
        target=arrays.get("target"),
        loss=_made(training["loss"], Loss, {**LOSSES, **own}),
        optimizer=_made(training["optimizer"], Optimizer, {**OPTIMIZERS, **SCHEDULES, **own}),
        state=_state_of(_under(STATE, arrays)),
        classes=_names(json.loads(metadata["classes"])),
        start=arrays.get("start"),
        progress=_progress(training, arrays),
        arrays=_under(EXTRA, arrays),
        notes=json.loads(metadata["notes"]),
        side_inputs=_under(SIDE, arrays),
    )
    network.named(saved.params)  # refuses parameters that are not this network's
    return saved


def _progress(training: Mapping[str, Any], arrays: Mapping[str, Array]) -> SavedProgress:
    total = arrays.get("total", np.zeros(()))
    weight = training["weight"]
    size = training["batch_size"]
    return SavedProgress(
        memory=OptimizerState(_whole(training, "optimizer_step"), _under(MEMORY, arrays)),
        step=_whole(training, "step"),
        seed=_whole(training, "seed"),
        batch_size=None if size is None else _whole(training, "batch_size"),
        total=total if total.ndim else total.item(),
        # An array in the totals' dtype where it differs between stacked networks.
        weight=np.array(weight, total.dtype) if isinstance(weight, list) else float(weight),
    )


def _made(data: Any, kind: type[Any], known: Mapping[str, type[Configurable]]) -> Any:
    made = decode(data, known)
    if made is not None and not isinstance(made, kind):
        raise TypeError(kind.__name__)
    return made


def _names(data: Any) -> tuple[str, ...]:
    # They are shown in terminals and written into programs.
    if not isinstance(data, list) or not all(_is_name(name) for name in data):
        raise TypeError("classes")
    return tuple(data)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _whole(training: Mapping[str, Any], name: str) -> int:
    value = training[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name}: {value!r}")
    return value


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _state_of(arrays: Mapping[str, Array]) -> Tree:
    state: dict[str, dict[str, Array]] = {}
    for place, array in arrays.items():
        path, _, name = place.rpartition(SEPARATOR)
        state.setdefault(path, {})[name] = array
    return state or EMPTY


def _notes_json(notes: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(notes), allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise ConfigurationError("notes_not_json", problem=problem) from problem
