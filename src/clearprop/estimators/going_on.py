"""A training that goes on from another: what stays as it was, and what begins anew.

`fit` with `warm_start` begins a training of its own at the parameters that predict: its optimizer
has no memory yet, and its schedule begins at the first step, as in scikit-learn. `partial_fit` is
one more epoch of one long training: the optimizer's memory goes on, and the rate is constant. Both
keep the networks that there are, their dtype with them.
"""

from dataclasses import replace

import numpy as np

from clearprop.base.errors import ConfigurationError
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.linear import Linear
from clearprop.estimators.learning import History, Learned
from clearprop.estimators.table_recipe import TableRecipe


def require_same_networks(before: Learned, recipe: TableRecipe) -> None:
    """Refuse a recipe for other networks than those that were trained. Raises
    ConfigurationError."""
    networks = len(before.params)
    if networks != recipe.networks:
        raise ConfigurationError("warm_start_networks", before=networks, networks=recipe.networks)
    layers = [node.layer for node in before.network.rest.graph.nodes.values()]
    hidden = tuple(layer.outputs for layer in layers if isinstance(layer, Linear))[:-1]
    if hidden != recipe.hidden:
        raise ConfigurationError("warm_start_hidden", before=hidden, hidden=recipe.hidden)
    between = tuple(layer for layer in layers if isinstance(layer, Activation))
    if recipe.activations is not None and recipe.activation_layers != between:
        raise ConfigurationError(
            "warm_start_activations",
            before=", ".join(map(str, between)),
            activations=", ".join(map(str, recipe.activation_layers)),
        )


def joined(before: Learned, learned: Learned) -> Learned:
    """What was learned, with the epochs of the training before in front of its own."""
    ours, theirs = learned.history, before.history
    history = History(
        np.concatenate([theirs.losses, ours.losses]), np.concatenate([theirs.scores, ours.scores])
    )
    return replace(learned, history=history, epoch=learned.epoch + len(theirs.losses))
