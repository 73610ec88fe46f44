"""Where everything lies in the arena of a plan, in layout "rows".

A wire's values are the rows of all samples, padded to whole panels. A signal lives from the moment
that the first of a wire's takers writes it, going backward, until the wire's own layer has read it;
then another takes its place, so that a chain of any depth has two of them.
"""

from dataclasses import replace

import numpy as np

from clearprop.compiled.arranging import ENTRY_BY_ENTRY
from clearprop.compiled.kernel_matrix import KernelShape
from clearprop.compiled.lowering import Lowered, LoweredGraph
from clearprop.compiled.placing import Arena, MaskPlace, ParameterPlace, Placed, Reused, StatePlace
from clearprop.compiled.recurrent_places import FIELDS, recurrent_entries
from clearprop.compiled.recurrent_places import KINDS as RECURRENT
from clearprop.compiled.tables import (
    FROM_OUTPUT,
    NONE,
    OPERATION,
    PART,
    ActivationKind,
    OperationKind,
)
from clearprop.engine.graph import INPUT

# The loss, among the takers of a wire.
LOSS = -1


def place_rows(
    lowered: LoweredGraph,
    arena: Arena,
    *,
    batch: int,
    is_shuffled: bool,
    slots: int,
    at_once: bool,
    descends: bool,
    large: float,
    threads: int,
) -> Placed:
    """Places for parameters with their slots and gradients, values, signals and states.

    at_once   whether a weight that only one layer uses is updated while its gradient is in
              registers
    descends  whether that is plain descent, which large products do as well
    large     from how many operations on a product is large
    """
    placer = Placer(lowered, arena, batch, threads)
    placer.parameters(slots, at_once=at_once, descends=descends, large=large)
    placer.values(is_shuffled=is_shuffled)
    placer.signals()
    placer.rest()
    return placer.placed()


# What is made by a product, in which a rectifier behind it can be made too.
PRODUCTS = (OperationKind.LINEAR, OperationKind.CONVOLUTION)


class Placer:
    """Hands a place to everything, step by step."""

    def __init__(self, lowered: LoweredGraph, arena: Arena, batch: int, threads: int = 1) -> None:
        self.lowered, self.arena, self.batch, self.threads = lowered, arena, batch, threads
        self.table = np.zeros(len(lowered.operations), OPERATION)
        for name in ("x", "dx", "dy", "weight", "bias", "weight_gradient", "bias_gradient"):
            self.table[name] = NONE
        for name in ("own", "state", "hidden_weight", "hidden_bias"):
            self.table[name] = NONE
        self.by_span: dict[tuple[int, int], ParameterPlace] = {}
        self.value: dict[str, int] = {}
        self.signal: dict[str, tuple[int, int]] = {}
        self.numbers: list[float] = []
        self.shapes: list[int] = []
        self.masks: list[MaskPlace] = []
        self.states: list[StatePlace] = []
        self.slot = self.mask_bytes = 0

    def takers(self, wire: str) -> list[int]:
        """The operations that take a wire, and the loss."""
        return self.lowered.takers(wire) + [LOSS] * (wire == self.lowered.output)

    def parameters(self, slots: int, *, at_once: bool, descends: bool, large: float) -> None:
        """Parameters, then their slots, then the gradients that are kept at all."""
        users: dict[tuple[int, int], list[tuple[int, str]]] = {}
        for number, one in self.with_parameters():
            for name, slot in one.node.parameters.items():  # type: ignore[union-attr]
                users.setdefault(slot.span, []).append((number, name))
        shapes: dict[tuple[int, int], ParameterPlace] = {}
        kept: dict[tuple[int, int], bool] = {}
        for span, uses in users.items():
            number, name = uses[0]
            one = self.lowered.operations[number]
            kernel = _kernel_shape(one, name)
            own = one.node.parameters[name].shape  # type: ignore[union-attr]
            rows, columns = own if kernel is None else kernel.matrix_shape
            wide = one.gates * self.arena.padded(columns // one.gates)
            is_weight = one.kind is OperationKind.LINEAR and name == "weight"
            through = self.batch * self.lowered.wires[one.source].places
            is_large = is_weight and 2.0 * through * rows * columns >= large
            panel, row = self.arena.panel, self.arena.panel
            panel, row = (panel, wide) if is_large else (rows * panel, row)
            used_at_once = at_once and is_weight and len(uses) == 1 and (descends or not is_large)
            kept[span] = not used_at_once
            entries = rows * wide
            at = self.arena.take(entries)
            place = ParameterPlace(*span, rows, columns, at, panel, row, entries, NONE, kernel)
            shapes[span] = replace(place, gates=one.gates)
        self.slot = self.arena.size
        self.arena.take(slots * self.slot)
        for span, parameter in shapes.items():
            gradient = self.arena.take(parameter.entries) if kept[span] else NONE
            self.by_span[span] = replace(parameter, gradient=gradient)
        written: set[tuple[int, int]] = set()
        for number, one in reversed(self.with_parameters()):
            fields = self.table[number]
            for name, slot in one.node.parameters.items():  # type: ignore[union-attr]
                found, field = self.by_span[slot.span], FIELDS.get(name, name)
                fields[field], fields[f"{field}_gradient"] = found.place, found.gradient
                fields[f"{field}_adds"] = slot.span in written
                written.add(slot.span)
                if name == "weight":
                    fields["panel"], fields["row"] = found.panel, found.row

    def with_parameters(self) -> list[tuple[int, Lowered]]:
        """The operations that learn something, and their numbers."""
        return [
            (number, one)
            for number, one in enumerate(self.lowered.operations)
            if one.node is not None and one.node.parameters
        ]

    def values(self, *, is_shuffled: bool) -> None:
        """Every wire's values. What is made of a linear layer's output entry by entry, and is all
        that its derivative needs, is written over it; a rectifier is made in the layer itself."""
        operations = self.lowered.operations
        reads = {operations[i].kind for i in self.lowered.takers(INPUT)}
        if is_shuffled or reads != {OperationKind.LINEAR}:
            self.value[INPUT] = NONE  # from here on its rows are those of the arena
            self.value[INPUT] = self.arena.take(self.entries(INPUT))
        for number, one in enumerate(operations):
            made_by = self.lowered.writers(one.source)
            if (
                one.activation in FROM_OUTPUT
                and self.takers(one.source) == [number]
                and len(made_by) == 1
                and operations[made_by[0]].kind in PRODUCTS
            ):
                self.value[one.target] = self.value[one.source]
                if one.activation is ActivationKind.RELU:
                    self._rectify(number, made_by[0])
            elif one.target not in self.value:
                self.value[one.target] = self.arena.take(self.entries(one.target))
        for number, one in enumerate(operations):
            row = self.table[number]
            row["kind"], row["activation"] = one.kind, one.activation
            row["inputs"], row["outputs"] = one.inputs, one.outputs
            row["x_places"] = self.lowered.wires[one.source].places
            row["y_places"] = self.lowered.wires[one.target].places
            row["x"], row["x_stride"] = self.value.get(one.source, NONE), self.stride(one.source)
            row["y"], row["y_stride"] = self.value[one.target], self.stride(one.target)
            row["y"] += self.column(one)
            row["y_adds"] = one.adds

    def _rectify(self, number: int, linear: int) -> None:
        self.table[linear]["rectified"] = 1
        self.table[number]["done"] = 1
        takers = self.takers(self.lowered.operations[number].target)
        if takers == [LOSS] or len(takers) > 1:
            return
        if self.lowered.operations[takers[0]].kind is OperationKind.LINEAR:
            self.table[takers[0]]["gated"] = 1
            self.table[number]["done"] = 3

    def column(self, one: Lowered) -> int:
        """Where in its target the part begins that an operation puts out."""
        return one.column

    def entries(self, wire: str) -> int:
        """How many numbers a wire is."""
        return self.batch * self.lowered.wires[wire].places * self.stride(wire)

    def stride(self, wire: str) -> int:
        """From one row of a wire to the next: whole panels. Rows that are a large power of two
        apart would fall on one another in the cache, and get one more."""
        if wire == INPUT and INPUT not in self.value:
            return self.lowered.wires[INPUT].features
        return self.padded_row(self.lowered.wires[wire].features)

    def padded_row(self, numbers: int) -> int:
        """From one row of so many numbers to the next."""
        stride = self.arena.padded(numbers)
        return stride + self.arena.panel if stride % (8 * self.arena.panel) == 0 else stride

    def signals(self) -> None:
        """∂C/∂(every wire) that somebody asks for."""
        reused = Reused(self.arena)
        output, constant = self.lowered.output, self.lowered.constant
        self.signal[output] = self.output_signal = reused.take(self.entries(output))
        for number in reversed(range(len(self.lowered.operations))):
            one, row = self.lowered.operations[number], self.table[number]
            if one.target in constant:
                continue
            at = self.signal[one.target]
            row["dy"] = at[0] + self.column(one)
            is_first_writer = self.lowered.writers(one.target)[0] == number
            in_place = one.kind in ENTRY_BY_ENTRY and self.takers(one.source) == [number]
            if one.source not in constant:
                row["dx_adds"] = one.source in self.signal
                if in_place:
                    self.signal[one.source] = at
                elif one.source not in self.signal:
                    self.signal[one.source] = reused.take(self.entries(one.source))
                row["dx"] = self.signal[one.source][0]
            if is_first_writer and not (in_place and one.source not in constant):
                reused.give_back(at)

    def rest(self) -> None:
        """Settings, what forward keeps for backward, running statistics, masks."""
        kinds = OperationKind
        for number, one in enumerate(self.lowered.operations):
            row = self.table[number]
            row["setting"], row["shape"] = len(self.numbers), len(self.shapes)
            self.numbers += one.settings
            self.shapes += one.shape
            places = self.lowered.wires[one.source].places
            if one.kind in (kinds.LAYER_NORM, kinds.RMS_NORM):
                row["own"] = self.arena.take(2 * self.arena.padded(self.batch * places))
            elif one.kind in RECURRENT:
                entries = recurrent_entries(one, self.arena, batch=self.batch, times=places)
                row["own"] = self.arena.take(entries)
            elif one.kind is kinds.BATCH_NORM:
                row["own"] = self.arena.take(2 * self.arena.padded(one.inputs))
            elif one.kind is kinds.CONVOLUTION:
                entries, _, channels = one.shape[:3]
                row["own_stride"] = self.padded_row(entries * channels)
                rows = self.batch * self.lowered.wires[one.target].places
                row["own"] = self.arena.take(rows * int(row["own_stride"]))
            elif one.kind is kinds.DROPOUT:
                path, probability = one.target, one.node.layer.probability  # type: ignore
                self.masks.append(MaskPlace(path, *one.mask, probability, self.mask_bytes))
                row["mask"] = self.mask_bytes
                self.mask_bytes += self.batch * places * one.inputs
            if one.node is not None and one.node.layer.state():
                place = self.arena.take(2 * self.arena.padded(one.inputs) + 1)
                self.states.append(StatePlace(one.node.path, one.inputs, place))
                row["state"] = place

    def placed(self) -> Placed:
        """All of it."""
        output, packed = self.lowered.output, 2 * max(PART, self.batch) * self.arena.panel
        return Placed(
            operations=self.table,
            parameters=tuple(self.by_span.values()),
            masks=tuple(self.masks),
            states=tuple(self.states),
            settings=tuple(self.numbers),
            shapes=tuple(self.shapes),
            input=self.value.get(INPUT, NONE),
            input_stride=self.stride(INPUT),
            output=self.value[output],
            output_stride=self.stride(output),
            output_signal=self.output_signal[0],
            slot=self.slot,
            pack=self.arena.take(self.threads * packed),
            pack_entries=packed,
            mask_bytes=self.mask_bytes,
        )


def _kernel_shape(one: Lowered, name: str) -> KernelShape | None:
    """Of the weight of a convolution, how it lies in the flat array."""
    if one.node is None or (one.kind, name) != (OperationKind.CONVOLUTION, "weight"):
        return None
    entries, groups = one.shape[:2]
    outputs, channels = one.node.parameters[name].shape[:2]
    return KernelShape(outputs, channels, entries, groups)
