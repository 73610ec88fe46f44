"""The layers of the catalogue as PyTorch computes them, written out by hand."""

from collections.abc import Iterator
from typing import Any

from clearprop import (
    GRU,
    LSTM,
    RNN,
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
    Layer,
    LayerNorm,
    LearnedPositions,
    Linear,
    MultiheadAttention,
    PReLU,
    Residual,
    RMSNorm,
    Sequential,
    TimeSlice,
    TimeStep,
    Unembedding,
)
from clearprop.base.arrays import Array
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.kinds.kind_tables import LAYER_ROWS


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
            *(params[n][None] if layer.add_bias_kv else None for n in ("bias_k", "bias_v")),
            layer.add_zero_attn,
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
    if layer.add_bias_kv:
        rows = (params[n].reshape(1, shared, 1, size) for n in ("bias_k", "bias_v"))
        pairs = zip((k, v), rows, strict=True)
        k, v = (torch.cat([one, b.expand(len(x), -1, -1, -1)], 2) for one, b in pairs)
    if layer.add_zero_attn:
        k, v = (functional.pad(one, (0, 0, 0, 1)) for one in (k, v))
    k, v = (one.repeat_interleave(layer.heads // shared, 1) for one in (k, v))
    scores = q @ k.mT * (size**-0.5 if layer.scale is None else layer.scale)
    if layer.softcap is not None:
        scores = layer.softcap * (scores / layer.softcap).tanh()
    if layer.causal:
        hidden = torch.ones(asking, asking).triu(1) == 1
        hidden = functional.pad(hidden, (0, layer.add_bias_kv + layer.add_zero_attn))
        scores = scores.masked_fill(hidden, -torch.inf)
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
