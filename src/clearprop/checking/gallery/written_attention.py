"""Attention in plain NumPy, as people write it: one causal head, heads side by side, and a table
that reads and writes; right and with the mistakes that are made of it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import STRANGER, Arrays, Code, Written

POSITIONS, FEATURES = 4, 6


class Attended(NamedTuple):
    """What both passes compute: (…, T, d) of every head, and the whole softmax beside the masked
    one."""

    q: Array
    k: Array
    v: Array
    weights: Array
    whole: Array
    merged: Array


def _cut(array: Array, heads: int) -> Array:
    rows = array.reshape(*array.shape[:-1], heads, -1)
    return rows if heads == 1 else rows.transpose(0, 2, 1, 3)


def _merged(array: Array, heads: int) -> Array:
    if heads == 1:
        return array[:, :, 0]
    rows = array.transpose(0, 2, 1, 3)
    merged: Array = rows.reshape(*rows.shape[:2], -1)
    return merged


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _attended(a: Arrays, heads: int) -> Attended:
    q, k, v = (a["x"] @ a[name] for name in ("Wq", "Wk", "Wv"))
    if heads > 1:
        q, k, v = (_cut(one, heads) for one in (q, k, v))
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    masked = np.where(np.tri(POSITIONS, dtype=bool), scores, -1e9)
    weights = _softmax(masked)
    mixed = weights @ v
    merged = mixed if heads == 1 else _merged(mixed, heads)
    return Attended(q, k, v, weights, _softmax(scores), merged)


def _back(heads: int, mistake: str) -> Code:
    def code(dy: Array, a: Arrays) -> Arrays:
        t = _attended(a, heads)
        size = t.q.shape[-1]
        d_merged = dy @ a["Wo"].T
        d_mixed = d_merged
        if heads > 1:
            d_mixed = _cut(d_merged, heads)
            if mistake == "heads_order":
                d_mixed = d_merged.reshape(t.v.shape)
        d_weights = d_mixed @ t.v.swapaxes(-1, -2)
        d_v = t.weights.swapaxes(-1, -2) @ d_mixed
        d_scores = _through_softmax(t, d_weights, mistake) / _scale(size, mistake)
        d_q = d_scores @ t.k
        d_k = (d_scores if mistake == "attention_rows" else d_scores.swapaxes(-1, -2)) @ t.q
        if heads > 1:
            d_q, d_k, d_v = (_merged(one, heads) for one in (d_q, d_k, d_v))
        ways = {"Wq": d_q, "Wk": d_k, "Wv": d_v}
        dx = [d @ a[name].T for name, d in ways.items()]
        if mistake == "path_forgotten":
            dx = dx[1:]
        x = a["x"].reshape(-1, FEATURES)
        found = {name: x.T @ d.reshape(-1, FEATURES) for name, d in ways.items()}
        found["Wo"] = t.merged.reshape(-1, FEATURES).T @ dy.reshape(-1, FEATURES)
        return {"x": sum(dx[1:], dx[0]), **found}

    return code


def _scale(size: int, mistake: str) -> float:
    if mistake == "attention_scale_missing":
        return 1.0
    return float(size) if mistake == "attention_scale_twice" else float(np.sqrt(size))


def _through_softmax(t: Attended, d_weights: Array, mistake: str) -> Array:
    w = t.weights
    taken: Array = (d_weights * w).sum(axis=-1, keepdims=True)
    if mistake == "softmax_diagonal":
        taken = d_weights * w
    if mistake == "softmax_sum":
        taken = np.zeros_like(taken)
    if mistake == "attention_columns":
        taken = (d_weights * w).sum(axis=-2, keepdims=True)
    if mistake == "attention_mask":
        taken = (d_weights * t.whole).sum(axis=-1, keepdims=True)
        masked: Array = t.whole * (d_weights - taken) * (w > 0)
        return masked
    if mistake == STRANGER:
        taken = taken**2
    signals: Array = w * (d_weights - taken)
    return signals


def _point(generator: np.random.Generator) -> dict[str, Array]:
    weights = {name: generator.normal(size=(FEATURES, FEATURES)) for name in _WEIGHTS}
    x = generator.normal(size=(3, POSITIONS, FEATURES))
    return {"x": x, **{name: 0.6 * weight for name, weight in weights.items()}}


_WEIGHTS = ("Wq", "Wk", "Wv", "Wo")
_MISTAKES = (
    "",
    "attention_scale_missing",
    "attention_scale_twice",
    "softmax_diagonal",
    "softmax_sum",
    "attention_columns",
    "attention_mask",
    "attention_rows",
    "path_forgotten",
    STRANGER,
)


def _of_heads(name: str, heads: int, *more: str) -> Written:
    def forward(a: Arrays) -> Array:
        y: Array = _attended(a, heads).merged @ a["Wo"]
        return y

    codes: Mapping[str, Code] = {one: _back(heads, one) for one in (*_MISTAKES, *more)}
    return Written(name, _point, forward, codes)


def _tied_forward(a: Arrays) -> Array:
    y: Array = np.tanh(a["x"] @ a["E"]) @ a["E"].T
    return y


def _tied(*, summed: bool) -> Code:
    """A table that embeds x and is the head as well: both gradients belong together."""

    def code(dy: Array, a: Arrays) -> Arrays:
        h = np.tanh(a["x"] @ a["E"])
        dz = dy @ a["E"] * (1 - h**2)
        found = a["x"].T @ dz
        if summed:
            found = found + dy.T @ h
        return {"x": dz @ a["E"].T, "E": found}

    return code


TIED = Written(
    "tied table",
    lambda generator: {"x": generator.normal(size=(5, 4)), "E": generator.normal(size=(4, 3))},
    _tied_forward,
    {"": _tied(summed=True), "path_forgotten": _tied(summed=False)},
)

ATTENTION = (_of_heads("causal head", 1), _of_heads("two causal heads", 2, "heads_order"), TIED)
