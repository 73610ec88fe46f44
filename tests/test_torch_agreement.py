"""PyTorch as a witness: the same numbers from an engine that knows nothing of ours."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Activation,
    KaimingNormal,
    KaimingUniform,
    Layer,
    Linear,
    Network,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    XavierNormal,
    XavierUniform,
)
from clearprop.base.arrays import Array
from clearprop.kinds.kind_tables import LAYER_EXAMPLES
from clearprop.training import fit
from tests.gradient_checks import draw_point, own_gradient
from tests.torch_layers import tensors, twin

CASES = [example for examples in LAYER_EXAMPLES.values() for example in examples]
# Both engines work in float64; what differs is the order in which sums are taken.
ATOL = 1e-12


@pytest.mark.parametrize("example", CASES, ids=[repr(case.layer) for case in CASES])
def test_every_layer_agrees_with_torch(torch: Any, example: Any) -> None:
    how = {"ids": example.ids, "training": example.training}
    point = draw_point(example.layer, example.input_shape, samples=6, **how)
    named = tensors(torch, point.network.named(point.params))
    x_there = torch.tensor(point.x, requires_grad=example.ids is None)
    given = {**named, **tensors(torch, dict(point.states))}
    y_there = twin(torch, example.layer, given, "", x_there, training=example.training)
    np.testing.assert_allclose(point.forward().output, y_there.detach().numpy(), rtol=0, atol=ATOL)
    # Dropout in use hands x through, and torch then has nothing to go back through but x itself.
    leaves = [x_there, *named.values()] if example.ids is None else list(named.values())
    theirs = torch.autograd.grad(y_there, leaves, torch.tensor(point.dy))
    expected = np.concatenate([gradient.numpy().ravel() for gradient in theirs])
    np.testing.assert_allclose(own_gradient(point), expected, rtol=0, atol=ATOL)


ACTIVATIONS: list[Layer] = [
    example.layer for example in CASES if isinstance(example.layer, Activation)
]


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=repr)
def test_activations_agree_over_their_whole_range(torch: Any, layer: Layer) -> None:
    generator = np.random.default_rng(0)
    z = np.concatenate([np.linspace(-40, 40, 801), [-1e4, -1e-300, -0.0, 1e-300, 1e4]])[:, None]
    da = generator.normal(size=z.shape)
    network = Network(layer)
    z_there = torch.tensor(z, requires_grad=True)
    a_there = twin(torch, layer, {}, "", z_there)
    a_there.backward(torch.tensor(da))
    forward = network.forward(np.empty(0), z)
    # torch's GELU takes 1 + erf, which leaves 1e-16 · |z| of a z far below 0.
    np.testing.assert_allclose(forward.output, a_there.detach().numpy(), rtol=1e-15, atol=1e-15)
    dz = network.backward(forward, da).input_gradient
    assert dz is not None
    np.testing.assert_allclose(dz, z_there.grad.numpy(), rtol=0, atol=ATOL)


def test_the_kink_of_relu_is_torchs(torch: Any) -> None:
    zero = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    torch.relu(zero).backward(torch.ones(1, 1, dtype=torch.float64))
    network = Network(ReLU())
    backward = network.backward(network.forward(np.empty(0), np.zeros((1, 1))), np.ones((1, 1)))
    assert backward.input_gradient is not None
    assert zero.grad.item() == backward.input_gradient.item() == 0


@pytest.mark.parametrize("outputs", [1, 3])
def test_mse_agrees_with_several_outputs(torch: Any, outputs: int) -> None:
    generator = np.random.default_rng(0)
    y, t = generator.normal(size=(2, 5, outputs))
    y_there = torch.tensor(y, requires_grad=True)
    loss = torch.nn.MSELoss()(y_there, torch.tensor(t))
    loss.backward()
    ours = MSE().evaluate(y, t)
    assert ours.value == pytest.approx(loss.item(), rel=1e-15)
    np.testing.assert_allclose(ours.gradient, y_there.grad.numpy(), rtol=0, atol=1e-16)


def train_in_torch(torch: Any, network: Network, params: Array, data: Any, dtype: Any) -> Any:
    """50 steps of torch's own SGD from our parameters: losses before each update, and the end."""
    named = tensors(torch, network.named(params))
    x, t = (torch.tensor(array.copy(), dtype=dtype) for array in data)
    optimizer = torch.optim.SGD(list(named.values()), lr=0.01)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = torch.nn.MSELoss()(twin(torch, network.layer, named, "", x), t)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    return np.array(losses), {path: p.detach().numpy() for path, p in named.items()}


@pytest.mark.parametrize("activation", [(), (ReLU(),), (Tanh(),), (Sigmoid(),)])
def test_the_tutorials_training_agrees_step_by_step_in_float64(
    torch: Any, tutorial_data: Any, activation: tuple[Layer, ...]
) -> None:
    network = Network(Sequential(Linear(1, 10), *activation, Linear(10, 1)))
    params = np.random.RandomState(0).rand(31)
    losses, after = train_in_torch(torch, network, params, tutorial_data, torch.float64)
    ours = fit(network, params, *tutorial_data, optimizer=SGD(0.01), epochs=50)
    np.testing.assert_allclose(ours.losses, losses, rtol=1e-10)
    for path, array in network.named(ours.params).items():
        np.testing.assert_allclose(array, after[path], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("activation", [(), (ReLU(),)])
def test_the_tutorials_training_agrees_in_float32(
    torch: Any, tutorial_data: Any, activation: tuple[Layer, ...]
) -> None:
    network = Network(Sequential(Linear(1, 10), *activation, Linear(10, 1)))
    params = np.random.RandomState(0).rand(31).astype("float32")
    data = [array.astype("float32") for array in tutorial_data]
    losses, after = train_in_torch(torch, network, params, data, torch.float32)
    ours = fit(network, params, *data, optimizer=SGD(0.01), epochs=50)
    assert ours.losses.dtype == ours.params.dtype == np.float32
    # The bounds of the specification: single precision, sums in two orders, 50 steps.
    np.testing.assert_allclose(ours.losses, losses, rtol=1e-4)
    for path, array in network.named(ours.params).items():
        largest = float(np.abs(after[path]).max())
        np.testing.assert_allclose(array, after[path], rtol=0, atol=2e-3 * largest)


def test_s15_from_torchs_own_starts(torch: Any, tutorial_data: Any) -> None:
    # torch.manual_seed(seed), then the two layers in order, seeds 0 to 199; single precision, as
    # the tutorial has it. The figures are those of SPEC's section 2.
    starts = []
    for seed in range(200):
        torch.manual_seed(seed)
        modules = torch.nn.Linear(1, 10), torch.nn.Linear(10, 1)
        arrays = [p.detach().numpy().T.ravel() for m in modules for p in (m.weight, m.bias)]
        starts.append(np.concatenate(arrays))
    network = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))
    data = [array.astype("float32") for array in tutorial_data]
    final = fit(network, np.array(starts), *data, optimizer=SGD(0.01), epochs=50).losses[-1]
    assert final.min() == pytest.approx(77.42, abs=5e-3)
    assert np.median(final) == pytest.approx(81.25, abs=5e-3)
    assert final.max() == pytest.approx(362.8, abs=0.05)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (XavierUniform(), "xavier_uniform_"),
        (XavierNormal(), "xavier_normal_"),
        (KaimingUniform(), "kaiming_uniform_"),
        (KaimingNormal(), "kaiming_normal_"),
    ],
)
def test_initializers_have_the_spread_of_torchs(torch: Any, ours: Any, theirs: str) -> None:
    # torch's weight is (out, in); its Kaiming start takes a ReLU's gain here, as ours does.
    shape = (400, 300)
    torch.manual_seed(0)
    there = torch.empty(*reversed(shape))
    settings = {"nonlinearity": "relu"} if "kaiming" in theirs else {}
    getattr(torch.nn.init, theirs)(there, **settings)
    here = ours.draw(np.random.default_rng(0), shape, *shape)
    # 120 000 draws: the standard deviation is known to about 0.2 %.
    assert here.std() == pytest.approx(there.std().item(), rel=0.01)
    assert np.abs(here).max() == pytest.approx(there.abs().max().item(), rel=0.15)
