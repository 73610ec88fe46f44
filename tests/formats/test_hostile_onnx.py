"""ONNX models that mean harm, are cut short, or lead elsewhere: each is refused with a sentence."""

import contextlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from clearprop import (
    Linear,
    Network,
    Sequential,
)
from clearprop.base.errors import (
    ClearpropError,
    DamagedFileError,
    ForeignFileError,
)
from clearprop.formats import from_onnx, to_onnx
from tests.formats.onnx_running import made
from tests.formats.random_networks import draw


@cache
def hostile() -> dict[str, tuple[Any, str]]:
    """Models that do not hold together, and what is said of them."""
    node = helper.make_node
    good = {"w": np.ones((2, 3), np.float32), "b": np.ones(3, np.float32)}
    gemm = [node("Gemm", ["x", "w", "b"], ["y"])]
    found = {}
    circle = [
        node("Relu", ["b1"], ["a1"]),
        node("Relu", ["a1"], ["b1"]),
        node("Add", ["b1", "x"], ["y"]),
    ]
    found["cycle"] = (made(circle, {}, ["x"]), "onnx_order")
    twice = made([node("Relu", ["x"], ["y"]), node("Relu", ["x"], ["y"])], {}, ["x"])
    found["twice"] = (twice, "onnx_twice")
    huge = made(gemm, good, ["x"])
    huge.graph.initializer[0].dims[:] = [10**9, 10**9]
    found["10^18 numbers"] = (huge, "onnx_numbers")
    negative = made(gemm, good, ["x"])
    negative.graph.initializer[0].dims[:] = [-2, -3]
    found["negative"] = (negative, "onnx_shape")
    for place in ("../secret", "/etc/passwd", "a\\b", "nothing.bin", ""):
        outside = made(gemm, good, ["x"])
        tensor = outside.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=place)
        found[f"outside {place}"] = (outside, "onnx_elsewhere")
    old = made(gemm, good, ["x"], opset=12)
    found["old"] = (old, "onnx_old")
    blown = [
        node("ConstantOfShape", ["s"], ["w"]),
        node("MatMul", ["x", "w"], ["y"]),
    ]
    shape = {"s": np.array([10**9, 10**9])}
    found["blown up"] = (made(blown, shape, ["x"]), "onnx_node_unknown")
    conv = [node("Conv", ["x", "w"], ["y"], name="first/conv")]
    found["no layer"] = (made(conv, good, ["x"]), "onnx_node_unknown")
    found["two inputs"] = (made([node("Add", ["x", "z"], ["y"])], {}, ["x", "z"]), "onnx_inputs")
    absent = made(gemm, good, ["x"])
    absent.graph.output[0].name = "nowhere"
    found["no output"] = (absent, "onnx_output")
    lists = made([node("Gemm", ["x", "w", "b"], ["y"], alpha=[1.0, 2.0])], good, ["x"])
    found["attribute of another type"] = (lists, "onnx_node_unknown")
    deep = [
        one
        for k in range(3000)
        for one in (
            node("Relu", [f"a{k}" if k else "x"], [f"r{k}"]),
            node("Add", ["x", f"r{k}"], [f"a{k + 1}" if k < 2999 else "y"]),
        )
    ]
    found["nested"] = (made(deep, {}, ["x"]), "onnx_damaged")
    chars = made(gemm, good, ["x"])
    chars.graph.initializer[0].data_type = 99
    found["dtype"] = (chars, "onnx_damaged")
    other = made([node("Relu", ["x"], ["y"], domain="evil.example")], {}, ["x"])
    found["other domain"] = (other, "onnx_node_unknown")
    return found


@pytest.mark.parametrize("name", hostile())
def test_a_hostile_model_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    model, key = hostile()[name]
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ClearpropError) as caught:
        from_onnx(tmp_path / "m.onnx")
    assert caught.value.key == key
    assert all(str(tmp_path) in caught.value.message(one) for one in ("en", "zh-TW"))


def test_arrays_beside_the_model_are_read_and_links_are_not(tmp_path: Path) -> None:
    network = Network(Sequential(Linear(2, 3)))
    params = network.initialize(0)
    model = to_onnx(network, params)
    path = tmp_path / "m.onnx"
    onnx.save(model, str(path), save_as_external_data=True, location="m.bin", size_threshold=0)
    assert np.array_equal(from_onnx(path).params, params)
    data = (tmp_path / "m.bin").read_bytes()
    (tmp_path / "m.bin").write_bytes(data[:20])
    with pytest.raises(DamagedFileError, match="numbers are there"):
        from_onnx(path)
    (tmp_path / "m.bin").rename(tmp_path / "other")
    (tmp_path / "m.bin").symlink_to(tmp_path / "other")
    with pytest.raises(DamagedFileError, match="in another file"):
        from_onnx(path)


def test_a_file_cut_or_changed_anywhere_is_refused_or_read() -> None:
    network, params, state, _ = draw(5)
    data = to_onnx(network, params, state=state).SerializeToString()
    rng = np.random.default_rng(0)
    tried = [data[:cut] for cut in rng.integers(0, len(data), 60)]
    for place in rng.integers(0, len(data), 120):
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        tried.append(bytes(changed))
    for one in tried:
        # Whatever else it raises fails this test.
        with contextlib.suppress(ClearpropError):
            from_onnx(one)
    for one in (b"", b"no model", b"\x80\x04."):
        with pytest.raises(ForeignFileError):
            from_onnx(one)
