"""From layers to their graph: each states its wiring, and steps, shapes and slots follow."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from clearprop.base.arrays import Shape
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.engine.graph import (
    INPUT,
    Graph,
    GraphStep,
    Group,
    Node,
    Slot,
    join_path,
    unknown_path,
)
from clearprop.engine.joining import Concatenation, Join, Sum
from clearprop.engine.layers.layer import Layer, OpenImage, Parameter


def graph_of(layer: Layer, tied: Mapping[str, str] | None = None) -> Graph:
    """The graph of a layer and everything in it; `tied` maps a parameter's path to the path of an
    earlier one whose slot it shares.

    Raises UnknownNameError or ConfigurationError for a tie that cannot be, ContractError for a
    wiring that cannot be, ShapeError where one layer's output cannot be the next one's input.
    """
    draft = _Draft()
    output = draft.enter("", layer, INPUT)
    slots = _slots(draft.steps, tied or {})
    shapes: dict[str, Shape | None] = {INPUT: None}
    # Of images whose size is not known, what is.
    images: dict[str, OpenImage] = {}
    steps: list[GraphStep] = []
    for drafted in draft.steps:
        if isinstance(drafted, Join):
            shapes[drafted.path] = drafted.output_shape([shapes[wire] for wire in drafted.sources])
            joined = drafted.images_after([images.get(wire) for wire in drafted.sources])
            if joined is not None:
                images[drafted.path] = joined
            steps.append(drafted)
            continue
        path, one, source = drafted
        shapes[path] = one.output_shape(shapes[source])
        if shapes[path] is None:
            found = one.images_after(images.get(source))
            if isinstance(found, OpenImage):
                images[path] = found
            else:
                shapes[path] = found
        own = {name: slots[join_path(path, name)] for name in one.parameters()}
        steps.append(Node(path, one, source, own, shapes[source], shapes[path]))
    taken = {output, *(wire for step in steps for wire in step.sources)}
    for step in steps:
        if step.path not in taken:
            raise ContractError("wiring_unused", path=step.path)
    return Graph(tuple(steps), draft.groups, output, slots)


class _Draft:
    """A graph while it is being made: the steps so far, and the wires that they put out."""

    def __init__(self) -> None:
        self.steps: list[_Drafted | Join] = []
        self.groups: dict[str, Group] = {}
        self._wires = {INPUT}
        self._entered: set[str] = set()

    def enter(self, path: str, layer: Layer, source: str) -> str:
        """Let the layer at `path` state its wiring; returns the wire that it puts out."""
        if path in self._entered:
            raise ContractError("wiring_name_taken", path=path)
        self._entered.add(path)
        self.require_known(path, (source,))
        output = layer.wire(_WiringAt(self, path), source)
        self.require_known(path, (output,))
        if not any(isinstance(step, _Drafted) and step.path == path for step in self.steps):
            self.groups[path] = Group(path, layer, source, output)
        return output

    def put(self, step: "_Drafted | Join") -> str:
        """Add a step; returns its wire."""
        if step.path in self._wires:
            raise ContractError("wiring_name_taken", path=step.path)
        self.steps.append(step)
        self._wires.add(step.path)
        return step.path

    def require_known(self, path: str, wires: tuple[str, ...]) -> None:
        """Refuse what is no wire that was put out, and no wires at all. Raises ContractError."""
        for wire in wires or ("",):
            if not wires or wire not in self._wires:
                raise ContractError("wiring_unknown", path=path or "wire", wire=repr(wire))


class _Drafted(NamedTuple):
    """A node before its shapes and slots are known."""

    path: str
    layer: Layer
    source: str


class _WiringAt:
    """What one layer is handed to state its wiring: the contract's `Wiring`."""

    def __init__(self, draft: _Draft, path: str) -> None:
        self._draft = draft
        self._path = path

    def node(self, layer: Layer, source: str) -> str:
        return self._draft.put(_Drafted(self._path, layer, source))

    def layer(self, name: str, layer: Layer, source: str) -> str:
        return self._draft.enter(join_path(self._path, name), layer, source)

    def add(self, *terms: str, name: str = "", refusal: str = "sum_shapes") -> str:
        self._draft.require_known(self._path, terms)
        return self._draft.put(Sum(join_path(self._path, name), terms, refusal))

    def concatenate(self, *terms: str, name: str = "", axis: int = -1) -> str:
        self._draft.require_known(self._path, terms)
        return self._draft.put(Concatenation(join_path(self._path, name), terms, axis))


def _slots(steps: Sequence[_Drafted | Join], tied: Mapping[str, str]) -> Mapping[str, Slot]:
    declared = {
        join_path(path, name): parameter
        for path, layer, _ in (step for step in steps if not isinstance(step, Join))
        for name, parameter in layer.parameters().items()
    }
    for path, source in tied.items():
        _check_tie(path, source, declared)
    slots: dict[str, Slot] = {}
    position = 0
    for path, parameter in declared.items():
        if path in tied:
            # The owner comes before, and may be tied itself.
            owner = slots[tied[path]]
            slots[path] = Slot(path, parameter, owner.start, owner.stop)
        else:
            stop = position + math.prod(parameter.shape)
            slots[path] = Slot(path, parameter, position, stop)
            position = stop
    return slots


def _check_tie(path: str, source: str, declared: Mapping[str, Parameter]) -> None:
    for name in (path, source):
        if name not in declared:
            raise unknown_path(name, declared)
    same = declared[path].shape == declared[source].shape
    comes_first = list(declared).index(source) < list(declared).index(path)
    if not (same and comes_first):
        raise ConfigurationError("tie_impossible", path=path, source=source)
