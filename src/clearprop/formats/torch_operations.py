"""PyTorch's operations in NumPy, by the names that they have below its functions ("aten").

Each takes the operation's own arguments with arrays for tensors. Those in `VIEWS` see their first
operand's memory, and are made anew when it is written into.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


def _axes(dim: Any) -> Any:
    """PyTorch's `dim`, one number or several or none, as NumPy's axis."""
    if dim is None or (isinstance(dim, list | tuple) and not dim):
        return None
    return tuple(dim) if isinstance(dim, list | tuple) else dim


def _sum(x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    return np.sum(x, axis=_axes(dim), keepdims=keepdim)


def _mean(x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    return np.mean(x, axis=_axes(dim), keepdims=keepdim)


def _variance(x: Any, dim: Any = None, unbiased: Any = True, keepdim: bool = False,
              correction: Any = None) -> Any:  # fmt: skip
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    ddof = int(unbiased) if correction is None else correction
    return np.var(x, axis=_axes(dim), ddof=ddof, keepdims=keepdim)


def _along(x: Any, dim: int | None = None, keepdim: bool = False, *, of: Any) -> Any:
    if dim is None:
        return of(x)
    # With the places, of which nothing goes back.
    return of(x, axis=dim, keepdims=keepdim), None


def _softmax(x: Any, dim: int, _half: bool = False) -> Any:
    powers = np.exp(x - np.max(x, axis=dim, keepdims=True))
    return powers / np.sum(powers, axis=dim, keepdims=True)


def _log_softmax(x: Any, dim: int, _half: bool = False) -> Any:
    shifted = x - np.max(x, axis=dim, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))


def _logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    largest = np.max(x, axis=_axes(dim), keepdims=True)
    summed = np.log(np.sum(np.exp(x - largest), axis=_axes(dim), keepdims=True)) + largest
    return summed if keepdim else np.squeeze(summed, axis=_axes(dim))


def _layer_norm(x: Any, shape: Sequence[int], gain: Any = None, bias: Any = None,
                eps: float = 1e-5) -> Any:  # fmt: skip
    axes = tuple(range(-len(shape), 0))
    apart = x - np.mean(x, axis=axes, keepdims=True)
    y = apart / np.sqrt(np.mean(apart * apart, axis=axes, keepdims=True) + eps)
    y = y if gain is None else y * gain
    return (y if bias is None else y + bias), None, None


def _nll(p: Any, target: Any, weight: Any, reduction: int, ignored: int) -> Any:
    if weight is not None:
        return None
    there = np.asarray(target) != ignored
    each = -p[np.arange(len(p)), np.where(there, target, 0)] * there
    if reduction == 0:
        return each, None
    return np.sum(each) / (there.sum() if reduction == 1 else 1.0), None


def _mse(y: Any, t: Any, reduction: int = 1) -> Any:
    apart = (y - t) ** 2
    return apart if reduction == 0 else np.mean(apart) if reduction == 1 else np.sum(apart)


def _clamp(x: Any, low: Any = None, high: Any = None, **named: Any) -> Any:
    low, high = named.get("min", low), named.get("max", high)
    return np.clip(x, -np.inf if low is None else low, np.inf if high is None else high)


def _index(x: Any, indices: Sequence[Any]) -> Any:
    return x[tuple(slice(None) if one is None else one for one in indices)]


def _index_put(x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    key = tuple(slice(None) if one is None else one for one in indices)
    changed = np.copy(x)
    changed[key] = changed[key] + values if accumulate else values
    return changed


def _copied(x: Any, source: Any, _blocking: bool = False) -> Any:
    return source if np.shape(source) == x.shape else np.broadcast_to(source, x.shape)


def _select(x: Any, dim: int, index: int) -> Any:
    return x[(*(slice(None),) * (dim % x.ndim), index)]


def _slice(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return x[(*(slice(None),) * (dim % x.ndim), slice(start, end, step))]


def _narrow(x: Any, dim: int, start: int, length: int) -> Any:
    return _slice(x, dim, start, start + length)


def _expand(x: Any, size: Sequence[int], **_: Any) -> Any:
    own = (1,) * (len(size) - x.ndim) + x.shape
    wanted = tuple(a if b == -1 else b for a, b in zip(own, size, strict=True))
    return x if wanted == x.shape else np.broadcast_to(x, wanted)


def _squeeze(x: Any, dim: Any = None) -> Any:
    axes = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    return np.squeeze(x, axis=tuple(one for one in axes if x.shape[one] == 1))


def _split(x: Any, size: int, dim: int = 0) -> list[Any]:
    return [_slice(x, dim, at, at + size) for at in range(0, x.shape[dim], size)]


def _split_with_sizes(x: Any, sizes: Sequence[int], dim: int = 0) -> list[Any]:
    ends = np.cumsum(sizes)
    return [_slice(x, dim, int(e) - n, int(e)) for e, n in zip(ends, sizes, strict=True)]


def _unbind(x: Any, dim: int = 0) -> list[Any]:
    return [_select(x, dim, index) for index in range(x.shape[dim])]


def _padded(x: Any, pad: Sequence[int], value: float = 0.0) -> Any:
    widths = [(0, 0)] * (x.ndim - len(pad) // 2)
    widths += [(pad[at], pad[at + 1]) for at in range(len(pad) - 2, -1, -2)]
    return np.pad(x, widths, constant_values=value)


def _norm(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    return np.sqrt(np.sum(x * x, axis=_axes(dim), keepdims=keepdim)) if p == 2 else None


def _gelu(x: Any, approximate: str = "none") -> Any:
    if approximate != "tanh":
        return None
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _taken_out(x: Any) -> None:
    """A number that goes to Python is known again when it comes back."""
    float(x)


def _seen_whole(x: Any, *_given: Any, **_named: Any) -> Any:
    return x


def _in_new_memory(x: Any, *_given: Any, dtype: Any = None, **_named: Any) -> Any:
    if dtype is None or str(dtype) == f"torch.{x.dtype}":
        return np.copy(x)
    return x.astype(str(dtype).removeprefix("torch."))


_TABLE: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in (
        "exp", "log", "tanh", "sqrt", "sin", "cos", "sinh", "cosh", "log1p", "expm1", "square",
        "reciprocal", "maximum", "minimum", "sign", "floor", "ceil", "log2", "log10",
    )},
    "neg": np.negative, "abs": np.absolute, "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0), "rsqrt": lambda x: 1 / np.sqrt(x),
    "silu": lambda x: x * _sigmoid(x), "gelu": _gelu,
    "softplus": lambda x, beta=1, threshold=20: np.where(
        x * beta > threshold, x, np.log1p(np.exp(np.minimum(x * beta, threshold))) / beta
    ),
    "leaky_relu": lambda x, slope=0.01: np.where(x > 0, x, slope * x),
    "add": lambda x, y, alpha=1: x + (y if alpha == 1 else alpha * y),
    "sub": lambda x, y, alpha=1: x - (y if alpha == 1 else alpha * y),
    "rsub": lambda x, y, alpha=1: y - (x if alpha == 1 else alpha * x),
    "mul": lambda x, y: x * y,
    "div": lambda x, y, rounding_mode=None: x / y if rounding_mode is None else None,
    "pow": lambda x, y: x**y if not (isinstance(y, int | float) and y == 2) else np.square(x),
    "addcmul": lambda x, a, b, value=1: x + (a * b if value == 1 else value * (a * b)),
    "lerp": lambda x, y, weight: x + weight * (y - x),
    **{torch: getattr(np, own) for torch, own in (
        ("gt", "greater"), ("ge", "greater_equal"), ("lt", "less"), ("le", "less_equal"),
        ("eq", "equal"), ("ne", "not_equal"), ("logical_not", "logical_not"),
        ("bitwise_not", "invert"), ("bitwise_and", "bitwise_and"), ("bitwise_or", "bitwise_or"),
    )},
    "where": np.where, "clamp": _clamp, "clamp_min": _clamp,
    "clamp_max": lambda x, high: np.minimum(x, high),
    "masked_fill": lambda x, mask, value: np.where(mask, value, x),
    "mm": np.matmul, "bmm": np.matmul, "mv": np.matmul, "dot": np.matmul,
    "addmm": lambda b, x, w, beta=1, alpha=1: np.matmul(x, w) + b if beta == alpha == 1 else None,
    "baddbmm": lambda b, x, w, beta=1, alpha=1: (
        (np.matmul(x, w) if alpha == 1 else alpha * np.matmul(x, w)) + b if beta == 1 else None
    ),
    "sum": _sum, "mean": _mean, "var": _variance,
    "std": lambda *given, **named: np.sqrt(_variance(*given, **named)),
    "amax": lambda x, dim=None, keepdim=False: np.max(x, axis=_axes(dim), keepdims=keepdim),
    "amin": lambda x, dim=None, keepdim=False: np.min(x, axis=_axes(dim), keepdims=keepdim),
    "max": lambda *given: _along(*given, of=np.max),
    "min": lambda *given: _along(*given, of=np.min),
    "linalg_vector_norm": _norm, "logsumexp": _logsumexp,
    "_softmax": _softmax, "_log_softmax": _log_softmax, "native_layer_norm": _layer_norm,
    "nll_loss_forward": _nll, "mse_loss": _mse,
    "cat": lambda parts, dim=0: np.concatenate(parts, axis=dim),
    "stack": lambda parts, dim=0: np.stack(parts, axis=dim),
    "repeat": lambda x, times: np.tile(x, times), "flip": lambda x, dims: np.flip(x, tuple(dims)),
    "roll": lambda x, shifts, dims=(): np.roll(x, tuple(shifts), tuple(dims) or None),
    "tril": np.tril, "triu": np.triu, "constant_pad_nd": _padded,
    "index": _index, "index_put": _index_put, "_index_put_impl": _index_put,
    "index_select": lambda x, dim, index: np.take(x, index, axis=dim),
    "gather": lambda x, dim, index: np.take_along_axis(x, index, axis=dim),
    "embedding": lambda table, ids, *_: table[ids],
    "_local_scalar_dense": _taken_out, "clone": _in_new_memory, "_to_copy": _in_new_memory,
    "copy": _copied, "fill": lambda x, value: np.broadcast_to(value, x.shape),
    "zero": lambda x: np.zeros(x.shape),
}  # fmt: skip

VIEWS: Mapping[str, Callable[..., Any]] = {
    "view": lambda x, shape: np.reshape(x, tuple(shape)),
    "_unsafe_view": lambda x, shape: np.reshape(x, tuple(shape)),
    "_reshape_alias": lambda x, shape, *_: np.reshape(x, tuple(shape)),
    "t": np.transpose, "transpose": np.swapaxes,
    "permute": lambda x, dims: np.transpose(x, tuple(dims)),
    "expand": _expand, "select": _select, "slice": _slice, "narrow": _narrow,
    "unsqueeze": lambda x, dim: np.expand_dims(x, dim), "squeeze": _squeeze,
    "diagonal": lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
    "split": _split, "split_with_sizes": _split_with_sizes, "unbind": _unbind,
    "detach": _seen_whole, "alias": _seen_whole, "lift_fresh": _seen_whole,
}  # fmt: skip

OPERATIONS: Mapping[str, Callable[..., Any]] = {**_TABLE, **VIEWS}
