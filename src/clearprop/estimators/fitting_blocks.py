"""An estimator fitted to more rows than memory holds, which come in blocks.

What is measured of the columns comes from a sample of rows, and from what only the whole tells:
every word of a category, and whether any value is missing. The rows are then written into a file as
the network takes them, and learned from there (`block_learning`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import DataError, FileError
from clearprop.data.preparation import (
    NO_WORD,
    CategoryInput,
    Input,
    NumberInput,
    Preparation,
    prepare,
)
from clearprop.data.table import Table
from clearprop.estimators.block_learning import (
    PIECES,
    FileRows,
    RowFile,
    RowSource,
    learn_rows,
)
from clearprop.estimators.estimator_recipe import recipe_of
from clearprop.estimators.learning import Begun, Watch, network_for
from clearprop.estimators.scoring import metric_named
from clearprop.estimators.table_network import TableNetwork
from clearprop.estimators.table_recipe import TableRecipe
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget


class Spans(NamedTuple):
    """The least and the greatest numbers of some rows: of the columns of a target, None of classes,
    and of every column of numbers that goes in and has some there."""

    target: tuple[Array, Array] | None
    inputs: Mapping[str, tuple[float, float]]


class BlockOfRows(NamedTuple):
    """Rows of a table: inputs, truth (N,) or (N, D), weight (N,), and where each stands in the
    file, from 0."""

    inputs: Table
    truth: Array
    weight: Array
    rows: Array


class WholeColumn(NamedTuple):
    """What the whole tells of a column: whether any value is missing, and its words."""

    missing: bool
    words: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Streamed:
    """What a fit in blocks is given.

    sample    rows drawn from all, to measure by
    held_out  rows to be judged on, none of which is in `blocks`; None judges on none
    blocks    the rows to learn from
    columns   what the target's columns are called
    classes   all classes, of a classification
    whole     what the whole tells of the inputs
    """

    sample: BlockOfRows
    held_out: BlockOfRows | None
    blocks: Iterable[BlockOfRows]
    columns: Sequence[str]
    classes: Sequence[Any]
    whole: Mapping[str, WholeColumn]


@dataclass(frozen=True, eq=False)
class BegunFit:
    """A fit in blocks of which everything is known but what is learned.

    columns            of the inputs
    features, counted  of the sample: (N, F), and how much each of its rows counts
    class_weight       how much a class counts, by its id; None where all count alike
    judged             features, values and weight of the held-out rows
    """

    model: Any
    columns: tuple[str, ...]
    preparation: Preparation
    target: TableTarget
    network: TableNetwork
    recipe: TableRecipe
    features: Array
    counted: Array
    class_weight: Array | None
    judged: tuple[Array, Any, Array] | None

    def numbers(self, block: BlockOfRows) -> tuple[Array, Array]:
        """Rows as the network takes them, features, target and weight of each behind one another;
        and their values, as the target has them. Raises DataError."""
        features = _matrix(self.preparation, block)
        values = self.model._values(block.truth, len(features), self.target)
        dtype = self.recipe.dtype
        encoded = self.target.encode(values, np.dtype(dtype)).reshape(len(features), -1)
        weight = block.weight
        if self.class_weight is not None:
            weight = weight * self.class_weight[encoded[:, 0].astype(int)]
        numbers = np.column_stack([features, encoded, weight]).astype(dtype)
        if not np.isfinite(numbers).all():
            raise DataError("value_overflows", row=_first_overflow(block, numbers), dtype=dtype)
        return numbers, values

    def learn(
        self,
        source: RowSource,
        watch: Watch | None = None,
        begun: Begun | None = None,
    ) -> None:
        """Learn from the rows, and make the model one that was fitted. Raises what `learn_rows`
        raises."""
        learned = learn_rows(
            source,
            self.network,
            self.target,
            self.recipe,
            held_out=self.judged,
            average=np.average(self.features, axis=0, weights=self.counted),
            metric=metric_named(self.model.scoring, self.target),
            watch=watch,
            begun=begun,
        )
        self.model.take_over(self.preparation, learned, self.columns)
        self.model._calibrate(self.features, None, self.judged)


def begin_fit(model: Any, given: Streamed) -> BegunFit:
    """Measure the columns for a NetworkRegressor or NetworkClassifier, whose random_state is a
    number. Raises what `fit` raises."""
    sample = given.sample
    recipe = recipe_of(model, model.random_state)
    preparation = _whole(
        prepare(sample.inputs, missing=model.missing, scaling=model.scaling, weight=sample.weight),
        given.whole,
    )
    of_target: dict[str, Any] = {"columns": given.columns}
    if given.classes:
        of_target["classes"] = given.classes
    target, _, counted = model._targets(sample.truth, sample.weight, None, **of_target)
    features = preparation.matrix(sample.inputs)
    judged = None
    if given.held_out is not None:
        x = _matrix(preparation, given.held_out)
        judged = x, model._values(given.held_out.truth, len(x), target), given.held_out.weight
    return BegunFit(
        model=model,
        columns=tuple(sample.inputs.names),
        preparation=preparation,
        target=target,
        network=network_for(features, preparation.bends, counted, target, recipe),
        recipe=recipe.for_weights(counted),
        features=features,
        counted=counted,
        class_weight=_class_weights(target, sample, counted),
        judged=judged,
    )


def fit_blocks(
    model: Any,
    given: Streamed,
    path: Path,
    memory: int,
    *,
    watch: Watch | None = None,
    begun: Begun | None = None,
) -> None:
    """Fit a NetworkRegressor or NetworkClassifier, whose random_state is a number.

    path    where the rows are written for as long as they are needed; the file stays
    memory  how many bytes a block may take

    Raises what `fit` raises, and FileError where the rows cannot be written.
    """
    fit = begin_fit(model, given)
    file, spans = _write(fit, given.blocks, path, memory)
    fit = with_spans(fit, spans)
    fit.learn(FileRows(file, fit.network, fit.target), watch, begun)


def _whole(preparation: Preparation, whole: Mapping[str, WholeColumn]) -> Preparation:
    return Preparation(tuple(_whole_input(one, whole[one.column]) for one in preparation.inputs))


def _whole_input(one: Input, whole: WholeColumn) -> Input:
    if isinstance(one, CategoryInput):
        missing = (NO_WORD,) if whole.missing else ()
        return replace(one, words=tuple(sorted({*whole.words, *missing})))
    return one


def _class_weights(target: TableTarget, sample: BlockOfRows, counted: Array) -> Array | None:
    """How much a class counts, by its id; None where all count alike."""
    if not isinstance(target, ClassTarget) or np.array_equal(counted, sample.weight):
        return None
    found = np.ones(len(target.classes))
    ids = target.encode(sample.truth, np.float64).reshape(-1).astype(int)
    found[ids] = counted / sample.weight
    return found


def _piece(fit: BegunFit, memory: int) -> int:
    """The rows of a piece: PIECES of them are a block."""
    features, dtype = fit.features.shape[1], fit.recipe.dtype
    encoded = fit.network.encode(np.zeros((1, features), dtype)).shape[1]
    # The rows as they are read, joined, encoded and shuffled.
    numbers: int = 3 * (features + fit.target.outputs + 1) + 2 * encoded
    return max(16, memory // (numbers * np.dtype(dtype).itemsize) // PIECES)


def _write(
    fit: BegunFit, blocks: Iterable[BlockOfRows], path: Path, memory: int
) -> tuple[RowFile, list[Spans]]:
    """Write the rows as the network takes them, and measure how far their numbers reach."""
    rows = width = 0
    spans: list[Spans] = []
    try:
        with path.open("wb") as stream:
            for block in blocks:
                numbers, values = fit.numbers(block)
                stream.write(numbers.tobytes())
                spans.append(spans_of(fit, block, values))
                rows, width = rows + len(numbers), numbers.shape[1]
    except OSError as problem:
        raise FileError("file_unwritable", path=path, problem=problem.strerror) from problem
    features = len(fit.preparation.features)
    file = RowFile(
        path, rows, features, width - features - 1, fit.recipe.dtype, _piece(fit, memory)
    )
    return file, spans


def spans_of(fit: BegunFit, block: BlockOfRows, values: Any) -> Spans:
    """How far the numbers of a block reach; `values` are its target's."""
    inputs = {}
    for one in fit.preparation.inputs:
        column = block.inputs[one.column]
        if isinstance(one, NumberInput) and column.kind in ("number", "date"):
            known = column.numbers[~column.missing]
            if len(known):
                inputs[one.column] = float(known.min()), float(known.max())
    is_number = isinstance(fit.target, NumberTarget)
    return Spans((values.min(axis=0), values.max(axis=0)) if is_number else None, inputs)


def with_spans(fit: BegunFit, spans: Sequence[Spans]) -> BegunFit:
    """The fit whose target and inputs have the ranges of all of these."""
    if not spans:
        return fit
    target, of_targets = fit.target, [one.target for one in spans if one.target is not None]
    if isinstance(target, NumberTarget) and of_targets:
        low = np.min([low for low, _ in of_targets], axis=0)
        high = np.max([high for _, high in of_targets], axis=0)
        target = replace(target, low=tuple(low.tolist()), high=tuple(high.tolist()))
    inputs: list[Input] = []
    for one in fit.preparation.inputs:
        if isinstance(one, NumberInput):
            found = [each.inputs[one.column] for each in spans if one.column in each.inputs]
            lows, highs = zip((one.low, one.high), *found, strict=True)
            one = replace(one, low=min(lows), high=max(highs))
        inputs.append(one)
    return replace(fit, target=target, preparation=Preparation(tuple(inputs)))


def _first_overflow(block: BlockOfRows, numbers: Array) -> int:
    return int(block.rows[np.argmin(np.isfinite(numbers).all(axis=1))])


def _matrix(preparation: Preparation, block: BlockOfRows) -> Array:
    try:
        return preparation.matrix(block.inputs)
    except DataError as problem:
        row = problem.values.get("row")
        if isinstance(row, int):
            # Counted in the file, and not in its block.
            values = {**problem.values, "row": int(block.rows[row])}
            raise DataError(problem.key, **values) from problem
        raise
