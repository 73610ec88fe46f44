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
from clearprop.data.preparation import NO_WORD, CategoryInput, Input, Preparation, prepare
from clearprop.data.table import Table
from clearprop.estimators.block_learning import PIECES, RowFile, learn_blocks
from clearprop.estimators.estimator_recipe import recipe_of
from clearprop.estimators.learning import Begun, Watch, network_for
from clearprop.estimators.scoring import metric_named
from clearprop.estimators.table_network import TableNetwork
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget


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
    network = network_for(features, preparation.bends, counted, target, recipe)
    class_weight = _class_weights(target, sample, counted)
    file, target = _write(
        model,
        given.blocks,
        path,
        preparation,
        target,
        class_weight,
        recipe.dtype,
        _piece(network, features.shape[1], target, recipe.dtype, memory),
    )
    judged = None
    if given.held_out is not None:
        x = _matrix(preparation, given.held_out)
        judged = x, model._values(given.held_out.truth, len(x), target), given.held_out.weight
    learned = learn_blocks(
        file,
        network,
        target,
        recipe,
        held_out=judged,
        average=np.average(features, axis=0, weights=counted),
        metric=metric_named(model.scoring, target),
        watch=watch,
        begun=begun,
    )
    model.take_over(preparation, learned, sample.inputs.names)
    model._calibrate(features, None, judged)


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


def _piece(
    network: TableNetwork, features: int, target: TableTarget, dtype: str, memory: int
) -> int:
    """The rows of a piece: PIECES of them are a block."""
    encoded = network.encode(np.zeros((1, features), dtype)).shape[1]
    # The rows as they are read, joined, encoded and shuffled.
    row_bytes = (3 * (features + target.outputs + 1) + 2 * encoded) * np.dtype(dtype).itemsize
    return max(16, memory // int(row_bytes) // PIECES)


def _write(
    model: Any,
    blocks: Iterable[BlockOfRows],
    path: Path,
    preparation: Preparation,
    target: TableTarget,
    class_weight: Array | None,
    dtype: str,
    piece: int,
) -> tuple[RowFile, TableTarget]:
    """Write the rows as the network takes them; the target comes back with the range of the
    whole."""
    rows = targets = 0
    low = high = np.zeros(0)
    try:
        with path.open("wb") as stream:
            for block in blocks:
                features = _matrix(preparation, block)
                values = model._values(block.truth, len(features), target)
                encoded = target.encode(values, np.dtype(dtype)).reshape(len(features), -1)
                weight = block.weight
                if class_weight is not None:
                    weight = weight * class_weight[encoded[:, 0].astype(int)]
                numbers = np.column_stack([features, encoded, weight]).astype(dtype)
                if not np.isfinite(numbers).all():
                    raise DataError(
                        "value_overflows", row=_first_overflow(block, numbers), dtype=dtype
                    )
                stream.write(numbers.tobytes())
                if isinstance(target, NumberTarget):
                    low = values.min(axis=0) if not rows else np.minimum(low, values.min(axis=0))
                    high = values.max(axis=0) if not rows else np.maximum(high, values.max(axis=0))
                rows, targets = rows + len(features), encoded.shape[1]
    except OSError as problem:
        raise FileError("file_unwritable", path=path, problem=problem.strerror) from problem
    if isinstance(target, NumberTarget):
        target = replace(target, low=tuple(low.tolist()), high=tuple(high.tolist()))
    return (
        RowFile(path, rows, len(preparation.features), targets, dtype, piece),
        target,
    )


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
