"""A training on a table's features: members, their held-out rows, and what came of them."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, freeze
from clearprop.base.errors import DataError, ShapeError
from clearprop.base.product_threads import one_product_thread
from clearprop.engine.layers.layer import Tree
from clearprop.engine.losses import Loss
from clearprop.engine.optimizers import Optimizer
from clearprop.estimators.evaluation_log import EvaluationLog
from clearprop.estimators.finding_rate import found_rate
from clearprop.estimators.full_batch import minimize_members
from clearprop.estimators.member_training import best_of, train_members
from clearprop.estimators.members import (
    MemberCourse,
    MemberEpoch,
    Members,
    Metric,
    Rows,
    folds,
    folds_of_groups,
    require_finite,
    rows_of_members,
    share_of_groups,
    share_of_rows,
)
from clearprop.estimators.table_network import TableNetwork, in_dtype, table_network
from clearprop.estimators.table_recipe import TableRecipe
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget
from clearprop.estimators.target_losses import loss_for, metric_of
from clearprop.training import DivergenceEvent, DivergenceWarning, TrainingState
from clearprop.training.penalized import Penalized

# Told of an epoch, and of where the training stands then; True ends it.
Watch = Callable[[MemberEpoch, Members], Any]

# Rows that a prediction takes at once, so that its memory does not grow with the table.
CHUNK = 4096


class History(NamedTuple):
    """A training, epoch by epoch: the losses and the held-out scores (epochs, K)."""

    losses: Array
    scores: Array


class Begun(NamedTuple):
    """Where a training stood that is to end as if it had never stopped: its members after an epoch,
    and the epochs up to there."""

    members: Members
    history: History


@dataclass(frozen=True, eq=False)
class Learned:
    """Trained networks for a table's features.

    params   (K, P), each network's of its own best epoch
    layers   what the layers changed (running statistics), of the last step
    epoch    (K,) which epoch each one's parameters are of
    state    the last state, to go on from; None where the optimizer takes no steps
    parts    the training's rows that each network held out, K of them, empty where none were
    average  (F,) the mean of the features that were learned from
    rate     where the learning rate began; None of an optimizer of one's own
    """

    network: TableNetwork
    target: TableTarget
    loss: Loss
    params: Array
    layers: Tree
    epoch: Array
    history: History
    state: TrainingState | None
    parts: tuple[Array, ...]
    average: Array
    rate: float | None = None

    def members(self, features: Array) -> Array:
        """What every network says of features (N, F): numbers or probabilities (K, N, D).

        Raises DataError where that is no finite number.
        """
        parts = []
        for first in range(0, max(len(features), 1), CHUNK):
            # What overflows is told in a sentence.
            with np.errstate(over="ignore", invalid="ignore"):
                outputs = self.outputs(features[first : first + CHUNK])
            require_finite(outputs, axis=1, first=first)
            parts.append(self.target.decode(outputs))
        return np.concatenate(parts, axis=1)

    def outputs(self, features: Array) -> Array:
        """The networks' outputs (K, N, D) as they are: standardised numbers, or logits."""
        x = self.network.encode(in_dtype(features, self.params.dtype))
        with one_product_thread(self.network.operations(len(x))):
            return self.network.rest.predict(self.params, x, state=self.layers)

    def mean(self, features: Array) -> Array:
        """The average of what the networks say (N, D)."""
        average: Array = self.members(features).mean(axis=0)
        return average

    def owners(self) -> list[tuple[Array, int | None]]:
        """The parts that were held out, each row in one of them, and the network that never saw
        it: None where that is so of all networks."""
        if not self.parts or not len(self.parts[0]):
            return []
        if all(part is self.parts[0] for part in self.parts):
            return [(self.parts[0], None)]
        # With more networks than folds, the first of them.
        found: dict[bytes, tuple[Array, int | None]] = {}
        for member, part in enumerate(self.parts):
            found.setdefault(part.tobytes(), (part, member))
        return list(found.values())


def learn(
    features: Array,
    bends: Array,
    target: TableTarget,
    values: Any,
    weight: Array,
    recipe: TableRecipe,
    *,
    held_out: tuple[Array, Any, Array] | None = None,
    metric: Metric | None = None,
    watch: Watch | None = None,
    before: Learned | None = None,
    begun: Begun | None = None,
    start: Array | None = None,
    groups: Array | None = None,
    log: EvaluationLog | None = None,
) -> Learned:
    """Train the networks that a recipe asks for.

    features  (N, F) in float64, scaled as a Preparation does
    bends     which features have many values, (F,) booleans
    values    what the target encodes: numbers (N, D), classes (N,) or labels (N, D)
    weight    (N,) how much each row counts
    held_out  features, values and weight of rows to be judged on, in place of folds
    metric    what a network is judged by on held-out rows, less is better; None takes the loss
    watch     told of every epoch; True ends the training
    before    a training to go on from, with the memory of its last state, or where it has none at
              the parameters that predict; its dtype is the dtype
    begun     where this training stood, with the same of everything else; what comes of it is that
              of one that never stopped, to the bit
    start     the parameters to begin with, (P,) or (K, P); by default the network's own start
    groups    (N,) rows of equal values are held out together
    log       of a solver that takes no steps: what it was answered, to go on from

    Raises ConfigurationError for settings that do not go together, DataError for a training that
    diverged; where every network has been good before, it ends with those and a warning.
    """
    recipe = recipe.for_rows(len(features), numbers=isinstance(target, NumberTarget))
    if before is not None:
        recipe = replace(recipe, dtype=before.params.dtype.name)
    recipe = recipe.for_weights(weight)
    dtype = np.dtype(recipe.dtype)
    loss = recipe.loss or loss_for(target)
    network = (
        before.network
        if before is not None
        else network_for(features, bends, weight, target, recipe)
    )
    x = network.encode(in_dtype(features, dtype))
    rows = Rows(x, target.encode(values, dtype), weight.astype(dtype))
    starts = starts_of(network, recipe, before, start)
    average = np.average(features, axis=0, weights=weight)
    if held_out is not None:
        recipe = replace(recipe, validation="none")
    parts = _parts(rows, target, recipe, groups)
    judged: list[Rows] | None = None
    if held_out is not None:
        judged = [rows_of(network, target, held_out, dtype)] * recipe.networks
    elif len(parts[0]):
        judged = [rows.take(part) for part in parts]
    if recipe.optimizer == "lbfgs":
        with one_product_thread(network.operations(len(rows.x))):
            params, epoch, losses = minimize_members(
                network.rest, starts, rows, parts, loss, recipe, weight_spans(network), log
            )
        history = History(losses, np.full_like(losses, np.nan))
        return Learned(
            network, target, loss, params, EMPTY, epoch, history, None, tuple(parts), average
        )
    batch_size, epochs = recipe.batches(len(features) - len(parts[0]))
    rows = rows_of_members(rows, parts, batch_size, recipe.seed)
    operations = network.operations(batch_size)
    if recipe.learning_rate is None and isinstance(recipe.optimizer, str):
        with one_product_thread(operations):
            rate = found_rate(network.rest, starts, rows, loss, recipe, batch_size)
        recipe = replace(recipe, learning_rate=rate)
    course = member_course(
        recipe,
        network,
        loss,
        epochs=epochs,
        per_epoch=-(-rows.weight.shape[-1] // batch_size),
        batch_size=batch_size,
        state=None if before is None else before.state,
        begun=begun,
    )
    trained = train_members(network.rest, starts, rows, judged, course, metric or metric_of(loss))
    with one_product_thread(operations):
        found, history = gathered(trained, watch, begun)
    return learned_of(
        network,
        target,
        loss,
        recipe,
        found,
        history,
        parts=tuple(parts),
        average=average,
        is_judged=judged is not None,
    )


def learned_of(
    network: TableNetwork,
    target: TableTarget,
    loss: Loss,
    recipe: TableRecipe,
    found: Members,
    history: History,
    *,
    parts: tuple[Array, ...],
    average: Array,
    is_judged: bool,
) -> Learned:
    """What came of members that were trained; `is_judged` says whether any rows were held out.

    Raises DataError where nothing good came, and warns of a divergence where something did.
    """
    good = found.score if is_judged else np.append(history.losses[-1], found.state.params.sum())
    if not np.isfinite(good).all():
        if found.divergence is None:
            raise DataError("scores_not_finite")
        raise DataError("training_diverged", problem=found.divergence)
    if found.divergence is not None:
        warnings.warn(DivergenceWarning(found.divergence), stacklevel=3)
    return Learned(
        network=network,
        target=target,
        loss=loss,
        params=freeze(found.params) if is_judged else found.state.params,
        layers=found.state.layers,
        epoch=found.epoch if is_judged else np.full(len(found.params), len(history.losses) - 1),
        history=history,
        state=found.state,
        parts=parts,
        average=average,
        rate=recipe.learning_rate if isinstance(recipe.optimizer, str) else None,
    )


def gathered(
    epochs: Iterator[MemberEpoch | DivergenceEvent], watch: Watch | None, begun: Begun | None
) -> tuple[Members, History]:
    """The members at their best, and all epochs, with those before an interruption."""
    losses = [] if begun is None else list(begun.history.losses)
    scores = [] if begun is None else list(begun.history.scores)

    def tell(one: MemberEpoch, kept: Members) -> bool:
        losses.append(one.losses)
        scores.append(one.scores)
        return watch is not None and watch(one, kept) is True

    found = best_of(epochs, tell, None if begun is None else begun.members)
    return found, History(np.array(losses), np.array(scores))


def network_for(
    features: Array, bends: Array, weight: Array, target: TableTarget, recipe: TableRecipe
) -> TableNetwork:
    """The network that a recipe asks for, for features (N, F) that its bins are taken from."""
    return table_network(
        features,
        bends,
        target.outputs,
        weight=weight,
        form=recipe.form,
        hidden=recipe.hidden,
        activations=recipe.activation_layers,
        dropout=recipe.dropout,
        weights=recipe.weights,
    )


def starts_of(
    network: TableNetwork, recipe: TableRecipe, before: Learned | None, start: Array | None
) -> Array:
    """The parameters (K, P) that a training begins with. Raises ShapeError."""
    if before is not None:
        return before.params if before.state is None else before.state.params
    if start is not None:
        shape = (recipe.networks, network.rest.size)
        if start.shape not in (shape, shape[1:]):
            raise ShapeError("start_shape", came=start.shape, networks=shape[0], size=shape[1])
        return freeze(np.broadcast_to(start, shape).astype(recipe.dtype))
    seeds = [recipe.seed * 1000 + member for member in range(recipe.networks)]
    return np.stack([network.rest.initialize(seed, dtype=recipe.dtype) for seed in seeds])


def _parts(
    rows: Rows, target: TableTarget, recipe: TableRecipe, groups: Array | None
) -> list[Array]:
    """The rows that each member holds out; as many for each, unless whole groups are."""
    count, members = len(rows.x), recipe.networks
    if recipe.validation == "none":
        return [np.zeros(0, int)] * members
    classes = rows.target.reshape(-1) if isinstance(target, ClassTarget) else None
    if recipe.validation == "share":
        if groups is not None:
            return [share_of_groups(groups, recipe.share, recipe.seed)] * members
        return [share_of_rows(count, recipe.share, recipe.seed, classes)] * members
    most = min(max(members, 2), count)
    if groups is not None:
        parts = folds_of_groups(groups, most, recipe.seed)
    else:
        parts = folds(count, most, recipe.seed, classes)
    return [parts[member % len(parts)] for member in range(members)]


def rows_of(
    network: TableNetwork,
    target: TableTarget,
    held_out: tuple[Array, Any, Array],
    dtype: "np.dtype[Any]",
) -> Rows:
    """Features, values and weight as `network.rest` takes them."""
    features, values, weight = held_out
    return Rows(
        network.encode(in_dtype(features, dtype)),
        target.encode(values, dtype),
        weight.astype(dtype),
    )


def member_course(
    recipe: TableRecipe,
    network: TableNetwork,
    loss: Loss,
    *,
    epochs: int,
    per_epoch: int,
    batch_size: int,
    state: TrainingState | None = None,
    begun: Begun | None = None,
) -> MemberCourse:
    """How a recipe's members are trained, with so many steps in an epoch."""
    optimizer = recipe.optimizer_for(epochs * per_epoch)
    return MemberCourse(
        loss=loss,
        optimizer=_penalized(optimizer, network, recipe, batch_size),
        epochs=epochs,
        batch_size=batch_size,
        seed=recipe.seed,
        patience=recipe.patience,
        least=recipe.tolerance,
        engine=recipe.engine,
        state=state,
        begun=None if begun is None else begun.members,
        falling=recipe.falling_rate(per_epoch * batch_size),
    )


def _penalized(
    optimizer: Optimizer, network: TableNetwork, recipe: TableRecipe, batch_size: int
) -> Optimizer:
    """With the L2 term of the weights: ½ λ ‖W‖² / (rows of a batch), as scikit-learn adds it."""
    if not recipe.l2:
        return optimizer
    return Penalized(optimizer, recipe.l2 / batch_size, weight_spans(network))


def weight_spans(network: TableNetwork) -> tuple[tuple[int, int], ...]:
    """Where the weights of the Linear layers stand in the flat array: (first, end) of each."""
    layers = network.rest.graph.nodes
    return tuple(
        (slot.start, slot.stop)
        for node in layers.values()
        for name, slot in node.parameters.items()
        if name == "weight" and "bias" in node.layer.parameters()
    )
