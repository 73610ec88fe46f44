"""PyTorch as a witness: the same numbers from an engine that knows nothing of ours."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from clearprop import (
    GRU,
    LSTM,
    MSE,
    RNN,
    SGD,
    Activation,
    Add,
    BatchNorm,
    Concatenate,
    Context,
    Conv1d,
    Conv2d,
    Dropout,
    Embedding,
    FeatureScale,
    GroupNorm,
    KaimingNormal,
    KaimingUniform,
    Layer,
    LayerNorm,
    LearnedPositions,
    Linear,
    MultiheadAttention,
    Network,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    Tanh,
    TimeSlice,
    TimeStep,
    Unembedding,
    XavierNormal,
    XavierUniform,
)
from clearprop.base.arrays import Array
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.kinds.kind_tables import LAYER_EXAMPLES, LAYER_ROWS
from clearprop.training import fit
from tests.gradient_checks import draw_point, own_gradient

CASES = [example for examples in LAYER_EXAMPLES.values() for example in examples]
# Both engines work in float64; what differs is the order in which sums are taken.
ATOL = 1e-12


def twin(
    torch: Any, layer: Layer, params: dict[str, Any], path: str, x: Any, *, training: bool = True
) -> Any:
    """The layer's function in torch's own operations, at tensors named by our paths."""
    functional = torch.nn.functional

    def join(name: str) -> str:
        return f"{path}.{name}" if path else name

    def row(name: str) -> Any:
        return params[join(name)].reshape(-1) if join(name) in params else None

    def of_branches(branches: tuple[Layer, ...]) -> Iterator[Any]:
        for index, branch in enumerate(branches):
            yield twin(torch, branch, params, join(f"branches[{index}]"), x, training=training)

    match layer:
        case PReLU():
            # torch counts features along the second axis.
            return functional.prelu(x.movedim(-1, 1), row("weight")).movedim(1, -1)
        case BatchNorm():
            mean, variance = (f(layer.features, dtype=x.dtype) for f in (torch.zeros, torch.ones))
            of_batch = training or not layer.running_statistics
            weight, bias = row("weight"), row("bias")
            return functional.batch_norm(
                x, mean, variance, weight, bias, of_batch, eps=layer.epsilon
            )
        case LayerNorm():
            shape, weight, bias = (layer.features,), row("weight"), row("bias")
            return functional.layer_norm(x, shape, weight, bias, layer.epsilon)
        case RMSNorm():
            return functional.rms_norm(x, (layer.features,), row("weight"), layer.epsilon)
        case Dropout():
            if not training or layer.probability == 1:
                return functional.dropout(x, layer.probability, training)
            # Two generators draw two masks, so torch is handed ours.
            drawn = torch.tensor(Context(path=path).generator().random(tuple(x.shape)))
            return torch.where(drawn < layer.probability, 0, x / (1 - layer.probability))
        case Embedding():
            return functional.embedding(x, params[join("weight")])
        case Conv1d() | Conv2d():
            convolve = functional.conv1d if layer.axes == 1 else functional.conv2d
            border = layer.window_on(tuple(x.shape[2:])).padding
            return convolve(
                functional.pad(x, [end for side in reversed(border) for end in side]),
                params[join("weight")],
                row("bias"),
                layer.stride,
                0,
                layer.dilation,
                layer.groups,
            )
        case GroupNorm():
            weight, bias = row("weight"), row("bias")
            return functional.group_norm(x, layer.groups, weight, bias, layer.epsilon)
        case Linear():
            bias = params[join("bias")].reshape(-1) if layer.bias else None
            return torch.nn.functional.linear(x, params[join("weight")].T, bias)
        case Unembedding():
            return functional.linear(x, params[join("weight")])
        case LearnedPositions():
            return x + params[join("weight")][: x.shape[1]]
        case MultiheadAttention():
            kept = None
            if training and layer.dropout:
                # Two generators draw two masks, so torch is handed ours.
                of_weights = (len(x), layer.heads, x.shape[1], x.shape[1])
                kept = Context(path=path).generator().random(of_weights) >= layer.dropout
            return attention(
                torch, layer, {n: params[join(n)] for n in layer.parameters()}, x, kept
            )
        case RecurrentCell():
            own = {n: params[join(n)] for n in (*layer.parameters(), *layer.states)}
            h, c = through_time(torch, layer.over_time, own, x[:, None])
            return torch.cat([h[:, 0], c], 1) if getattr(layer, "cell_output", False) else h[:, 0]
        case Recurrent():
            own = {n: params[join(n)] for n in layer.parameters()}
            return through_time(torch, layer, own, x)[0]
        case TimeSlice():
            return x[:, layer.start : layer.stop]
        case TimeStep():
            return x[:, layer.index]
        case FeatureScale():
            return x * (layer.rate * row("weight"))
        case Sequential():
            for index, child in enumerate(layer.layers):
                path_there = join(f"layers[{index}]")
                x = twin(torch, child, params, path_there, x, training=training)
            return x
        case Add():
            return sum(of_branches(layer.branches))
        case Concatenate():
            return torch.cat(list(of_branches(layer.branches)), layer.axis)
        case Residual():
            return x + twin(torch, layer.branch, params, join("branch"), x, training=training)
    assert not layer.parameters(), f"write {layer} in torch's operations"
    return LAYER_ROWS[type(layer)].torch.module(torch.nn, layer)(x)


def through_time(torch: Any, layer: Recurrent, params: Any, x: Any) -> Any:
    """A recurrence in torch's operations, time by time: the states, and the last cell."""
    times = range(x.shape[1])
    h, c = (params.get(n, x.new_zeros(len(x), layer.width(n))) for n in ("hidden", "cell"))
    found = {}
    for time in reversed(times) if layer.reverse else times:
        a = x[:, time] @ params["weight_ih"] + params.get("bias_ih", 0)
        q = h @ params["weight_hh"] + params.get("bias_hh", 0)
        match layer:
            case LSTM():
                i, f, g, o = (a + q).chunk(4, 1)
                p_i, p_f, p_o = (0, 0, 0)
                if layer.peepholes:
                    p_i, p_f, p_o = params["peephole"].chunk(3, 1)
                i, f = i + p_i * c, f + p_f * c
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = (o + p_o * c).sigmoid() * c.tanh()
                h = h @ params["weight_hr"] if layer.projection else h
            case GRU():
                r, z, n = (
                    one + other for one, other in zip(a.chunk(3, 1), q.chunk(3, 1), strict=True)
                )
                r, z = r.sigmoid(), z.sigmoid()
                last = q.chunk(3, 1)[2]
                inner = r * last
                if not layer.reset_after:
                    inner = (r * h) @ params["weight_hh"].chunk(3, 1)[2]
                    inner = inner + params["bias_hh"].chunk(3, 1)[2]
                n = (n - last + inner).tanh()
                h = (1 - z) * n + z * h
            case RNN():
                h = (a + q).tanh() if layer.nonlinearity == "tanh" else (a + q).relu()
        found[time] = h
    return torch.stack([found[time] for time in times], 1), c


def attention(
    torch: Any, layer: MultiheadAttention, params: Any, x: Any, kept: Array | None
) -> Any:
    """Attention by torch's functions; what is turned by its position as complex numbers are."""
    functional = torch.nn.functional
    asking = x.shape[1] - (layer.memory or 0)
    asked = x if layer.memory is None else x[:, asking:]
    own = layer.scale, layer.softcap, layer.key_value_heads
    if not layer.rotary and kept is None and own == (None, None, None):
        sequences = [one.transpose(0, 1) for one in (x[:, :asking], asked, asked)]
        mask = torch.ones(asking, asking).triu(1) == 1 if layer.causal else None
        biases = [params[n].reshape(-1) if layer.bias else None for n in BIASES]
        found, _ = functional.multi_head_attention_forward(
            *sequences,
            layer.features,
            layer.heads,
            params["in_proj_weight"].T,
            biases[0],
            None,
            None,
            False,
            0.0,
            params["out_proj_weight"].T,
            biases[1],
            training=False,
            attn_mask=mask,
            need_weights=False,
        )
        return found.transpose(0, 1)
    packed = x @ params["in_proj_weight"] + params["in_proj_bias"]
    shared = layer.key_value_heads or layer.heads
    size = layer.features // layer.heads
    heads = packed.unflatten(-1, (-1, size)).transpose(1, 2)
    q, k, v = heads.split((layer.heads, shared, shared), 1)
    if layer.rotary:
        q, k = (turned(torch, one) for one in (q, k))
    k, v = (one.repeat_interleave(layer.heads // shared, 1) for one in (k, v))
    scores = q @ k.mT * (size**-0.5 if layer.scale is None else layer.scale)
    if layer.softcap is not None:
        scores = layer.softcap * (scores / layer.softcap).tanh()
    if layer.causal:
        scores = scores.masked_fill(torch.ones(asking, asking).triu(1) == 1, -torch.inf)
    weights = scores.softmax(-1)
    if kept is not None:
        weights = torch.where(torch.tensor(kept), weights / (1 - layer.dropout), 0)
    merged = (weights @ v).transpose(1, 2).flatten(2)
    return merged @ params["out_proj_weight"] + params["out_proj_bias"]


BIASES = ("in_proj_bias", "out_proj_bias")


def turned(torch: Any, x: Any) -> Any:
    """The pairs (i, i + d/2) as complex numbers, times e^(i t ω)."""
    half = x.shape[-1] // 2
    rates = 10000.0 ** (-torch.arange(half, dtype=x.dtype) / half)
    angles = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * rates
    pairs = torch.complex(x[..., :half], x[..., half:]) * torch.polar(
        torch.ones_like(angles), angles
    )
    return torch.cat([pairs.real, pairs.imag], -1)


def tensors(torch: Any, named: dict[str, Array]) -> dict[str, Any]:
    # Copied: torch.from_numpy shares memory, and an update would reach our arrays.
    return {path: torch.tensor(array.copy(), requires_grad=True) for path, array in named.items()}


@pytest.mark.parametrize("example", CASES, ids=[repr(case.layer) for case in CASES])
def test_every_layer_agrees_with_torch(torch: Any, example: Any) -> None:
    how = {"ids": example.ids, "training": example.training}
    point = draw_point(example.layer, example.input_shape, samples=6, **how)
    named = tensors(torch, point.network.named(point.params))
    x_there = torch.tensor(point.x, requires_grad=example.ids is None)
    given = {**named, **tensors(torch, point.states)}
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
