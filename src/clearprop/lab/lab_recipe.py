"""What a person builds: layers, loss, optimizer, batch, start, seed and data, as plain JSON that
fits into a link, and the problem that is made of it.

    {"layers": [{"kind": "Linear", "units": 10}, {"kind": "ReLU"}, {"kind": "Linear", "units": 1}],
     "loss": {"kind": "MSE"}, "optimizer": {"kind": "SGD", "learning_rate": 0.01},
     "batch": null, "start": {"kind": "tutorial"}, "seed": 0, "data": {"name": "line"}}

Only the classes of our own tables are made, and nothing of a recipe is ever run.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Shape, freeze
from clearprop.base.errors import ClearpropError, ConfigurationError, UnknownNameError
from clearprop.engine.combinators import Sequential
from clearprop.engine.initializers import Initializer
from clearprop.engine.layers.layer import Layer
from clearprop.engine.losses import CrossEntropy, Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.kinds.kind_tables import INITIALIZERS, LOSSES, OPTIMIZERS
from clearprop.lab.building_blocks import BLOCKS, LIMITS, STARTS, block_settings
from clearprop.lab.data_sets import DATA_SETS, LabData, data_set
from clearprop.lab.presets import PRESETS
from clearprop.teaching.experiments.worked_example import WEIGHTS
from clearprop.training.arguments import data_of
from clearprop.training.course import Course, course_of
from clearprop.training.events import TrainingState
from clearprop.training.loop import start

# A run has no end of its own.
ENDLESS = 10**12
PARTS = ("layers", "loss", "optimizer", "batch", "start", "seed", "data")
# The preset whose layers and optimizer a table begins with.
FOR_TABLES = "sine"
# A recipe is a part of a link.
LONGEST_LINK = 100_000


@dataclass(frozen=True, eq=False)
class Problem:
    """A training that can begin: what is trained on what, by which rule, and from where.

    recipe  what it was made of
    data    the samples as they are shown; `target` is what the loss takes of them
    first   the state before the first step
    """

    recipe: Mapping[str, Any]
    network: Network
    data: LabData
    target: Array
    loss: Loss
    optimizer: Optimizer
    batch: int | None
    first: TrainingState

    @property
    def course(self) -> Course:
        """The course that its steps take."""
        data = data_of(self.network, self.first.params, self.data.x, self.target, None, ())
        return course_of(
            self.network, self.first, data, self.loss, self.optimizer, ENDLESS, self.batch
        )


def settled(given: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe with all its parts: those of its preset, or of the first one, where it has none.

    Raises ConfigurationError for a part that does not exist or is of another form.
    """
    known = (*PARTS, "preset")
    for name in given:
        if name not in known:
            raise ConfigurationError("lab_recipe_part", name=str(name)[:40], known=", ".join(known))
    preset = given.get("preset", next(iter(PRESETS)))
    if not isinstance(preset, str) or preset not in PRESETS:
        raise UnknownNameError("lab_preset", name=str(preset)[:40], known=", ".join(PRESETS))
    return {**PRESETS[preset], **{name: given[name] for name in PARTS if name in given}}


def problem_of(recipe: Mapping[str, Any], own_data: LabData | None = None) -> Problem:
    """The problem of a recipe; `own_data` is the person's own table where the recipe names it.

    Raises the errors of what it is made of, and ConfigurationError for what is too large to be
    looked at.
    """
    recipe = settled(recipe)
    data = _data(recipe["data"], own_data)
    loss = _made(recipe["loss"], LOSSES, "loss")
    target, outputs = _target_for(loss, data)
    recipe["layers"] = _ending_in(recipe["layers"], outputs)
    network = _network(recipe["layers"], data.x.shape[1:], outputs)
    optimizer = _made(recipe["optimizer"], OPTIMIZERS, "optimizer")
    seed = _whole("seed", recipe["seed"], 0)
    params = _start(network, recipe["start"], seed)
    batch = None if recipe["batch"] is None else _whole("batch", recipe["batch"], 1)
    if batch is not None and batch >= len(data.x):
        batch = None
    first = start(network, params, optimizer, seed=seed)
    problem = Problem(recipe, network, data, target, loss, optimizer, batch, first)
    _ = problem.course  # refuses what does not go together
    output = network.predict(params, data.x[:2], state=first.layers or None)
    loss.evaluate(output, target[:2])
    return problem


def changed(problem: Problem, changes: Mapping[str, Any], at: TrainingState) -> Problem:
    """The problem as it goes on from the state `at` with some things changed.

    changes  learning_rate, optimizer, batch and seed, as in a recipe; values: {address: number}

    Raises ConfigurationError for what cannot be changed in a run.
    """
    known = ("learning_rate", "optimizer", "batch", "seed", "values")
    for name in changes:
        if name not in known:
            raise ConfigurationError("lab_change", name=str(name)[:40], known=", ".join(known))
    recipe = dict(problem.recipe)
    for name in ("optimizer", "batch", "seed"):
        if name in changes:
            recipe[name] = changes[name]
    if "learning_rate" in changes:
        if not isinstance(recipe["optimizer"], Mapping):
            raise ConfigurationError("lab_recipe_form", part="optimizer")
        recipe["optimizer"] = {**recipe["optimizer"], "learning_rate": changes["learning_rate"]}
    optimizer = _made(recipe["optimizer"], OPTIMIZERS, "optimizer")
    batch = None if recipe["batch"] is None else _whole("batch", recipe["batch"], 1)
    if batch is not None and batch >= len(problem.data.x):
        batch = None
    # Another rule cannot go on with what this one remembers: it begins anew.
    keeps = type(optimizer) is type(problem.optimizer)
    first = at._replace(
        optimizer=at.optimizer if keeps else optimizer.start(at.params),
        seed=_whole("seed", recipe["seed"], 0),
    )
    return replace(problem, recipe=recipe, optimizer=optimizer, batch=batch, first=first)


def fitting(recipe: Mapping[str, Any], data: LabData) -> dict[str, Any]:
    """The recipe for other data: with a loss that goes with its target, and a start that does not
    belong to the data before; for samples with other axes the layers of a preset that takes them.
    Raises ConfigurationError for a network that no recipe says."""
    recipe = settled(recipe)
    if recipe["layers"] is None:
        raise ConfigurationError("lab_link_of_file")
    before = str(recipe["data"].get("name")) if isinstance(recipe["data"], Mapping) else ""
    axes = data_set(before).x.ndim if before in DATA_SETS else data.x.ndim
    if axes != data.x.ndim:
        named = [name for name, one in PRESETS.items() if one["data"]["name"] == data.name]
        recipe = {**PRESETS[(*named, FOR_TABLES)[0]], "seed": recipe["seed"]}
    made = {**recipe, "data": {"name": data.name}}
    loss = _kind(recipe["loss"], "loss")
    if data.classes and loss not in ("CrossEntropy", "BinaryCrossEntropy"):
        made["loss"] = {"kind": "CrossEntropy"}
    if loss == "BinaryCrossEntropy" and not 0 <= data.target.min() <= data.target.max() <= 1:
        made["loss"] = {"kind": "CrossEntropy" if data.classes else "MSE"}
    if not data.classes and loss == "CrossEntropy":
        made["loss"] = {"kind": "MSE"}
    if _kind(recipe["start"], "start") == "worked_example":
        made["start"] = {"kind": "own"}
    return made


def encoded_link(recipe: Mapping[str, Any]) -> str:
    """The part of a link behind `#r=`: the recipe as JSON in base64url."""
    content = json.dumps(recipe, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(content.encode()).decode("ascii").rstrip("=")


def decoded_link(text: str) -> dict[str, Any]:
    """The recipe of a link. Raises ConfigurationError for what is none."""
    try:
        if len(text) > LONGEST_LINK:
            raise ValueError
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError) as problem:
        raise ConfigurationError("lab_link") from problem
    if not isinstance(found, dict):
        raise ConfigurationError("lab_link")
    return found


def _data(given: Any, own_data: LabData | None) -> LabData:
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise ConfigurationError("lab_recipe_form", part="data")
    if own_data is not None and given["name"] == own_data.name:
        return own_data
    return data_set(given["name"])


def _target_for(loss: Loss, data: LabData) -> tuple[Array, int]:
    """The target as the loss takes it, and how many outputs the network has: classes go as ids into
    a CrossEntropy, and as 0 and 1 into any other loss."""
    if not data.classes:
        if isinstance(loss, CrossEntropy):
            raise ConfigurationError("lab_loss_needs_classes", loss=type(loss).__name__)
        return data.target, data.target.shape[-1]
    if isinstance(loss, CrossEntropy):
        return data.target, len(data.classes)
    if len(data.classes) == 2:
        return freeze(data.target[..., None].astype(np.float64)), 1
    return freeze(np.eye(len(data.classes))[data.target]), len(data.classes)


def _ending_in(given: Any, outputs: int) -> list[dict[str, Any]]:
    """The layers with a last Linear one that gives what the target has, whatever it said."""
    if not isinstance(given, list) or not given:
        raise ConfigurationError("lab_recipe_form", part="layers")
    linears = [k for k, one in enumerate(given) if _kind(one, "layers") == "Linear"]
    layers = [dict(one) for one in given]
    if linears:
        layers[linears[-1]]["units"] = outputs
    return layers


def _network(given: list[dict[str, Any]], shape: Shape, outputs: int) -> Network:
    if len(given) > LIMITS["layers"]:
        raise ConfigurationError("lab_too_many_layers", most=LIMITS["layers"])
    layers: list[Layer] = []
    for one in given:
        layer = _block(dict(one), shape)
        # Every axis of the samples is known, and so is what a layer makes of them.
        shape = layer.output_shape(shape) or shape
        layers.append(layer)
    if shape[-1] != outputs:
        raise ConfigurationError("lab_outputs", came=shape[-1], expected=outputs)
    network = Network(Sequential(*layers))
    require_looked_at(network)
    return network


def require_looked_at(network: Network) -> None:
    """Refuse a network that is too large for anybody to look at its numbers one by one. Raises
    ConfigurationError."""
    if network.size > LIMITS["parameters"]:
        raise ConfigurationError(
            "lab_too_large", came=f"{network.size:,}", most=f"{LIMITS['parameters']:,}"
        )


def _block(settings: dict[str, Any], shape: Shape) -> Layer:
    kind = settings.pop("kind")
    if kind not in BLOCKS:
        raise UnknownNameError("lab_kind", part="layers", name=kind[:40], known=", ".join(BLOCKS))
    return BLOCKS[kind].make(block_settings(kind, settings), shape)


def _kind(given: Any, part: str) -> str:
    if not isinstance(given, Mapping) or not isinstance(given.get("kind"), str):
        raise ConfigurationError("lab_recipe_form", part=part)
    return str(given["kind"])


def _made(given: Any, known: Mapping[str, Any], part: str) -> Any:
    """A loss, an optimizer or an initializer of its settings."""
    kind = _kind(given, part)
    if kind not in known:
        raise UnknownNameError("lab_kind", part=part, name=kind[:40], known=", ".join(known))
    settings = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
        if name != "kind"
    }
    try:
        return known[kind].from_settings(settings)
    except ClearpropError:
        raise
    except (TypeError, ValueError, AttributeError) as problem:
        raise ConfigurationError("lab_recipe_form", part=part) from problem


def _start(network: Network, given: Any, seed: int) -> Array:
    kind = _kind(given, "start")
    if kind not in STARTS:
        raise UnknownNameError("lab_kind", part="start", name=kind[:40], known=", ".join(STARTS))
    if kind == "own":
        return network.initialize(seed)
    if kind == "tutorial":
        # As the tutorial draws them: all in one, in the order of the flat array.
        return np.random.RandomState(seed % 2**32).rand(network.size)
    if kind == "worked_example":
        shapes = {path: slot.shape for path, slot in network.layout.slots.items()}
        if shapes != {path: values.shape for path, values in WEIGHTS.items()}:
            raise ConfigurationError("lab_start_of_another")
        return network.replace(np.zeros(network.size), WEIGHTS)
    made: Initializer = _made(given, INITIALIZERS, "start")
    return network.initialize(seed, initializer=made)


def _whole(part: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError("lab_whole", part=part, least=least, value=str(value)[:40])
    return value
