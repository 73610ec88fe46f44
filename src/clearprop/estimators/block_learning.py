"""A training on rows that are too many for memory: from a file of them, in shuffled blocks.

The file holds every row as the network takes it, so that an epoch only reads. It is cut into
pieces; an epoch draws the pieces in an order of its own, some of them make a block, and within a
block the rows are shuffled. Every network sees the same batches and starts elsewhere; the held-out
rows are the same for all, and stand in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.opening import read_or_refused
from clearprop.base.product_threads import one_product_thread
from clearprop.estimators.finding_rate import found_rate
from clearprop.estimators.learning import (
    Begun,
    Learned,
    Watch,
    gathered,
    learned_of,
    loss_for,
    member_course,
    metric_of,
    rows_of,
    starts_of,
)
from clearprop.estimators.member_training import (
    TrainedEpoch,
    first_state,
    judged_epochs,
    trained_epochs,
)
from clearprop.estimators.members import MemberCourse, Metric, Rows
from clearprop.estimators.table_network import TableNetwork
from clearprop.estimators.table_recipe import TableRecipe
from clearprop.estimators.table_targets import ClassTarget, TableTarget
from clearprop.training import DivergenceEvent, train

# So many pieces make a block: rows that stand together in the file are apart in an epoch.
PIECES = 16


@dataclass(frozen=True, eq=False)
class RowFile:
    """A file of rows: features, target and weight of each, one behind another, of one dtype.

    features, targets  how many numbers a row has of each
    piece              how many rows are read at once
    """

    path: Path
    rows: int
    features: int
    targets: int
    dtype: str
    piece: int

    @property
    def width(self) -> int:
        """The numbers of a row."""
        return self.features + self.targets + 1

    @property
    def pieces(self) -> int:
        """How many pieces there are; the last may be shorter."""
        return -(-self.rows // self.piece)

    def read(self, pieces: Array) -> tuple[Array, Array, Array]:
        """Features, targets and weights of the rows of some pieces. Raises FileError."""
        row_bytes = self.width * np.dtype(self.dtype).itemsize
        found = []
        with read_or_refused(self.path), self.path.open("rb") as stream:
            for piece in pieces.tolist():
                first = piece * self.piece
                stream.seek(first * row_bytes)
                count = min(self.piece, self.rows - first)
                numbers = np.frombuffer(stream.read(count * row_bytes), self.dtype)
                found.append(numbers.reshape(count, self.width))
        rows = np.concatenate(found)
        return rows[:, : self.features], rows[:, self.features : -1], rows[:, -1]


class RowSource(Protocol):
    """Rows to learn from, wherever they are."""

    @property
    def rows(self) -> int:
        """How many there are."""

    def steps(self, batch_size: int) -> int:
        """How many steps an epoch has."""

    def first(self) -> Rows:
        """Some rows, to try a learning rate on."""

    def epochs(
        self, starts: Array, course: MemberCourse
    ) -> Iterator[TrainedEpoch | DivergenceEvent]:
        """The epochs of a training that begins with these parameters (K, P)."""


@dataclass(frozen=True, eq=False)
class FileRows:
    """The rows of a file, for a network and a target."""

    file: RowFile
    network: TableNetwork
    target: TableTarget

    @property
    def rows(self) -> int:
        return self.file.rows

    def steps(self, batch_size: int) -> int:
        blocks = -(-self.file.pieces // PIECES)
        return blocks * -(-min(self.file.piece * PIECES, self.rows) // batch_size)

    def first(self) -> Rows:
        return self._of(np.arange(min(PIECES, self.file.pieces)))

    def epochs(
        self, starts: Array, course: MemberCourse
    ) -> Iterator[TrainedEpoch | DivergenceEvent]:
        pieces, rest = self.file.pieces, self.network.rest
        state = first_state(rest, starts, course)
        first = 0 if course.begun is None else int(course.begun.state.step)
        for epoch in range(first, course.epochs):
            order = keyed_generator(course.seed, epoch, "pieces").permutation(pieces)
            losses, weights = np.zeros(len(starts)), 0.0
            engine = course.engine
            for block in range(-(-pieces // PIECES)):
                rows = self._of(order[block * PIECES : (block + 1) * PIECES])
                # Each block is a training of one epoch, from where the one before it ended, with a
                # key of its own for what it draws.
                drawn = keyed_generator(course.seed, epoch, f"block{block}").integers(2**31)
                events = train(
                    rest,
                    state._replace(step=0, seed=int(drawn)),
                    rows.x,
                    rows.target,
                    loss=course.loss,
                    optimizer=course.optimizer,
                    epochs=1,
                    batch_size=min(course.batch_size, len(rows.x)),
                    sample_weight=rows.weight,
                    engine=course.engine,
                    by="epoch",
                )
                for one in trained_epochs(events):
                    if isinstance(one, DivergenceEvent):
                        yield one._replace(epoch=epoch)
                        return
                    weight = float(rows.weight.sum())
                    losses, weights = losses + one.losses * weight, weights + weight
                    state, engine = one.state, one.engine
            # Between epochs the state counts these: what is drawn has keys of its own.
            state = state._replace(step=epoch + 1, seed=course.seed, total=0.0, weight=0.0)
            yield TrainedEpoch(epoch, losses / weights, state, engine)

    def _of(self, pieces: Array) -> Rows:
        features, targets, weight = self.file.read(pieces)
        return Rows(self.network.encode(features), ids_or_numbers(self.target, targets), weight)


def ids_or_numbers(target: TableTarget, encoded: Array) -> Array:
    """Targets (N, D) as the loss takes them: of classes their ids (N,)."""
    if isinstance(target, ClassTarget) and not target.single:
        return encoded[:, 0].astype(np.int64)
    return encoded


def learn_rows(
    source: RowSource,
    network: TableNetwork,
    target: TableTarget,
    recipe: TableRecipe,
    *,
    held_out: tuple[Array, Any, Array] | None,
    average: Array,
    metric: Metric | None = None,
    watch: Watch | None = None,
    begun: Begun | None = None,
) -> Learned:
    """Train the networks that a recipe asks for on the rows of a source; the arguments are those of
    `learn`. Without held-out rows the last epoch counts."""
    loss = recipe.loss or loss_for(target)
    starts = starts_of(network, recipe, None, None)
    size = min(recipe.batch_size, source.rows)
    operations = network.operations(size)
    if recipe.learning_rate is None and isinstance(recipe.optimizer, str):
        rows = source.first()
        with one_product_thread(operations):
            rate = found_rate(network.rest, starts, rows, loss, recipe, min(size, len(rows.x)))
        recipe = replace(recipe, learning_rate=rate)
    course = member_course(
        recipe,
        network,
        loss,
        epochs=recipe.batches(source.rows)[1],
        per_epoch=source.steps(size),
        batch_size=size,
        begun=begun,
    )
    judged = None
    if held_out is not None:
        judged = [rows_of(network, target, held_out, np.dtype(recipe.dtype))] * recipe.networks
    epochs = judged_epochs(
        source.epochs(starts, course),
        network.rest,
        len(starts),
        judged,
        course,
        metric or metric_of(loss),
    )
    with one_product_thread(operations):
        found, history = gathered(epochs, watch, begun)
    return learned_of(
        network,
        target,
        loss,
        recipe,
        found,
        history,
        parts=(),
        average=average,
        is_judged=judged is not None,
    )
