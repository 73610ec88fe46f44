"""A network with running statistics is never used without them: it would be silently wrong."""

import copy
from typing import Any

import numpy as np
import pytest

from clearprop import SGD, BatchNorm, Dropout, Linear, Network, Residual, Sequential, fit
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ContractError, ShapeError
from clearprop.engine.layers.layer import Layer

LAYERS: dict[str, Layer] = {
    "layers[1]": Sequential(Linear(2, 3), BatchNorm(3), Linear(3, 1)),
    "layers[0].branch": Sequential(Residual(BatchNorm(2)), Linear(2, 1)),
    "": BatchNorm(2),
}
X = np.random.default_rng(0).normal(3, 2, size=(20, 2))


@pytest.mark.parametrize("path", LAYERS, ids=repr)
@pytest.mark.parametrize("networks", [None, 3])
def test_without_them_it_is_refused_and_with_them_right(path: str, networks: int | None) -> None:
    network = Network(LAYERS[path])
    params = network.initialize(0 if networks is None else range(networks))
    name = f"{path} \\(BatchNorm\\)" if path else "BatchNorm"
    for use in (network.predict, lambda p, x: network.forward(p, x, training=False)):
        with pytest.raises(ConfigurationError, match=f"{name.replace('[', '.')} computes with run"):
            use(params, X)
    state = network.forward(params, X).state
    for _ in range(300):
        state = network.forward(params, X, state=state).state
    # After many passes over the same rows the statistics are theirs, but for n/(n − 1).
    trained = network.forward(params, X).output
    np.testing.assert_allclose(network.predict(params, X, state=state), trained, rtol=0.1, atol=0.3)


def test_the_numbers_of_batch_norm_in_use_by_hand() -> None:
    # x̂ = (x − 1)/√(4 + 0) with the statistics 1 and 4: 5 ↦ 2.
    network = Network(BatchNorm(1, epsilon=1e-300))
    state = {"": {"running_mean": np.ones((1, 1)), "running_var": np.full((1, 1), 4.0)}}
    state[""]["num_batches"] = np.array(1)
    output = network.predict(network.initialize(), np.array([[5.0]]), state=state)
    np.testing.assert_array_equal(output, [[2.0]])


def test_a_network_without_any_needs_none() -> None:
    network = Network(Sequential(Linear(2, 3), BatchNorm(3, running_statistics=False), Dropout()))
    params = network.initialize()
    assert network.predict(params, X).shape == (20, 3)


def _without(state: Any, path: str, name: str | None) -> Any:
    left = copy.deepcopy({key: dict(own) for key, own in state.items()})
    if name is None:
        del left[path]
    else:
        del left[path][name]
    return left


@pytest.mark.parametrize("name", [None, "running_mean", "num_batches"])
@pytest.mark.parametrize("training", [True, False])
def test_a_state_with_a_gap_is_refused(name: str | None, training: bool) -> None:
    network = Network(Sequential(BatchNorm(2), Linear(2, 2), BatchNorm(2)))
    params = network.initialize()
    state = _without(network.forward(params, X).state, "layers[2]", name)
    with pytest.raises(ConfigurationError, match=r"lacks the running statistics of layers\[2\] \("):
        network.forward(params, X, training=training, state=state)


def test_statistics_of_another_network_are_refused() -> None:
    network, other = Network(BatchNorm(2)), Network(BatchNorm(3))
    state = other.initial_state(other.initialize())
    with pytest.raises(ShapeError, match=r"running_mean have shape \(1, 3\), .* have \(1, 2\)"):
        network.predict(network.initialize(), X, state=state)
    # Those of one network beside three.
    alone = network.initial_state(network.initialize())
    with pytest.raises(ShapeError, match=r"shape \(1, 2\), and this network's have \(3, 1, 2\)"):
        network.predict(network.initialize(range(3)), X, state=alone)


def test_what_is_no_state_is_refused() -> None:
    network = Network(LAYERS["layers[1]"])
    params = network.initialize()
    trained = fit(network, params, X, np.ones((20, 1)), optimizer=SGD(0.01), epochs=2)
    whole: Any = trained.state
    with pytest.raises(ContractError, match=r"a whole TrainingState came; hand over its \.layers"):
        network.predict(trained.params, X, state=whole)
    array: Any = params
    with pytest.raises(ContractError, match="ndarray came"):
        network.predict(params, X, state=array)
    used: Array = network.predict(trained.params, X, state=trained.state.layers)
    assert used.shape == (20, 1)
