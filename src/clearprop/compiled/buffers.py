"""The memory of a plan: where a training's state is written to, and read from."""

from contextlib import suppress

import numpy as np

from clearprop.base.arrays import EMPTY, Array, freeze, shape_text
from clearprop.base.errors import ShapeError
from clearprop.compiled.placing import ParameterPlace
from clearprop.compiled.plan import TrainingPlan
from clearprop.compiled.tables import NONE
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.layer import Tree
from clearprop.engine.losses.loss import require_targets
from clearprop.engine.optimizers import OptimizerState

# Entries before and behind the arena, which nothing may write to.
GUARD = 64
GUARD_VALUE = -1.5


class Buffers:
    """The memory of a plan: one arena, and the caller's data, which is read where it lies.

    updates  how many steps the optimizer has taken

    Raises ShapeError for data of other shapes than those of the plan, DataError for ids out of
    range.
    """

    def __init__(
        self, plan: TrainingPlan, x: Array, target: Array, sample_weight: Array | None = None
    ) -> None:
        _require_planned(plan, x, target, sample_weight)
        dtype = np.dtype(plan.dtype)
        raw = np.full(plan.entries + 2 * GUARD + GUARD, GUARD_VALUE, dtype)
        # On the border of a cache line.
        first = GUARD + (-raw[GUARD:].ctypes.data % 64) // dtype.itemsize
        self.raw = raw
        self.arena = raw[first : first + plan.entries]
        self.arena[:] = 0
        self.x = _ids_of_rows(plan, x) if plan.reads_ids else np.ascontiguousarray(x, dtype)
        if plan.takes_ids:
            self.target = _own_ids(plan, target)
        else:
            self.target = np.ascontiguousarray(target, dtype)
        self.sample_weight = None
        if sample_weight is not None:
            self.sample_weight = np.ascontiguousarray(sample_weight, dtype)
        self.updates = 0
        placed = plan.placed
        for place in placed.ones:
            self.arena[place : place + plan.batch_size] = 1
        if placed.is_columns and not plan.is_shuffled:
            rows = self.x.reshape(plan.samples, plan.rows.features)
            self._lay(placed.input, placed.input_stride, rows.T)
            self._lay(
                placed.target_rows, placed.input_stride, self.target.reshape(plan.samples, -1).T
            )
            if self.sample_weight is not None:
                self._lay(placed.weight_row, placed.input_stride, self.sample_weight[None])
        elif placed.input != NONE and not plan.is_shuffled:
            rows = self.x.reshape(plan.samples * plan.rows.places, plan.rows.features)
            self._lay(placed.input, placed.input_stride, rows)

    def _lay(self, place: int, stride: int, matrix: Array) -> None:
        rows, columns = matrix.shape
        self.arena[place : place + rows * stride].reshape(rows, stride)[:, :columns] = matrix

    def shrink(self, entries: int) -> None:
        """Give back what lies behind so many entries of the arena, which no training can use then;
        its contents before them stay."""
        first = (self.arena.ctypes.data - self.raw.ctypes.data) // self.raw.itemsize
        self.arena = self.raw[:0]
        # Where somebody still looks at the memory, NumPy refuses, and it stays as it is.
        with suppress(ValueError):
            self._resize(first + entries)
        self.arena = self.raw[first : first + entries]

    def _resize(self, entries: int) -> None:
        del self.arena
        self.raw.resize(entries)

    @property
    def is_intact(self) -> bool:
        """Whether nothing was written before or behind the arena."""
        inside = np.zeros(len(self.raw), bool)
        first = (self.arena.ctypes.data - self.raw.ctypes.data) // self.raw.itemsize
        inside[first : first + len(self.arena)] = True
        return bool((self.raw[~inside] == GUARD_VALUE).all())


def put(
    plan: TrainingPlan, buffers: Buffers, params: Array, optimizer: OptimizerState, layers: Tree
) -> None:
    """Write a training's state into the buffers."""
    put_params(plan, buffers, params, layers)
    buffers.updates = optimizer.step
    for number, name in enumerate(plan.slots, 1):
        _put_flat(plan, buffers, optimizer.slots[name], number)


def put_params(plan: TrainingPlan, buffers: Buffers, params: Array, layers: Tree) -> None:
    """Write parameters and the layers' state alone, for an optimizer that has taken no step: what
    it remembers is then not read."""
    buffers.updates = 0
    _put_flat(plan, buffers, params, 0)
    for state in plan.placed.states:
        given = layers[state.path]
        mean, variance, batches = _statistics(buffers, state.place, state.features)
        mean[...], variance[...] = given["running_mean"], given["running_var"]
        batches[...] = given["num_batches"]


def _put_flat(plan: TrainingPlan, buffers: Buffers, flat: Array, number: int) -> None:
    for parameter in plan.placed.parameters:
        given = flat[parameter.start : parameter.stop]
        if parameter.kernel is not None:
            given = parameter.kernel.to_matrix(given)
        given = given.reshape(parameter.rows, -1)
        for placed, entries in _panels(plan, buffers, parameter, number, given):
            placed[...] = entries


def take(
    plan: TrainingPlan, buffers: Buffers, *, last: bool = False
) -> tuple[Array, OptimizerState, Tree]:
    """The state of the training after the last whole step: new, read-only arrays.

    last  the buffers are not used again: they are given back piece by piece meanwhile, so that the
          memory never holds the state twice
    """
    layers = take_layers(plan, buffers)
    flats: list[Array] = []
    for number in reversed(range(1 + len(plan.slots))):
        if last:
            buffers.shrink((number + 1) * plan.placed.slot)
        flats.append(freeze(take_flat(plan, buffers, number)))
    *slots, params = flats
    named = dict(zip(plan.slots, reversed(slots), strict=True))
    return params, OptimizerState(buffers.updates, named or EMPTY), layers


def take_layers(plan: TrainingPlan, buffers: Buffers) -> Tree:
    """What the layers changed: new, read-only arrays."""
    layers = {}
    for state in plan.placed.states:
        mean, variance, batches = _statistics(buffers, state.place, state.features)
        layers[state.path] = {
            "running_mean": freeze(mean.reshape(1, -1).copy()),
            "running_var": freeze(variance.reshape(1, -1).copy()),
            "num_batches": freeze(batches.astype(np.int64).reshape(())),
        }
        del mean, variance, batches
    return layers or EMPTY


def take_flat(plan: TrainingPlan, buffers: Buffers, number: int) -> Array:
    """The parameters, or slot number - 1, as a flat array of its own."""
    flat = np.empty(plan.network.size, plan.dtype)
    for parameter in plan.placed.parameters:
        kernel = parameter.kernel
        if kernel is None:
            into = flat[parameter.start : parameter.stop].reshape(parameter.rows, -1)
        else:
            into = np.empty(kernel.matrix_shape, plan.dtype)
        for placed, entries in _panels(plan, buffers, parameter, number, into):
            entries[...] = placed
        if kernel is not None:
            flat[parameter.start : parameter.stop] = kernel.to_flat(into)
    return flat


def _panels(
    plan: TrainingPlan, buffers: Buffers, parameter: ParameterPlace, number: int, matrix: Array
) -> list[tuple[Array, Array]]:
    """Views of a parameter, or of its slot number - 1, and of the same entries of a (rows, columns)
    matrix: the whole panels together, and the last one of each gate, where it is not full."""
    first = parameter.place + number * plan.placed.slot
    whole = buffers.arena[first : first + parameter.entries]
    rows, row, gates = parameter.rows, parameter.row, parameter.gates
    if row == parameter.entries // rows:
        return [(whole.reshape(rows, row)[:, : parameter.columns], matrix)]
    panels = whole.reshape(gates, -1, rows, row).transpose(2, 0, 1, 3)
    columns = matrix.reshape(rows, gates, -1)
    full, rest = divmod(columns.shape[-1], row)
    whole_ones = columns[:, :, : full * row].reshape(rows, gates, full, row)
    views = [(panels[:, :, :full], whole_ones)]
    return [*views, (panels[:, :, full, :rest], columns[:, :, full * row :])] if rest else views


def _statistics(buffers: Buffers, place: int, features: int) -> tuple[Array, Array, Array]:
    panel = 64 // buffers.arena.itemsize
    wide = -(-features // panel) * panel
    mean = buffers.arena[place : place + features]
    variance = buffers.arena[place + wide : place + wide + features]
    return mean, variance, buffers.arena[place + 2 * wide : place + 2 * wide + 1]


def _require_planned(
    plan: TrainingPlan, x: Array, target: Array, sample_weight: Array | None
) -> None:
    target_shape = plan.output_shape[:-1] if plan.takes_ids else plan.output_shape
    expected = {"x": (plan.samples, *plan.input_shape), "target": (plan.samples, *target_shape)}
    given = {"x": x, "target": target}
    if sample_weight is not None:
        expected["sample_weight"], given["sample_weight"] = (plan.samples,), sample_weight
    for name, array in given.items():
        if array.shape != expected[name]:
            came, shape = shape_text(array.shape), shape_text(expected[name])
            raise ShapeError("plan_data", name=name, came=came, expected=shape)


def _ids_of_rows(plan: TrainingPlan, x: Array) -> Array:
    """Ids of a table's rows that nobody else can write to."""
    ids = freeze(np.array(x, np.int64))
    for path, node in plan.network.graph.nodes.items():
        if isinstance(node.layer, Embedding):
            node.layer.require_known(ids, path)
    return ids


def _own_ids(plan: TrainingPlan, target: Array) -> Array:
    """Class ids that nobody else can write to: the kernels go where they lead."""
    ids = freeze(np.array(target, np.int64))
    outputs, ignored = int(plan.loss_row["outputs"]), plan.loss_row["ignored"]
    inside = (ids == ignored) | ((ids >= 0) & (ids < outputs))
    require_targets(inside, ids, condition=f"0 <= t <= {outputs - 1}")
    return ids
