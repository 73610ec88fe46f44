"""A dtype that drifts is named where it drifts, in a pass that is data and in a training alike; so
is a shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Constant,
    Context,
    Layer,
    Linear,
    Loss,
    LossResult,
    Network,
    Optimizer,
    OptimizerState,
    Parameter,
    Sequential,
    Tanh,
)
from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import DtypeError, ShapeError
from clearprop.base.messages import LANGUAGES
from clearprop.engine.layers.layer import Backward, Forward, Tree
from clearprop.training import fit
from tests.own_combinators import Added

X = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
T = X[:, :1]


def doubled(array: Array) -> Array:
    return array.astype(np.float64)


@dataclass(frozen=True)
class Scaled(Layer):
    """y = s · x, where `spoils` names what is handed on as `spoiled` makes it."""

    spoils: str = ""
    spoiled: Callable[[Array], Array] = doubled

    stackable: ClassVar[bool] = True

    def parameters(self) -> Mapping[str, Parameter]:
        return {"scale": Parameter((1, 3), Constant(2.0), 1, 1)}

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return self._made("output", x * params["scale"]), (x,), EMPTY

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        gradient = np.sum(dy * cache[0], axis=-2, keepdims=True)
        return self._made("signal", dy * params["scale"]), {
            "scale": self._made("gradient", gradient)
        }

    def _made(self, what: str, array: Array) -> Array:
        return self.spoiled(array) if what == self.spoils else array


@dataclass(frozen=True)
class SpoiledLoss(Loss):
    """The squared error, whose gradient is handed on as `spoiled` makes it."""

    spoiled: Callable[[Array], Array]

    def evaluate(self, output: Array, target: Array, **told: Any) -> LossResult:
        right = MSE().evaluate(output, target, **told)
        return LossResult(right.total, right.weight, self.spoiled(right.gradient))


@dataclass(frozen=True)
class SpoiledDescent(Optimizer):
    """Plain descent, whose parameters are handed on as `spoiled` makes them."""

    spoiled: Callable[[Array], Array]

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        return self.spoiled(SGD(0.1).step(params, state, gradient)[0]), state


def laid_open(network: Network, params: Array) -> None:
    forward = network.forward(params, X)
    network.backward(forward, MSE().evaluate(forward.output, stacked(params, T)).gradient)


def trained(network: Network, params: Array) -> None:
    fit(network, params, X, T, epochs=1, batch_size=3)


def stacked(params: Array, target: Array) -> Array:
    return np.broadcast_to(target, (*params.shape[:-1], *target.shape))


PLACES: Any = {
    "layers[1]": lambda layer: layer,
    "layers[1].right": lambda layer: Added(Tanh(), layer),
    "layers[1].left.layers[1]": lambda layer: Added(Sequential(Tanh(), layer), Tanh()),
}


@pytest.mark.parametrize("run", [laid_open, trained])
@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("seeds", [0, [0, 1]], ids=["one", "two"])
@pytest.mark.parametrize(
    ("spoils", "says"),
    [
        ("output", "{path}: Scaled puts out float64 where the parameters are float32"),
        ("signal", "{path}: backward was handed float32 and returned a gradient of its input of"),
        ("gradient", "{path}.scale: backward returned a gradient of float64 where the parameter"),
    ],
)
def test_the_layer_that_drifts_is_named(
    run: Any, path: str, seeds: Any, spoils: str, says: str
) -> None:
    network = Network(Sequential(Linear(2, 3), PLACES[path](Scaled(spoils)), Linear(3, 1)))
    params = network.initialize(seeds, dtype="float32")
    with pytest.raises(DtypeError) as caught:
        run(network, params)
    assert str(caught.value).startswith(says.format(path=path))
    assert all(path in caught.value.message(language) for language in LANGUAGES)


@pytest.mark.parametrize("run", [laid_open, trained])
@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("spoiled", [lambda dx: dx[..., :1], lambda dx: dx[..., :1, :]])
def test_a_signal_of_another_shape_is_named_and_never_broadcast(
    run: Any, path: str, spoiled: Any
) -> None:
    layer = PLACES[path](Scaled("signal", spoiled))
    network = Network(Sequential(Linear(2, 3), layer, Linear(3, 1)))
    with pytest.raises(ShapeError) as caught:
        run(network, network.initialize(dtype="float32"))
    assert str(caught.value).startswith(f"{path}: backward returned a gradient of its input (")
    assert all(path in caught.value.message(language) for language in LANGUAGES)


def test_what_keeps_its_dtype_is_let_pass() -> None:
    network = Network(Sequential(Linear(2, 3), Added(Scaled(), Tanh()), Linear(3, 1)))
    params = network.initialize(dtype="float32")
    laid_open(network, params)
    assert fit(network, params, X, T, epochs=2).params.dtype == np.float32
    # The complex step: real numbers stand beside complex parameters.
    assert network.forward(params.astype(complex), X).output.dtype == np.complex128


NETWORK = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
PARAMS = NETWORK.initialize(dtype="float32")


@pytest.mark.parametrize("size", [None, 3])
def test_a_loss_whose_gradient_drifts_is_named_in_a_training(size: int | None) -> None:
    with pytest.raises(DtypeError, match=r"^SpoiledLoss\.gradient is float64 and the parameters"):
        fit(NETWORK, PARAMS, X, T, loss=SpoiledLoss(doubled), batch_size=size)
    with pytest.raises(ShapeError, match=r"^The output gradient is \(1, 1\) and the output is"):
        fit(NETWORK, PARAMS, X, T, loss=SpoiledLoss(lambda dy: dy[:1]), batch_size=size)


def test_an_output_gradient_is_converted_where_nothing_is_lost() -> None:
    whole, real = np.ones((7, 1), int), np.ones((7, 1))
    expected = NETWORK.backward(NETWORK.forward(PARAMS, X), real.astype(np.float32)).gradient
    found = NETWORK.backward(NETWORK.forward(PARAMS, X), whole).gradient
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32
    moved = NETWORK.forward(PARAMS.astype(np.complex128), X)
    found = NETWORK.backward(moved, real).gradient
    np.testing.assert_array_equal(found, NETWORK.backward(moved, real.astype(complex)).gradient)
    assert found.dtype == np.complex128
    with pytest.raises(DtypeError, match=r"^output_gradient is float64 and the parameters are"):
        NETWORK.backward(NETWORK.forward(PARAMS, X), real)


def test_an_optimizer_whose_parameters_drift_is_named() -> None:
    with pytest.raises(DtypeError) as drifted:
        fit(NETWORK, PARAMS, X, T, optimizer=SpoiledDescent(doubled))
    assert str(drifted.value).startswith(
        "SpoiledDescent: step was handed parameters of float32 and returned float64"
    )
    with pytest.raises(ShapeError) as reshaped:
        fit(NETWORK, PARAMS, X, T, optimizer=SpoiledDescent(lambda params: params[:-1]))
    assert "SpoiledDescent: step was handed parameters (13,) and returned (12,)" in str(
        reshaped.value
    )
    for error in (drifted.value, reshaped.value):
        assert all("SpoiledDescent" in error.message(language) for language in LANGUAGES)
