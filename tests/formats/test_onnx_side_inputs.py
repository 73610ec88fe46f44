"""What stands beside the input of an ONNX file: lengths and masks, computed alike by ONNX's
reference evaluator and by onnxruntime, and read back."""

import warnings
from collections.abc import Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from clearprop import (
    GRU,
    LSTM,
    RNN,
    GRUCell,
    Linear,
    MultiheadAttention,
    Network,
    RNNCell,
    Sequential,
    TimeStep,
    recurrent_stack,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError
from clearprop.engine.layers.layer import Layer
from clearprop.formats import from_onnx, to_onnx

LENGTHS = np.array([4, 1, 2, 4, 3])
CELLS: dict[str, Layer] = {
    "rnn": RNN(3, 2),
    "rnn-reverse": RNN(3, 2, reverse=True, bias=False),
    "gru": GRU(3, 2),
    "gru-both-twice": recurrent_stack(GRU, 3, 2, layers=2, bidirectional=True),
    "lstm-reverse": LSTM(3, 2, reverse=True),
    "lstm-seeing": LSTM(3, 3, projection=2, peepholes=True),
    "lstm-both-twice": recurrent_stack(LSTM, 3, 2, layers=2, bidirectional=True),
}


def in_onnx(model: Any, given: Mapping[str, Array]) -> Array:
    onnx.checker.check_model(model, full_check=True)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found: list[Any] = list(ReferenceEvaluator(model).run(None, dict(given)))
    first: Array = found[0]
    return first


def in_runtime(model: Any, given: Mapping[str, Array]) -> Array:
    ort = pytest.importorskip("onnxruntime")
    content = model.SerializeToString()
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: Array = session.run(None, dict(given))[0]
    return found


def whole_sequence(cell: Layer, dtype: str) -> tuple[Network, Array, Array]:
    output = cell.output_shape((4, 3))
    assert output is not None
    network = Network(Sequential(cell, Linear(output[-1], 2)))
    x = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(dtype)
    return network, network.initialize(1, dtype=dtype), x


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_lengths_are_an_input_that_every_cell_takes(cell: Layer) -> None:
    network, params, x = whole_sequence(cell, "float32")
    beside = {"lengths": LENGTHS}
    expected = network.predict(params, x, side_inputs=beside)
    model = to_onnx(network, params, side_inputs=["lengths"])
    assert [one.name for one in model.graph.input] == ["input", "lengths"]
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
    close(in_runtime(model, {"input": x, **beside}), expected)
    back = from_onnx(model.SerializeToString())
    close(back.predict(x, side_inputs=beside), expected)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_a_sequence_is_computed_as_if_it_ended_there(cell: Layer) -> None:
    # ONNX's own evaluator computes in float64 and reads no lengths: a sample alone, cut to its own,
    # is what the same file must give there.
    network, params, x = whole_sequence(cell, "float64")
    expected = network.predict(params, x, side_inputs={"lengths": LENGTHS})
    model = to_onnx(network, params, side_inputs=["lengths"])
    for sample, length in enumerate(LENGTHS):
        alone = x[sample : sample + 1, :length]
        given = {"input": alone, "lengths": LENGTHS[sample : sample + 1]}
        found = in_onnx(model, given)
        np.testing.assert_allclose(found[0], expected[sample, :length], rtol=1e-12, atol=1e-14)


def test_the_last_time_is_each_samples_own() -> None:
    cell = GRU(3, 2)
    for index in (-1, 0):
        network = Network(Sequential(cell, TimeStep(index), Linear(2, 2)))
        params = network.initialize(0)
        x = np.random.default_rng(1).normal(size=(5, 4, 3))
        beside = {"lengths": LENGTHS}
        expected = network.predict(params, x, side_inputs=beside)
        model = to_onnx(network, params, side_inputs=beside, input_shape=(4, 3))
        found = in_onnx(model, {"input": x, **beside})
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        back = from_onnx(model.SerializeToString())
        assert back.network == network
        np.testing.assert_allclose(back.predict(x, side_inputs=beside), expected, rtol=1e-12)


def test_lengths_of_one_layer_alone_are_an_input_of_its_name() -> None:
    network = Network(Sequential(RNN(3, 2), RNN(2, 2)))
    params = network.initialize(0, dtype="float32")
    x = np.random.default_rng(1).normal(size=(5, 4, 3)).astype(np.float32)
    beside = {"layers[0].lengths": LENGTHS}
    model = to_onnx(network, params, side_inputs=beside)
    expected = network.predict(params, x, side_inputs=beside)
    found = in_runtime(model, {"input": x, **beside})
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ContractError, match="different 'lengths', or some of them none"):
        from_onnx(model.SerializeToString())


@pytest.mark.parametrize("masks", ["", "padding", "looking", "both"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"causal": True}, {"causal": True, "rotary": True, "key_value_heads": 1, "softcap": 2}],
)
def test_no_mask_hides_what_stands_behind_the_sequence(
    settings: Mapping[str, Any], masks: str
) -> None:
    beside: dict[str, Array] = {}
    if masks in ("padding", "both"):
        beside["key_padding_mask"] = np.arange(4) >= LENGTHS[:, None]
    if masks in ("looking", "both"):
        beside["attn_mask"] = np.random.default_rng(2).normal(size=(4, 4))
    x = np.random.default_rng(1).normal(size=(5, 4, 6))
    for learned, zero in product((True, False), repeat=2):
        more = {"add_bias_kv": learned, "add_zero_attn": zero}
        network = Network(Sequential(MultiheadAttention(6, 2, **more, **settings), Linear(6, 2)))
        params = network.initialize(0) + 0.1
        expected = network.predict(params, x, side_inputs=beside)
        model = to_onnx(network, params, side_inputs=beside, input_shape=(4, 6))
        np.testing.assert_allclose(in_onnx(model, {"input": x, **beside}), expected, rtol=1e-10)
        back = from_onnx(model.SerializeToString())
        assert back.network == network
        np.testing.assert_allclose(back.predict(x, side_inputs=beside), expected, rtol=1e-10)


def test_a_state_that_a_layer_over_time_would_take_too_is_named_for_the_cell() -> None:
    network = Network(Sequential(RNN(3, 2), TimeStep(), RNNCell(2, 2)))
    params = network.initialize(0)
    x, hidden = np.random.default_rng(1).normal(size=(5, 4, 3)), np.full((5, 2), 0.5)
    with pytest.raises(ContractError, match=r"RNN \(layers\[0\]\) takes no 'hidden'.*layers\[2\]"):
        to_onnx(network, params, side_inputs=["hidden"], input_shape=(4, 3))
    beside = {"layers[2].hidden": hidden}
    model = to_onnx(network, params, side_inputs=beside, input_shape=(4, 3))
    expected = network.predict(params, x, side_inputs=beside)
    np.testing.assert_allclose(in_onnx(model, {"input": x, **beside}), expected, rtol=1e-12)


def test_a_cell_takes_no_lengths() -> None:
    network = Network(Sequential(GRUCell(3, 2)))
    with pytest.raises(ContractError, match="beside its input: hidden"):
        to_onnx(network, network.initialize(0), side_inputs=["lengths"])


def test_a_file_of_others_with_both_directions_and_lengths_is_read() -> None:
    generator = np.random.default_rng(2)
    arrays = {
        "w": generator.normal(size=(2, 8, 3)),
        "r": generator.normal(size=(2, 8, 2)),
        "b": generator.normal(size=(2, 16)),
    }
    nodes = [
        helper.make_node("Transpose", ["x"], ["first"], perm=[1, 0, 2]),
        helper.make_node(
            "LSTM",
            ["first", "w", "r", "b", "seq_lens"],
            ["y"],
            direction="bidirectional",
            hidden_size=2,
        ),
        helper.make_node("Transpose", ["y"], ["sides"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["sides", "rows"], ["beside"]),
        helper.make_node("Transpose", ["beside"], ["output"], perm=[1, 0, 2]),
    ]
    graph = helper.make_graph(
        nodes,
        "theirs",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "T", 3]),
            helper.make_tensor_value_info("seq_lens", TensorProto.INT32, ["N"]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", "T", 4])],
        [
            *(numpy_helper.from_array(a.astype(np.float32), n) for n, a in arrays.items()),
            numpy_helper.from_array(np.array([0, 0, 4]), "rows"),
        ],
    )
    sets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    x = generator.normal(size=(5, 4, 3)).astype(np.float32)
    given = {"x": x, "seq_lens": LENGTHS.astype(np.int32)}
    read = from_onnx(model.SerializeToString())
    found = read.predict(x, side_inputs={"lengths": LENGTHS})
    np.testing.assert_allclose(found, in_runtime(model, given), rtol=1e-5, atol=1e-6)


def masks() -> dict[str, Array]:
    generator = np.random.default_rng(3)
    later = ~np.tri(4, dtype=bool)
    numbers = generator.normal(size=(5, 2, 4, 4))
    numbers[:, :, 1:, 0] = -np.inf
    return {
        "shared": later,
        "of-samples": np.stack([later, later.T, later, later & False, later.T]),
        "of-heads": np.isinf(numbers),
        "added": numbers[0, 0],
        "added-of-samples": numbers[:, 0],
        "added-of-heads": numbers,
    }


@pytest.mark.parametrize(("opset", "padded"), [*product((17, 23), (False, True))])
def test_a_mask_of_who_looks_where_stands_beside_the_input(opset: int, padded: bool) -> None:
    generator = np.random.default_rng(4)
    x = generator.normal(size=(5, 4, 4))
    padding = np.zeros((5, 4), bool)
    padding[1, 2] = padding[3, 1] = True
    layers = (
        MultiheadAttention(4, 2),
        MultiheadAttention(4, 2, causal=True, bias=False),
        MultiheadAttention(4, 2, rotary=True, softcap=2.0, key_value_heads=1),
    )
    for (name, mask), layer in product(masks().items(), layers):
        if layer.causal and mask.dtype != bool:
            continue
        network = Network(Sequential(layer, Linear(4, 2)))
        params = network.initialize(0)
        beside = {"attn_mask": mask}
        if padded:
            beside["key_padding_mask"] = padding
        if layer.causal:
            # What looks at later positions only sees nothing beside a causal mask.
            beside["attn_mask"] = mask & np.tri(4, k=-2, dtype=bool)
        expected = network.predict(params, x, side_inputs=beside)
        model = to_onnx(network, params, opset=opset, side_inputs=beside)
        operators = [node.op_type for node in model.graph.node]
        plain = layer.softcap is None and not layer.causal
        assert ("Attention" in operators) == (opset == 23 and plain), name
        close = partial(np.testing.assert_allclose, desired=expected, rtol=1e-12, err_msg=name)
        close(in_onnx(model, {"input": x, **beside}))
        back = from_onnx(model.SerializeToString())
        assert back.network == network
        close(back.predict(x, side_inputs=beside))
        if opset == 17:
            close(in_runtime(model, {"input": x, **beside}), atol=1e-14)


def test_a_mask_of_numbers_is_of_the_networks_dtype() -> None:
    network = Network(MultiheadAttention(4, 2))
    mask = np.zeros((3, 3), np.float32)
    model = to_onnx(network, network.initialize(0), side_inputs={"attn_mask": mask})
    (given,) = [one for one in model.graph.input if one.name == "attn_mask"]
    assert given.type.tensor_type.elem_type == TensorProto.DOUBLE
    by_name = to_onnx(network, network.initialize(0), side_inputs=["attn_mask"])
    (given,) = [one for one in by_name.graph.input if one.name == "attn_mask"]
    assert given.type.tensor_type.elem_type == TensorProto.BOOL
    with pytest.raises(ContractError, match="takes 'lengths' in an ONNX file"):
        to_onnx(network, network.initialize(0), side_inputs=["lengths"])
