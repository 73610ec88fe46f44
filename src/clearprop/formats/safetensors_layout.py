"""The layout of a `.safetensors` file: the length of a header, the header, the arrays' bytes.

    8 bytes      the header's length, an unsigned whole number, its lowest byte first
    the header   JSON: {"__metadata__": {NAME: text}, NAME: {"dtype", "shape", "data_offsets"}},
                 with spaces behind it, so that the arrays begin at a multiple of 8 bytes
    the arrays   each C-ordered and little-endian, the widest numbers first, one right after the
                 other: every byte of the file belongs to one of them

What is written are the bytes that the safetensors library writes. What is read is believed only
where all of it holds together; whatever does not raises DamagedFileError with a part of a sentence,
before an array of that size is made.

Source: https://github.com/huggingface/safetensors, "Format".
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Shape, freeze, shape_text
from clearprop.base.errors import ConfigurationError, DamagedFileError, DtypeError

# In the order in which their arrays stand in a file.
DTYPES: Mapping[str, np.dtype[Any]] = {
    name: np.dtype(code)
    for name, code in {
        "U64": "<u8",
        "I64": "<i8",
        "F64": "<f8",
        "F32": "<f4",
        "U32": "<u4",
        "I32": "<i4",
        "F16": "<f2",
        "U16": "<u2",
        "I16": "<i2",
        "I8": "i1",
        "U8": "u1",
        "BOOL": "?",
    }.items()
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

METADATA = "__metadata__"
ALIGNMENT = 8
LONGEST_HEADER = 100_000_000
# NumPy's own limits to an array.
MOST_AXES = 64
MOST_BYTES = 2**63 - 1


class StoredArray(NamedTuple):
    """What the header says of an array; its bytes are start ≤ i < stop of those behind the
    header."""

    dtype: np.dtype[Any]
    shape: Shape
    start: int
    stop: int


@dataclass(frozen=True)
class FileHeader:
    """A header that holds together: the arrays stand in the order of their bytes, without gaps."""

    metadata: Mapping[str, str]
    arrays: Mapping[str, StoredArray]

    @property
    def size(self) -> int:
        """How many bytes must follow it."""
        return max((array.stop for array in self.arrays.values()), default=0)


def storable(name: str, array: Array) -> Array:
    """The array as its bytes stand in a file, C-ordered and little-endian; itself where it is so.

    Raises DtypeError for numbers that the layout has no name for.
    """
    little = array.dtype.newbyteorder("<")
    if little not in NAMES:
        raise DtypeError("array_not_savable", name=name, dtype=array.dtype)
    # Not ascontiguousarray, which makes a number into an array of one.
    return np.asarray(array, little, order="C")


def to_bytes(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """The whole file. The same arrays and metadata, in any order of the arrays, give the same
    bytes.

    Raises DtypeError for numbers that the layout has no name for, ConfigurationError for a name
    that is taken by the layout or cannot be written.
    """
    stored = {name: storable(name, array) for name, array in arrays.items()}
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    pieces: list[memoryview] = []
    start = 0
    ranks = list(DTYPES.values())
    for name in sorted(stored, key=lambda name: (ranks.index(stored[name].dtype), name)):
        array = stored[name]
        if name == METADATA:
            raise ConfigurationError("array_name_refused", name=name)
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": array.shape,
            "data_offsets": (start, start + array.nbytes),
        }
        pieces.append(array.data)
        start += array.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    try:
        encoded = text.encode()
    except UnicodeEncodeError as problem:
        raise ConfigurationError("array_name_refused", name=ascii(problem.object)) from problem
    encoded += b" " * (-len(encoded) % ALIGNMENT)
    return b"".join((len(encoded).to_bytes(8, "little"), encoded, *pieces))


def read_header(stream: BinaryIO) -> FileHeader:
    """Read the length and the header, and leave the stream at the first array's bytes.

    Raises DamagedFileError.
    """
    prefix = stream.read(8)
    if len(prefix) < 8:
        raise DamagedFileError("layout_no_header", size=len(prefix))
    length = int.from_bytes(prefix, "little")
    if length > LONGEST_HEADER:
        raise DamagedFileError("layout_header_long", length=length, most=LONGEST_HEADER)
    text = stream.read(length)
    if len(text) < length:
        raise DamagedFileError("layout_header_cut", length=length, came=len(text))
    described = _described(text)
    metadata = described.pop(METADATA, {})
    if not _is_text(metadata):
        raise DamagedFileError("layout_metadata")
    arrays = {name: _stored_array(name, said) for name, said in described.items()}
    # Arrays without numbers share their offset with what follows, and come before it.
    in_order = dict(sorted(arrays.items(), key=lambda item: item[1][2:]))
    end = 0
    for name, array in in_order.items():
        if array.start != end:
            raise DamagedFileError("layout_gap", name=name, start=array.start, expected=end)
        end = array.stop
    return FileHeader(metadata, in_order)


def read_arrays(stream: BinaryIO, header: FileHeader) -> dict[str, Array]:
    """Read the rest of the stream: read-only arrays, all of them views on the same bytes.

    Raises DamagedFileError unless as many bytes follow as the header says.
    """
    data = stream.read()
    if len(data) != header.size:
        raise DamagedFileError("layout_data", expected=header.size, came=len(data))
    return {name: _array(data, stored) for name, stored in header.arrays.items()}


def _array(data: bytes, stored: StoredArray) -> Array:
    raw = np.frombuffer(data, stored.dtype, math.prod(stored.shape), stored.start)
    # Another writer's header may have any length, and the arrays behind it any address.
    return freeze(np.require(raw, stored.dtype.newbyteorder("="), "A")).reshape(stored.shape)


def _described(text: bytes) -> dict[str, Any]:
    try:
        described = json.loads(text.decode(), object_pairs_hook=_without_duplicates)
        # A lone surrogate can be spelled in JSON, and is no text.
        json.dumps(described, ensure_ascii=False).encode()
    except UnicodeError as problem:
        raise DamagedFileError("layout_not_utf8") from problem
    except RecursionError as problem:
        raise DamagedFileError("layout_deep") from problem
    except ValueError as problem:
        raise DamagedFileError("layout_not_json", problem=problem) from problem
    if not isinstance(described, dict) or text[:1] != b"{":
        raise DamagedFileError("layout_not_json", problem=repr(text[:1]))
    return described


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise DamagedFileError("layout_twice", name=name)
        found[name] = value
    return found


def _is_text(metadata: object) -> bool:
    return isinstance(metadata, dict) and all(isinstance(one, str) for one in metadata.values())


def _stored_array(name: str, said: object) -> StoredArray:
    if not isinstance(said, dict) or set(said) != {"dtype", "shape", "data_offsets"}:
        raise DamagedFileError("layout_entry", name=name)
    dtype, shape, offsets = said["dtype"], said["shape"], said["data_offsets"]
    if not (_are_sizes(shape) and _are_sizes(offsets) and len(offsets) == 2):
        raise DamagedFileError("layout_entry", name=name)
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise DamagedFileError("layout_dtype", name=name, dtype=dtype)
    kind = DTYPES[dtype]
    # An array without numbers must still have a shape that an array can have.
    if len(shape) > MOST_AXES or math.prod(n or 1 for n in shape) * kind.itemsize > MOST_BYTES:
        raise DamagedFileError("layout_large", name=name)
    size, (start, stop) = math.prod(shape) * kind.itemsize, offsets
    if stop - start != size:
        raise DamagedFileError(
            "layout_size", name=name, shape=shape_text(shape), size=size, start=start, stop=stop
        )
    return StoredArray(kind, tuple(shape), start, stop)


def _are_sizes(value: object) -> bool:
    # Not isinstance: JSON's true is an int in Python.
    return isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)
