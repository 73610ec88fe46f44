"""The graph of a network: which array each layer takes, and who takes what it puts out.

A wire is an array that one step puts out and others take. It is named by the path of the step that
puts it out, `layers[0]`; the network's own input is the wire `input`. A step is a layer in its
place (a node), or a join, which makes one wire of several and has no parameters:

    Sum            y = Σ terms                      ∂C/∂term = ∂C/∂y
    Concatenation  y = the terms side by side       ∂C/∂term = its own part of ∂C/∂y

Forward, every step is taken once, in order; backward, once in the opposite order, and no path is
ever followed on its own: ∂C/∂v of a number v is the sum over everything that takes it,

    ∂C/∂v = Σ_takers ∂(taker's output)/∂v · ∂C/∂(taker's output)

A combinator states its wiring in `wire`, and a graph is made once from that. Whatever goes through
a network (passes, explanation, diagrams, diagnosis, written programs, twins) reads the graph.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.base.errors import ContractError, UnknownNameError
from clearprop.engine.joining import Join
from clearprop.engine.layers.layer import Layer, Parameter

# The wire that the network itself takes.
INPUT = "input"


class Slot(NamedTuple):
    """Where one named parameter array lies in the flat array."""

    path: str
    parameter: Parameter
    start: int
    stop: int

    @property
    def shape(self) -> Shape:
        """The shape of the array that the path names, without the axis of networks."""
        return self.parameter.shape

    @property
    def span(self) -> tuple[int, int]:
        """From where to where: tied parameters have the same. An array without entries starts where
        the next one does, and shares nothing with it."""
        return self.start, self.stop


@dataclass(frozen=True, eq=False)
class Node:
    """One layer in its place.

    path           how Python reaches it; also the name of the wire that it puts out
    source         the wire that it takes
    parameters     where its parameters lie in the flat array, by the layer's own names
    input_shape    of one sample, where it is known; so is `output_shape`
    """

    path: str
    layer: Layer
    source: str
    parameters: Mapping[str, Slot]
    input_shape: Shape | None
    output_shape: Shape | None

    @property
    def sources(self) -> tuple[str, ...]:
        """The wires that it takes: one."""
        return (self.source,)


GraphStep: TypeAlias = Node | Join


@dataclass(frozen=True, eq=False)
class Group:
    """A combinator in its place: the wire that it takes and the one that it puts out."""

    path: str
    layer: Layer
    source: str
    output: str


@dataclass(frozen=True, eq=False)
class Graph:
    """What a network is made of, in the order of its forward pass.

    steps   every node and join; each takes wires that were put out before it
    groups  every combinator by its path
    output  the wire that the loss takes
    slots   where every parameter lies in the flat array, by its path, in the order of the steps
    """

    steps: tuple[GraphStep, ...]
    groups: Mapping[str, Group]
    output: str
    slots: Mapping[str, Slot]

    @cached_property
    def size(self) -> int:
        """The number of entries of the flat array, shared ones counted once."""
        return max((slot.stop for slot in self.slots.values()), default=0)

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """Every layer that is not a combinator, by its path."""
        return {step.path: step for step in self.steps if isinstance(step, Node)}

    @cached_property
    def joins(self) -> Mapping[str, Join]:
        """Every join, by the path of the wire that it puts out."""
        return {step.path: step for step in self.steps if isinstance(step, Join)}

    @cached_property
    def _takers(self) -> Mapping[str, tuple[GraphStep, ...]]:
        found: dict[str, list[GraphStep]] = {}
        for step in self.steps:
            for source in dict.fromkeys(step.sources):
                found.setdefault(source, []).append(step)
        return {wire: tuple(steps) for wire, steps in found.items()}

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """Every parameter's path to that of the first one in its slot, of tied ones; of all others
        to itself."""
        first: dict[tuple[int, int], str] = {}
        for path, slot in self.slots.items():
            first.setdefault(slot.span, path)
        return {path: first[slot.span] for path, slot in self.slots.items()}

    def users(self, path: str) -> tuple[tuple[Node, str], ...]:
        """The nodes that use the parameter at `path`, several where it is tied, and what each
        calls it; in order."""
        span = self.slots[path].span
        return tuple(
            (node, name)
            for node in self.nodes.values()
            for name, slot in node.parameters.items()
            if slot.span == span
        )

    def takers(self, wire: str) -> tuple[GraphStep, ...]:
        """Everything that takes `wire`, in order; what nothing takes is the loss's."""
        return self._takers.get(wire, ())

    def wire(self, path: str) -> str:
        """The wire that the layer at `path` puts out: of a combinator that of its last step.

        Raises UnknownNameError where nothing is at `path`, with the nearest that exist.
        """
        if path in self.nodes or path == INPUT:
            return path
        if path in self.groups:
            return self.groups[path].output
        if path in self.joins:
            return path
        raise unknown_path(path, [*self.nodes, *self.groups])

    def inside(self, path: str) -> tuple[GraphStep, ...]:
        """The steps of the combinator at `path`, in order."""
        return tuple(step for step in self.steps if is_inside(path, step.path))

    def combinator_of(self, path: str) -> Group:
        """The combinator that is at a path or around it: the innermost one, in which a join is."""
        around = [group for group in self.groups.values() if is_inside(group.path, path)]
        return max(around, key=lambda group: len(group.path))

    def shapes(self, input_shape: Shape | None) -> Mapping[str, Shape | None]:
        """The shape of one sample on every wire, where it is known, for one sample's input."""
        shapes: dict[str, Shape | None] = {INPUT: input_shape}
        for step in self.steps:
            if isinstance(step, Node):
                shapes[step.path] = step.layer.output_shape(shapes[step.source])
            else:
                shapes[step.path] = step.output_shape([shapes[wire] for wire in step.sources])
        return shapes

    @cached_property
    def constant(self) -> frozenset[str]:
        """The wires on which no parameter has an influence: the input, and what is made of it by
        layers that learn nothing. A training has no use for ∂C/∂(these)."""
        found = {INPUT}
        for step in self.steps:
            learned = isinstance(step, Node) and step.parameters
            if not learned and all(wire in found for wire in step.sources):
                found.add(step.path)
        return frozenset(found)


def propagate(
    graph: Graph,
    x: Any,
    through: Callable[[Node, Any], Any],
    *,
    concatenate: Callable[..., Any] = np.concatenate,
) -> dict[str, Any]:
    """Forward through the graph: the value of every wire, where `through(node, value)` is what a
    layer makes of the wire that it takes. The values may be any library's arrays."""
    values = {INPUT: x}
    for step in graph.steps:
        if isinstance(step, Node):
            values[step.path] = through(step, values[step.source])
        else:
            values[step.path] = step.value([values[wire] for wire in step.sources], concatenate)
    return values


def backpropagate(
    graph: Graph,
    dy: Array,
    through: Callable[[Node, Array], Array | None],
    values: Mapping[str, Array],
    *,
    without: Collection[str] = (),
    kept: bool = True,
) -> dict[str, Array | None]:
    """Backward through the graph: ∂C/∂(every wire), where `through(node, dy)` is ∂C/∂(what the
    layer takes), None where that is ids.

    values   the wires of the forward pass, of which joins need the shapes
    without  wires of which nobody asks for ∂C/∂ (`Graph.constant` in a training)
    kept     False lets go of every ∂C/∂(wire) as soon as it has gone on, and returns none

    Raises ContractError where a layer gives nothing back for a wire that others put out.
    """
    signals: dict[str, Array | None] = {graph.output: dy}
    for step in reversed(graph.steps):
        if step.path in without:
            continue
        signal = signals[step.path] if kept else signals.pop(step.path)
        if signal is None:
            raise ContractError("signal_missing", path=step.path)
        if isinstance(step, Node):
            share = through(step, signal)
            if step.source in without:
                continue
            if share is None or step.source in signals:
                _collect(signals, step, step.source, share)
            else:
                signals[step.source] = share
            continue
        terms = [values[wire] for wire in step.sources]
        for wire, part in zip(step.sources, step.shares(signal, terms), strict=True):
            if wire not in without:
                _collect(signals, step, wire, part)
    return signals


def _collect(
    signals: dict[str, Array | None], step: GraphStep, wire: str, share: Array | None
) -> None:
    """Add what comes back through one taker of a wire to what came through the others. Ids have no
    derivative, by any taker; every other wire has one."""
    if wire not in signals:
        if share is None and wire != INPUT:
            raise ContractError("signal_missing", path=step.path)
        signals[wire] = share
        return
    before = signals[wire]
    if (before is None) != (share is None):
        raise ContractError("signal_missing", path=step.path)
    if before is not None and share is not None:
        signals[wire] = before + share


def join_path(prefix: str, name: str) -> str:
    """The path of `name` under `prefix`; either may be empty."""
    return f"{prefix}.{name}" if prefix and name else prefix or name


def is_inside(path: str, inner: str) -> bool:
    """Whether `inner` is the path of the combinator at `path` itself, or of something in it."""
    return path in ("", inner) or inner.startswith(f"{path}.")


def unknown_path(path: str, known: Collection[str]) -> UnknownNameError:
    """The error for a path that does not exist, with the nearest ones that do."""
    import difflib  # only a mistake needs it

    nearest = difflib.get_close_matches(path, known, n=3, cutoff=0.3) or list(known)[:3]
    return UnknownNameError("path_unknown", path=path, nearest=", ".join(nearest))
