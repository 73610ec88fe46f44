"""The layers of positions of ONNX's operators: the length of a sequence is the file's input's."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.layers.positions import (
    LearnedPositions,
    RotaryPositions,
    SinusoidalPositions,
    turn_tables,
)
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

# ONNX's numbers for the dtypes that a position can be counted in.
_FLOATS = {"float32": 1, "float64": 11}


def _length(of: Operand) -> Term:
    return op("Gather", op("Shape", of), Slot("axis"), axis=0)


def _angles(of: Operand) -> Term:
    """Every position of a sequence times the rate of every feature."""
    count = op("Cast", _length(of), to=Held("kind", 1))
    positions = op("Unsqueeze", op("Range", 0.0, count, 1.0), Slot("last"))
    return op("Mul", positions, Slot("rates"))


def turned(of: Operand) -> Term:
    """Every pair of features, turned by its position."""
    angles = _angles(of)
    return op(
        "Add",
        op("Mul", of, op("Cos", angles)),
        op(
            "Mul",
            op("Gather", of, Slot("partner"), axis=-1),
            op("Mul", op("Sin", angles), Slot("signs")),
        ),
    )


_SLICED = op(
    "Slice",
    Slot("weight"),
    Slot("start"),
    op("Unsqueeze", _length(X), Slot("first")),
    Slot("first"),
)
_ANGLES = _angles(X)


def counting(at: OnnxPlace) -> dict[str, Any]:
    """What the positions are counted with."""
    return {"axis": np.array(1), "kind": _FLOATS[at.dtype.name], "last": np.array([1])}


def _learned(at: OnnxPlace) -> dict[str, Any] | None:
    if at.stacked:
        return None
    first = {"axis": np.array(1), "start": np.array([0]), "first": np.array([0])}
    return first | {"weight": at.params["weight"]}


def _learned_read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    table = found["weight"]
    if table.dtype.kind != "f" or table.ndim != 2 or not table.size or int(found["axis"]) != 1:
        return None
    return ReadLayer(LearnedPositions(*table.shape[::-1]), {"weight": table})


def _sinusoidal(at: OnnxPlace) -> dict[str, Any]:
    features = np.arange(at.layer.features)
    rates = at.layer.base ** (-(features - features % 2) / at.layer.features)
    return counting(at) | {"rates": rates, "even": features % 2 == 0}


def _sinusoidal_read(found: Mapping[str, Any], dtype: np.dtype[Any]) -> ReadLayer | None:
    rates = np.ravel(found["rates"])
    layer = SinusoidalPositions(len(rates), base_of(rates, len(rates)))
    return ReadLayer(layer) if _same(_sinusoidal, layer, found, dtype) else None


def _rotary(at: OnnxPlace) -> dict[str, Any]:
    one = at.layer
    size = one.features // one.heads
    partner, rates, signs = turn_tables(size, one.base, interleaved=one.interleaved)
    starts = np.arange(one.heads)[:, None] * size
    return counting(at) | {
        "rates": np.tile(rates, one.heads),
        "signs": np.tile(signs, one.heads),
        "partner": (starts + partner).ravel(),
    }


def _rotary_read(found: Mapping[str, Any], dtype: np.dtype[Any]) -> ReadLayer | None:
    rates = np.ravel(found["rates"])
    features = len(rates)
    for heads in range(1, features // 2 + 1):
        for interleaved in (False, True):
            if features % heads or features // heads % 2:
                continue
            base = base_of(np.sort(rates)[::-1][:: 2 * heads].repeat(2), features // heads)
            layer = RotaryPositions(features, heads, base, interleaved)
            if _same(_rotary, layer, found, dtype):
                return ReadLayer(layer)
    return None


def base_of(rates: Array, size: int) -> float:
    """The base of rates base^(−2i/size), each twice; of one rate alone the usual one."""
    if size < 3 or rates[2] <= 0:
        return 10000.0
    return float(f"{float(rates[2]) ** (-size / 2):.6g}")


def _same(values: Any, layer: Any, found: Mapping[str, Any], dtype: np.dtype[Any]) -> bool:
    place = OnnxPlace(layer, {}, {}, dtype, 2, stacked=False)
    expected = values(place)
    return all(
        np.shape(one) == np.shape(expected[name]) and np.allclose(one, expected[name], rtol=1e-6)
        for name, one in found.items()
        if name in expected
    )


LEARNED_FORMS = (OnnxForm(op("Add", X, _SLICED), _learned, _learned_read),)
SINUSOIDAL_FORMS = (
    OnnxForm(
        op("Add", X, op("Where", Slot("even"), op("Sin", _ANGLES), op("Cos", _ANGLES))),
        _sinusoidal,
        _sinusoidal_read,
    ),
)
ROTARY_FORMS = (
    OnnxForm(
        turned(X),
        _rotary,
        _rotary_read,
    ),
)
