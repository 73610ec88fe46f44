"""K trainings as one with a leading axis, and each of them by itself again."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, freeze
from clearprop.engine.layers.layer import Tree
from clearprop.engine.optimizers import Optimizer, OptimizerState

# What a training is between two steps, beside its counts: parameters, optimizer, layers.
Held = tuple[Array, OptimizerState, Tree]


def separate(held: Held, networks: int) -> list[Held]:
    """The states of K networks, each by itself."""
    params, optimizer, layers = held

    def of(network: int, arrays: Any) -> dict[str, Any]:
        return {name: array[network] for name, array in arrays.items()}

    return [
        (
            params[network],
            OptimizerState(optimizer.step, of(network, optimizer.slots)),
            layers_of(layers, network),
        )
        for network in range(networks)
    ]


def together(held: Sequence[Held]) -> Held:
    """The states of K networks as one, with a leading axis."""
    _, optimizer, _ = held[0]
    slots = {name: np.stack([one[1].slots[name] for one in held]) for name in optimizer.slots}
    states = layers_together([one[2] for one in held])
    return freeze(np.stack([one[0] for one in held])), OptimizerState(optimizer.step, slots), states


def layers_of(layers: Tree, network: int) -> dict[str, dict[str, Array]]:
    """The layers' state of one of K networks."""
    return {
        path: {name: array[network] for name, array in arrays.items()}
        for path, arrays in layers.items()
    }


def layers_together(layers: Sequence[Tree]) -> dict[str, dict[str, Array]]:
    """The layers' states of K networks as one, with a leading axis."""
    return {
        path: {name: np.stack([one[path][name] for one in layers]) for name in arrays}
        for path, arrays in layers[0].items()
    }


def with_settings(optimizer: Optimizer, settings: Mapping[str, float]) -> Optimizer:
    """The optimizer with other numbers; those that it does not know are its inner optimizer's, as
    in `Clipped`. Raises ConfigurationError for a setting that there is not, and for a number that
    cannot be."""
    known = {field.name for field in fields(optimizer)}  # type: ignore[arg-type]
    inner = getattr(optimizer, "optimizer", None)
    rest = {name: value for name, value in settings.items() if name not in known}
    if not rest or not isinstance(inner, Optimizer):
        return replace(optimizer, **settings)  # type: ignore[type-var]
    own: dict[str, Any] = {name: settings[name] for name in settings if name in known}
    return replace(optimizer, **own, optimizer=with_settings(inner, rest))  # type: ignore[type-var]
