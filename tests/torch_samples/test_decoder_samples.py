"""PyTorch's samples of the decoder's layer: self-attention, then attention to a context, then a
feed-forward part, as one network of ours whose sequence is the targets and behind them the context.

How many ran is printed at the end of a run.
"""

from typing import Any

import numpy as np

from clearprop import (
    GELU,
    Add,
    Concatenate,
    Layer,
    LayerNorm,
    Linear,
    MultiheadAttention,
    Network,
    ReLU,
    Residual,
    Sequential,
    TimeSlice,
)
from clearprop.base.arrays import Array
from tests.torch_samples.samples import Sample, collect, sequences

# Both in float64; what differs is the order of sums of a few terms.
TOLERANCE: Any = {"rtol": 1e-9, "atol": 1e-12}


def test_decoder_layers(torch: Any, record_property: Any) -> None:
    samples = collect(torch, "TransformerDecoderLayer")
    for sample in samples:
        compare(torch, sample)
    record_property("torch module samples run", len(samples))
    assert len(samples) == 67


def decoder(module: Any, times: int, context: int) -> Network:
    """The layer for so many targets and so many times of context."""
    size, heads = module.self_attn.embed_dim, module.self_attn.num_heads
    bias = module.linear1.bias is not None
    asking, told = TimeSlice(stop=times), TimeSlice(times)
    norm = LayerNorm(size, bias=bias)
    itself = MultiheadAttention(size, heads, bias=bias)
    other = MultiheadAttention(size, heads, bias=bias, memory=context)
    bent = GELU() if module.activation.__name__ == "gelu" else ReLU()
    wide = module.linear1.out_features
    forward = Sequential(Linear(size, wide, bias=bias), bent, Linear(wide, size, bias=bias))
    parts: tuple[Layer, ...]
    if module.norm_first:
        own: Layer = Sequential(asking, Residual(Sequential(norm, itself)))
        normed = Concatenate(Sequential(asking, norm), told, axis=-2)
        parts = (
            Add(asking, Sequential(normed, other)),
            Residual(Sequential(norm, forward)),
        )
    else:
        own = Sequential(asking, Residual(itself), norm)
        parts = (Add(asking, other), norm, Residual(forward), norm)
    return Network(Sequential(Concatenate(own, told, axis=-2), *parts))


def compare(torch: Any, sample: Sample) -> None:
    module = sample.module(torch)
    torch.manual_seed(1)
    for parameter in module.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    target, context = (one.detach().clone().requires_grad_() for one in sample.inputs[:2])
    y = module(target, context, **sample.named)
    dy = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    y.backward(dy)

    turned = target.dim() == 3 and not module.self_attn.batch_first
    t, c, signal, expected, dt, dc = (
        sequences(one, turned) for one in (target, context, dy, y, target.grad, context.grad)
    )
    network = decoder(module, t.shape[1], c.shape[1])
    params = network.replace(np.zeros(network.size), arrays_of(network, module, gradients=False))
    masks = masks_of(network, sample, len(t))
    forward = network.forward(params, np.concatenate([t, c], axis=1), side_inputs=masks)
    np.testing.assert_allclose(forward.output, expected, **TOLERANCE)
    backward = network.backward(forward, signal)
    assert backward.input_gradient is not None
    both = np.concatenate([dt, dc], axis=1)
    np.testing.assert_allclose(backward.input_gradient, both, **TOLERANCE)
    gradients = backward.named()
    for path, array in arrays_of(network, module, gradients=True).items():
        np.testing.assert_allclose(gradients[path], array, **TOLERANCE, err_msg=path)


def masks_of(network: Network, sample: Sample, count: int) -> dict[str, Array]:
    """Each mask for the attention that it is handed to, by the layer's path."""
    found: dict[str, Array] = {}
    nodes = network.graph.nodes.items()
    paths = [path for path, node in nodes if isinstance(node.layer, MultiheadAttention)]
    for path, whose in zip(paths, ("tgt", "memory"), strict=True):
        padding = sample.named.get(f"{whose}_key_padding_mask")
        looking = sample.named.get(f"{whose}_mask")
        if padding is not None:
            found[f"{path}.key_padding_mask"] = padding.numpy().reshape(count, -1)
        if looking is not None:
            found[f"{path}.attn_mask"] = looking.numpy()
    return found


def arrays_of(network: Network, module: Any, *, gradients: bool) -> dict[str, Array]:
    """The module's arrays, or their gradients, by our paths: both use them in one order."""
    attentions = "self_attn", "multihead_attn"
    blocks = [["self_attn"], ["multihead_attn"], ["linear1", "linear2"]]
    order = []
    for number, block in enumerate(blocks, 1):
        norm = [f"norm{number}"]
        order += norm + block if module.norm_first else block + norm
    found: dict[str, Array] = {}
    paths = iter(network.graph.slots)
    for name in order:
        part = getattr(module, name)
        tensors = (
            [part.weight, part.bias]
            if name not in attentions
            else [
                part.in_proj_weight,
                part.in_proj_bias,
                part.out_proj.weight,
                part.out_proj.bias,
            ]
        )
        for tensor in tensors:
            if tensor is None:
                continue
            path = next(paths)
            array = (tensor.grad if gradients else tensor.detach()).numpy()
            found[path] = (array.T if array.ndim == 2 else array).reshape(
                network.graph.slots[path].shape
            )
    assert next(paths, None) is None
    return found
