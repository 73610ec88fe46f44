"""The rows that a report judges a model on, and what is said of them.

Rows that were held out are the honest ones: every network is asked. With folds each row is asked of
the one network that never learned from it. Without either the rows of the training have to do,
and the report says so.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.estimators.learning import Learned
from clearprop.estimators.table_targets import ClassTarget
from clearprop.runs.run_data import RunData

Judging: TypeAlias = Literal["held_out", "folds", "training"]

# Of more rows than this a report takes a sample, and says so; of many classes of fewer, for every
# class has curves of its own in every resample.
MOST_ROWS, FEWEST_ROWS = 5000, 500
ROWS_AND_CLASSES = 50_000


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """Rows with their truth, and how the networks are asked about them.

    judging   which rows they are
    data      the rows as the run took them
    features  (N, F), what the networks are given
    truth     numbers (N, D), ids of classes (N,) or labels of 0 and 1 (N, D)
    weight    (N,) how much each row counts
    owner     (N,) the network that is asked about each row; None asks all of them
    total     how many rows there are, of which these may be a sample
    unseen    how many rows were left out because their class was not in the training
    """

    judging: Judging
    data: RunData
    features: Array
    truth: Array
    weight: Array
    learned: Learned
    owner: Array | None
    total: int
    unseen: int = 0

    def __len__(self) -> int:
        return len(self.features)

    def predict(self, features: Array) -> Array:
        """What is said of features (N, F) that stand for these rows, in their order: numbers or
        probabilities (N, D)."""
        if self.owner is None:
            return self.learned.mean(features)
        asked = np.unique(self.owner).tolist()
        parts = [np.flatnonzero(self.owner == member) for member in asked]
        told = [
            _alone(self.learned, member).mean(features[part])
            for member, part in zip(asked, parts, strict=True)
        ]
        said = np.concatenate(told)
        said[np.concatenate(parts)] = said.copy()
        return said

    def take(self, rows: Array) -> "JudgedRows":
        """Some of the rows, by their places."""
        return replace(
            self,
            data=self.data.take(rows),
            features=self.features[rows],
            truth=self.truth[rows],
            weight=self.weight[rows],
            owner=None if self.owner is None else self.owner[rows],
        )

    def sample(self, most: int, path: str) -> "JudgedRows":
        """At most so many of them, always the same ones for the same `path`."""
        if len(self) <= most:
            return self
        order = keyed_generator(0, path=path).permutation(len(self))[:most]
        return self.take(np.sort(order))


def judged_rows(model: Any, training: RunData, held_out: RunData | None) -> JudgedRows:
    """The rows to judge a fitted estimator on: those held out, or else its folds, or else those
    that it was trained on."""
    learned: Learned = model.learned_
    owners = learned.owners()
    if held_out is not None:
        found = _judged(learned, held_out, "held_out", None)
    elif len(owners) == 1:
        # All networks held out the same rows, so that each may be asked.
        found = _judged(learned, training.take(owners[0][0]), "held_out", None)
    elif owners:
        rows = np.concatenate([part for part, _ in owners])
        owner = np.concatenate([np.full(len(part), member) for part, member in owners])
        found = _judged(learned, training.take(rows), "folds", owner)
    else:
        found = _judged(learned, training, "training", None)
    classes = len(learned.target.classes) if isinstance(learned.target, ClassTarget) else 1
    most = int(np.clip(ROWS_AND_CLASSES // classes, FEWEST_ROWS, MOST_ROWS))
    found = found.sample(most, "judged")
    return replace(found, features=model.preparation_.matrix(found.data.inputs))


def learned_rows(learned: Learned, training: RunData) -> RunData:
    """The rows of the training that all networks learned from, or some of them."""
    owners = learned.owners()
    if len(owners) != 1:
        return training
    return training.take(np.setdiff1d(np.arange(len(training)), owners[0][0]))


def _judged(learned: Learned, data: RunData, judging: Judging, owner: Array | None) -> JudgedRows:
    """The rows, without those whose class the networks do not know; features are yet to come."""
    truth, known = _truth(learned, data)
    every = JudgedRows(
        judging=judging,
        data=data,
        features=np.zeros((len(data), 0)),
        truth=truth,
        weight=np.ones(len(data)) if data.weight is None else data.weight,
        learned=learned,
        owner=owner,
        total=int(known.sum()),
        unseen=int((~known).sum()),
    )
    return every.take(np.flatnonzero(known))


def _alone(learned: Learned, member: int) -> Learned:
    """One of the networks by itself."""
    layers = {
        path: {name: array[[member]] for name, array in arrays.items()}
        for path, arrays in learned.layers.items()
    }
    return replace(learned, params=learned.params[[member]], layers=layers)


def _truth(learned: Learned, data: RunData) -> tuple[Array, Array]:
    """The truth as metrics take it, and where it is one that the networks know, (N,) booleans."""
    target = learned.target
    if not isinstance(target, ClassTarget):
        return data.truth, np.ones(len(data), bool)
    ids = {name: k for k, name in enumerate(target.classes)}
    found = np.array([ids.get(value, -1) for value in data.truth.tolist()], int)
    return found, found >= 0
