"""From a network's graph to the kernels' operations, before they have places in memory."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from clearprop.base import messages
from clearprop.base.arrays import Shape
from clearprop.compiled.arranging import Arrangement, Wire, wanted_by, wire_of
from clearprop.compiled.tables import ActivationKind, LossKind, OperationKind, OptimizerKind
from clearprop.engine.graph import INPUT, Graph, Node
from clearprop.engine.joining import Concatenation, Join
from clearprop.engine.losses import Loss
from clearprop.engine.optimizers import Optimizer
from clearprop.kinds.kernels import Kernel, NoKernel, OptimizerKernel
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS, OPTIMIZER_ROWS


class Refusal(NamedTuple):
    """Why a training cannot be compiled: the name of a sentence in `kernels.toml`, and its
    fields."""

    key: str
    values: Mapping[str, Any] = {}

    def message(self, language: str = "en") -> str:
        """The sentence."""
        return messages.text(language, f"kernels.{self.key}", **self.values)


@dataclass(frozen=True, eq=False)
class Lowered:
    """One operation, which takes the wire `source` and puts out the wire `target`, or a part of it.

    node         the layer; None for what a join is made of, and for a turn
    column       where in the target it begins
    adds         whether another term of a sum came before
    activation   of an elementwise function, which
    shape        its whole numbers, in the kernel's order
    mask         of dropout: the samples' shape, and whether their rows are channels
    gates        how many groups of columns its parameters have, each in panels of its own
    """

    kind: OperationKind
    source: str
    target: str
    inputs: int
    outputs: int
    node: Node | None = None
    activation: ActivationKind = ActivationKind.IDENTITY
    settings: tuple[float, ...] = ()
    column: int = 0
    adds: bool = False
    shape: tuple[int, ...] = ()
    mask: tuple[Shape, bool] = ((), False)
    gates: int = 1


@dataclass(frozen=True, eq=False)
class LoweredGraph:
    """A graph's operations in order; what does nothing is none, and its wire is that before it.

    wires     the rows of every wire that is left
    output    the wire that the loss takes, for samples of `output_shape`
    constant  the wires of whose signals nobody asks
    """

    operations: tuple[Lowered, ...]
    wires: Mapping[str, Wire]
    output: str
    output_shape: Shape
    constant: frozenset[str]

    def takers(self, wire: str) -> list[int]:
        """The numbers of the operations that take a wire."""
        return [i for i, one in enumerate(self.operations) if one.source == wire]

    def writers(self, wire: str) -> list[int]:
        """The numbers of the operations that put it out."""
        return [i for i, one in enumerate(self.operations) if one.target == wire]


def lower_graph(graph: Graph, input_shape: Shape) -> LoweredGraph | Refusal:
    """The operations of a graph for samples of `input_shape`, or why there are none: a layer that
    the kernels lack, named, before what is wrong with its input."""
    kernels: dict[str, Kernel] = {}
    for path, node in graph.nodes.items():
        kernel = _kernel_of(node)
        if isinstance(kernel, Refusal):
            return kernel
        kernels[path] = kernel
    shapes: Any = graph.shapes(input_shape)
    lowering = _Lowering(graph, shapes, kernels)
    for step in graph.steps:
        refusal = lowering.join(step) if isinstance(step, Join) else lowering.layer(step)
        if refusal is not None:
            return refusal
    # The loss takes rows of the last axis, each with a target of its own.
    output = lowering.arranged(graph.output, Arrangement.FEATURES)
    found = lowering.operations
    if any(one.target not in {output, *(each.source for each in found)} for one in found):
        return Refusal("unused_output")
    if output in lowering.constant:
        return Refusal("nothing_learned")
    return LoweredGraph(
        tuple(found), lowering.wires, output, shapes[graph.output], frozenset(lowering.constant)
    )


def _kernel_of(node: Node) -> Kernel | Refusal:
    row = LAYER_ROWS.get(type(node.layer))
    name = _named(node)
    if row is None:
        return Refusal("own_layer", name)
    kernel = row.compiled(node.layer)
    return Refusal(kernel.reason, name) if isinstance(kernel, NoKernel) else kernel


def _named(node: Node) -> Mapping[str, str]:
    return {"path": node.path or "layer", "layer": type(node.layer).__name__}


def _operation_kind(kernel: Kernel) -> OperationKind:
    is_function = kernel.name in ActivationKind.__members__
    return OperationKind.ACTIVATION if is_function else OperationKind[kernel.name]


class _Held(NamedTuple):
    """In which wire what a step puts out lies, and how."""

    wire: str
    arrangement: Arrangement


class _Lowering:
    """A graph's steps made into operations one by one; `held` says where each one's output lies."""

    def __init__(
        self, graph: Graph, shapes: Mapping[str, Shape], kernels: Mapping[str, Kernel]
    ) -> None:
        self.graph, self.shapes, self.kernels = graph, shapes, kernels
        self.operations: list[Lowered] = []
        arrangement = self._of_input()
        self.held = {INPUT: _Held(INPUT, arrangement)}
        self.wires = {INPUT: wire_of(shapes[INPUT], arrangement)}
        self.constant = {INPUT}

    def _of_input(self) -> Arrangement:
        """As its takers want it, where they agree; images are taken as they are."""
        wanted = {
            wanted_by(_operation_kind(self.kernels[node.path]), images=node.layer.images)
            for node in self.graph.nodes.values()
            if node.source == INPUT and not _does_nothing(node)
        }
        is_by_features = wanted == {Arrangement.FEATURES}
        return Arrangement.FEATURES if is_by_features else Arrangement.SAMPLE

    def layer(self, node: Node) -> Refusal | None:
        """The operation of a layer."""
        if _does_nothing(node):
            self.held[node.path] = self.held[node.source]
            return None
        kernel = self.kernels[node.path]
        kind = _operation_kind(kernel)
        if kind is OperationKind.TURN:
            source = self.arranged(node.source, Arrangement.SAMPLE)
            self.held[node.path] = _Held(source, Arrangement.SAMPLE)
            return None
        wanted = wanted_by(kind, images=node.layer.images) or self.held[node.source].arrangement
        source, arrangement = self.held[node.source]
        # Patches are made of images as they are, where no signal goes back to them.
        if (kind, arrangement) != (OperationKind.CONVOLUTION, Arrangement.SAMPLE) or (
            source not in self.constant
        ):
            source = self.arranged(node.source, wanted)
        shape = self.shapes[node.path]
        target = self.put_out(node.path, shape, wanted, [source], learns=bool(node.parameters))
        one = Lowered(
            kind,
            source,
            target,
            self.wires[source].features,
            self.wires[target].features,
            node,
            settings=kernel.settings,
            mask=(shape, wanted is Arrangement.CHANNELS),
            gates=kernel.gates,
        )
        if kind is OperationKind.ACTIVATION:
            one = replace(one, activation=ActivationKind[kernel.name])
        if kernel.taps is not None:
            channels, *size = self.shapes[node.source]
            taps = kernel.taps(tuple(size))
            if isinstance(taps, NoKernel):
                return Refusal(taps.reason, _named(node))
            image = (
                taps.under.shape[1],
                kernel.groups,
                channels,
                math.prod(size),
                taps.is_once(tuple(size)),
            )
            one = replace(one, shape=(*image, *taps.under.ravel().tolist()))
            one = replace(one, settings=(*kernel.settings, *taps.numbers))
        self.operations.append(one)
        return None

    def join(self, join: Join) -> Refusal | None:
        """One move for each term, to where it goes in the output."""
        each = [self.shapes[source] for source in join.sources]
        axes = len(each[0])
        arrangement = self.held[join.sources[0]].arrangement
        if isinstance(join, Concatenation):
            if join.axis not in (-1, -axes):
                return Refusal("middle_axis", {"path": join.path, "axis": join.axis})
            by_features = join.axis == -1
            arrangement = Arrangement.FEATURES if by_features else Arrangement.CHANNELS
        sources = [self.arranged(source, arrangement) for source in join.sources]
        target = self.put_out(join.path, self.shapes[join.path], arrangement, sources)
        taken: set[int] = set()
        for number, source in enumerate(sources):
            column = sum(join.lands(number, (0,) * axes, each))
            features = self.wires[source].features
            move = Lowered(OperationKind.MOVE, source, target, features, features)
            self.operations.append(replace(move, column=column, adds=column in taken))
            taken.add(column)
        return None

    def put_out(
        self,
        wire: str,
        shape: Shape,
        arrangement: Arrangement,
        sources: Sequence[str],
        *,
        learns: bool = False,
    ) -> str:
        """The wire that a step puts out; it is constant where nothing learned has a part in it."""
        self.held[wire] = _Held(wire, arrangement)
        self.wires[wire] = wire_of(shape, arrangement)
        if not learns and self.constant.issuperset(sources):
            self.constant.add(wire)
        return wire

    def arranged(self, path: str, wanted: Arrangement) -> str:
        """The wire in which what a step puts out lies in this arrangement, turned if need be."""
        wire, arrangement = self.held[path]
        shape = self.shapes[path]
        has, needs = wire_of(shape, arrangement), wire_of(shape, wanted)
        if wanted is arrangement or has.places == needs.places == 1:
            return wire
        if Arrangement.SAMPLE not in (arrangement, wanted):
            wire = self._turned(wire, shape, arrangement, Arrangement.SAMPLE)
            arrangement = Arrangement.SAMPLE
        return self._turned(wire, shape, arrangement, wanted)

    def _turned(self, wire: str, shape: Shape, before: Arrangement, after: Arrangement) -> str:
        target = f"{wire} by {after.value}"
        if target in self.wires:
            return target
        has, gets = wire_of(shape, before), wire_of(shape, after)
        whole = int(after is Arrangement.SAMPLE)
        by_channels = int(Arrangement.CHANNELS in (before, after))
        self.wires[target] = gets
        if wire in self.constant:
            self.constant.add(target)
        rows = has if whole else gets
        numbers = (whole, by_channels, rows.places, rows.features)
        turn = Lowered(OperationKind.TURN, wire, target, has.features, gets.features)
        self.operations.append(replace(turn, shape=numbers))
        return target


def _does_nothing(node: Node) -> bool:
    return LAYER_ROWS[type(node.layer)].does_nothing(node.layer)


class LoweredLoss(NamedTuple):
    """A loss for the kernels."""

    kind: LossKind
    settings: tuple[float, ...]
    arrays: tuple[tuple[float, ...] | None, ...]


def lower_loss(loss: Loss) -> LoweredLoss | Refusal:
    """The loss, or why there is none."""
    row = LOSS_ROWS.get(type(loss))
    if row is None:
        return Refusal("own_loss", {"loss": type(loss).__name__})
    kernel = row.compiled(loss)
    if isinstance(kernel, NoKernel):
        return Refusal(kernel.reason, {"path": "loss", "layer": type(loss).__name__})
    return LoweredLoss(LossKind[kernel.name], kernel.settings, kernel.arrays)


def lower_optimizer(optimizer: Optimizer) -> tuple[OptimizerKind, OptimizerKernel] | Refusal:
    """The optimizer, or why there is none."""
    kernel = _optimizer_kernel(optimizer)
    if isinstance(kernel, NoKernel):
        return Refusal(kernel.reason, {"optimizer": type(optimizer).__name__})
    return OptimizerKind[kernel.name], kernel


def _optimizer_kernel(optimizer: Optimizer) -> OptimizerKernel | NoKernel:
    row = OPTIMIZER_ROWS.get(type(optimizer))
    if row is None:
        return NoKernel("own_optimizer")
    return row.compiled(optimizer, _optimizer_kernel)
