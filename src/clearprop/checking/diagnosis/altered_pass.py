"""A trusted backward pass gone through again, with one thing changed.

The pass goes back through the graph, as the engine does, and hands what it computes at one place to
an alteration. What lies behind that place is then computed with the altered signal, as it would be
in a code with that mistake.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array, Index, Shape
from clearprop.checking.diagnosis.hypotheses import Discrepancy
from clearprop.checking.diagnosis.trusted import TrustedPass
from clearprop.checking.diagnosis.trusted_nodes import Back, TrustedNode
from clearprop.engine.graph import INPUT, GraphStep
from clearprop.engine.joining import Join
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.kinds.kind_tables import LAYER_ROWS


class AlteredStep(NamedTuple):
    """One layer in its place, with what its own backward gives.

    layer      the layer of ours that it is; None where that is not known
    params     its parameters by name
    dy, dx     ∂C/∂output and ∂C/∂input through this layer
    gradients  by parameter name
    back       its backward
    name       what a sentence calls it
    forward    its own forward, from its arrays by name and its input under "", where it is no
               layer of ours
    cache      what the layer's forward keeps for its backward
    """

    path: str
    layer: Layer | None
    params: Tree
    input: Array
    output: Array
    dy: Array
    dx: Array | None
    gradients: Mapping[str, Array]
    back: Back
    name: str
    forward: Callable[[Mapping[str, Array]], Array] | None = None
    cache: Any = None


# What a mistake makes of a step: ∂C/∂input and the gradients by parameter name.
Altered: TypeAlias = tuple[Array | None, Mapping[str, Array]]
Alteration: TypeAlias = Callable[[AlteredStep], Altered]


def another_dx(function: Callable[[AlteredStep], Array]) -> Alteration:
    """The alteration that hands on what `function` gives, and leaves the parameters' gradients."""
    return lambda step: (function(step), step.gradients)


def altered(trusted: TrustedPass, alterations: Mapping[str, Alteration]) -> Mapping[str, Array]:
    """All gradients by the evidence's names, with the layers at the given paths altered."""

    def through(node: TrustedNode, dy: Array) -> Altered:
        found = node.back(dy)
        path = node.node.path
        if path not in alterations:
            return found
        dx, gradients = alterations[path](_step(trusted, node, dy, found))
        if dx is not None and dx.shape != node.input.shape and node.node.source != INPUT:
            return found  # what has another shape goes no further
        return dx, gradients

    return trusted.back(through)


def steps(trusted: TrustedPass) -> tuple[AlteredStep, ...]:
    """Every layer that a mistake can be made in, in the order in which they ran forward."""
    seen: list[AlteredStep] = []

    def through(node: TrustedNode, dy: Array) -> Altered:
        found = node.back(dy)
        seen.append(_step(trusted, node, dy, found))
        return found

    trusted.back(through)
    return tuple(reversed(seen))


def suspects(trusted: TrustedPass, line: Sequence[AlteredStep]) -> list[AlteredStep]:
    """The steps, those of a person's own layers first: where the numbers do not tell two places
    apart, the mistake is rather in the one that has no row."""
    return sorted(line, key=lambda step: type(trusted.graph.nodes[step.path].layer) in LAYER_ROWS)


def neighbours(
    trusted: TrustedPass, line: Sequence[AlteredStep]
) -> Iterator[tuple[AlteredStep, AlteredStep | None, AlteredStep | None]]:
    """Every step, the layer whose output it takes, and the only layer that takes its own."""
    at = {step.path: step for step in line}
    for step in suspects(trusted, line):
        node = trusted.graph.nodes[step.path]
        takers = trusted.graph.takers(step.path)
        after = at.get(takers[0].path) if len(takers) == 1 else None
        yield step, at.get(node.source), after


class Forgotten(NamedTuple):
    """A place where a signal goes back several ways, and one of them is forgotten.

    where      what a sentence calls the place
    direct     whether it is the way past all layers
    predicted  the gradients by the evidence's names
    """

    where: str
    direct: bool
    predicted: Mapping[str, Array]


def forgotten_ways(trusted: TrustedPass) -> Iterator[Forgotten]:
    """Every wire that several steps take, with what comes back through each of them left out."""
    graph = trusted.graph
    for wire in (INPUT, *(step.path for step in graph.steps)):
        takers = graph.takers(wire)
        if len(takers) < 2:
            continue
        for taker in takers:
            direct = isinstance(taker, Join)
            yield Forgotten(_place(trusted, takers, taker), direct, _without(trusted, taker, wire))


def _without(trusted: TrustedPass, taker: GraphStep, wire: str) -> Mapping[str, Array]:
    if isinstance(taker, Join):
        graph = trusted.graph
        places = frozenset(place for place, one in enumerate(taker.sources) if one == wire)
        changed = tuple(
            _Forgetful(taker.path, taker.sources, taker, places) if step is taker else step
            for step in graph.steps
        )
        return trusted.back(lambda node, dy: node.back(dy), replace(graph, steps=changed))

    def nothing(step: AlteredStep) -> Altered:
        return (None if step.dx is None else np.zeros_like(step.dx)), step.gradients

    return altered(trusted, {taker.path: nothing})


@dataclass(frozen=True, eq=False)
class _Forgetful(Join):
    """A join that gives nothing back to some of its terms."""

    own: Join
    forgotten: frozenset[int]

    def value(
        self, terms: Sequence[Array], concatenate: Callable[..., Array] = np.concatenate
    ) -> Array:
        found: Array = self.own.value(terms, concatenate)
        return found

    def shares(self, dy: Array, terms: Sequence[Array]) -> tuple[Array, ...]:
        return tuple(
            np.zeros_like(share) if place in self.forgotten else share
            for place, share in enumerate(self.own.shares(dy, terms))
        )

    def lands(self, term: int, index: Index, shapes: Sequence[Shape]) -> Index:
        return self.own.lands(term, index, shapes)

    def output_shape(self, shapes: Sequence[Shape | None]) -> Shape | None:
        return self.own.output_shape(shapes)


def _place(trusted: TrustedPass, takers: Sequence[GraphStep], taker: GraphStep) -> str:
    """The combinator in which a wire goes several ways: the innermost that has all its takers."""
    around = [
        group
        for path, group in trusted.graph.groups.items()
        if all(step in trusted.graph.inside(path) for step in takers)
    ]
    group = max(around, key=lambda one: len(one.path), default=None)
    if group is None:
        return taker.path
    return _called(trusted, group.path, type(group.layer).__name__)


def bare_step(discrepancy: Discrepancy) -> AlteredStep | None:
    """The step of a function of which only the arrays are known: its input is the first of them,
    which is the step's path, and the right gradients are the expected ones."""
    evidence = discrepancy.evidence
    arrays = {name: np.asarray(array) for name, array in evidence.arrays.items()}
    if not arrays or evidence.reference is not None or not evidence.output.shape:
        return None
    x, *params = arrays
    right = discrepancy.expected
    gradients = {name: right[name] for name in params if name in right}
    dx = right.get(x)
    return AlteredStep(
        path=x,
        layer=None,
        params={name: arrays[name] for name in params},
        input=arrays[x],
        output=np.asarray(evidence.output),
        dy=np.asarray(evidence.output_gradient, np.float64),
        dx=dx,
        gradients=gradients,
        back=lambda _dy: (dx, gradients),
        name="",
    )


def _step(trusted: TrustedPass, node: TrustedNode, dy: Array, found: Altered) -> AlteredStep:
    path = node.node.path
    return AlteredStep(
        path=path,
        layer=node.kind,
        params=node.params,
        input=node.input,
        output=node.output,
        dy=dy,
        dx=found[0],
        gradients=found[1],
        back=node.back,
        name=_called(trusted, path, type(node.node.layer).__name__),
        forward=node.forward,
        cache=node.cache,
    )


def _called(trusted: TrustedPass, path: str, kind: str) -> str:
    """Its path and its class, unless it is called otherwise."""
    if path in trusted.called:
        return trusted.called[path]
    return f"{path} ({kind})" if path else kind
