"""PyTorch and JAX run a combinator of a person's own as its wiring says."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    GRU,
    MSE,
    RNN,
    SGD,
    BatchNorm,
    Dropout,
    Flatten,
    GRUCell,
    LayerNorm,
    Linear,
    LSTMCell,
    Mish,
    Network,
    Residual,
    RNNCell,
    Sequential,
    Tanh,
    TimeStep,
)
from clearprop.base.errors import ContractError
from clearprop.formats import from_torch, jax_functions, to_torch, torch_functions, torch_twin
from clearprop.training import fit
from tests.gradient_checks import present
from tests.own_combinators import ADDED, CONCATENATED
from tests.programs.cases import Doubled, Woven

NETWORKS = {
    "added": ADDED,
    "concatenated": CONCATENATED,
    "woven": Network(Sequential(Linear(2, 3), Woven(Mish(), Residual(Tanh())), Linear(9, 1))),
    "doubled": Network(Sequential(Doubled(), Linear(2, 1))),
}


@pytest.fixture(params=["torch", "jax"])
def witness(request: pytest.FixtureRequest) -> Any:
    pytest.importorskip(request.param)
    return {"torch": torch_functions, "jax": jax_functions}[request.param]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradients_are_those_of_the_witness(witness: Any, name: str) -> None:
    network = NETWORKS[name]
    params = network.initialize(seed=1)
    generator = np.random.default_rng(0)
    x, dy = generator.normal(size=(5, 2)), generator.normal(size=(5, 1))
    forward = network.forward(params, x)
    backward = network.backward(forward, dy)
    y, dx, gradient, _ = witness.network_gradients(network, params, x, dy)
    np.testing.assert_allclose(forward.output, y, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(present(backward.input_gradient), dx, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(backward.gradient, gradient, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_twin_trains_as_the_network_does(torch: Any, name: str) -> None:
    network = NETWORKS[name]
    params = network.initialize(seed=2)
    generator = np.random.default_rng(1)
    x, t = generator.normal(size=(6, 2)), generator.normal(size=(6, 1))
    ours = fit(network, params, x, t, loss=MSE(), optimizer=SGD(0.05), epochs=10)
    theirs = torch_twin.train_with_sgd(network, params, x, t, learning_rate=0.05, steps=10)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-12)
    np.testing.assert_allclose(ours.params, theirs.params, rtol=1e-12, atol=1e-14)


def test_a_layer_that_a_witness_cannot_be_asked_about_is_named_with_its_place() -> None:
    pytest.importorskip("torch")
    drawing = Network(Sequential(Linear(2, 2), Dropout(0.5)))
    x = np.ones((3, 2))
    with pytest.raises(ContractError, match=r"layers\[1\]: Dropout has no twin"):
        torch_functions.network_gradients(drawing, drawing.initialize(), x, x)
    used = torch_functions.network_gradients(drawing, drawing.initialize(), x, x, training=False)
    assert used[0].shape == (3, 2)
    sequences = Network(Sequential(LayerNorm(2), BatchNorm(2)))
    x = np.ones((3, 4, 2))
    with pytest.raises(ContractError, match=r"layers\[1\]: BatchNorm has no twin"):
        torch_functions.network_gradients(sequences, sequences.initialize(), x, x)


def test_jax_is_not_asked_about_draws() -> None:
    pytest.importorskip("jax")
    drawing = Network(Sequential(Linear(2, 2), Dropout(0.5)))
    x = np.ones((3, 2))
    with pytest.raises(ContractError, match=r"layers\[1\]: Dropout is not written in JAX"):
        jax_functions.network_gradients(drawing, drawing.initialize(), x, x)


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ((Residual(RNN(4, 4)), TimeStep(), RNNCell(4, 2)), (3, 4)),
        ((GRU(4, 3), Flatten(), LSTMCell(9, 2), Residual(Linear(2, 2))), (3, 4)),
        ((GRUCell(4, 2), LSTMCell(2, 3, cell_output=True), Residual(Linear(6, 6))), (4,)),
    ],
    ids=["behind an RNN", "behind a GRU", "of two sizes"],
)
def test_cells_among_joins_come_back_out_of_pytorch(layers: Any, shape: Any) -> None:
    pytest.importorskip("torch")
    network = Network(Sequential(*layers))
    params = network.initialize(seed=1)
    back = from_torch(to_torch(network, params), input_shape=shape)
    assert back.network == network
    assert np.array_equal(back.params, params)
