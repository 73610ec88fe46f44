"""Where everything lies in layout "columns": samples along the vectors, for narrow networks.

A wire is a row for each feature, as long as the batch, filled up to whole panels. Parameters and
their gradients lie as in the flat array. Behind the features that a linear layer with a bias takes
lies a row of ones.
"""

from collections.abc import Mapping
from dataclasses import replace

from clearprop.compiled.lowering import Lowered, LoweredGraph
from clearprop.compiled.placing import Arena, ParameterPlace, Placed
from clearprop.compiled.row_places import Placer
from clearprop.compiled.tables import OperationKind
from clearprop.engine.graph import Slot

_KINDS = (OperationKind.LINEAR, OperationKind.ACTIVATION, OperationKind.MOVE)

# Layout "rows" computes whole panels of outputs, this one whole panels of samples. So much more of
# the work there must be for nothing, as was measured, for this one to be faster.
WASTE = 1.3


def has_columns(lowered: LoweredGraph, panel: int, batch: int) -> bool:
    """Whether layout "columns" has everything that a network needs, and is the better one."""
    if not has_rows_of_features(lowered):
        return False
    linear = [one for one in lowered.operations if one.kind is OperationKind.LINEAR]
    wide = sum(one.inputs * (-(-one.outputs // panel) * panel) for one in linear)
    full = sum(one.inputs * one.outputs for one in linear)
    return wide * batch > WASTE * full * (-(-batch // panel) * panel)


def has_rows_of_features(lowered: LoweredGraph) -> bool:
    """Whether all operations are among those that go row of features by row of features, every
    sample is one row, and every bias lies behind its weight."""
    return all(
        one.kind in _KINDS
        and lowered.wires[one.source].places == 1
        and ("bias" not in _slots(one) or _is_behind(_slots(one)))
        for one in lowered.operations
    )


def _slots(one: Lowered) -> Mapping[str, Slot]:
    return {} if one.node is None else one.node.parameters


def _is_behind(slots: Mapping[str, Slot]) -> bool:
    return slots["bias"].start == slots["weight"].stop


def place_columns(
    lowered: LoweredGraph, arena: Arena, *, batch: int, slots: int, size: int
) -> Placed:
    """Places for everything; `size` is that of the flat array."""
    placer = _ColumnPlacer(lowered, arena, batch)
    placer.lay_flat(size, slots)
    placer.values(is_shuffled=True)
    placer.signals()
    placer.rest()
    stride = placer.stride(lowered.output)
    return replace(
        placer.placed(),
        is_columns=True,
        target_rows=arena.take(lowered.wires[lowered.output].features * stride),
        weight_row=arena.take(stride),
        ones=placer.rows_of_ones(),
    )


class _ColumnPlacer(Placer):
    def lay_flat(self, size: int, slots: int) -> None:
        """The flat array, its slots and its gradient, one behind the other."""
        place = self.arena.take(size)
        self.slot = self.arena.size
        self.arena.take(slots * self.slot)
        gradient = self.arena.take(size)
        wide = self.arena.padded(size)
        whole = ParameterPlace(0, size, 1, size, place, wide, wide, wide, gradient)
        self.by_span[0, size] = whole
        written: set[tuple[int, int]] = set()
        for number, one in reversed(self.with_parameters()):
            fields = self.table[number]
            for name, slot in _slots(one).items():
                fields[name], fields[f"{name}_gradient"] = slot.start, gradient + slot.start
                fields[f"{name}_adds"] = slot.span in written
                written.add(slot.span)

    def column(self, one: Lowered) -> int:
        return one.column * self.stride(one.target)

    def stride(self, wire: str) -> int:
        return self.arena.padded(self.batch)

    def entries(self, wire: str) -> int:
        return (self.lowered.wires[wire].features + 1) * self.stride(wire)

    def rows_of_ones(self) -> tuple[int, ...]:
        """Behind the features that every linear layer with a bias takes."""
        return tuple(
            self.value[one.source] + one.inputs * self.stride(one.source)
            for one in self.lowered.operations
            if "bias" in _slots(one)
        )
