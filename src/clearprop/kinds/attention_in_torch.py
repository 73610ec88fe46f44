"""MultiheadAttention as a module of PyTorch's: its own where that computes the same, otherwise
written out; each takes the masks that ours takes beside x."""

from collections.abc import Callable
from typing import Any

from clearprop.base.errors import ContractError
from clearprop.engine.layers.attention import MultiheadAttention
from clearprop.kinds.position_kinds import turned

# From the module, its input, and what masks and `causal` add to the scores to the output.
Forward = Callable[[Any, Any, Any], Any]


def module_of(nn: Any, one: MultiheadAttention) -> Any:
    """The module of a layer."""
    own = one.scale, one.softcap, one.key_value_heads
    is_plain = not one.rotary and all(setting is None for setting in own)
    return (_own_module if is_plain else _written_out)(nn, one)


def attention_of(module: Any) -> MultiheadAttention | None:
    """The layer of PyTorch's module by itself: what is asked, and the masks, stand where it is
    called. Raises ContractError where the times come first."""
    plain = module.bias_k is None and module.bias_v is None and not module.add_zero_attn
    if not (plain and module._qkv_same_embed_dim):
        return None
    if not module.batch_first:
        raise ContractError("torch_time_first", module="MultiheadAttention")
    bias = module.in_proj_bias is not None
    return MultiheadAttention(module.embed_dim, module.num_heads, module.dropout, bias)


def _own_module(nn: Any, one: MultiheadAttention) -> Any:
    """PyTorch's own, handed one sequence."""

    def forward(self: Any, x: Any, added: Any) -> Any:
        asking = x.shape[-2] - (one.memory or 0)
        asked = x if one.memory is None else x[:, asking:]
        if added is not None:
            whole = (len(x), one.heads, asking, asked.shape[1])
            added = added.expand(whole).flatten(0, 1)
        return nn.MultiheadAttention.forward(
            self, x[:, :asking], asked, asked, need_weights=False, attn_mask=added
        )[0]

    return _module(nn, one, forward)


def _written_out(nn: Any, one: MultiheadAttention) -> Any:
    """PyTorch's module turns nothing by its position, and has its own scale, no cap, and no heads
    that share keys and values."""

    def forward(self: Any, x: Any, added: Any) -> Any:
        asking = x.shape[-2] - (one.memory or 0)
        packed = nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = (
            part.unflatten(-1, (-1, one.head_size)).transpose(-2, -3)
            for part in packed.split(one.sizes, -1)
        )
        if one.memory is not None:
            q, k, v = q[..., :asking, :], k[..., asking:, :], v[..., asking:, :]
        if one.rotary:
            q, k = turned(q, x.new_tensor), turned(k, x.new_tensor)
        sharing = one.heads // one.shared_heads
        k, v = (each.repeat_interleave(sharing, -3) for each in (k, v))
        scores = q @ k.transpose(-2, -1) * one.scoring.scale
        if one.softcap is not None:
            scores = one.softcap * (scores / one.softcap).tanh()
        if added is not None:
            scores = scores + added
        dropped = nn.functional.dropout(scores.softmax(-1), one.dropout, self.training)
        return self.out_proj((dropped @ v).transpose(-2, -3).flatten(-2))

    made = _module(nn, one, forward)
    if one.shared_heads != one.heads:
        shape = sum(one.sizes), one.features
        made.in_proj_weight = nn.Parameter(made.in_proj_weight.new_empty(shape))
        nn.init.xavier_uniform_(made.in_proj_weight)
        if one.bias:
            made.in_proj_bias = nn.Parameter(made.in_proj_bias.new_zeros(shape[0]))
    return made


def _module(nn: Any, one: MultiheadAttention, through: Forward) -> Any:
    def forward(self: Any, x: Any, key_padding_mask: Any = None, attn_mask: Any = None) -> Any:
        return through(self, x, _added(x, one.causal, key_padding_mask, attn_mask))

    told = {"forward": forward, "layer": one, "takes": ("key_padding_mask", "attn_mask")}
    kind = type("MultiheadAttention", (nn.MultiheadAttention,), told)
    return kind(one.features, one.heads, one.dropout, one.bias, batch_first=True)


def _added(x: Any, causal: bool, padding: Any, looking: Any) -> Any:
    """What masks and `causal` add to the scores, (N or 1, H or 1, T or 1, S); None for nothing."""
    parts = []
    if causal:
        length = x.shape[-2]
        parts.append(x.new_full((length, length), float("-inf")).triu(1))
    if padding is not None:
        parts.append(_numbers(x, padding)[:, None, None, :])
    if looking is not None:
        numbers = _numbers(x, looking)
        parts.append(numbers[:, None] if numbers.dim() == 3 else numbers)
    total = None
    for one in parts:
        total = one if total is None else total + one
    return total


def _numbers(x: Any, mask: Any) -> Any:
    """−∞ where a mask of booleans is True; a mask of numbers as it is."""
    if mask.is_floating_point():
        return mask
    return x.new_zeros(mask.shape).masked_fill(mask, float("-inf"))
