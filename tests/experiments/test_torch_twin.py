"""The twin of a network in PyTorch computes what the network computes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clearprop import (
    Activation,
    Identity,
    Linear,
    Network,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)
from clearprop.arrays import Array
from clearprop.errors import ContractError, MissingDependencyError
from clearprop.frameworks import torch_twin

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
    twin = torch_twin.module(EVERYTHING, params)
    theirs = twin(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(EVERYTHING.predict(params, x), theirs, rtol=1e-13)


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
        torch_twin.module(network, network.initialize())


def test_without_torch_the_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clearprop.dependencies.is_installed", lambda _: False)
    with pytest.raises(MissingDependencyError, match=r"pip install torch==2\.13\.0"):
        torch_twin.version()
