"""BatchNorm, LayerNorm, RMSNorm: worked by hand, their state, their extremes, their refusals."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    SGD,
    BatchNorm,
    Constant,
    Context,
    Layer,
    LayerNorm,
    Linear,
    Network,
    Residual,
    RMSNorm,
    Sequential,
    Zeros,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DtypeError, ShapeError
from clearprop.training import fit
from tests.gradient_checks import Point, complex_step_gradient, own_gradient, present


def test_layer_norm_by_hand() -> None:
    # x = [1, 3]: μ = 2, v = (1 + 1)/2 = 1; with ε = 3, r = 1/√4 = ½ and x̂ = [−½, ½].
    # γ = [2, 4], β = [1, 1]: y = [−1 + 1, 2 + 1] = [0, 3].
    # dy = [1, 2]: dγ = dy x̂ = [−½, 1], dβ = [1, 2], g = dy γ = [2, 8].
    # mean of g = 5, mean of g x̂ = (−1 + 4)/2 = 3/2:
    # dx = ½ [2 − 5 + ½·3/2, 8 − 5 − ½·3/2] = ½ [−9/4, 9/4] = [−9/8, 9/8]
    tree = {"weight": np.array([[2.0, 4]]), "bias": np.array([[1.0, 1]])}
    layer = LayerNorm(2, epsilon=3)
    y, cache, state = layer.forward(tree, np.array([[1.0, 3]]), Context())
    np.testing.assert_array_equal(y, [[0, 3]])
    np.testing.assert_array_equal(cache.x_hat, [[-0.5, 0.5]])
    np.testing.assert_array_equal(cache.inverse, [[0.5]])
    assert not state
    dx, gradients = layer.backward(tree, cache, np.array([[1.0, 2]]))
    np.testing.assert_array_equal(gradients["weight"], [[-0.5, 1]])
    np.testing.assert_array_equal(gradients["bias"], [[1, 2]])
    np.testing.assert_array_equal(present(dx), [[-9 / 8, 9 / 8]])


def test_rms_norm_by_hand() -> None:
    # x = [1, 7]: mean of x² = 25; with ε = 75, r = 1/√100 = 1/10 and x̂ = [0.1, 0.7].
    # γ = [10, 20]: y = [1, 14]. dy = [1, 1]: dγ = [0.1, 0.7], g = [10, 20].
    # mean of g x̂ = (1 + 14)/2 = 7.5: dx = [10 − 0.75, 20 − 5.25]/10 = [0.925, 1.475]
    tree = {"weight": np.array([[10.0, 20]])}
    layer = RMSNorm(2, epsilon=75)
    y, cache, _ = layer.forward(tree, np.array([[1.0, 7]]), Context())
    np.testing.assert_allclose(y, [[1, 14]], rtol=1e-15)
    dx, gradients = layer.backward(tree, cache, np.ones((1, 2)))
    np.testing.assert_allclose(gradients["weight"], [[0.1, 0.7]], rtol=1e-15)
    np.testing.assert_allclose(present(dx), [[0.925, 1.475]], rtol=1e-15)


BATCH_TREE = {"weight": np.array([[2.0]]), "bias": np.array([[1.0]])}
BATCH = BatchNorm(1, epsilon=3)
TWO = np.array([[1.0], [3]])


def test_batch_norm_in_training_by_hand() -> None:
    # x = 1, 3 of two samples: μ = 2, v = 1; with ε = 3, r = ½ and x̂ = −½, ½; y = 2x̂ + 1 = 0, 2.
    # running mean 0.9·0 + 0.1·2 = 0.2; the unbiased variance is 1·2/1 = 2: 0.9·1 + 0.1·2 = 1.1.
    # dy = 1, 5: dγ = −½ + 5/2 = 2, dβ = 6, g = 2, 10; mean of g = 6, mean of g x̂ = (−1 + 5)/2 = 2:
    # dx = ½ (2 − 6 + 1), ½ (10 − 6 − 1) = −3/2, 3/2
    context = Context(state=Network(BATCH).start_state[""])
    y, cache, state = BATCH.forward(BATCH_TREE, TWO, context)
    np.testing.assert_array_equal(y, [[0], [2]])
    assert not cache.constant
    assert list(state) == ["running_mean", "running_var", "num_batches"]
    np.testing.assert_allclose(state["running_mean"], [[0.2]], rtol=1e-15)
    np.testing.assert_allclose(state["running_var"], [[1.1]], rtol=1e-15)
    assert state["num_batches"] == 1
    dx, gradients = BATCH.backward(BATCH_TREE, cache, np.array([[1.0], [5]]))
    np.testing.assert_array_equal(gradients["weight"], [[2]])
    np.testing.assert_array_equal(gradients["bias"], [[6]])
    np.testing.assert_array_equal(present(dx), [[-1.5], [1.5]])


def test_batch_norm_in_use_by_hand() -> None:
    # Running mean 5 and variance 1, ε = 3: r = ½, x̂ = −2, −1, y = 2x̂ + 1 = −3, −1.
    # dy = 1, 5: dγ = −2 − 5 = −7, dβ = 6, dx = r γ dy = dy.
    state = {
        "running_mean": np.array([[5.0]]),
        "running_var": np.array([[1.0]]),
        "num_batches": np.array(3),
    }
    context = Context(training=False, state=state)
    y, cache, after = BATCH.forward(BATCH_TREE, TWO, context)
    np.testing.assert_array_equal(y, [[-3], [-1]])
    assert cache.constant
    assert after is state
    dx, gradients = BATCH.backward(BATCH_TREE, cache, np.array([[1.0], [5]]))
    np.testing.assert_array_equal(gradients["weight"], [[-7]])
    np.testing.assert_array_equal(gradients["bias"], [[6]])
    np.testing.assert_array_equal(present(dx), [[1], [5]])
    # One sample is enough, and none is too.
    assert BATCH.forward(BATCH_TREE, TWO[:1], context)[0].item() == -3
    assert BATCH.forward(BATCH_TREE, TWO[:0], context)[0].shape == (0, 1)


def test_without_running_statistics_the_batchs_own_are_taken_in_use() -> None:
    network = Network(BatchNorm(1, affine=False, running_statistics=False))
    assert network.start_state == {}
    x = np.array([[1.0], [5]])
    trained = network.forward(np.empty(0), x)
    assert trained.state == {}
    np.testing.assert_array_equal(network.predict(np.empty(0), x), trained.output)


def test_momentum_none_gives_every_batch_the_same_share() -> None:
    # Means 2, 4 and 9, unbiased variances 2, 8, 18: their averages are 5 and 28/3.
    network = Network(BatchNorm(1, momentum=None, affine=False))
    state = network.start_state
    for low, high in ((1.0, 3.0), (2.0, 6.0), (6.0, 12.0)):
        state = network.forward(np.empty(0), np.array([[low], [high]]), state=state).state
    state = state[""]
    np.testing.assert_allclose(state["running_mean"], [[5]], rtol=1e-15)
    np.testing.assert_allclose(state["running_var"], [[28 / 3]], rtol=1e-15)
    assert state["num_batches"] == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_state_follows_the_parameters(dtype: str) -> None:
    network = Network(Sequential(Linear(2, 3), BatchNorm(3)))
    state = network.initial_state(network.initialize(range(4), dtype=dtype))["layers[1]"]
    assert {name: array.shape for name, array in state.items()} == {
        "running_mean": (4, 1, 3),
        "running_var": (4, 1, 3),
        "num_batches": (4,),
    }
    assert state["running_var"].dtype == dtype
    assert state["num_batches"].dtype == np.int64
    np.testing.assert_array_equal(state["running_var"], np.ones((4, 1, 3)))
    with pytest.raises(ValueError, match="read-only"):
        state["running_mean"][...] = 1
    # Alone it has no leading axis, and a network without state has none.
    alone = network.initial_state(network.initialize(dtype=dtype))["layers[1]"]
    assert alone["num_batches"].shape == ()
    assert Network(Linear(1, 1)).initial_state(np.zeros(2)) == {}


def test_a_state_in_another_dtype_is_taken_in_that_of_the_input() -> None:
    network = Network(BatchNorm(2))
    params = network.initialize(dtype="float32")
    x = np.ones((3, 2), "float32")
    for training in (True, False):
        forward = network.forward(params, x, training=training, state=network.start_state)
        assert forward.output.dtype == np.float32
    trained = network.forward(params, x, state=network.start_state)
    assert trained.state[""]["running_var"].dtype == np.float32


def test_stacked_networks_train_with_their_own_statistics() -> None:
    network = Network(Sequential(Linear(1, 2), BatchNorm(2, momentum=None), Linear(2, 1)))
    generator = np.random.default_rng(0)
    x, t = generator.normal(size=(6, 1)), generator.normal(size=(6, 1))
    params = network.initialize(range(3))
    together = fit(network, params, x, t, optimizer=SGD(0.1), epochs=4, batch_size=3)
    statistics = together.state.layers["layers[1]"]
    assert statistics["running_mean"].shape == (3, 1, 2)
    np.testing.assert_array_equal(statistics["num_batches"], [8, 8, 8])
    for k in range(3):
        alone = fit(network, params[k], x, t, optimizer=SGD(0.1), epochs=4, batch_size=3)
        np.testing.assert_allclose(together.params[k], alone.params, rtol=1e-10, atol=1e-12)
        for name, array in alone.state.layers["layers[1]"].items():
            np.testing.assert_allclose(statistics[name][k], array, rtol=1e-10)


def test_in_use_with_statistics_of_its_own_the_gradient_is_right() -> None:
    network = Network(BatchNorm(3))
    generator = np.random.default_rng(1)
    x, dy = generator.normal(size=(2, 4, 3))
    state = {
        "running_mean": generator.normal(size=(1, 3)),
        "running_var": generator.uniform(0.5, 2, (1, 3)),
        "num_batches": np.array(7),
    }

    class WithState(Network):
        def forward(self, *args: Any, **settings: Any) -> Any:
            return super().forward(*args, **{**settings, "state": {"": state}})

    point = Point(WithState(network.layer), generator.normal(size=6), x, dy, training=False)
    np.testing.assert_allclose(own_gradient(point), complex_step_gradient(point), rtol=1e-13)


ALL: list[Layer] = [
    BatchNorm(2), LayerNorm(2), RMSNorm(2), BatchNorm(2, affine=False), RMSNorm(2, 1e-6)
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_large_and_constant_inputs_give_finite_numbers(layer: Layer, dtype: str) -> None:
    network = Network(layer)
    params = network.initialize(dtype=dtype)
    for x in ([[1e3, -1e3], [-1e3, 1e3]], [[1e3, 1e3], [1e3, 1e3]], [[0.0, 0], [0, 0]]):
        forward = network.forward(params, np.array(x, dtype))
        backward = network.backward(forward, np.array([[1, -2], [3, 5]], dtype))
        for array in (forward.output, backward.gradient, present(backward.input_gradient)):
            assert np.isfinite(array).all()


def test_a_mean_far_from_0_does_not_cost_the_variance_its_digits() -> None:
    # mean of x² less the square of the mean would be 0 or worse here.
    x = 1e6 + np.array([[1.0, 3]])
    y, _, _ = LayerNorm(2, affine=False).forward({}, x, Context())
    np.testing.assert_allclose(y, [[-1, 1]], rtol=1e-5)


def test_parameters_start_as_in_pytorch() -> None:
    for layer in (BatchNorm(3), LayerNorm(3)):
        started = Network(layer).named(Network(layer).initialize())
        np.testing.assert_array_equal(started["weight"], np.ones((1, 3)))
        np.testing.assert_array_equal(started["bias"], np.zeros((1, 3)))
        weight, bias = layer.parameters().values()
        assert (weight.initializer, bias.initializer) == (Constant(1), Zeros())
    assert list(RMSNorm(3).parameters()) == ["weight"]
    assert list(LayerNorm(3, bias=False).parameters()) == ["weight"]
    assert not {**LayerNorm(3, affine=False).parameters(), **RMSNorm(3, affine=False).parameters()}


# Not typed: these are the mistakes that a type checker would have found.
SETTINGS: list[tuple[Any, dict[str, Any], str]] = [
    (BatchNorm, {"features": 0}, "BatchNorm's features must be a whole number"),
    (LayerNorm, {"features": 2.0}, "LayerNorm's features must be a whole number"),
    (RMSNorm, {"features": True}, "RMSNorm's features must be a whole number"),
    (BatchNorm, {"features": 2, "epsilon": 0}, "BatchNorm's epsilon must be a finite number above"),
    (LayerNorm, {"features": 2, "epsilon": "a"}, "LayerNorm's epsilon must be a finite number"),
    (RMSNorm, {"features": 2, "epsilon": -1.0}, "RMSNorm's epsilon must be a finite number above"),
    (BatchNorm, {"features": 2, "momentum": 1.5}, "momentum must be a number from 0 to 1, and 1.5"),
]


@pytest.mark.parametrize(("kind", "settings", "sentence"), SETTINGS)
def test_settings_that_cannot_be_are_refused(
    kind: Any, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        kind(**settings)


@pytest.mark.parametrize("layer", [BatchNorm(2), LayerNorm(2), RMSNorm(2)], ids=repr)
@pytest.mark.parametrize("shape", [(2,), (4, 3), (4, 1), ()])
def test_an_input_without_the_features_is_refused(layer: Layer, shape: tuple[int, ...]) -> None:
    network = Network(layer)
    with pytest.raises(ShapeError, match=r"Norm takes rows of 2 features, .* the input is \("):
        network.forward(network.initialize(), np.ones(shape))
    with pytest.raises(DtypeError, match="takes measurements"):
        network.forward(network.initialize(), np.ones((3, 2), int))


@pytest.mark.parametrize("layer", [BatchNorm(2), LayerNorm(2), RMSNorm(2)], ids=repr)
def test_an_x_of_each_networks_own_needs_as_many_as_there_are_networks(layer: Layer) -> None:
    network = Network(layer)
    for networks in (1, 3):
        x = np.ones((networks, 4, 2))
        with pytest.raises(ShapeError, match=rf"there are 2, and x is \({networks}, 4, 2\)"):
            network.forward(network.initialize(range(2)), x, own_input=True)


@pytest.mark.parametrize("networks", [None, 4])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_takes_all_axes_but_the_features_as_samples(
    networks: int | None, training: bool
) -> None:
    # (4, 3, 2) are 12 rows, of one network and of K, which share them even where N = K.
    generator = np.random.default_rng(3)
    network = Network(BatchNorm(2))
    lead = () if networks is None else (networks,)
    params = generator.normal(size=(*lead, network.size))
    x, dy = generator.normal(size=(4, 3, 2)), generator.normal(size=(*lead, 4, 3, 2))
    state = network.initial_state(params)
    forward = network.forward(params, x, training=training, state=state)
    backward = network.backward(forward, dy)
    rows = network.forward(params, x.reshape(12, 2), training=training, state=state)
    back = network.backward(rows, dy.reshape(*lead, 12, 2))
    np.testing.assert_array_equal(forward.output.reshape(rows.output.shape), rows.output)
    np.testing.assert_array_equal(backward.gradient, back.gradient)
    np.testing.assert_array_equal(
        present(backward.input_gradient).reshape(*lead, 12, 2), present(back.input_gradient)
    )
    for name, array in forward.state[""].items():
        np.testing.assert_array_equal(array, rows.state[""][name])
    # The rows that it counts: 12 of them, n/(n − 1) = 12/11.
    if training and networks is None:
        variance = x.reshape(12, 2).var(axis=0, ddof=1)
        np.testing.assert_allclose(
            forward.state[""]["running_var"][0], 0.9 + 0.1 * variance, rtol=1e-14
        )


def test_too_few_samples_are_refused_by_batch_norm() -> None:
    network = Network(Sequential(BatchNorm(2)))
    params = network.initialize()
    for samples in (0, 1):
        with pytest.raises(ShapeError, match=rf"at least two of them, .* \({samples}, 2\)"):
            network.forward(params, np.ones((samples, 2)))
    start = network.initial_state(params)
    assert network.predict(params, np.ones((1, 2)), state=start).shape == (1, 2)


def chain(*layers: Layer) -> Any:
    return Sequential(*layers)


def test_a_layer_before_with_other_features_is_refused_when_built() -> None:
    for layer in (BatchNorm(2), LayerNorm(2), RMSNorm(2)):
        with pytest.raises(ShapeError, match=r"takes rows of 2 features, but .* gives \(N, 3\)"):
            chain(Linear(1, 3), layer)
        assert layer.output_shape((2,)) == (2,)
    assert BatchNorm(2).output_shape(None) == (2,)
    assert LayerNorm(2).output_shape(None) is None
    assert RMSNorm(2).output_shape((5, 2)) == (5, 2)
    assert BatchNorm(2).output_shape((5, 2)) == (5, 2)
    # A residual branch keeps the shape.
    assert Residual(LayerNorm(2)).output_shape((2,)) == (2,)


def torch_statistics(torch: Any, layer: BatchNorm, batches: list[Array]) -> Any:
    module = torch.nn.BatchNorm1d(
        layer.features, layer.epsilon, layer.momentum, layer.affine, layer.running_statistics
    ).double()
    for batch in batches:
        module(torch.tensor(batch))
    return module


@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0, 0.37, None])
def test_running_statistics_are_torchs(torch: Any, momentum: float | None) -> None:
    layer = BatchNorm(3, momentum=momentum)
    network = Network(layer)
    generator = np.random.default_rng(2)
    batches = [generator.normal(1, 2, (samples, 3)) for samples in (2, 5, 9)]
    there = torch_statistics(torch, layer, batches)
    params, state = network.initialize(), network.start_state
    for batch in batches:
        state = network.forward(params, batch, state=state).state
    for ours, theirs in zip(state[""].values(), there.buffers(), strict=True):
        np.testing.assert_allclose(
            ours.reshape(theirs.shape), theirs.numpy(), rtol=1e-14, atol=1e-15
        )
    there.eval()
    x = generator.normal(size=(4, 3))
    np.testing.assert_allclose(
        network.predict(params, x, state=state),
        there(torch.tensor(x)).detach().numpy(),
        rtol=1e-13,
        atol=1e-13,
    )
