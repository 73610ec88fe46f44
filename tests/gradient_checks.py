"""What every layer must fulfil, as functions: used on the catalogue, and on layers with planted
mistakes, which the same functions must reject."""

from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from clearprop import ForwardPass, Layer, Network
from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.checking.witnesses.finite_differences import central_differences
from clearprop.engine.graph import join_path
from clearprop.engine.layers.recurrent_cells import RecurrentCell

SAMPLES = 4

# An input keeps this distance from the layer's kinks; a difference quotient moves less than 1e-4.
AWAY_FROM_KINKS = 1e-2

# Central differences with h near 6e-6 are off by h²f'''/6 + ε|f|/h: about 1e-10 for these sizes.
DIFFERENCES_ATOL = 2e-9
DIFFERENCES_RTOL = 1e-8

# The complex step has no cancellation; what remains is the rounding of sums of a few terms.
COMPLEX_STEP_ATOL = 1e-14
COMPLEX_STEP_RTOL = 1e-13


class Point(NamedTuple):
    """Where a layer is looked at: a network of it alone, parameters, x and dy, the mode, and the
    states that its cells start from."""

    network: Network
    params: Array
    x: Array
    dy: Array
    training: bool = True
    states: Mapping[str, Array] = EMPTY

    def forward(self) -> ForwardPass:
        return self.at(self.params, self.x)

    def at(self, params: Array, x: Array, **told: Any) -> ForwardPass:
        """The pass in the same mode at other arrays, from the layers' starting state."""
        state = self.network.initial_state(params)
        states = {name: one.astype(params.real.dtype) for name, one in self.states.items()}
        told = {"training": self.training, "side_inputs": states, **told}
        return self.network.forward(params, x, state=state, **told)

    @property
    def differentiable(self) -> Array:
        """What the output is differentiated by: x, unless it is ids, and the parameters."""
        return np.concatenate([self.x.ravel()[: self._x_size], self.params])

    def output(self, differentiable: Array) -> Array:
        """The output where x and the parameters are these."""
        size = self._x_size
        x = differentiable[:size].reshape(self.x.shape) if size else self.x
        params = differentiable[size:]
        return self.at(params, x).output

    @property
    def _x_size(self) -> int:
        return self.x.size if self.x.dtype.kind == "f" else 0


def draw_states(network: Network, samples: int, seed: int = 0) -> dict[str, Array]:
    """The states that the cells of a network start from, by their paths: without them their weights
    would meet only zeros."""
    generator = np.random.default_rng(seed)
    return {
        join_path(path, state): generator.normal(size=(samples, node.layer.hidden))
        for path, node in network.graph.nodes.items()
        if isinstance(node.layer, RecurrentCell)
        for state in node.layer.states
    }


def draw_point(
    layer: Layer,
    input_shape: Shape,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    ids: int | None = None,
    training: bool = True,
) -> Point:
    """A point of the layer with all arrays random and x away from kinks; `ids` makes x whole
    numbers below it."""
    network = Network(layer)
    for attempt in count():
        generator = np.random.default_rng([seed, attempt])
        params = generator.normal(size=network.size)
        shape = (samples, *input_shape)
        x: Array = (
            generator.normal(size=shape) if ids is None else generator.integers(ids, size=shape)
        )
        state = network.initial_state(params)
        states = draw_states(network, samples)
        forward = network.forward(params, x, training=training, state=state, side_inputs=states)
        distances = [np.abs(r.input - k) for r in forward.records for k in r.layer.kinks()]
        if all(distance.min(initial=np.inf) > AWAY_FROM_KINKS for distance in distances):
            break
    return Point(network, params, x, generator.normal(size=forward.output.shape), training, states)


def present(gradient: Array | None) -> Array:
    """A gradient that is there: None is for layers that take ids."""
    assert gradient is not None
    return gradient


def own_gradient(point: Point) -> Array:
    """What the layer's backward says of Σ dy·y: the gradient by x and by the parameters."""
    backward = point.network.backward(point.forward(), point.dy)
    by_x = backward.input_gradient
    assert (by_x is None) == (point.x.dtype.kind == "i")
    return backward.gradient if by_x is None else np.append(by_x.ravel(), backward.gradient)


def differences_gradient(point: Point) -> Array:
    """The same by central differences of every entry of x and of the parameters."""

    def projection(differentiable: Array) -> float:
        return float(np.sum(point.dy * point.output(differentiable)))

    return central_differences(projection, point.differentiable).gradient


def complex_step_gradient(point: Point) -> Array:
    """The same by the complex step: Im f(θ + ih) / h, exact but for rounding where f is analytic
    (a ReLU is, on either side of its kink)."""
    step = 1e-30
    start = point.differentiable.astype(complex)
    gradient = np.empty(start.size)
    for index in range(start.size):
        moved = start.copy()
        moved[index] += 1j * step
        gradient[index] = np.sum(point.dy * point.output(moved)).imag / step
    return gradient


def assert_gradients_right(layer: Layer, input_shape: Shape, **how: Any) -> None:
    """Backward against central differences, with a random upstream gradient, in float64; `how` is
    what `draw_point` takes."""
    point = draw_point(layer, input_shape, **how)
    np.testing.assert_allclose(
        own_gradient(point),
        differences_gradient(point),
        rtol=DIFFERENCES_RTOL,
        atol=DIFFERENCES_ATOL,
    )


def assert_intermediates_right(point: Point) -> None:
    """∂C/∂v of every intermediate of a layer against central differences of the output with a
    number added to v; every gradient has the shape of its values."""
    record = point.forward().records[0]
    layer, params, cache = record.layer, record.params, record.cache
    inside = layer.intermediates(params, cache)
    gradients = layer.intermediate_gradients(params, cache, point.dy)
    assert inside
    assert list(inside) == list(gradients)
    for name, one in inside.items():
        assert one.values.ndim == 1 + len(one.within) + len(one.axes), name
        still = layer.output_moved(params, cache, {name: np.zeros_like(one.values)})
        np.testing.assert_allclose(still, record.output, rtol=1e-13, atol=1e-13, err_msg=name)

        def projection(added: Array, name: str = name, shape: Shape = one.values.shape) -> float:
            y = layer.output_moved(params, cache, {name: added.reshape(shape)})
            return float(np.sum(point.dy * y))

        expected = central_differences(projection, np.zeros(one.values.size)).gradient
        np.testing.assert_allclose(
            gradients[name].ravel(),
            expected,
            rtol=DIFFERENCES_RTOL,
            atol=DIFFERENCES_ATOL,
            err_msg=name,
        )


def assert_complex_step_agrees(layer: Layer, input_shape: Shape, **how: Any) -> None:
    """Backward against the complex step, almost to the last digit."""
    point = draw_point(layer, input_shape, **how)
    np.testing.assert_allclose(
        own_gradient(point),
        complex_step_gradient(point),
        rtol=COMPLEX_STEP_RTOL,
        atol=COMPLEX_STEP_ATOL,
    )
