"""Lower a training to tables of numbers: what the kernels read."""

import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import DTYPES, Array, Shape, require_count
from clearprop.base.errors import ShapeError
from clearprop.compiled.arranging import Wire
from clearprop.compiled.column_places import has_columns, place_columns
from clearprop.compiled.lowering import (
    LoweredGraph,
    LoweredLoss,
    Refusal,
    lower_graph,
    lower_loss,
    lower_optimizer,
)
from clearprop.compiled.placing import Arena, Placed, panel_of
from clearprop.compiled.row_places import place_rows
from clearprop.compiled.tables import (
    BLOCK,
    LOSS,
    MOST_THREADS,
    NONE,
    OPTIMIZER,
    OperationKind,
    OptimizerKind,
)
from clearprop.engine.graph import INPUT
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.engine.schedules import Rate
from clearprop.kinds.kernels import OptimizerKernel

# From so many operations on, the matrix product of NumPy's BLAS is faster than the tile.
LARGE = 2e8

# So many operations of a step keep a thread busy for long, beside what it waits for the others.
WORTH_A_THREAD = 1.5e6


class WeightPenalty(NamedTuple):
    """½ λ Σ θ² that is added to the loss: λ, and where its parameters stand in the flat array."""

    factor: float = 0.0
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """A training as tables.

    dtype       "float32" or "float64"
    rows        how the numbers of an input sample, which is of `input_shape`, lie in rows; an
                output sample is of `output_shape`
    placed      operations, and where everything lies in the arena of `entries` numbers
    blocks      the parameters that are updated after the backward pass
    settings    the numbers that operations, loss and optimizer read
    shapes      the whole numbers that operations read
    loss_row, optimizer_row
    slots       what the optimizer remembers, by its names
    rate        the optimizer's learning rate
    penalty     λ of what is added to the gradient of the blocks that are penalised
    takes_ids   whether the target is class ids
    reads_ids   whether x is ids, of a table's rows
    threads     how many of them may share a step; no number depends on it
    """

    network: Network
    loss: Loss
    optimizer: Optimizer
    dtype: str
    samples: int
    batch_size: int
    input_shape: Shape
    output_shape: Shape
    rows: Wire
    placed: Placed
    entries: int
    blocks: Array
    settings: Array
    shapes: Array
    loss_row: Array
    optimizer_row: Array
    slots: tuple[str, ...]
    rate: Rate
    penalty: float
    takes_ids: bool
    reads_ids: bool
    large: float
    threads: int

    @property
    def is_shuffled(self) -> bool:
        """Whether steps take some of the samples, in another order in every epoch."""
        return self.batch_size < self.samples

    @property
    def has_large_products(self) -> bool:
        """Whether a layer is large enough for NumPy's BLAS."""
        panel = panel_of(self.dtype)
        return not self.placed.is_columns and any(one.row > panel for one in self.placed.parameters)

    @property
    def steps_per_epoch(self) -> int:
        """How many steps all samples are."""
        return -(-self.samples // self.batch_size)


def plan_of(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    target: Array,
    sample_weight: Array | None = None,
    *,
    dtype: str,
    batch_size: int | None = None,
    threads: int = 1,
    penalty: WeightPenalty | None = None,
) -> TrainingPlan | Refusal:
    """The plan of a training, or why there is none. In layout "columns" one thread takes the steps,
    and so it does on Windows.

    Raises the errors of the loss in NumPy for targets and weights that cannot be: they are looked
    at here, before machine code reads them. Raises ConfigurationError for an empty batch.
    """
    penalty = penalty or WeightPenalty()
    samples = len(x)
    batch = require_count("batch_size", samples if batch_size is None else batch_size)
    lowered = _lowered(network, x, batch)
    if isinstance(lowered, Refusal):
        return lowered
    reads_ids = any(one.kind is OperationKind.EMBEDDING for one in lowered.operations)
    is_right = x.dtype.kind in "iu" if reads_ids else x.dtype == dtype
    if dtype not in DTYPES or not is_right:
        return Refusal("other_dtype", {"x": x.dtype, "params": dtype})
    loss_kind = lower_loss(loss)
    if isinstance(loss_kind, Refusal):
        return loss_kind
    update = lower_optimizer(optimizer)
    if isinstance(update, Refusal):
        return update
    if _is_penalised_in_part(lowered, penalty.spans):
        return Refusal("penalty_in_part")
    if 1 in (batch, samples % batch) and any(
        one.kind is OperationKind.BATCH_NORM and lowered.wires[one.source].places == 1
        for one in lowered.operations
    ):
        return Refusal("batch_of_one")
    require_targets(loss, lowered.output_shape, target, sample_weight, dtype, batch)
    return _plan(
        *(network, loss, optimizer, lowered, loss_kind, update, x, target, dtype, batch),
        threads,
        penalty,
    )


def _lowered(network: Network, x: Array, batch: int) -> LoweredGraph | Refusal:
    try:
        return lower_graph(network.graph, x.shape[1:])
    except ShapeError:
        # What takes no such input says so best itself.
        dtype = x.dtype.name if x.dtype.name in DTYPES else "float64"
        network.forward(network.initialize(0, dtype=dtype), x[:batch])
        raise


def paying_threads(uses: int, most: int) -> int:
    """How many threads, at most so many, a step keeps busy that uses a parameter so often."""
    return max(1, min(most, int(6.0 * uses / WORTH_A_THREAD)))


def require_targets(
    loss: Loss,
    output_shape: Shape,
    target: Array,
    sample_weight: Array | None,
    dtype: str,
    batch: int,
) -> None:
    """Refuse what the loss refuses, and as it does: it is asked batch by batch, at an output of
    zeros. Raises ShapeError, DtypeError and DataError."""
    for first in range(0, len(target), batch):
        part = target[first : first + batch]
        weights = None if sample_weight is None else sample_weight[first : first + batch]
        # A batch whose samples all count nothing is a matter of the shuffle.
        loss.evaluate(
            np.zeros((len(part), *output_shape), dtype), part, sample_weight=weights, divisor=1.0
        )


def is_ids(target: Array, output_shape: Shape) -> bool:
    """Whether a target is the numbers of classes, for a loss that takes them."""
    return target.ndim == len(output_shape) and target.dtype.kind in "iub"


def _plan(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    lowered: LoweredGraph,
    loss_kind: LoweredLoss,
    update: tuple[OptimizerKind, OptimizerKernel],
    x: Array,
    target: Array,
    dtype: str,
    batch: int,
    threads: int,
    penalty: WeightPenalty,
) -> TrainingPlan:
    kind, kernel = update
    samples = len(x)
    slots = tuple(optimizer.start(np.zeros(1)).slots)
    descends = kind is OptimizerKind.SGD and not slots
    arena = Arena(panel_of(dtype))
    threads = 1 if sys.platform == "win32" else min(threads, MOST_THREADS)
    # In layout "columns" a bias is a row of its weight, and has no penalty of its own.
    if has_columns(lowered, arena.panel, batch) and not penalty.factor:
        threads = 1
        placed = place_columns(lowered, arena, batch=batch, slots=len(slots), size=network.size)
    else:
        is_fused = descends or (kind is OptimizerKind.ADAM and len(slots) == 2)
        placed = place_rows(
            lowered,
            arena,
            batch=batch,
            is_shuffled=batch < samples,
            slots=len(slots),
            at_once=is_fused and not (kernel.clips or penalty.factor),
            descends=descends,
            large=LARGE,
            threads=threads,
        )
    settings = list(placed.settings)
    loss_row, of_loss = _loss_row(lowered, placed, loss, loss_kind, len(settings))
    settings += of_loss
    row = np.zeros((), OPTIMIZER)
    row["kind"], row["slot"], row["setting"] = kind, placed.slot, len(settings)
    settings += kernel.settings
    row["clips"], row["clip_setting"] = len(kernel.clips), len(settings)
    settings += [float(value) for clip in kernel.clips for value in clip]
    blocks = [
        (p.place, p.gradient, p.entries, _is_within((p.start, p.stop), penalty.spans))
        for p in placed.parameters
        if p.gradient != NONE
    ]
    return TrainingPlan(
        network=network,
        loss=loss,
        optimizer=optimizer,
        dtype=dtype,
        samples=samples,
        batch_size=batch,
        input_shape=x.shape[1:],
        output_shape=lowered.output_shape,
        rows=lowered.wires[INPUT],
        placed=placed,
        entries=arena.size,
        blocks=np.array(blocks, BLOCK),
        settings=np.array(settings, np.float64),
        shapes=np.array(placed.shapes, np.int64),
        loss_row=loss_row,
        optimizer_row=row,
        slots=slots,
        rate=kernel.rate,
        penalty=penalty.factor,
        takes_ids=is_ids(target, lowered.output_shape),
        reads_ids=x.dtype.kind in "iu",
        large=LARGE,
        threads=threads,
    )


def _is_within(span: tuple[int, int], spans: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= span[0] and span[1] <= end for first, end in spans)


def _is_penalised_in_part(lowered: LoweredGraph, spans: tuple[tuple[int, int], ...]) -> bool:
    """Whether some entries of a parameter are penalised and others are not."""
    own = [
        slot.span
        for one in lowered.operations
        if one.node is not None
        for slot in one.node.parameters.values()
    ]
    return any(
        first < stop and start < end and not _is_within((start, stop), spans)
        for start, stop in own
        for first, end in spans
    )


def _loss_row(
    lowered: LoweredGraph, placed: Placed, loss: Loss, loss_kind: LoweredLoss, first_setting: int
) -> tuple[Array, list[float]]:
    """The loss's table, and the settings that it reads: its own, then its weights."""
    row: Any = np.zeros((), LOSS)
    row["kind"], row["outputs"] = loss_kind.kind, lowered.wires[lowered.output].features
    row["is_mean"] = loss.reduction == "mean"
    row["places"] = lowered.wires[lowered.output].places
    row["y"], row["y_stride"] = placed.output, placed.output_stride
    row["dy"], row["setting"] = placed.output_signal, first_setting
    settings = list(loss_kind.settings)
    row["weight"] = row["other_weight"] = NONE
    for name, numbers in zip(("weight", "other_weight"), loss_kind.arrays, strict=False):
        if numbers is not None:
            row[name] = first_setting + len(settings)
            settings += numbers
    ignored = getattr(loss, "ignore_index", None)
    # What no id of 64 bits can be is no id.
    bounds = np.iinfo(np.int64)
    row["ignored"] = ignored if ignored is not None and ignored <= bounds.max else bounds.min
    return row, settings
