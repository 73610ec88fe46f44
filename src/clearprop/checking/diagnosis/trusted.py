"""The trusted backward pass, with all its records, to be walked again with one thing changed.

It is the reference network's, or that of the layer that the person's code should equal, or that of
layers of the catalog that turn out to compute the same output: a plain function is recognised by
what it computes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError
from clearprop.checking.diagnosis.evidence import Evidence
from clearprop.checking.diagnosis.hypotheses import USUAL, Discrepancy, difference
from clearprop.checking.diagnosis.recognition import recognized, recognized_loss
from clearprop.engine.layers.layer import Layer
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.parameters import join, leaves
from clearprop.engine.passes import BackwardPass


@dataclass(frozen=True, eq=False)
class TrustedPass:
    """A backward pass of ours, and how the evidence calls its arrays.

    names   the parameter paths of ours → the names of the evidence; "x" is the input
    called  the paths of the layers → what to call them, where the person knows no path
    """

    backward: BackwardPass
    names: Mapping[str, str]
    called: Mapping[str, str] = field(default_factory=dict)

    def gradients(self, flat: Array, dx: Array | None) -> Mapping[str, Array]:
        """A flat gradient and an input gradient, by the evidence's names."""
        named = dict(self.backward.forward.network.named(flat))
        arrays = {self.names[path]: array for path, array in named.items()}
        if dx is not None:
            arrays[self.names["x"]] = dx
        return arrays

    def right(self) -> Mapping[str, Array]:
        """The gradients as they are, with nothing changed."""
        return self.gradients(self.backward.gradient, self.backward.input_gradient)

    def with_output_gradient(self, dy: Array) -> "TrustedPass":
        """The same pass from another ∂C/∂y."""
        forward = self.backward.forward
        again = forward.network.backward(forward, dy.astype(forward.output.dtype))
        return TrustedPass(again, self.names, self.called)


def trusted_pass(discrepancy: Discrepancy) -> TrustedPass | None:
    """The trusted pass of what was checked, or None where nothing of ours computes the same."""
    evidence = discrepancy.evidence
    if evidence.reference is not None:
        return _of_reference(evidence.reference)
    if evidence.loss is not None:
        return None
    arrays = {name: np.asarray(array) for name, array in evidence.arrays.items()}
    if not evidence.output.shape:
        return _of_loss(discrepancy, arrays)
    if evidence.layer is not None:
        return of_layer(evidence.layer, evidence)
    for found in recognized(arrays, np.asarray(evidence.output)):
        trusted = of_layer(found.layer, evidence, found.names)
        if trusted is not None and _is_the_function(trusted, discrepancy):
            return _recognized(trusted)
    return None


def _recognized(trusted: TrustedPass) -> TrustedPass:
    """The same, with layers called by their class and the person's names of their parameters."""
    called = {}
    for path, layer in leaves(trusted.backward.forward.network.layer):
        own = ", ".join(trusted.names[join(path, name)] for name in layer.parameters())
        called[path] = f"{type(layer).__name__}({own})" if own else type(layer).__name__
    return replace(trusted, called=called)


def _of_loss(discrepancy: Discrepancy, arrays: Mapping[str, Array]) -> TrustedPass | None:
    """The trusted pass of a function that gives one number: of the layers before its loss."""
    evidence = discrepancy.evidence
    for found in recognized_loss(arrays, float(evidence.output)):
        upstream = found.factor * float(evidence.output_gradient)
        target = arrays[found.target]

        def slope(
            y: Array, loss: Loss = found.loss, t: Array = target, by: float = upstream
        ) -> Array:
            return by * loss.evaluate(y, t).gradient

        trusted = of_layer(found.layers.layer, evidence, found.layers.names, slope)
        if trusted is not None and agrees(discrepancy, trusted):
            return _recognized(trusted)
    return None


def _is_the_function(trusted: TrustedPass, discrepancy: Discrepancy) -> bool:
    output = trusted.backward.forward.output
    return difference(output, discrepancy.evidence.output) <= USUAL and agrees(discrepancy, trusted)


def agrees(discrepancy: Discrepancy, trusted: TrustedPass) -> bool:
    """Whether the trusted pass gives the expected gradients: it is of the same function."""
    return _equals(discrepancy, trusted, discrepancy.expected)


def claims(discrepancy: Discrepancy, trusted: TrustedPass) -> bool:
    """Whether the trusted pass gives the claimed gradients."""
    return _equals(discrepancy, trusted, discrepancy.claimed)


def _equals(discrepancy: Discrepancy, trusted: TrustedPass, arrays: Mapping[str, Array]) -> bool:
    right = trusted.right()
    return all(
        name not in right
        or difference(right[name].reshape(-1), array.reshape(-1)) <= discrepancy.relative[name]
        for name, array in arrays.items()
    )


def _of_reference(backward: BackwardPass) -> TrustedPass | None:
    if backward.gradient.ndim != 1:
        return None
    paths = backward.forward.network.layout.slots
    return TrustedPass(backward, {"x": "x", **{path: path for path in paths}})


def of_layer(
    layer: Layer,
    evidence: Evidence,
    names: Mapping[str, str] | None = None,
    upstream: Callable[[Array], Array] | None = None,
) -> TrustedPass | None:
    """The layer run on the evidence's arrays, or None where it cannot take them.

    names     the layer's "x" and paths → the evidence's; by name or order unless given
    upstream  ∂C/∂y from the layer's y; the evidence's own unless given
    """
    network = Network(layer)
    names = names or _names(network, evidence.arrays)
    if names is None:
        return None
    slots = network.layout.slots
    arrays = {
        path: np.asarray(evidence.arrays[names[path]], np.float64).reshape(slot.shape)
        for path, slot in slots.items()
    }
    x = np.asarray(evidence.arrays[names["x"]])
    if x.dtype.kind == "f":
        x = x.astype(np.float64)
    context = evidence.context
    try:
        params = network.replace(np.zeros(network.size), arrays)
        forward = network.forward(
            params,
            x,
            training=context.training,
            seed=context.seed,
            step=context.step,
            state=context.state or None,
            side_inputs=context.side_inputs,
        )
        if upstream is None:
            dy = np.asarray(evidence.output_gradient, np.float64).reshape(forward.output.shape)
        else:
            dy = upstream(forward.output)
        return TrustedPass(network.backward(forward, dy), names)
    except (ClearpropError, ValueError, IndexError):
        return None


def _names(network: Network, arrays: Mapping[str, Array]) -> dict[str, str] | None:
    """Ours → the evidence's: the same names, or the same order and shapes."""
    slots = network.layout.slots
    if not arrays or len(arrays) != len(slots) + 1:
        return None
    given = list(arrays)
    if all(path in arrays for path in slots) and "x" in arrays:
        return {"x": "x", **{path: path for path in slots}}
    for (path, slot), name in zip(slots.items(), given[1:], strict=True):
        if not path or _essential(slot.shape) != _essential(np.shape(arrays[name])):
            return None
    return dict(zip(["x", *slots], given, strict=True))


def _essential(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)
