"""Explanations as JSON. JSON has no infinity and no NaN; they are written as the strings
"Infinity", "-Infinity" and "NaN"."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


class Document:
    """A dataclass that can be written as JSON; an array becomes nested lists."""

    def to_json(self) -> str:
        """All of it as JSON text: the class as `type`, and every field by its name."""
        document = {"type": type(self).__name__, **_plain(self)}
        return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
