"""Networks to PyTorch and back: equal to the bit, and what cannot come in is refused by name."""

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import (
    GRU,
    LSTM,
    RNN,
    Conv1d,
    Conv2d,
    CrossEntropy,
    Dropout,
    GlobalAverage,
    Linear,
    MultiheadAttention,
    Network,
    Pad,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)
from clearprop.cli import main
from clearprop.engine.layers.pooling import Pool
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.formats import (
    from_onnx,
    from_torch,
    from_torch_step,
    to_onnx,
    to_torch,
    torch_functions,
)
from clearprop.formats.example_rows import example_rows
from clearprop.formats.network_file import load
from clearprop.kinds.kind_tables import LAYER_EXAMPLES, LOSS_EXAMPLES, LOSS_ROWS
from clearprop.reading.explanation import explain_weight
from clearprop.reading.health import examine
from tests.formats.random_networks import draw, same_state
from tests.formats.written_modules import (
    block,
    encoder,
    module_of,
    own_module,
    stepping,
    two_branches,
)
from tests.gradient_checks import draw_point


@given(seed=st.integers(0, 10**6), dtype=st.sampled_from(["float64", "float32"]))
@settings(max_examples=40, deadline=None)
def test_a_network_comes_back_to_the_bit(torch: Any, seed: int, dtype: str) -> None:
    network, params, state, x = draw(seed, dtype)
    module = to_torch(network, params, state=state)
    back = from_torch(module)
    assert back.network.layer == network.layer
    assert np.array_equal(back.params, params)
    assert back.params.dtype == params.dtype
    assert same_state(back.state, state)
    theirs = module.eval()(torch.tensor(x)).detach().numpy()
    close = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(network.predict(params, x, state=state), theirs, close, close)
    by_name = from_torch(module.state_dict(), network=network)
    assert np.array_equal(by_name.params, params)
    assert same_state(by_name.state, state)


def test_what_is_made_is_a_sequential_with_pytorchs_names(torch: Any) -> None:
    network = Network(Sequential(Linear(2, 3), ReLU(), Sequential(Linear(3, 1))))
    module = to_torch(network, network.initialize(0))
    assert type(module) is torch.nn.Sequential
    assert list(module.state_dict()) == ["0.weight", "0.bias", "2.0.weight", "2.0.bias"]


def test_a_module_of_ones_own_is_followed(torch: Any) -> None:
    torch.manual_seed(0)
    module = own_module(torch).double()
    module(torch.randn(8, 2, 3, dtype=torch.float64))  # running statistics of its own
    saved = from_torch(module)
    kinds = [type(node.layer).__name__ for node in saved.network.graph.nodes.values()]
    assert kinds == [
        "Linear", "BatchNorm", "LeakyReLU", "Linear", "Tanh", "Dropout", "Linear", "ReLU",
        "LogSoftmax",
    ]  # fmt: skip
    assert len(saved.network.graph.joins) == 1
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    theirs = module.eval()(x).detach().numpy()
    np.testing.assert_allclose(saved.predict(x.numpy().reshape(4, 6)), theirs, 1e-12, 1e-12)


def test_a_layer_that_stands_twice_shares_its_values(torch: Any) -> None:
    layer = torch.nn.Linear(3, 3)
    saved = from_torch(torch.nn.Sequential(layer, torch.nn.Tanh(), layer))
    assert saved.network.tied == {
        "layers[2].weight": "layers[0].weight",
        "layers[2].bias": "layers[0].bias",
    }
    back = to_torch(saved.network, saved.params)
    assert back.get_parameter("0.weight") is back.get_parameter("2.weight")


def image_networks(torch: Any) -> dict[str, tuple[Any, Any]]:
    """Networks of images and, where their layers do not say it, the shape of one."""
    nn, functional = torch.nn, torch.nn.functional

    def forward(self: Any, x: Any) -> Any:
        x = functional.max_pool2d(self.norm(self.conv(x)).relu(), 2, ceil_mode=True)
        return self.last(x.view(x.size(0), -1))

    parts = {"conv": nn.Conv2d(1, 4, 3), "norm": nn.BatchNorm2d(4), "last": nn.Linear(36, 3)}
    return {
        "a module with a view": (module_of(torch, forward, **parts), None),
        "one layer": (nn.Conv1d(2, 3, 3, padding="same", dilation=2), None),
        "as high as it is not wide": (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(96, 2)),
            (1, 8, 10),
        ),
        "borders of the image's own numbers": (
            nn.Sequential(
                nn.Conv2d(1, 4, 3, stride=2, padding=(2, 1), padding_mode="reflect", groups=1),
                nn.Conv2d(4, 2, (2, 3), padding="same", padding_mode="circular"),
                nn.ReplicationPad2d((1, 0, 2, 1)),
                nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
            ),
            None,
        ),
        "places that are asked for": (
            nn.Sequential(
                nn.Conv2d(3, 4, 3),
                nn.AdaptiveMaxPool2d((5, None)),
                nn.AdaptiveAvgPool2d((3, 2)),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(4, 2),
            ),
            None,
        ),
    }


def test_networks_of_images_come_in_and_go_out(torch: Any) -> None:
    torch.manual_seed(0)
    for name, (module, shape) in image_networks(torch).items():
        saved = from_torch(module.double(), input_shape=shape)
        x = example_rows(saved.network, "float64", shape)
        expected = module.eval()(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(saved.predict(x), expected, rtol=1e-10, err_msg=name)
        twin = to_torch(saved.network, saved.params, state=saved.state).eval()
        np.testing.assert_allclose(twin(torch.tensor(x)).detach(), expected, rtol=1e-10)
        back = from_torch(twin, input_shape=shape)
        np.testing.assert_allclose(back.predict(x), expected, rtol=1e-10, err_msg=name)
        model = to_onnx(saved.network, saved.params, state=saved.state, input_shape=x.shape[1:])
        np.testing.assert_allclose(from_onnx(model).predict(x), expected, rtol=1e-10)


OF_IMAGES_AND_TIME = [
    example
    for kind, examples in LAYER_EXAMPLES.items()
    for example in examples
    if issubclass(kind, Pool | Conv1d | Conv2d | Pad | GlobalAverage | Recurrent | RecurrentCell)
]


@pytest.mark.parametrize("example", OF_IMAGES_AND_TIME, ids=lambda example: repr(example.layer))
def test_the_twin_of_a_layer_has_its_numbers_and_comes_back(torch: Any, example: Any) -> None:
    point = draw_point(example.layer, example.input_shape)
    *twin, by_states = torch_functions.network_gradients(
        point.network, point.params, point.x, point.dy, states=point.states
    )
    ours = point.network.backward(point.forward(), point.dy)
    found = (point.forward().output, ours.input_gradient, ours.gradient)
    for name, of_state in by_states.items():
        np.testing.assert_allclose(ours.inside("")[f"{name}_before"], of_state, rtol=1e-11)
    for one, theirs in zip(found, twin, strict=True):
        assert one is not None
        assert theirs is not None
        np.testing.assert_allclose(one, theirs, rtol=1e-11, atol=1e-12)
    back = from_torch(to_torch(point.network, point.params), input_shape=example.input_shape)
    again = back.predict(point.x, side_inputs=point.states)
    np.testing.assert_allclose(again, found[0], rtol=1e-12, atol=1e-13)
    (layer,) = back.network.layer.layers  # type: ignore[attr-defined]
    assert layer.settings() == example.layer.settings() or "Pool" in type(layer).__name__


def test_branches_come_in_and_a_layer_that_is_called_twice_is_tied(torch: Any) -> None:
    module = two_branches(torch)
    saved = from_torch(module)
    x = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    np.testing.assert_allclose(saved.predict(x), module(torch.tensor(x)).detach(), rtol=1e-5)
    assert saved.params.size == 6
    assert len(saved.network.tied) == 2


def test_a_block_of_attention_comes_in_and_goes_out(torch: Any) -> None:
    module = block(torch, need_weights=False)
    with torch.no_grad():
        module.attention.in_proj_bias += torch.arange(12) / 10
    saved = from_torch(module.double())
    network, params = saved.network, saved.params
    assert "MultiheadAttention(4, 2)" in network.summary()
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    expected = module(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(network.predict(params, x), expected, rtol=1e-12)
    twin = to_torch(network, params).eval()
    np.testing.assert_allclose(twin(torch.tensor(x)).detach(), expected, rtol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_an_encoder_comes_in_with_its_masks(torch: Any, causal: bool) -> None:
    mask = torch.ones(5, 5).triu(1) == 1 if causal else None
    module = encoder(torch, mask=mask).double()
    for parameter in module.parameters():  # PyTorch starts biases at 0
        parameter.data += 0.1 * torch.randn_like(parameter)
    saved = from_torch(module)
    layers = [node.layer for node in saved.network.graph.nodes.values()]
    assert [one.causal for one in layers if isinstance(one, MultiheadAttention)] == [causal] * 3
    assert sum(isinstance(one, Dropout) for one in layers) == 6
    ids = np.random.default_rng(0).integers(7, size=(3, 5))
    hidden = np.zeros((3, 5), bool)
    hidden[1, 3:] = True
    with torch.no_grad():
        theirs = module.eval()(torch.tensor(ids), torch.tensor(hidden)).numpy()
    ours = saved.predict(ids, side_inputs={"key_padding_mask": hidden})
    # In use PyTorch's encoder puts 0 out at padding, which nothing behind it looks at.
    np.testing.assert_allclose(ours[~hidden], theirs[~hidden], rtol=1e-10, atol=1e-12)
    again = from_torch(to_torch(saved.network, saved.params))
    assert again.network.layer == saved.network.layer
    np.testing.assert_array_equal(again.params, saved.params)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_the_arrays_of_a_cell_are_those_of_the_layer_over_time(torch: Any, kind: str) -> None:
    torch.manual_seed(0)
    cell = getattr(torch.nn, f"{kind}Cell")(2, 3).double()
    layer = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}[kind](2, 3)
    saved = from_torch(cell.state_dict(), network=Network(layer))
    x = torch.randn(4, 5, 2, dtype=torch.float64)
    state: Any = None
    for time in range(5):
        state = cell(x[:, time], state)
    last = state[0] if kind == "LSTM" else state
    np.testing.assert_allclose(saved.predict(x.numpy())[:, -1], last.detach().numpy(), rtol=1e-12)


def test_a_step_takes_its_states_beside_its_input(torch: Any) -> None:
    module = stepping(torch)
    generator = np.random.default_rng(0)
    x, *states = (generator.normal(size=(5, width)) for width in (3, 4, 4))
    expected = module(*map(torch.tensor, (x, *states))).detach()
    saved = from_torch(module)
    beside = dict(zip(("hidden", "cell"), states, strict=True))
    np.testing.assert_allclose(saved.predict(x, side_inputs=beside), expected, rtol=1e-12)
    twin = to_torch(saved.network, saved.params, masks=True)
    given = {name: torch.tensor(one) for name, one in beside.items()}
    np.testing.assert_allclose(twin(torch.tensor(x), **given).detach(), expected, rtol=1e-12)
    assert from_torch(twin).network.layer == saved.network.layer


@pytest.mark.parametrize("name", [name for row in LOSS_ROWS.values() for name in row.reads])
def test_a_captured_step_has_pytorchs_own_gradients(torch: Any, name: str) -> None:
    torch.manual_seed(1)
    criterion = getattr(torch.nn, name)()
    ours = next(kind for kind, row in LOSS_ROWS.items() if name in row.reads)
    _, t = LOSS_EXAMPLES[ours][0].draw(np.random.default_rng(0), 6)
    outputs = 1 + int(t.max()) if t.ndim == 1 else t.shape[1]
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.GELU(), torch.nn.Linear(3, outputs)
    ).double()
    x, target = torch.randn(6, 4, dtype=torch.float64), torch.tensor(t)
    criterion(module(x), target).backward()
    captured = from_torch_step(module, x, target, loss=criterion)
    assert type(captured.step.loss) is ours
    assert captured.agrees, str(captured)
    assert captured.loss == pytest.approx(captured.step.value, rel=1e-12)
    expected = np.concatenate([
        p.grad.numpy().T.ravel() if p.ndim > 1 else p.grad.numpy() for p in module.parameters()
    ])  # fmt: skip
    np.testing.assert_array_equal(captured.gradient, expected)


def test_a_witness_that_disagrees_is_told_with_the_place(torch: Any, tmp_path: Any) -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2)).double()
    x, target = torch.randn(5, 3, dtype=torch.float64), torch.randint(2, (5,))
    torch.nn.functional.cross_entropy(module(x), target).backward()
    good = from_torch_step(module, x, target, loss=torch.nn.functional.cross_entropy)
    assert good.agrees
    assert "PyTorch agrees with all 8 gradients" in str(good)
    module[0].weight.grad[1, 2] *= 1.001
    bad = from_torch_step(module, x, target, loss=CrossEntropy(), optimizer="sgd")
    assert not bad.agrees
    assert "layers[0].weight[2,1]" in str(bad)
    assert "layers[0].weight[2,1]" in bad.text("zh-TW")
    # The step itself is ours, and opens everywhere.
    assert "layers[0].weight[2,1]" in str(explain_weight(bad.step, "layers[0].weight[2,1]"))
    assert examine(bad.step)
    bad.save(tmp_path / "step.safetensors")
    kept = load(tmp_path / "step.safetensors").arrays["torch.gradient"]
    assert np.array_equal(kept, bad.gradient)
    for command in (["explain", "--weight", "layers[0].weight[2,1]"], ["step"], ["health"]):
        assert main([*command, str(tmp_path / "step.safetensors")]) == 0


def test_a_residual_has_its_branchs_names(torch: Any) -> None:
    network = Network(Sequential(Residual(Sequential(Linear(2, 2), Tanh())), Linear(2, 1)))
    params = network.initialize(0)
    module = to_torch(network, params)
    assert list(module.state_dict()) == [
        "0.branch.0.weight", "0.branch.0.bias", "1.weight", "1.bias",
    ]  # fmt: skip
    copied = copy.deepcopy(module)
    x = torch.randn(3, 2, dtype=torch.float64)
    np.testing.assert_allclose(copied(x).detach(), network.predict(params, x.numpy()), 1e-13)


@pytest.mark.parametrize("options", [{}, {"rotary": True, "softcap": 2.0}, {"key_value_heads": 1}])
def test_a_twin_takes_masks_beside_its_input(torch: Any, options: dict[str, Any]) -> None:
    layers = MultiheadAttention(4, 2, causal=True, **options), MultiheadAttention(4, 2, memory=2)
    for layer, asked in zip(layers, (3, 2), strict=True):
        network = Network(Sequential(layer))
        params = network.initialize(0) + 0.1
        twin = to_torch(network, params, masks=True).eval()
        generator = np.random.default_rng(0)
        x = generator.normal(size=(2, 3, 4))
        asking = 3 if layer.memory is None else 1
        masks = {
            "key_padding_mask": np.arange(asked) >= np.array([asked, asked - 1])[:, None],
            "attn_mask": generator.normal(size=(2, asking, asked)),
        }
        theirs = twin(torch.tensor(x), **{n: torch.tensor(one) for n, one in masks.items()})
        ours = network.predict(params, x, side_inputs=masks)
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-12)
        assert from_torch(twin).network.layer == network.layer
