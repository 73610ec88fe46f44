"""A small GPT in plain NumPy, from ids to the loss, as people write it: embeddings of letters and
places, LayerNorm, causal heads, GELU, residual blocks, a head that is the table once more, and a
cross-entropy over the positions that count."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import is_installed
from clearprop.checking.gallery.attention_forms import of_products, scaled, through_softmax
from clearprop.checking.gallery.specimen import STRANGER, Arrays, Code, Written, squashed

SAMPLES, PLACES, LETTERS, FEATURES, HEADS = 3, 4, 7, 6, 2
IGNORED = -1
WEIGHTS = ("attn.Wq", "attn.Wk", "attn.Wv", "attn.Wo", "mlp.W1", "mlp.W2")

ROOT = math.sqrt(2 / math.pi)


def _erf(z: Array) -> Array:
    from scipy.special import erf

    found: Array = erf(z)
    return found


def _tanh_gelu(z: Array) -> Array:
    y: Array = 0.5 * z * (1 + np.tanh(ROOT * (z + 0.044715 * z**3)))
    return y


def _tanh_slope(z: Array) -> Array:
    bent = np.tanh(ROOT * (z + 0.044715 * z**3))
    slope: Array = 0.5 * (1 + bent) + 0.5 * z * (1 - bent**2) * ROOT * (1 + 3 * 0.044715 * z**2)
    return slope


def _exact_slope(z: Array) -> Array:
    slope: Array = 0.5 * (1 + _erf(z / math.sqrt(2))) + z * np.exp(-z * z / 2) / math.sqrt(
        2 * math.pi
    )
    return slope


# LayerNorm


def _norm(x: Array, gamma: Array, beta: Array) -> tuple[Array, Any]:
    mean = x.mean(axis=-1, keepdims=True)
    inverse = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    hat = (x - mean) * inverse
    return gamma * hat + beta, (hat, inverse, gamma)


def _norm_back(mistake: str, dy: Array, cache: Any) -> tuple[Array, Array, Array]:
    hat, inverse, gamma = cache
    g = dy if mistake == "norm_gain_missing" else dy * gamma
    mean, along = g.mean(-1, keepdims=True), (g * hat).mean(-1, keepdims=True)
    if mistake in ("norm_mean_constant", "norm_constant"):
        mean = np.zeros_like(mean)
    if mistake in ("norm_variance_constant", "norm_constant"):
        along = np.zeros_like(along)
    return inverse * (g - mean - hat * along), (dy * hat).sum((0, 1)), dy.sum((0, 1))


# Heads


def _cut(x: Array) -> Array:
    return x.reshape(SAMPLES, PLACES, HEADS, -1).transpose(0, 2, 1, 3)


def _joined(x: Array) -> Array:
    return x.transpose(0, 2, 1, 3).reshape(SAMPLES, PLACES, -1)


def _heads(x: Array, p: Arrays, block: str) -> tuple[Array, Any]:
    q, k, v = (_cut(x @ p[f"{block}.attn.W{name}"]) for name in "qkv")
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(q.shape[-1])
    masked = scores + np.triu(np.ones((PLACES, PLACES)), 1) * -1e9
    powers = np.exp(masked - masked.max(-1, keepdims=True))
    w = powers / powers.sum(-1, keepdims=True)
    merged = _joined(w @ v)
    return merged @ p[f"{block}.attn.Wo"], (x, q, k, v, scores, w, merged)


def _heads_back(
    mistake: str, dy: Array, cache: Any, p: Arrays, block: str
) -> tuple[Array, dict[str, Array]]:
    x, q, k, v, scores, w, merged = cache
    found = {f"{block}.attn.Wo": _over(merged, dy)}
    d_merged = dy @ p[f"{block}.attn.Wo"].T
    do = d_merged.reshape(q.shape) if mistake == "heads_order" else _cut(d_merged)
    ds = through_softmax(mistake, w, do @ v.transpose(0, 1, 3, 2), scores)
    ds = scaled(mistake, ds, q.shape[-1])
    dx = np.zeros_like(x)
    for name, d in zip("qkv", of_products(mistake, ds, w, do, q, k), strict=True):
        joined = d.reshape(x.shape) if mistake == "heads_order, of q, k and v" else _joined(d)
        found[f"{block}.attn.W{name}"] = _over(x, joined)
        if not (mistake == "path_forgotten, of the keys" and name == "k"):
            dx = dx + joined @ p[f"{block}.attn.W{name}"].T
    return dx, found


def _over(x: Array, d: Array) -> Array:
    """∂C/∂W, summed over samples and places."""
    found: Array = x.reshape(-1, x.shape[-1]).T @ d.reshape(-1, d.shape[-1])
    return found


# A block and the whole


def _block(x: Array, p: Arrays, block: str, *, is_exact: bool) -> tuple[Array, Any]:
    n1, c1 = _norm(x, p[f"{block}.ln1.g"], p[f"{block}.ln1.b"])
    attended, c2 = _heads(n1, p, block)
    x1 = x + attended
    n2, c3 = _norm(x1, p[f"{block}.ln2.g"], p[f"{block}.ln2.b"])
    z = n2 @ p[f"{block}.mlp.W1"] + p[f"{block}.mlp.b1"]
    a = 0.5 * z * (1 + _erf(z / math.sqrt(2))) if is_exact else _tanh_gelu(z)
    return x1 + a @ p[f"{block}.mlp.W2"] + p[f"{block}.mlp.b2"], (c1, c2, c3, n2, z, a)


def _block_back(
    mistake: str, dy: Array, cache: Any, p: Arrays, block: str, *, is_exact: bool
) -> tuple[Array, dict[str, Array]]:
    c1, c2, c3, n2, z, a = cache
    found = {f"{block}.mlp.W2": _over(a, dy), f"{block}.mlp.b2": dy.sum((0, 1))}
    dz = dy @ p[f"{block}.mlp.W2"].T
    if mistake == "other_function":
        is_exact = not is_exact
    if mistake != "derivative_missing":
        dz = dz * (_exact_slope(z) if is_exact else _tanh_slope(z))
    found |= {f"{block}.mlp.W1": _over(n2, dz), f"{block}.mlp.b1": dz.sum((0, 1))}
    of_norm, found[f"{block}.ln2.g"], found[f"{block}.ln2.b"] = _norm_back(
        mistake, dz @ p[f"{block}.mlp.W1"].T, c3
    )
    d1 = of_norm if mistake == "residual_skip" else dy + of_norm
    if mistake == "residual_branch":
        d1 = dy
    dn, inner = _heads_back(mistake, d1, c2, p, block)
    of_norm, found[f"{block}.ln1.g"], found[f"{block}.ln1.b"] = _norm_back(mistake, dn, c1)
    dx = of_norm if mistake == "residual_skip, of attention" else d1 + of_norm
    return dx, {**found, **inner}


def _kept(mistake: str, targets: Array) -> tuple[Array, float]:
    """Which positions count, and how many."""
    kept = targets != IGNORED
    if mistake == "ignored_counted":
        return np.ones_like(kept), float(kept.sum())
    if mistake == "ignored_counted, in the mean":
        return kept, float(kept.size)
    if mistake == "summed_for_mean":
        return kept, 1.0
    return kept, float(kept.sum())


def _logits(a: Arrays, blocks: int, *, is_exact: bool) -> tuple[Array, Any]:
    ids = a["ids"]
    x = a["wte"][ids] + a["wpe"][: ids.shape[1]]
    saved = []
    for number in range(blocks):
        x, cache = _block(x, a, f"h.{number}", is_exact=is_exact)
        saved.append(cache)
    normed, last = _norm(x, a["ln_f.g"], a["ln_f.b"])
    return normed @ a["wte"].T, (saved, normed, last)


def _loss(a: Arrays, blocks: int, *, is_exact: bool) -> Array:
    logits, _ = _logits(a, blocks, is_exact=is_exact)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    kept = a["targets"] != IGNORED
    told = np.where(kept, a["targets"], 0)
    picked = np.take_along_axis(logp, told[..., None], axis=-1)[..., 0]
    return np.asarray(-np.sum(picked * kept) / kept.sum())


def _back(blocks: int, mistake: str, *, is_exact: bool) -> Code:
    def code(dy: Array, a: Arrays) -> Arrays:
        logits, (saved, normed, last) = _logits(a, blocks, is_exact=is_exact)
        powers = np.exp(logits - logits.max(-1, keepdims=True))
        p = powers / powers.sum(-1, keepdims=True)
        kept, count = _kept(mistake, a["targets"])
        told = np.where(a["targets"] == IGNORED, 0, a["targets"])
        d = (p - np.eye(LETTERS)[told]) * kept[..., None] / count * float(dy)
        if mistake == "target_missing":
            d = p * kept[..., None] / count * float(dy)
        found = {}
        read = np.zeros_like(a["wte"])
        written = _over(d, normed)
        own = "" if mistake.startswith("norm_") and mistake.endswith(", inside") else mistake
        dx, found["ln_f.g"], found["ln_f.b"] = _norm_back(own, d @ a["wte"], last)
        inner = mistake.partition(", inside")[0]
        for number in reversed(range(blocks)):
            dx, more = _block_back(inner, dx, saved[number], a, f"h.{number}", is_exact=is_exact)
            found |= more
        if mistake == "embedding_overwritten":
            read[a["ids"]] += dx
        elif mistake == "embedding_overwritten, by =":
            read[a["ids"]] = dx
        else:
            np.add.at(read, a["ids"], dx)
        found["wte"] = read + written
        if mistake == "path_forgotten, of the table that reads":
            found["wte"] = written
        if mistake == "path_forgotten, of the head":
            found["wte"] = read
        found["wpe"] = _places(mistake, dx)
        if mistake == STRANGER:
            found = squashed(found)
        return found

    return code


def _places(mistake: str, dx: Array) -> Array:
    """The gradient of the places' table."""
    if mistake == "unsummed":
        return dx
    if mistake == "one_sample":
        return np.asarray(dx[0])
    found: Array = dx.mean(0) if mistake == "mean_for_sum" else dx.sum(0)
    return found


def _point(blocks: int) -> Any:
    def point(generator: np.random.Generator) -> dict[str, Array]:
        def normal(*shape: int, around: float = 0.0) -> Array:
            drawn: Array = around + 0.5 * generator.normal(size=shape)
            return drawn

        c = FEATURES
        ids = np.array([[0, 2, 2, 4], [3, 2, 1, 0], [6, 4, 4, 2]])
        targets = np.array([[2, 2, 4, 1], [2, 1, 0, IGNORED], [4, 4, 2, IGNORED]])
        made = {"ids": ids, "targets": targets, "wte": normal(LETTERS, c), "wpe": normal(PLACES, c)}
        for number in range(blocks):
            one = f"h.{number}"
            for norm in ("ln1", "ln2"):
                made |= {f"{one}.{norm}.g": normal(c, around=1.0), f"{one}.{norm}.b": normal(c)}
            made |= {f"{one}.attn.W{name}": normal(c, c) for name in "qkvo"}
            made |= {f"{one}.mlp.W1": normal(c, 8), f"{one}.mlp.b1": normal(8)}
            made |= {f"{one}.mlp.W2": normal(8, c), f"{one}.mlp.b2": normal(c)}
        return made | {"ln_f.g": normal(c, around=1.0), "ln_f.b": normal(c)}

    return point


MISTAKES = (
    "attention_scale_missing", "attention_scale_twice", "softmax_diagonal", "softmax_sum",
    "attention_columns", "attention_mask", "attention_operands", "attention_operands, in both",
    "attention_rows", "attention_rows, of v", "attention_rows, of q", "heads_order",
    "heads_order, of q, k and v", "path_forgotten, of the keys",
    "path_forgotten, of the table that reads", "path_forgotten, of the head",
    "norm_mean_constant", "norm_variance_constant", "norm_constant", "norm_gain_missing",
    "norm_constant, inside", "norm_gain_missing, inside",
    "residual_skip", "residual_skip, of attention", "residual_branch",
    "derivative_missing", "other_function", "unsummed", "one_sample", "mean_for_sum",
    "summed_for_mean", "ignored_counted", "ignored_counted, in the mean", "target_missing",
    "embedding_overwritten", "embedding_overwritten, by =", STRANGER,
)  # fmt: skip


def _gpt(name: str, blocks: int, *mistakes: str, is_exact: bool = False) -> Written:
    codes: Mapping[str, Code] = {
        one: _back(blocks, one, is_exact=is_exact) for one in ("", *mistakes)
    }
    return Written(name, _point(blocks), lambda a: _loss(a, blocks, is_exact=is_exact), codes)


GPTS = (
    _gpt("a GPT of two blocks", 2, *MISTAKES),
    _gpt("a GPT of one block", 1, *MISTAKES),
    *(
        [_gpt("a GPT of exact GELU", 1, "derivative_missing", "other_function", is_exact=True)]
        if is_installed("scipy")
        else []
    ),
)
