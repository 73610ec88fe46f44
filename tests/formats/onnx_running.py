"""ONNX models by hand, and what the reference evaluator makes of one."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from clearprop.base.arrays import Array

OPSETS = (17, 18, 20, 23)
DTYPES = ("float64", "float32")
CLOSE = {"float64": 1e-12, "float32": 1e-5}


class Erf(OpRun):
    """ONNX's own evaluator computes Erf in float32 alone."""

    def _run(self, x: Array) -> tuple[Array]:
        return (np.vectorize(math.erf, otypes=[x.dtype])(x),)


def run(model: Any, x: Array, **beside: Array) -> list[Any]:
    """What ONNX's reference evaluator makes of x and what stands beside it."""
    onnx.checker.check_model(model, full_check=True)
    evaluator = ReferenceEvaluator(model, new_ops=[Erf])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return list(evaluator.run(None, {"input": x, **beside}))


def in_onnx(model: Any, given: Mapping[str, Array]) -> Array:
    """The first output by ONNX's reference evaluator."""
    onnx.checker.check_model(model, full_check=True)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found: list[Any] = list(ReferenceEvaluator(model).run(None, dict(given)))
    first: Array = found[0]
    return first


def in_runtime(model: Any, given: Mapping[str, Array]) -> Array:
    """The first output by onnxruntime; skips where it is absent."""
    ort = pytest.importorskip("onnxruntime")
    content = model.SerializeToString()
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: Array = session.run(None, dict(given))[0]
    return found


def made(
    nodes: Any,
    arrays: dict[str, Array],
    inputs: list[str],
    *,
    double: bool = False,
    opset: int = 17,
) -> Any:
    kind = TensorProto.DOUBLE if double else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, ["N", 2]) for name in inputs],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
