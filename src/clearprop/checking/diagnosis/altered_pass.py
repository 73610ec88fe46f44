"""A trusted backward pass walked again, with one thing changed.

The walk goes through the caches of the forward pass from right to left, as the engine does, and
hands what it computes at one place to an alteration. What lies to the left of that place is then
computed with the altered signal, as it would be in a code with that mistake.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.hypotheses import Discrepancy
from clearprop.checking.diagnosis.trusted import TrustedPass
from clearprop.engine.layers.combinators import Residual, Sequential
from clearprop.engine.layers.layer import ChildForward, CombinatorCache, Layer, Tree
from clearprop.engine.parameters import join, named_gradients


class WalkedLayer(NamedTuple):
    """One layer of the walk, with what its own backward gives.

    layer   None where a function is all that is known
    params  its parameters by name; of a combinator the tree
    dy, dx  ∂C/∂output and ∂C/∂input; of a residual `dx` is the branch's share alone
    gradients  by parameter name
    called     what a sentence calls it, where its path says nothing to the person
    """

    path: str
    layer: Layer | None
    params: Tree
    input: Array
    output: Array
    cache: Any
    dy: Array
    dx: Array | None
    gradients: Mapping[str, Array]
    called: str = ""

    @property
    def name(self) -> str:
        """What a sentence calls it: its path and its class, unless it is `called` otherwise."""
        if self.called:
            return self.called
        kind = type(self.layer).__name__
        return f"{self.path} ({kind})" if self.path else kind


# What a mistake makes of a step: ∂C/∂input and the gradients by parameter name.
Altered: TypeAlias = tuple[Array | None, Mapping[str, Array]]
Alteration: TypeAlias = Callable[[WalkedLayer], Altered]


def walk(trusted: TrustedPass, alterations: Mapping[str, Alteration]) -> Mapping[str, Array]:
    """All gradients by the evidence's names, with the steps at the given paths altered."""
    backward = trusted.backward
    forward = backward.forward
    found: dict[str, Array] = {}
    root = ChildForward("", forward.network.layer, forward.input, forward.output, forward.cache)
    dx = _step("", root, forward.tree, backward.output_gradient, alterations, found)
    flat = np.zeros_like(backward.gradient)
    for path, gradient in found.items():
        slot = forward.network.layout.slot(path)
        # Added, because tied parameters share their place.
        flat[slot.start : slot.stop] += gradient.reshape(-1)
    return trusted.gradients(flat, dx)


def steps(trusted: TrustedPass) -> tuple[WalkedLayer, ...]:
    """Every layer that a mistake can be made in, in the order in which they ran forward."""
    seen: list[WalkedLayer] = []

    def look(step: WalkedLayer) -> Altered:
        seen.append(step._replace(called=trusted.called.get(step.path, "")))
        joins = isinstance(step.layer, Residual) and step.dx is not None
        return (step.dy + step.dx if joins else step.dx), step.gradients

    forward = trusted.backward.forward
    walk(trusted, dict.fromkeys(_paths("", forward.network.layer, forward.cache), look))
    return tuple(reversed(seen))


def bare_step(discrepancy: Discrepancy) -> WalkedLayer | None:
    """The step of a function of which only the arrays are known: its input is the first of them,
    which is the step's path, and the right gradients are the expected ones."""
    evidence = discrepancy.evidence
    arrays = {name: np.asarray(array) for name, array in evidence.arrays.items()}
    if not arrays or evidence.reference is not None or not evidence.output.shape:
        return None
    x, *params = arrays
    dx = discrepancy.expected.get(x)
    gradients = {
        name: discrepancy.expected[name] for name in params if name in discrepancy.expected
    }
    dy = np.asarray(evidence.output_gradient, np.float64)
    output = np.asarray(evidence.output)
    values = {name: arrays[name] for name in params}
    return WalkedLayer(x, None, values, arrays[x], output, None, dy, dx, gradients)


def _step(
    path: str,
    child: ChildForward,
    params: Tree,
    dy: Array,
    alterations: Mapping[str, Alteration],
    found: dict[str, Array],
) -> Array | None:
    layer, cache = child.layer, child.cache
    gradients: Mapping[str, Array] = {}
    signal: Array | None = dy
    if isinstance(layer, Sequential):
        for inner in reversed(cache.children):
            if signal is not None:
                where = join(path, inner.name)
                signal = _step(where, inner, params[inner.name], signal, alterations, found)
        return signal
    if isinstance(layer, Residual):
        inner = cache.children[0]
        where = join(path, inner.name)
        dx = _step(where, inner, params[inner.name], dy, alterations, found)
        signal = None if dx is None else dy + dx
    else:
        dx, returned = layer.backward(params, cache, dy)
        gradients = dict(named_gradients(returned, ""))
        signal = dx
    if path in alterations and child.input is not None and child.output is not None:
        step = WalkedLayer(path, layer, params, child.input, child.output, cache, dy, dx, gradients)
        signal, gradients = alterations[path](step)
    for name, gradient in gradients.items():
        found[join(path, name)] = np.asarray(gradient)
    return signal


def _paths(path: str, layer: Layer, cache: Any) -> list[str]:
    own = [] if isinstance(layer, Sequential) else [path]
    if not isinstance(layer, Sequential | Residual) or not isinstance(cache, CombinatorCache):
        return own
    inner = [p for c in cache.children for p in _paths(join(path, c.name), c.layer, c.cache)]
    return inner + own
