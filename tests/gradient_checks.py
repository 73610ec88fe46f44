"""What every layer must fulfil, as functions: used on the catalogue, and on layers with planted
mistakes, which the same functions must reject."""

from itertools import count

import numpy as np

from clearprop import Layer, Network, ReLU
from clearprop.arrays import Array, Shape
from clearprop.checking.finite_differences import central_differences

SAMPLES = 4

# A ReLU's input keeps this distance from the kink; a difference quotient moves less than 1e-4.
AWAY_FROM_KINKS = 1e-2

# Central differences with h near 6e-6 are off by h²f'''/6 + ε|f|/h: about 1e-10 for these sizes.
DIFFERENCES_ATOL = 2e-9
DIFFERENCES_RTOL = 1e-8

# The complex step has no cancellation; what remains is the rounding of sums of a few terms.
COMPLEX_STEP_ATOL = 1e-14
COMPLEX_STEP_RTOL = 1e-13


def draw_point(
    layer: Layer, input_shape: Shape, *, samples: int = SAMPLES, seed: int = 0
) -> tuple[Network, Array, Array, Array]:
    """A network of the layer alone, parameters, x and dy, all random and away from kinks."""
    network = Network(layer)
    for attempt in count():
        generator = np.random.default_rng([seed, attempt])
        params = generator.normal(size=network.size)
        x = generator.normal(size=(samples, *input_shape))
        forward = network.forward(params, x)
        distances = [np.abs(r.input) for r in forward.records if isinstance(r.layer, ReLU)]
        if all(distance.min(initial=np.inf) > AWAY_FROM_KINKS for distance in distances):
            break
    return network, params, x, generator.normal(size=forward.output.shape)


def present(gradient: Array | None) -> Array:
    """A gradient that is there: None is for layers that take ids."""
    assert gradient is not None
    return gradient


def own_gradient(network: Network, params: Array, x: Array, dy: Array) -> Array:
    """What the layer's backward says of Σ dy·y: the gradient by x and by the parameters."""
    backward = network.backward(network.forward(params, x), dy)
    return np.concatenate([present(backward.input_gradient).ravel(), backward.gradient])


def differences_gradient(network: Network, params: Array, x: Array, dy: Array) -> Array:
    """The same by central differences of every entry of x and of the parameters."""

    def projection(point: Array) -> float:
        output = network.forward(point[x.size :], point[: x.size].reshape(x.shape)).output
        return float(np.sum(dy * output))

    return central_differences(projection, np.concatenate([x.ravel(), params])).gradient


def complex_step_gradient(network: Network, params: Array, x: Array, dy: Array) -> Array:
    """The same by the complex step: Im f(θ + ih) / h, exact but for rounding where f is analytic
    (a ReLU is, on either side of its kink)."""
    step = 1e-30
    point = np.concatenate([x.ravel(), params]).astype(complex)
    gradient = np.empty(point.size)
    for index in range(point.size):
        moved = point.copy()
        moved[index] += 1j * step
        output = network.forward(moved[x.size :], moved[: x.size].reshape(x.shape)).output
        gradient[index] = np.sum(dy * output).imag / step
    return gradient


def assert_gradients_right(layer: Layer, input_shape: Shape, *, seed: int = 0) -> None:
    """Backward against central differences, with a random upstream gradient, in float64."""
    point = draw_point(layer, input_shape, seed=seed)
    np.testing.assert_allclose(
        own_gradient(*point),
        differences_gradient(*point),
        rtol=DIFFERENCES_RTOL,
        atol=DIFFERENCES_ATOL,
    )


def assert_complex_step_agrees(layer: Layer, input_shape: Shape, *, seed: int = 0) -> None:
    """Backward against the complex step, almost to the last digit."""
    point = draw_point(layer, input_shape, seed=seed)
    np.testing.assert_allclose(
        own_gradient(*point),
        complex_step_gradient(*point),
        rtol=COMPLEX_STEP_RTOL,
        atol=COMPLEX_STEP_ATOL,
    )
