"""From a network's graph to the kernels' operations, before they have places in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from clearprop.base import messages
from clearprop.base.arrays import Shape
from clearprop.compiled.tables import ActivationKind, LossKind, OperationKind, OptimizerKind
from clearprop.engine.graph import INPUT, Graph, Node
from clearprop.engine.joining import Join
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

    node         the layer; None for what a join is made of
    column       where in the target it begins
    adds         whether another term of a sum came before
    activation   of an elementwise function, which
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


@dataclass(frozen=True, eq=False)
class LoweredGraph:
    """A graph's operations in order; what does nothing is none, and its wire is that before it.

    widths    the features of every wire that is left
    output    the wire that the loss takes
    constant  the wires of whose signals nobody asks
    """

    operations: tuple[Lowered, ...]
    widths: Mapping[str, int]
    output: str
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
    if len(input_shape) != 1:
        return Refusal("axes_between")
    shapes = graph.shapes(input_shape)
    same: dict[str, str] = {INPUT: INPUT}
    found: list[Lowered] = []
    for step in graph.steps:
        if isinstance(step, Join):
            found += _terms(step, same, shapes)
            same[step.path] = step.path
            continue
        if LAYER_ROWS[type(step.layer)].does_nothing(step.layer):
            same[step.path] = same[step.source]
            continue
        found.append(_operation(step, kernels[step.path], same[step.source], shapes))
        same[step.path] = step.path
    output = same[graph.output]
    if any(one.target not in {output, *(each.source for each in found)} for one in found):
        return Refusal("unused_output")
    widths = {wire: (shapes[wire] or (0,))[-1] for wire in same.values()}
    constant = frozenset(wire for wire in same.values() if wire in graph.constant)
    if output in constant:
        return Refusal("nothing_learned")
    return LoweredGraph(tuple(found), widths, output, constant)


def _kernel_of(node: Node) -> Kernel | Refusal:
    row = LAYER_ROWS.get(type(node.layer))
    name = {"path": node.path or "layer", "layer": type(node.layer).__name__}
    if row is None:
        return Refusal("own_layer", name)
    kernel = row.compiled(node.layer)
    return Refusal(kernel.reason, name) if isinstance(kernel, NoKernel) else kernel


def _operation(node: Node, kernel: Kernel, source: str, shapes: Mapping[str, Any]) -> Lowered:
    (inputs,), (outputs,) = shapes[node.source], shapes[node.path]
    is_function = kernel.name in ActivationKind.__members__
    return Lowered(
        OperationKind.ACTIVATION if is_function else OperationKind[kernel.name],
        source,
        node.path,
        inputs,
        outputs,
        node,
        ActivationKind[kernel.name] if is_function else ActivationKind.IDENTITY,
        kernel.settings,
    )


def _terms(join: Join, same: Mapping[str, str], shapes: Mapping[str, Any]) -> list[Lowered]:
    """One move for each term, to where it goes in the output."""
    each = [shapes[source] for source in join.sources]
    taken: set[int] = set()
    moves = []
    for number, source in enumerate(join.sources):
        (features,), (column,) = each[number], join.lands(number, (0,), each)
        moves.append(
            Lowered(
                OperationKind.MOVE,
                same[source],
                join.path,
                features,
                features,
                column=column,
                adds=column in taken,
            )
        )
        taken.add(column)
    return moves


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
