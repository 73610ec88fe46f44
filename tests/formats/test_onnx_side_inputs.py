"""What stands beside the input of an ONNX file: lengths and masks, computed alike by ONNX's
reference evaluator and by onnxruntime, and read back."""

import warnings
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from itertools import product
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from clearprop import (
    GRU,
    LSTM,
    RNN,
    GRUCell,
    Linear,
    MultiheadAttention,
    Network,
    Sequential,
    TimeStep,
    carried_state,
    recurrent_stack,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError
from clearprop.engine.graph import join_path
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.formats import from_onnx, to_onnx
from tests.formats.onnx_running import in_onnx, in_runtime

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
    x = np.random.default_rng(1).normal(size=(5, 4, 4))
    for learned, zero in product((True, False), repeat=2):
        more = {"add_bias_kv": learned, "add_zero_attn": zero}
        network = Network(Sequential(MultiheadAttention(4, 2, **more, **settings), Linear(4, 2)))
        params = network.initialize(0) + 0.1
        expected = network.predict(params, x, side_inputs=beside)
        model = to_onnx(network, params, side_inputs=beside, input_shape=(4, 4))
        np.testing.assert_allclose(in_onnx(model, {"input": x, **beside}), expected, rtol=1e-10)
        back = from_onnx(model.SerializeToString())
        assert back.network == network
        np.testing.assert_allclose(back.predict(x, side_inputs=beside), expected, rtol=1e-10)


def test_a_cell_takes_no_lengths() -> None:
    network = Network(Sequential(GRUCell(3, 2)))
    with pytest.raises(ContractError, match="beside its input: hidden"):
        to_onnx(network, network.initialize(0), side_inputs=["lengths"])


def starts_of(network: Network, dtype: str) -> dict[str, Array]:
    """A state of its own for every layer over time, by the paths in this network."""
    generator = np.random.default_rng(5)
    return {
        join_path(path, name): generator.normal(size=(5, node.layer.width(name))).astype(dtype)
        for path, node in network.graph.nodes.items()
        if isinstance(node.layer, Recurrent)
        for name in node.layer.states
    }


STARTED = {name: cell for name, cell in CELLS.items() if name != "lstm-seeing"}
STARTED["lstm-peepholes"] = LSTM(3, 3, peepholes=True)


@pytest.mark.parametrize("cell", STARTED.values(), ids=STARTED)
def test_every_layer_starts_from_its_own_state(cell: Layer) -> None:
    network, params, x = whole_sequence(cell, "float64")
    beside = starts_of(network, "float64")
    expected = network.predict(params, x, side_inputs=beside)
    assert not np.allclose(expected, network.predict(params, x))
    model = to_onnx(network, params, side_inputs=list(beside))
    assert [one.name for one in model.graph.input] == ["input", *beside]
    close = partial(np.testing.assert_allclose, desired=expected, rtol=1e-12, atol=1e-14)
    back = from_onnx(model.SerializeToString())
    # What was nested is read as one row of layers, of other paths.
    close(back.predict(x, side_inputs=starts_of(back.network, "float64")))
    narrow = {name: array.astype(np.float32) for name, array in beside.items()}
    network, params, x = whole_sequence(cell, "float32")
    model = to_onnx(network, params, side_inputs=list(beside))
    found = in_runtime(model, {"input": x, **narrow})
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    lengths = {**narrow, "lengths": LENGTHS}
    model = to_onnx(network, params, side_inputs=list(lengths))
    found = in_runtime(model, {"input": x, **lengths})
    expected = network.predict(params, x, side_inputs=lengths)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    back = from_onnx(model.SerializeToString())
    again = {**starts_of(back.network, "float32"), "lengths": LENGTHS}
    found = back.predict(x, side_inputs=again)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_windows_of_a_file_go_on_from_each_other() -> None:
    network = Network(Sequential(GRU(3, 2), LSTM(2, 4)))
    params = network.initialize(0, dtype="float32")
    x = np.random.default_rng(1).normal(size=(5, 6, 3)).astype(np.float32)
    passed = network.forward(params, x[:, :4])
    carried = dict(carried_state(passed))
    model = to_onnx(network, params, side_inputs=carried)
    found = in_runtime(model, {"input": x[:, 4:], **carried})
    whole = network.predict(params, x)[:, 4:]
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-6)
    widths = {
        one.name: one.type.tensor_type.shape.dim[1].dim_value for one in model.graph.input[1:]
    }
    assert widths == {"layers[0].hidden": 2, "layers[1].hidden": 4, "layers[1].cell": 4}


def test_the_state_of_a_projection_has_no_place_in_a_file_and_its_cell_has() -> None:
    network, params, x = whole_sequence(CELLS["lstm-seeing"], "float32")
    with pytest.raises(ContractError, match=r"layers\[0\]"):
        to_onnx(network, params, side_inputs=["hidden"])
    beside = {"cell": np.ones((5, 3), np.float32)}
    found = in_runtime(to_onnx(network, params, side_inputs=beside), {"input": x, **beside})
    expected = network.predict(params, x, side_inputs=beside)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("layers", "both"), [*product((1, 2), (False, True))])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_the_states_of_a_module_of_pytorch_come_in_a_part_for_each_layer(
    kind: str, layers: int, both: bool
) -> None:
    torch = pytest.importorskip("torch")

    class Started(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            made = getattr(torch.nn, kind)
            self.loop = made(3, 2, num_layers=layers, bidirectional=both, batch_first=True)

        def forward(self, x: Any, *states: Any) -> Any:
            return self.loop(x, states if len(states) > 1 else states[0])[0]

    torch.manual_seed(0)
    module, count = Started(), layers * (1 + both)
    generator = np.random.default_rng(6)
    x = generator.normal(size=(5, 4, 3)).astype(np.float32)
    theirs = generator.normal(size=(1 + (kind == "LSTM"), count, 5, 2)).astype(np.float32)
    taken = [torch.from_numpy(one) for one in (x, *theirs)]
    file = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, tuple(taken), file, dynamo=False, input_names=["x", "h_0", "c_0"][: len(taken)]
        )
    back = from_onnx(file.getvalue())
    names = [
        (path, name)
        for path, node in back.network.graph.nodes.items()
        for name in node.layer.side_inputs()
        if name != "lengths"
    ]
    paths = list(dict.fromkeys(path for path, _ in names))
    states = {
        join_path(path, name): theirs[["hidden", "cell"].index(name), paths.index(path)]
        for path, name in names
    }
    expected = module(*taken).detach().numpy()
    found = back.predict(x, side_inputs=states)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_file_whose_one_input_is_its_own_start_is_refused() -> None:
    arrays = {"w": np.ones((1, 3, 3)), "r": np.ones((1, 3, 3)), "axis": np.array([1])}
    nodes = [
        helper.make_node("Transpose", ["x"], ["first"], perm=[1, 0, 2]),
        helper.make_node("RNN", ["first", "w", "r", "", "", "x"], ["y"], hidden_size=3),
        helper.make_node("Squeeze", ["y", "axis"], ["times"]),
        helper.make_node("Transpose", ["times"], ["output"], perm=[1, 0, 2]),
    ]
    shape = [1, 1, 3]
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, shape)],
        [helper.make_tensor_value_info("output", TensorProto.DOUBLE, shape)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    sets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    with pytest.raises(ContractError, match="takes 'x' as its input and again"):
        from_onnx(model)


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
