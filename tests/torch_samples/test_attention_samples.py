"""Attention and the layers of a transformer on the samples of PyTorch's own tests: outputs and
gradients. How many ran is printed at the end of a run.

MultiheadAttention's samples look at a sequence with other keys than values, which one layer has no
place for. So every one runs through the middle of ours (`dot_product`) between four Linear layers,
and as the whole layer with one sequence for keys and values.
"""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from clearprop import Context, Linear, MultiheadAttention, Network
from clearprop.base.arrays import Array
from clearprop.engine.layers.attention_masks import Places, mask_bias
from clearprop.engine.layers.dot_product import attend, attended_signals
from clearprop.formats import from_torch, to_torch
from clearprop.formats.torch_arrays import from_torch_arrays, to_torch_arrays
from tests.torch_samples.samples import Sample, collect, sequences

RUN = {"MultiheadAttention": 64, "TransformerEncoderLayer": 39, "TransformerEncoder": 39}
# Both in float64; what differs is the order of sums of a few terms.
TOLERANCE: Any = {"rtol": 1e-10, "atol": 1e-12}


def test_attention(torch: Any, record_property: Any) -> None:
    samples = collect(torch, "MultiheadAttention")
    for sample in samples:
        compare_middle(torch, sample)
    record_property("torch module samples run", len(samples))
    assert len(samples) == RUN["MultiheadAttention"]


def test_attention_as_one_layer(torch: Any, record_property: Any) -> None:
    samples = collect(torch, "MultiheadAttention")
    for sample in samples:
        compare_layer(torch, sample)
    record_property("torch module samples run", len(samples))
    assert len(samples) == RUN["MultiheadAttention"]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("kind", ["TransformerEncoderLayer", "TransformerEncoder"])
def test_encoders(torch: Any, kind: str, record_property: Any) -> None:
    samples = collect(torch, kind)
    for sample in samples:
        compare_encoder(torch, sample)
    record_property("torch module samples run", len(samples))
    assert len(samples) == RUN[kind]


def compare_middle(torch: Any, sample: Sample) -> None:
    """Projections by Linear, what is learned or empty beside the keys, and the middle."""
    module = _started(torch, sample)
    inputs, masks = _given(sample)
    y = module(*inputs, **masks)[0]
    dy = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    y.backward(dy)

    size = module.embed_dim
    bias = module.in_proj_bias is not None
    layer = MultiheadAttention(size, module.num_heads, bias=bias)
    linear = Linear(size, size, bias=bias)
    weights = np.split(_array(module.in_proj_weight), 3)
    biases = np.split(_array(module.in_proj_bias), 3) if bias else [None] * 3
    arrays = [_array(one)[None] for one in inputs]
    params = [_params(w, b) for w, b in zip(weights, biases, strict=True)]
    projected = [linear.forward(own, x, Context()) for own, x in zip(params, arrays, strict=True)]
    q, k, v = (one[0] for one in projected)
    learned = [_array(one) for one in (module.bias_k, module.bias_v) if one is not None]
    k, v = (
        np.concatenate([one, *more, *[np.zeros((1, 1, size))] * module.add_zero_attn], axis=1)
        for one, more in ((k, learned[:1]), (v, learned[1:]))
    )
    asked = k.shape[1]
    queries, keys, values = (layer._heads(one) for one in (q, k, v))
    places = Places(1, layer.heads, q.shape[1], asked)
    mask = _widened(masks, inputs[1].shape[0], places)
    mask_added = mask_bias(Context(side_inputs=mask), "", places, False, "d")
    found = attend(queries, keys, values, layer.scoring, bias=mask_added)
    merged = found.output.swapaxes(1, 2).reshape(q.shape)
    out = _params(_array(module.out_proj.weight), _optional(module.out_proj.bias))
    ours, cache, _ = linear.forward(out, merged, Context())
    np.testing.assert_allclose(ours[0], _array(y), **TOLERANCE)

    d_merged, d_out = linear.backward(out, cache, _array(dy)[None])
    assert d_merged is not None
    d_heads = layer._heads(d_merged)
    taken = (d_heads * found.output).sum(axis=-1, keepdims=True)
    signals = attended_signals(found.weights, None, values, None, d_heads, taken)
    scaled = signals.scores * layer.scoring.scale
    back = (scaled @ keys, scaled.mT @ queries, found.weights.mT @ d_heads)
    d_projected = [one.swapaxes(1, 2).reshape(1, -1, size) for one in back]
    own = [
        linear.backward(one, at[1], signal[:, : x.shape[1]])
        for one, at, signal, x in zip(params, projected, d_projected, arrays, strict=True)
    ]
    for (dx, _), given in zip(own, inputs, strict=True):
        assert dx is not None
        np.testing.assert_allclose(dx[0], _array(given.grad), **TOLERANCE)
    expected = _array(module.in_proj_weight.grad)
    np.testing.assert_allclose(
        np.concatenate([d["weight"].T for _, d in own]), expected, **TOLERANCE
    )
    np.testing.assert_allclose(d_out["weight"].T, _array(module.out_proj.weight.grad), **TOLERANCE)
    if bias:
        expected = _array(module.in_proj_bias.grad)
        found_bias = np.concatenate([d["bias"][0] for _, d in own])
        np.testing.assert_allclose(found_bias, expected, **TOLERANCE)
    if learned:
        row = inputs[1].shape[0]
        for signal, parameter in zip(d_projected[1:], (module.bias_k, module.bias_v), strict=True):
            np.testing.assert_allclose(signal[:, row], _array(parameter.grad)[0], **TOLERANCE)


def compare_layer(torch: Any, sample: Sample) -> None:
    """The query looks at the sample's keys: the layer's sequence is both, one behind the other."""
    module = _started(torch, sample)
    (query, key, _), masks = _given(sample)
    y = module(query, key, key, **masks)[0]
    dy = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    y.backward(dy)
    bias = module.in_proj_bias is not None
    layer = MultiheadAttention(
        module.embed_dim,
        module.num_heads,
        bias=bias,
        memory=key.shape[0],
        add_bias_kv=module.bias_k is not None,
        add_zero_attn=module.add_zero_attn,
    )
    network = Network(layer)
    params, _ = from_torch_arrays(network, {n: _array(p) for n, p in module.state_dict().items()})
    x = np.concatenate([_array(query), _array(key)])[None]
    places = Places(1, layer.heads, query.shape[0], key.shape[0])
    forward = network.forward(params, x, side_inputs=_widened(masks, key.shape[0], places))
    np.testing.assert_allclose(forward.output[0], _array(y), **TOLERANCE)
    backward = network.backward(forward, _array(dy)[None])
    dx = np.concatenate([_array(query.grad), _array(key.grad)])
    assert backward.input_gradient is not None
    np.testing.assert_allclose(backward.input_gradient[0], dx, **TOLERANCE)
    gradients = to_torch_arrays(network, backward.gradient)
    for name, parameter in module.named_parameters():
        np.testing.assert_allclose(gradients[name], _array(parameter.grad), **TOLERANCE)


def compare_encoder(torch: Any, sample: Sample) -> None:
    """The module as it is imported, and the same exported again."""
    module = _started(torch, sample)
    (x,), masks = _given(sample)
    first = _samples_first(module)
    y = module(x, **masks)
    dy = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    y.backward(dy)

    saved = from_torch(first)
    network, params = saved.network, saved.params
    # Of a batch the times come first there, unless the module says otherwise.
    turned = x.dim() == 3 and not _is_samples_first(module)
    given, signal, expected, d_input = (sequences(one, turned) for one in (x, dy, y, x.grad))
    beside: dict[str, Array] = {}
    for name, mask in masks.items():
        if mask is not None:
            told = "key_padding_mask" if name.endswith("padding_mask") else "attn_mask"
            beside[told] = mask.numpy().reshape(1, -1) if told != "attn_mask" else mask.numpy()
    forward = network.forward(params, given, side_inputs=beside)
    np.testing.assert_allclose(forward.output, expected, **TOLERANCE)
    backward = network.backward(forward, signal)
    assert backward.input_gradient is not None
    np.testing.assert_allclose(backward.input_gradient, d_input, **TOLERANCE)
    twin = to_torch(network, params, masks=True)
    back = from_torch(twin)
    assert back.network.layer == network.layer
    np.testing.assert_array_equal(back.params, params)
    again = torch.tensor(given, requires_grad=True)
    out = twin(again, **{name: torch.tensor(mask) for name, mask in beside.items()})
    out.backward(torch.tensor(signal))
    np.testing.assert_allclose(out.detach().numpy(), expected, **TOLERANCE)
    np.testing.assert_allclose(again.grad.numpy(), d_input, **TOLERANCE)
    gradients = to_torch_arrays(network, backward.gradient)
    for name, parameter in twin.named_parameters():
        np.testing.assert_allclose(gradients[name], _array(parameter.grad), **TOLERANCE)
    total = sum(float((p.grad**2).sum()) for p in module.parameters())
    assert float((backward.gradient**2).sum()) == pytest.approx(total, rel=1e-10)


def _started(torch: Any, sample: Sample) -> Any:
    """The module with biases that are not 0, which PyTorch starts with."""
    module = sample.module(torch)
    torch.manual_seed(1)
    for parameter in module.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return module


def _given(sample: Sample) -> tuple[list[Any], Mapping[str, Any]]:
    """The sequences, to be differentiated by, and the masks by their names."""
    count = len(sample.inputs) - len(sample.named)
    inputs = [one.detach().clone().requires_grad_() for one in sample.inputs[:count]]
    return inputs, sample.named


def _widened(masks: Mapping[str, Any], keys: int, places: Places) -> dict[str, Array]:
    """The masks of one sample as side inputs of ours; keys that are learned or empty are seen."""
    found = {}
    more = places.asked - keys
    padding, looking = masks["key_padding_mask"], masks["attn_mask"]
    if padding is not None:
        found["key_padding_mask"] = np.pad(padding.numpy()[None], ((0, 0), (0, more)))
    if looking is not None:
        found["attn_mask"] = np.pad(looking.numpy()[None], ((0, 0), (0, 0), (0, 0), (0, more)))
    return found


def _is_samples_first(module: Any) -> bool:
    return all(one.batch_first for one in module.modules() if hasattr(one, "batch_first"))


def _samples_first(module: Any) -> Any:
    """The same module, told that samples come first, which changes none of its parameters."""
    first = copy.deepcopy(module)
    for one in first.modules():
        if hasattr(one, "batch_first"):
            one.batch_first = True
    return first


def _params(weight: Array, bias: Array | None) -> dict[str, Array]:
    return {"weight": weight.T} | ({} if bias is None else {"bias": bias[None]})


def _optional(tensor: Any) -> Array | None:
    return None if tensor is None else _array(tensor)


def _array(tensor: Any) -> Array:
    array: Array = tensor.detach().numpy()
    return array
