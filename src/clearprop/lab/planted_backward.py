"""A backward pass with one of the gallery's mistakes in it, at one layer of any network.

The forward pass is the right one, and so is every other layer's backward: what goes wrong from
there on goes wrong as it would in a program with this one line wrong.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array, freeze
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.checking.gallery.spoiled_layers import SPOIL
from clearprop.engine.graph import Node, backpropagate
from clearprop.engine.layers.layer import Tree
from clearprop.engine.network import BackwardPass, ForwardPass
from clearprop.engine.nodes import is_activation, is_linear
from clearprop.engine.step import Step

# What a layer hands on to the left, among the lines of its backward.
SIGNAL = "∂C/∂x"
X = "x"

# What the backward of a layer returned, by name, and "x" for ∂C/∂x; made wrong in place.
Gradients = dict[str, Array]
Spoil = Callable[[ForwardPass, Node, Array, Gradients], None]


@dataclass(frozen=True)
class PlantedMistake:
    """A mistake in the backward of the layer at `path`; `key` is its name in the gallery."""

    key: str
    path: str

    def name(self, language: str) -> str:
        """What the mistake is called."""
        return messages.text(language, f"mistakes.{self.key}.name")


def wrong_backward(planted: PlantedMistake, forward: ForwardPass, dy: Array) -> BackwardPass:
    """`Network.backward` with the mistake in it."""
    network, run = forward.network, forward.run
    returned: dict[str, tuple[Array | None, Tree]] = {}

    def through(node: Node, signal: Array) -> Array | None:
        found = node.layer.backward(run.views[node.path], run.caches[node.path], signal)
        if node.path == planted.path:
            found = _spoiled(planted.key, forward, node, signal, found)
        returned[node.path] = found
        return found[0]

    signals = backpropagate(network.graph, dy, through, run.values)
    gradient = network.layout.flatten(returned, (), forward.params.dtype)
    return BackwardPass(forward, dy, freeze(gradient), signals, returned)


def wrong_lines(planted: PlantedMistake, step: Step) -> tuple[str, ...]:
    """Which lines of the layer's backward are wrong at a step: ∂C/∂x, and its parameters' names."""
    node = step.forward.network.graph.nodes[planted.path]
    record = step.backward[planted.path]
    right, gradients = node.layer.backward(
        step.forward.run.views[node.path],
        step.forward.run.caches[node.path],
        record.output_gradient,
    )
    pairs = [(SIGNAL, right, record.input_gradient)]
    pairs += [(name, gradients[name], record.gradients[name]) for name in gradients]
    return tuple(
        name
        for name, one, other in pairs
        if one is not None and other is not None and not np.allclose(one, other, rtol=1e-9, atol=0)
    )


def plantable(step: Step) -> tuple[PlantedMistake, ...]:
    """Every mistake that can be made in this network and makes a difference at this step."""
    right = _right(step)
    return tuple(one for one in _candidates(step) if _matters(one, step, right))


def plantable_kinds(step: Step) -> dict[str, PlantedMistake]:
    """The same by their keys, of each the first in the network: one backward pass a kind, and not
    one for every layer that it can be made in."""
    right = _right(step)
    found: dict[str, PlantedMistake] = {}
    for one in _candidates(step):
        if one.key not in found and _matters(one, step, right):
            found[one.key] = one
    return found


def _right(step: Step) -> Array:
    return step.forward.network.backward(step.forward, step.result.gradient).gradient


def _candidates(step: Step) -> Iterator[PlantedMistake]:
    for path, node in step.forward.network.graph.nodes.items():
        if is_activation(node.layer):
            yield from (PlantedMistake(key, path) for key in OF_ACTIVATION)
        elif is_linear(node.layer):
            yield from (PlantedMistake(key, path) for key in (*OF_PARAMETERS, *OF_LINEAR))
        elif node.parameters:
            yield from (PlantedMistake(key, path) for key in OF_PARAMETERS)


def _matters(planted: PlantedMistake, step: Step, right: Array) -> bool:
    try:
        wrong = wrong_backward(planted, step.forward, step.result.gradient).gradient
    except (ShapeError, ConfigurationError):
        # Such as a transpose that is not square.
        return False
    if not right.size:
        return False
    return not np.allclose(wrong, right, rtol=1e-9, atol=1e-12 * float(np.abs(right).max()))


def _spoiled(
    key: str,
    forward: ForwardPass,
    node: Node,
    signal: Array,
    found: tuple[Array | None, Tree],
) -> tuple[Array | None, Tree]:
    dx, gradients = found
    made: Gradients = {name: np.array(one) for name, one in gradients.items()}
    if dx is not None:
        made[X] = np.array(dx)
    _ALL[key](forward, node, signal, made)
    return made.pop(X, None), made


def _as_in_gallery(key: str) -> Spoil:
    """One of the gallery's that need no knowledge of the layer."""

    def spoil(forward: ForwardPass, node: Node, signal: Array, made: Gradients) -> None:
        SPOIL[key](made, forward.run.views[node.path], len(signal))

    return spoil


def _derivative_missing(forward: ForwardPass, node: Node, signal: Array, made: Gradients) -> None:
    made[X] = signal.copy()


def _value_for_derivative(forward: ForwardPass, node: Node, signal: Array, made: Gradients) -> None:
    made[X] = signal * forward.run.values[node.path]


def _weight_from_z(forward: ForwardPass, node: Node, signal: Array, made: Gradients) -> None:
    """The tutorial's: z stands where the layer's own input a belongs."""
    before = forward.network.graph.nodes.get(node.source)
    if before is None or not is_activation(before.layer) or signal.ndim != 2:
        return
    made["weight"] = forward.run.values[before.source].T @ signal


def _weight_not_transposed(
    forward: ForwardPass, node: Node, signal: Array, made: Gradients
) -> None:
    weight = forward.run.views[node.path]["weight"]
    if weight.shape[0] != weight.shape[1]:
        raise ConfigurationError("lab_mistake_not_here")
    made[X] = signal @ weight


def _one_sample(forward: ForwardPass, node: Node, signal: Array, made: Gradients) -> None:
    """The last sample alone, where all of them are summed."""
    x = forward.run.values[node.source]
    if signal.ndim != 2:
        raise ConfigurationError("lab_mistake_not_here")
    made["weight"] = x[-1:].T @ signal[-1:]


OF_PARAMETERS = ("sign", "factor_two", "mean_for_sum", "zeros", "one_entry", "transposed")
OF_LINEAR = ("weight_from_z", "weight_not_transposed", "one_sample")
OF_ACTIVATION = ("derivative_missing", "value_for_derivative")
_ALL: Mapping[str, Spoil] = {
    **{key: _as_in_gallery(key) for key in OF_PARAMETERS},
    "weight_from_z": _weight_from_z,
    "weight_not_transposed": _weight_not_transposed,
    "one_sample": _one_sample,
    "derivative_missing": _derivative_missing,
    "value_for_derivative": _value_for_derivative,
}
