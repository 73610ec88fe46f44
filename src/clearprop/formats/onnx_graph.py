"""An ONNX model as it is read: its nodes in order, its constants, what comes in and goes out.

A file is believed only where it holds together: every node takes what is there before it, and every
constant has as many numbers as its shape says, before an array of that size is made. Arrays in
other files are read from one that lies beside the model under a plain name, and from nowhere else.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base.arrays import Array, shape_text
from clearprop.base.dependencies import require
from clearprop.base.errors import ClearpropError, DamagedFileError, ForeignFileError
from clearprop.base.opening import CONTENTS_REFUSED, read_or_refused

if TYPE_CHECKING:
    import onnx

FLOAT64 = 11  # as ONNX counts dtypes
# The oldest operator set that is read: since then softmax is over one axis alone.
OLDEST = 13
# What only hands constants on, or lays them out otherwise: none of these makes them larger.
FOLDED = ("Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Constant")


@dataclass(frozen=True, eq=False)
class OnnxSource:
    """A model that holds together.

    path       what it is called in sentences
    nodes      by the wire that each puts out, in order
    constants  arrays by their wires; words as str
    inputs     the wires that come in, and whether each is floating numbers ("f"), whole numbers
               ("i") or words ("U")
    told       what the file says of the inputs in words
    outputs    the wires that go out, likewise
    widths     the last size of each of these, where it is told
    axes       how many axes each wire that comes in has, where it is told
    dtype      float64 where an input or a constant is, otherwise float32
    """

    path: str
    nodes: Mapping[str, Any]
    constants: Mapping[str, Array]
    inputs: Mapping[str, str]
    told: Mapping[str, str]
    outputs: Mapping[str, str]
    widths: Mapping[str, int]
    axes: Mapping[str, int]
    dtype: np.dtype[Any]


def attributes_of(node: Any) -> dict[str, Any]:
    """A node's attributes; float32 as such, text as str."""
    from onnx import AttributeProto, helper

    found: dict[str, Any] = {}
    for one in node.attribute:
        value = helper.get_attribute_value(one)
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        elif isinstance(value, list) and value and isinstance(value[0], bytes):
            value = [word.decode(errors="replace") for word in value]
        elif one.type == AttributeProto.FLOAT:
            value = np.float32(value)
        found[one.name] = value
    return found


def read_onnx(source: "str | Path | bytes | onnx.ModelProto") -> OnnxSource:
    """Read a file, its bytes, or a model.

    Raises FileError where the file is missing or cannot be read, ForeignFileError for something
    else than an ONNX model, DamagedFileError for one that does not hold together,
    MissingDependencyError without onnx.
    """
    require("onnx")
    import onnx
    from google.protobuf.message import DecodeError

    folder = None
    path = "ONNX"
    if isinstance(source, onnx.ModelProto):
        model = source
    else:
        data = source
        if not isinstance(data, bytes):
            file = Path(data)
            path, folder = str(file), file.parent
            with read_or_refused(file):
                data = file.read_bytes()
        try:
            model = onnx.load_model_from_string(data)
        except (DecodeError, ValueError, RecursionError) as problem:
            raise ForeignFileError("onnx_foreign", path=path) from problem
    with or_damaged(path):
        return _settled(model, path, folder)


@contextmanager
def or_damaged(path: str) -> Iterator[None]:
    """Around whatever reads a model: what Python raises for contents that do not go together is a
    DamagedFileError."""
    try:
        yield
    except ClearpropError:
        raise
    except CONTENTS_REFUSED as problem:
        said = str(problem) or type(problem).__name__
        raise DamagedFileError("onnx_damaged", path=path, problem=said) from problem


def _settled(model: Any, path: str, folder: Path | None) -> OnnxSource:
    graph = model.graph
    versions = {one.domain or "ai.onnx": one.version for one in model.opset_import}
    if not graph.node or "ai.onnx" not in versions:
        raise ForeignFileError("onnx_foreign", path=path)
    if versions["ai.onnx"] < OLDEST:
        raise DamagedFileError("onnx_old", path=path, version=versions["ai.onnx"], oldest=OLDEST)
    constants = {one.name: _array(one, path, folder) for one in graph.initializer}
    inputs = {one.name: _kind(one) for one in graph.input if one.name not in constants}
    known = {"", *inputs, *constants}
    nodes: dict[str, Any] = {}
    for node in graph.node:
        missing = [name for name in node.input if name not in known]
        if missing:
            raise DamagedFileError("onnx_order", path=path, node=_named(node), wire=missing[0])
        for name in node.output:
            if name in known and name:
                raise DamagedFileError("onnx_twice", path=path, wire=name)
        known |= set(node.output)
        folded = _folded(node, constants, path)
        if folded is not None:
            constants[node.output[0]] = folded
            continue
        nodes |= {name: node for name in node.output if name}
    outputs = {one.name: _kind(one) for one in graph.output}
    widths = {
        one.name: one.type.tensor_type.shape.dim[-1].dim_value
        for one in graph.output
        if one.type.tensor_type.shape.dim
    }
    absent = [name for name in outputs if name not in known]
    if absent or not outputs:
        raise DamagedFileError("onnx_output", path=path, wire=", ".join(absent))
    double = any(array.dtype == np.float64 for array in constants.values()) or any(
        one.type.tensor_type.elem_type == FLOAT64 for one in graph.input
    )
    return OnnxSource(
        path,
        nodes,
        constants,
        inputs,
        {one.name: one.doc_string for one in graph.input},
        outputs,
        widths,
        {
            one.name: len(one.type.tensor_type.shape.dim)
            for one in graph.input
            if one.type.tensor_type.HasField("shape")
        },
        np.dtype(np.float64 if double else np.float32),
    )


def _named(node: Any) -> str:
    return str(node.name or node.op_type)


def _kind(info: Any) -> str:
    from onnx import TensorProto

    kind = info.type.tensor_type.elem_type
    if kind == TensorProto.STRING:
        return "U"
    floating = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    return "f" if kind in floating else "i"


def _array(tensor: Any, path: str, folder: Path | None) -> Array:
    """A constant's numbers, or its words."""
    from onnx import TensorProto, helper, numpy_helper

    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape):
        raise DamagedFileError("onnx_shape", path=path, name=tensor.name, shape=shape_text(shape))
    if tensor.data_location == TensorProto.EXTERNAL:
        tensor = _brought_in(tensor, path, folder)
    size = math.prod(shape)
    if tensor.HasField("raw_data"):
        itemsize = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        came = len(tensor.raw_data) // itemsize
    else:
        fields = ("float_data", "double_data", "int32_data", "int64_data", "uint64_data")
        came = max(len(getattr(tensor, name)) for name in (*fields, "string_data"))
    if came != size:
        raise DamagedFileError(
            "onnx_numbers", path=path, name=tensor.name, shape=shape_text(shape), came=came
        )
    if tensor.data_type == TensorProto.STRING:
        return np.array([word.decode() for word in tensor.string_data], np.str_).reshape(shape)
    array = numpy_helper.to_array(tensor)
    small = array.dtype.kind not in "fiub" or array.dtype == np.float16
    return array.astype(np.float32) if small else array


def _brought_in(tensor: Any, path: str, folder: Path | None) -> Any:
    """A constant with the bytes that lie in a file beside the model's.

    Raises DamagedFileError for any other place, and where that many bytes are not there.
    """
    from onnx import TensorProto, helper

    told = {one.key: one.value for one in tensor.external_data}
    location = told.get("location", "")
    itemsize = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    offset, size = int(told.get("offset", 0)), math.prod(tensor.dims) * itemsize
    plain = location not in ("", ".", "..") and not set(location) & set("/\\:\0")
    beside = None if folder is None or not plain else folder / location
    if beside is None or beside.is_symlink() or not beside.is_file():
        raise DamagedFileError("onnx_elsewhere", path=path, name=tensor.name, place=ascii(location))
    if offset < 0 or offset + size > beside.stat().st_size:
        raise DamagedFileError(
            "onnx_numbers",
            path=path,
            name=tensor.name,
            shape=shape_text(tuple(tensor.dims)),
            came=max(beside.stat().st_size - offset, 0) // itemsize,
        )
    with read_or_refused(beside), beside.open("rb") as stream:
        stream.seek(offset)
        data = stream.read(size)
    return TensorProto(
        name=tensor.name, dims=tensor.dims, data_type=tensor.data_type, raw_data=data
    )


def _folded(node: Any, constants: Mapping[str, Array], path: str) -> Array | None:
    """What a node makes of constants alone, where it only hands them on; None for all others."""
    if node.op_type not in FOLDED or node.domain not in ("", "ai.onnx"):
        return None
    if any(name not in constants for name in node.input if name):
        return None
    attributes = attributes_of(node)
    taken = [constants[name] for name in node.input if name]
    if node.op_type == "Constant":
        return _constant(attributes, path)
    array, *others = taken
    axes: Sequence[int] = others[0].tolist() if others else attributes.get("axes", ())
    if node.op_type == "Transpose":
        return array.transpose(attributes.get("perm"))
    if node.op_type == "Reshape":
        return array.reshape([array.shape[k] if n == 0 else n for k, n in enumerate(axes)])
    if node.op_type == "Squeeze":
        return array.squeeze(tuple(axes) or None)
    if node.op_type == "Unsqueeze":
        return np.expand_dims(array, tuple(axes))
    if node.op_type == "Cast" and array.dtype.kind != "U":
        from onnx import helper

        kind = helper.tensor_dtype_to_np_dtype(attributes["to"])
        return array.astype(kind) if kind in (np.float32, np.float64, np.int64) else None
    return array if node.op_type == "Identity" else None


def _constant(attributes: Mapping[str, Any], path: str) -> Array | None:
    for name, value in attributes.items():
        if name == "value":
            return _array(value, path, None)
        if name in ("value_float", "value_int", "value_floats", "value_ints"):
            kind = np.float32 if "float" in name else np.int64
            return np.array(value, kind)
        if name in ("value_string", "value_strings"):
            return np.array(value, np.str_)
    return None
