"""MultiheadAttention of ONNX's operators: one Attention where the operator set has it, otherwise
its products and softmax."""

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.errors import ConfigurationError
from clearprop.engine.layers.attention import BASE, MultiheadAttention
from clearprop.engine.layers.positions import turn_tables
from clearprop.kinds.attention_masks_in_onnx import (
    masked,
    masks_found,
    masks_of,
    operators_mask,
)
from clearprop.kinds.onnx_terms import (
    Choice,
    Held,
    OnnxForm,
    OnnxPlace,
    Operand,
    ReadLayer,
    Slot,
    Term,
    X,
    choice,
    number,
    op,
    setting_of,
)
from clearprop.kinds.position_in_onnx import counting, turned

_PARTS = ("q", "k", "v")
_FAR = np.iinfo(np.int64).max


class _Options(NamedTuple):
    """Which settings a form is for."""

    bias: bool
    causal: bool
    memory: bool
    rotary: bool
    capped: bool = False
    shared: bool = False

    @classmethod
    def of(cls, at: OnnxPlace) -> "_Options":
        one: MultiheadAttention = at.layer
        told = one.bias, one.causal, one.memory is not None, one.rotary
        shares = one.shared_heads != one.heads
        return cls(*told, one.softcap is not None, shares)


_CHOICES = ("masks", "spread", "more")
# Which keys and values stand behind those of the sequence.
_MORE = {(False, False): "none", (True, False): "learned", (False, True): "zero"}


def _affine(x: Operand, name: str, bias: bool) -> Term:
    product_ = op("MatMul", x, Slot(f"weight_{name}"))
    return op("Add", product_, Slot(f"bias_{name}")) if bias else product_


def _projected(options: _Options) -> tuple[Term, Term, Term]:
    asking: Operand = X
    asked: Operand = X
    if options.memory:
        asking = op("Slice", X, Slot("zero"), Slot("minus_memory"), Slot("axis_1"))
        asked = op("Slice", X, Slot("minus_memory"), Slot("end"), Slot("axis_1"))
    q, k, v = (_affine(asking if name == "q" else asked, name, options.bias) for name in _PARTS)
    return q, k, v


def _heads(array: Term, options: _Options, *, asked: bool, turned: bool = False) -> Term:
    """Cut into heads; those of keys and values as often as heads of queries look at them."""
    shares = asked and options.shared
    cut = op("Reshape", array, Slot("cut_shared" if shares else "cut"))
    heads = op("Transpose", cut, perm=(0, 2, 3, 1) if turned else (0, 2, 1, 3))
    return op("Gather", heads, Slot("shared"), axis=1) if shares else heads


def _written_out(options: _Options) -> Term:
    q, k, v = _projected(options)
    if options.rotary:
        rows = turned(_heads(q, options, asked=False))
        columns = op("Transpose", turned(_heads(k, options, asked=True)), perm=(0, 1, 3, 2))
    else:
        rows = _heads(q, options, asked=False)
        columns = _heads(k, options, asked=True, turned=True)

    def scores_at(keys: Operand) -> Term:
        scores = op("Mul", op("MatMul", rows, keys), Slot("scale"))
        if not options.capped:
            return scores
        return op("Mul", op("Tanh", op("Div", scores, Slot("softcap"))), Slot("softcap"))

    scores = scores_at(columns)
    if options.causal:
        ones = op("Trilu", op("Exp", op("Mul", scores, 0.0)), upper=0)
        scores = op("Where", op("Cast", ones, to=9), scores, Slot("never"))
    # No mask hides what stands behind the sequence, and the score of a key of 0 is 0.
    beside_masks = masked(scores)
    seen = op("Concat", beside_masks, scores_at(Slot("learned_k")), axis=3)
    looks = _with_more(beside_masks, seen, Slot("pads_k"))
    values = _heads(v, options, asked=True)
    # One value of every sample, of which nothing is left but its shape.
    one = op("Slice", values, Slot("first"), Slot("second"), Slot("along"))
    also = op("Concat", values, op("Add", op("Mul", one, 0.0), Slot("learned_v")), axis=2)
    all_values = _with_more(values, also, Slot("pads_v"))
    taken = op("MatMul", op("Softmax", looks, axis=-1), all_values)
    merged = op("Reshape", op("Transpose", taken, perm=(0, 2, 1, 3)), Slot("merged"))
    return _affine(merged, "out", options.bias)


def _with_more(own: Operand, learned: Term, pads: Slot) -> Choice:
    """Scores or values of the sequence alone, or with those of the keys behind it."""
    return choice(
        "more",
        {
            "none": own,
            "learned": learned,
            "zero": op("Pad", own, pads),
            "both": op("Pad", learned, pads),
        },
    )


def _more_of(at: OnnxPlace) -> dict[str, Any]:
    """Which of these they are, and the constants of it."""
    one: MultiheadAttention = at.layer
    found: dict[str, Any] = {"more": _MORE.get((one.add_bias_kv, one.add_zero_attn), "both")}
    for name, axis in (("k", 3), ("v", 2)):
        if one.add_bias_kv:
            heads = at.params[f"bias_{name}"].reshape(1, one.shared_heads, 1, one.head_size)
            heads = np.repeat(heads, one.heads // one.shared_heads, axis=1)
            found[f"learned_{name}"] = heads.swapaxes(2, axis)
            found |= {"first": np.array([0]), "second": np.array([1]), "along": np.array([2])}
        if one.add_zero_attn:
            pads = np.zeros(8, np.int64)
            pads[4 + axis] = 1
            found[f"pads_{name}"] = pads
    return found


def _learned_of(found: Mapping[str, Any], layer: MultiheadAttention) -> dict[str, Any] | None:
    """The learned key and value of a file; None where they are not of this layer's shape."""
    params = {}
    for name, axis in (("k", 3), ("v", 2)) if layer.add_bias_kv else ():
        heads = np.asarray(found[f"learned_{name}"])
        if heads.ndim != 4 or heads.size != layer.features:
            return None
        own = heads.swapaxes(2, axis)[:, :: layer.heads // layer.shared_heads]
        params[f"bias_{name}"] = own.reshape(1, -1)
    return params


def _operator(options: _Options) -> Term:
    taken = op(
        "Attention",
        *_projected(options),
        operators_mask(),
        is_causal=int(options.causal),
        q_num_heads=Held("heads", 0),
        kv_num_heads=Held("shared_heads", 0),
        scale=Held("scale", None),
        softcap=Held("softcap", 0.0),
    )
    return _affine(taken, "out", options.bias)


def _arrays(at: OnnxPlace, options: _Options) -> dict[str, Any] | None:
    one: MultiheadAttention = at.layer
    if at.stacked or _Options.of(at) != options:
        return None
    ends = np.cumsum(one.sizes)[:2]
    parts = np.split(at.params["in_proj_weight"], ends, axis=-1)
    found: dict[str, Any] = {f"weight_{n}": w for n, w in zip(_PARTS, parts, strict=True)}
    found["weight_out"] = at.params["out_proj_weight"]
    if options.bias:
        parts = np.split(at.params["in_proj_bias"][0], ends)
        found |= {f"bias_{n}": b for n, b in zip(_PARTS, parts, strict=True)}
        found["bias_out"] = at.params["out_proj_bias"][0]
    if options.memory:
        places = {"zero": [0], "minus_memory": [-(one.memory or 0)], "end": [_FAR], "axis_1": [1]}
        found |= {name: np.array(value) for name, value in places.items()}
    return found | masks_of(at.beside)


def _of_operator(at: OnnxPlace, options: _Options) -> dict[str, Any] | None:
    one: MultiheadAttention = at.layer
    if one.more_keys or (one.causal and at.beside):
        # ONNX's own evaluator puts a causal mask onto one of a single row as if that were all.
        return None
    same = options._replace(capped=one.softcap is not None, shared=one.shared_heads != one.heads)
    found = _arrays(at, same)
    if found is None:
        return None
    settings = {"heads": one.heads, "shared_heads": one.shared_heads, "scale": one.scale}
    if found["masks"] == "padding and added":
        settings["never"] = -np.inf
    return found | settings | {"softcap": one.softcap}


def _of_terms(at: OnnxPlace, options: _Options) -> dict[str, Any] | None:
    one: MultiheadAttention = at.layer
    found = _arrays(at, options)
    if found is None:
        return None
    found |= _more_of(at)
    found |= {
        "cut": np.array([0, 0, one.heads, one.head_size]),
        "merged": np.array([0, 0, one.features]),
        "scale": one.scoring.scale,
    }
    if options.capped:
        found["softcap"] = one.softcap
    if options.shared:
        found["cut_shared"] = np.array([0, 0, one.shared_heads, one.head_size])
        found["shared"] = np.arange(one.heads) // (one.heads // one.shared_heads)
    if options.causal or found["masks"] not in ("none", "added"):
        found["never"] = -np.inf
    if options.rotary:
        partner, rates, signs = turn_tables(one.head_size, BASE)
        found |= counting(at) | {"axis": np.array(2)}
        found |= {"partner": partner, "rates": rates, "signs": signs}
    return found


def _read(found: Mapping[str, Any], options: _Options, dtype: np.dtype[Any]) -> ReadLayer | None:
    layer = _layer_of(found, options, dtype)
    if layer is None:
        return None
    size = layer.features
    weights = [found[f"weight_{name}"] for name in (*_PARTS, "out")]
    widths = (*layer.sizes, size)
    if any(
        one.shape != (size, width) or one.dtype.kind != "f"
        for one, width in zip(weights, widths, strict=True)
    ):
        return None
    params = {"in_proj_weight": np.concatenate(weights[:3], axis=-1)}
    if options.bias:
        biases = [np.ravel(found[f"bias_{name}"]) for name in (*_PARTS, "out")]
        if any(one.shape != (width,) for one, width in zip(biases, widths, strict=True)):
            return None
        params["in_proj_bias"] = np.concatenate(biases[:3])[None]
    params["out_proj_weight"] = weights[3]
    if options.bias:
        params["out_proj_bias"] = biases[3][None]
    learned = _learned_of(found, layer)
    if learned is None:
        return None
    params |= learned
    if "merged" in found and not _as_written(found, layer, params, options, dtype):
        return None
    return ReadLayer(layer, params)


def _layer_of(
    found: Mapping[str, Any], options: _Options, dtype: np.dtype[Any]
) -> MultiheadAttention | None:
    """The layer with the settings that stand in a file; None for such that cannot be."""
    size = found["weight_out"].shape[-1]
    if "merged" in found:
        heads = int(found["cut"][2])
        shared = int(found["cut_shared"][2]) if options.shared else heads
        softcap = number(found["softcap"]) if options.capped else None
        scale = number(found["scale"])
    else:
        heads, shared = int(found["heads"]), int(found["shared_heads"])
        softcap, scale = (
            None if one is None or one == 0 else setting_of(one, dtype)
            for one in (found["softcap"], found["scale"])
        )
    if heads < 1 or shared < 1 or size % heads or heads % shared:
        return None
    if scale is not None and np.isclose(scale, (size // heads) ** -0.5, rtol=1e-6):
        scale = None
    memory = -int(found["minus_memory"][0]) if options.memory else None
    try:
        return MultiheadAttention(
            size,
            heads,
            bias=options.bias,
            causal=options.causal,
            memory=memory,
            rotary=options.rotary,
            scale=scale,
            softcap=softcap,
            key_value_heads=None if shared == heads else shared,
            add_bias_kv=found.get("more") in ("learned", "both"),
            add_zero_attn=found.get("more") in ("zero", "both"),
        )
    except ConfigurationError:  # a memory of nothing, a scale below 0
        return None


def _as_written(
    found: Mapping[str, Any],
    layer: MultiheadAttention,
    params: Mapping[str, Any],
    options: _Options,
    dtype: np.dtype[Any],
) -> bool:
    """Whether every constant is what this layer has in its place."""
    place = OnnxPlace(layer, params, {}, dtype, 2, stacked=False, beside=masks_found(found))
    expected = _of_terms(place, options) or {}
    return all(
        np.shape(found[name]) in ((), np.shape(value), (1,))
        and np.allclose(found[name], value, rtol=1e-6)
        for name, value in expected.items()
        if not name.startswith(("weight_", "bias_")) and name not in _CHOICES and name in found
    )


def _forms_of(options: _Options) -> list[OnnxForm]:
    """One operator where the set has it, and the same written out."""

    def layer(found: Mapping[str, Any], dtype: np.dtype[Any]) -> ReadLayer | None:
        return _read(found, options, dtype)

    def node(at: OnnxPlace) -> dict[str, Any] | None:
        return _of_operator(at, options)

    def terms(at: OnnxPlace) -> dict[str, Any] | None:
        return _of_terms(at, options)

    written_out = OnnxForm(_written_out(options), terms, layer)
    if options.rotary or options.capped or options.shared:
        # The operator turns nothing; its cap and shared heads are attributes of the plain form.
        return [written_out]
    return [OnnxForm(_operator(options), node, layer, since=23), written_out]


ATTENTION_FORMS = tuple(
    form
    for told in product((True, False), repeat=len(_Options._fields))
    if not (told[1] and told[2])
    for form in _forms_of(_Options(*told))
)
