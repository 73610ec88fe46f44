"""MultiheadAttention of ONNX's operators: one Attention where the operator set has it, otherwise
its products and softmax."""

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from clearprop.engine.layers.attention import BASE, MultiheadAttention
from clearprop.engine.layers.positions import turn_tables
from clearprop.kinds.onnx_terms import (
    Held,
    OnnxForm,
    OnnxPlace,
    Operand,
    ReadLayer,
    Slot,
    Term,
    X,
    op,
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

    @classmethod
    def of(cls, one: MultiheadAttention) -> "_Options":
        return cls(one.bias, one.causal, one.memory is not None, one.rotary)


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


def _heads(array: Term, *, turned: bool = False) -> Term:
    cut = op("Reshape", array, Slot("cut"))
    return op("Transpose", cut, perm=(0, 2, 3, 1) if turned else (0, 2, 1, 3))


def _written_out(options: _Options) -> Term:
    q, k, v = _projected(options)
    if options.rotary:
        rows = turned(_heads(q))
        columns = op("Transpose", turned(_heads(k)), perm=(0, 1, 3, 2))
    else:
        rows, columns = _heads(q), _heads(k, turned=True)
    scores: Term = op("Mul", op("MatMul", rows, columns), Slot("scale"))
    if options.causal:
        ones = op("Trilu", op("Exp", op("Mul", scores, 0.0)), upper=0)
        scores = op("Where", op("Cast", ones, to=9), scores, Slot("never"))
    taken = op("MatMul", op("Softmax", scores, axis=-1), _heads(v))
    merged = op("Reshape", op("Transpose", taken, perm=(0, 2, 1, 3)), Slot("merged"))
    return _affine(merged, "out", options.bias)


def _operator(options: _Options) -> Term:
    taken = op(
        "Attention",
        *_projected(options),
        is_causal=int(options.causal),
        q_num_heads=Held("heads", 0),
        kv_num_heads=Held("heads", 0),
    )
    return _affine(taken, "out", options.bias)


def _arrays(at: OnnxPlace, options: _Options) -> dict[str, Any] | None:
    one: MultiheadAttention = at.layer
    if at.stacked or _Options.of(one) != options:
        return None
    parts = np.split(at.params["in_proj_weight"], 3, axis=-1)
    found: dict[str, Any] = {f"weight_{n}": w for n, w in zip(_PARTS, parts, strict=True)}
    found["weight_out"] = at.params["out_proj_weight"]
    if options.bias:
        parts = np.split(at.params["in_proj_bias"][0], 3)
        found |= {f"bias_{n}": b for n, b in zip(_PARTS, parts, strict=True)}
        found["bias_out"] = at.params["out_proj_bias"][0]
    if options.memory:
        ends = {"zero": [0], "minus_memory": [-(one.memory or 0)], "end": [_FAR], "axis_1": [1]}
        found |= {name: np.array(value) for name, value in ends.items()}
    return found


def _of_operator(at: OnnxPlace, options: _Options) -> dict[str, Any] | None:
    found = _arrays(at, options)
    return None if found is None else found | {"heads": at.layer.heads}


def _of_terms(at: OnnxPlace, options: _Options) -> dict[str, Any] | None:
    found = _arrays(at, options)
    if found is None:
        return None
    one: MultiheadAttention = at.layer
    found |= {
        "cut": np.array([0, 0, one.heads, one.head_size]),
        "merged": np.array([0, 0, one.features]),
        "scale": one.head_size**-0.5,
    }
    if options.causal:
        found["never"] = -np.inf
    if options.rotary:
        partner, rates, signs = turn_tables(one.head_size, BASE)
        found |= counting(at) | {"axis": np.array(2)}
        found |= {"partner": partner, "rates": rates, "signs": signs}
    return found


def _read(found: Mapping[str, Any], options: _Options, dtype: np.dtype[Any]) -> ReadLayer | None:
    weights = [found[f"weight_{name}"] for name in (*_PARTS, "out")]
    size = weights[0].shape[-1]
    if any(one.shape != (size, size) or one.dtype.kind != "f" for one in weights):
        return None
    heads = int(found["heads"]) if "heads" in found else int(found["cut"][2])
    memory = -int(found["minus_memory"][0]) if options.memory else None
    if heads < 1 or size % heads or (memory is not None and memory < 1):
        return None
    layer = MultiheadAttention(
        size, heads, 0.0, options.bias, options.causal, memory, options.rotary
    )
    params = {"in_proj_weight": np.concatenate(weights[:3], axis=-1)}
    if options.bias:
        biases = [np.ravel(found[f"bias_{name}"]) for name in (*_PARTS, "out")]
        if any(one.shape != (size,) for one in biases):
            return None
        params["in_proj_bias"] = np.concatenate(biases[:3])[None]
    params["out_proj_weight"] = weights[3]
    if options.bias:
        params["out_proj_bias"] = biases[3][None]
    if "scale" in found and not _as_written(found, layer, params, options, dtype):
        return None
    return ReadLayer(layer, params)


def _as_written(
    found: Mapping[str, Any],
    layer: MultiheadAttention,
    params: Mapping[str, Any],
    options: _Options,
    dtype: np.dtype[Any],
) -> bool:
    """Whether every constant is what this layer has in its place."""
    expected = _of_terms(OnnxPlace(layer, params, {}, dtype, 2, stacked=False), options) or {}
    return all(
        np.shape(found[name]) in ((), np.shape(value), (1,))
        and np.allclose(found[name], value, rtol=1e-6)
        for name, value in expected.items()
        if not name.startswith(("weight_", "bias_")) and name in found
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
    if options.rotary:
        return [written_out]
    return [OnnxForm(_operator(options), node, layer, since=23), written_out]


ATTENTION_FORMS = tuple(
    form
    for bias, causal, memory, rotary in product((True, False), repeat=4)
    if not (causal and memory)
    for form in _forms_of(_Options(bias, causal, memory, rotary))
)
