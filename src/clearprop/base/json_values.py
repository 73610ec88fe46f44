"""Values as JSON. JSON has no infinity and no NaN; they are written as the strings
"Infinity", "-Infinity" and "NaN"."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def json_values(value: Any) -> Any:
    """`value` in what JSON has: dataclasses and mappings as objects, arrays as nested lists."""
    if is_dataclass(value):
        return {item.name: json_values(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple | list):
        return [json_values(item) for item in value]
    if isinstance(value, Mapping):
        return {name: json_values(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        finite = value.dtype.kind != "f" or np.isfinite(value).all()
        return value.tolist() if finite else json_values(value.tolist())
    if isinstance(value, np.generic):
        return json_values(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
