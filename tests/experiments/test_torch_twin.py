"""The twin of a network in PyTorch computes what the network computes."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import (
    GELU,
    SGD,
    Activation,
    BatchNorm,
    Embedding,
    Identity,
    LayerNorm,
    Linear,
    Network,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ContractError, MissingDependencyError
from clearprop.formats import torch_twin
from clearprop.formats.network_file import load, save
from clearprop.formats.torch_arrays import from_torch_layout
from clearprop.kinds.kind_tables import LAYER_EXAMPLES
from clearprop.kinds.row import LayerExample
from clearprop.training import fit
from tests.gradient_checks import draw_point, present

EVERYTHING = Network(
    Sequential(
        Linear(3, 5),
        ReLU(),
        Residual(Sequential(Linear(5, 4, bias=False), Tanh(), Linear(4, 5), Identity())),
        Sigmoid(),
        Linear(5, 2),
    )
)


@dataclass(frozen=True)
class Square(Activation):
    def value(self, z: Array) -> Array:
        return np.square(z)

    def derivative(self, z: Array, a: Array) -> Array:
        return np.asarray(2 * z)


def test_the_twin_computes_the_same_output(torch: Any) -> None:
    params = EVERYTHING.initialize(seed=3)
    x = np.random.default_rng(0).normal(size=(6, 3))
    twin = torch_twin.to_torch(EVERYTHING, params, state=EVERYTHING.initial_state(params))
    theirs = twin(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(EVERYTHING.predict(params, x), theirs, rtol=1e-13)


ALONE = [example for examples in LAYER_EXAMPLES.values() for example in examples]


@pytest.mark.parametrize("example", ALONE, ids=[repr(example) for example in ALONE])
def test_the_twin_of_every_layer_has_its_values_gradients_and_state(
    torch: Any, example: LayerExample
) -> None:
    layer = example.layer
    # The two sides draw different masks of dropout, unless nothing or everything is left out.
    random = 0 < getattr(layer, "probability", getattr(layer, "dropout", 0.0)) < 1
    training = example.training and not random
    network, params, x, dy, *_ = draw_point(layer, example.input_shape, ids=example.ids)
    if isinstance(layer, PReLU) and layer.features > 1 and x.ndim > 2:
        x, dy = x[:, 0], dy[:, 0]  # torch counts features along the second axis
    state = network.initial_state(params)
    if "running_mean" in state.get("", {}):
        generator = np.random.default_rng(4)
        shape = state[""]["running_mean"].shape
        mean, variance = generator.normal(size=shape), generator.uniform(0.5, 2, shape)
        kept = {"running_mean": mean, "running_var": variance, "num_batches": np.array(3)}
        state = {"": kept}

    twin = torch_twin.to_torch(network, params, state=state).train(training)
    there = torch.tensor(x, requires_grad=example.ids is None)
    output = twin(there)
    output.backward(torch.tensor(dy))
    forward = network.forward(params, x, training=training, state=state)
    backward = network.backward(forward, dy)
    close = partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-12)
    close(forward.output, output.detach().numpy())
    if example.ids is None:
        close(present(backward.input_gradient), there.grad.numpy())
    places = [(node, name) for node in network.graph.nodes.values() for name in node.parameters]
    for (node, name), theirs in zip(places, twin.parameters(), strict=True):
        assert theirs.grad is not None
        ours = backward[node.path].gradients[name]
        close(ours, from_torch_layout(node.layer, name, theirs.grad.numpy()).reshape(ours.shape))
    if not isinstance(layer, Sequential | Residual):
        after = forward.state.get("", {}).values()
        for array, buffer in zip(after, twin.buffers(), strict=True):
            close(array.reshape(buffer.shape), buffer.numpy())


def test_a_state_in_a_nested_network_reaches_its_buffers(torch: Any, tmp_path: Path) -> None:
    network = Network(
        Sequential(Linear(3, 2), BatchNorm(2), Residual(Sequential(BatchNorm(2), Tanh())))
    )
    params = network.initialize(seed=1)
    x = np.random.default_rng(0).normal(size=(5, 3))
    state = network.forward(params, x).state
    twin = torch_twin.to_torch(network, params, state=state).eval()
    theirs = twin(torch.tensor(x)).detach().numpy()
    ours = network.predict(params, x, state=state)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    with pytest.raises(ConfigurationError, match="computes with running statistics"):
        torch_twin.to_torch(network, params)
    # Out of a file the arrays come in another order.
    save(tmp_path / "f", network, params, state=state)
    loaded = torch_twin.to_torch(network, params, state=load(tmp_path / "f").state).eval()
    np.testing.assert_allclose(ours, loaded(torch.tensor(x)).detach().numpy(), rtol=1e-12)


def test_training_a_network_of_the_new_layers_is_training_its_twin(torch: Any) -> None:
    network = Network(
        Sequential(
            Embedding(5, 4),
            LayerNorm(4),
            Linear(4, 3),
            BatchNorm(3),
            PReLU(3),
            Residual(Sequential(RMSNorm(3), GELU(), Linear(3, 3), Softplus())),
            Linear(3, 2),
        )
    )
    params = network.initialize(seed=2)
    ids = np.array([0, 3, 3, 1, 4, 0])
    t = np.random.default_rng(0).normal(size=(6, 2))
    ours = fit(network, params, ids, t, optimizer=SGD(0.05), epochs=20)
    theirs = torch_twin.train_with_sgd(network, params, ids, t, learning_rate=0.05, steps=20)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-10)
    np.testing.assert_allclose(ours.params, theirs.params, rtol=1e-10, atol=1e-12)


def test_an_embeddings_default_start_is_the_one_of_its_seed(torch: Any) -> None:
    torch.manual_seed(7)
    table = torch.nn.Embedding(5, 3).weight.detach().numpy()
    network = Network(Embedding(5, 3))
    start = network.named(torch_twin.default_start(network, 7, "float32"))["weight"]
    np.testing.assert_array_equal(start, table)


def test_training_the_twin_leaves_our_arrays_alone(torch: Any) -> None:
    params = EVERYTHING.initialize(seed=3)
    before = params.copy()
    x, t = np.ones((4, 3)), np.zeros((4, 2))
    trained = torch_twin.train_with_sgd(EVERYTHING, params, x, t, learning_rate=0.1, steps=3)
    np.testing.assert_array_equal(params, before)
    assert trained.losses.shape == (3,)
    assert np.abs(trained.params - before).max() > 0


def test_the_two_ways_of_updating_agree(torch: Any) -> None:
    params = EVERYTHING.initialize(seed=3)
    x, t = np.ones((4, 3)), np.zeros((4, 2))
    by_hand, with_sgd = (
        train(EVERYTHING, params, x, t, learning_rate=0.1, steps=5)
        for train in (torch_twin.train_by_hand, torch_twin.train_with_sgd)
    )
    np.testing.assert_allclose(by_hand.params, with_sgd.params, rtol=1e-14)


def test_torchs_default_start_is_the_one_of_its_seed(torch: Any) -> None:
    network = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))
    torch.manual_seed(7)
    first, second = torch.nn.Linear(1, 10), torch.nn.Linear(10, 1)
    expected = [
        first.weight.detach().numpy().T.ravel(),
        first.bias.detach().numpy(),
        second.weight.detach().numpy().T.ravel(),
        second.bias.detach().numpy(),
    ]
    np.testing.assert_array_equal(
        torch_twin.default_start(network, 7, "float32"), np.concatenate(expected)
    )


def test_torchs_own_generator_is_left_as_it_was(torch: Any) -> None:
    torch.manual_seed(1)
    undisturbed = torch.rand(3)
    torch.manual_seed(1)
    torch_twin.default_start(EVERYTHING, 99)
    assert torch.equal(torch.rand(3), undisturbed)


def test_a_layer_without_a_twin_is_named(torch: Any) -> None:
    network = Network(Sequential(Linear(1, 1), Square()))
    with pytest.raises(ContractError, match=r"layers\[1\]: Square has no twin"):
        torch_twin.to_torch(network, network.initialize())


def test_without_torch_the_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clearprop.base.dependencies.is_installed", lambda _: False)
    with pytest.raises(MissingDependencyError, match=r"pip install torch==2\.13\.0"):
        torch_twin.version()
