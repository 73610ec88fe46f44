"""What page and session say to each other, read and written; `message_types` has every type.

A message is a JSON object with a `type`, an `id` that its sender counts, and the fields of its
type. What answers another one has that one's id in `answers`. The page is tested against the same
table, which `python -m clearprop.lab.messages` writes as JSON.
"""

import base64
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import brief
from clearprop.lab.message_types import PAGE, SESSION, VERSION, Field, Fields

# The longest text that is taken as a message: a table of a few megabytes is one.
LONGEST = 40_000_000
# Of so many entries an array's texts are written out, which costs far more than its bytes.
MOST_WRITTEN = 400

_ARRAY = ("dtype", "shape", "base64")
_TAKES: Mapping[str, Any] = {
    "whole": (int,),
    "number": (int, float),
    "text": (str,),
    "flag": (bool,),
    "list": (list,),
    "object": (dict,),
    "array": (dict,),
}


def read(text: str | bytes) -> dict[str, Any]:
    """A message of the page as JSON text. Raises ConfigurationError for what is none."""
    if len(text) > LONGEST:
        raise ConfigurationError("lab_message_long", most=LONGEST // 1_000_000)
    try:
        message = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as problem:
        raise ConfigurationError("lab_message_not_json") from problem
    return validated(message, PAGE)


def validated(message: Any, types: Mapping[str, Fields]) -> dict[str, Any]:
    """A message with all fields of its type, those that may be null and were left out as None.

    Raises ConfigurationError for an unknown type, a field that is missing or of another kind, and
    one that the type does not have.
    """
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ConfigurationError("lab_message_no_type")
    kind = message["type"]
    if kind not in types:
        raise ConfigurationError("lab_message_type", type=kind[:40], known=", ".join(types))
    fields = {"id": Field("whole", ""), **types[kind]}
    for name in message:
        if name not in fields and name != "type":
            raise ConfigurationError("lab_message_field_unknown", type=kind, field=name[:40])
    for name, field in fields.items():
        _require(message.get(name), field.kind, kind, name)
    return {"type": kind, **{name: message.get(name) for name in fields}}


def _require(value: Any, wanted: str, kind: str, name: str) -> None:
    if value is None and wanted.endswith("?"):
        return
    taken = _TAKES[wanted.rstrip("?")]
    if not isinstance(value, taken) or (isinstance(value, bool) and bool not in taken):
        raise ConfigurationError("lab_message_field", type=kind, field=name, kind=wanted)
    if wanted.startswith("array") and not all(name in value for name in _ARRAY):
        raise ConfigurationError("lab_message_field", type=kind, field=name, kind=wanted)


def _refuse(name: str) -> None:
    raise ValueError(name)


def written(message: Mapping[str, Any]) -> str:
    """A message as JSON text; NaN and infinities of single numbers are null."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def array(values: Array) -> dict[str, Any]:
    """An array as it stands in a message: little-endian bytes in base64, with dtype and shape."""
    kind = "float64" if values.dtype.kind == "f" else "int32"
    content = np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<"))
    return {
        "dtype": kind,
        "shape": list(values.shape),
        "base64": base64.b64encode(content.tobytes()).decode("ascii"),
    }


def numbers(values: Array, most: int = MOST_WRITTEN) -> dict[str, Any]:
    """An array whose entries are also written out, in `text`, where there are at most `most` of
    them: what is rounded is rounded here."""
    text = [brief(one) for one in values.ravel().tolist()] if values.size <= most else None
    return {**array(values), "text": text}


def as_json() -> str:
    """The table itself, for the tests of the page."""
    sides = {"page": PAGE, "session": SESSION}
    told = {
        side: {
            kind: {name: field._asdict() for name, field in fields.items()}
            for kind, fields in types.items()
        }
        for side, types in sides.items()
    }
    return json.dumps({"version": VERSION, **told}, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_json())
