"""Recurrent nodes of ONNX, what it leaves open of them, and cells whose states stand beside the
input."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from clearprop import (
    GRUCell,
    Linear,
    LSTMCell,
    Network,
    RNNCell,
    Sequential,
)
from clearprop.base.errors import (
    ContractError,
)
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.formats import from_onnx, to_onnx
from tests.formats.onnx_running import run


def of_one_node(operator: str, gates: int, *, states: int = 0, **attributes: Any) -> bytes:
    """A model of one recurrent node, whose starts are ones."""
    rng = np.random.default_rng(5)
    arrays = {
        "W": rng.normal(size=(1, 2 * gates, 3)).astype(np.float32),
        "R": rng.normal(size=(1, 2 * gates, 2)).astype(np.float32),
        "ones": np.ones((), np.float32),
        "shape": np.array([1, 1, 2]),
        "axis": np.array([2 if attributes.get("layout") else 1]),
    }
    starts = [f"h{number}" for number in range(states)]
    nodes = [helper.make_node("Expand", ["ones", "shape"], [one]) for one in starts]
    taken = ["x", "W", "R", *(["", "", *starts] if starts else [])]
    nodes.append(helper.make_node(operator, taken, ["wire"], hidden_size=2, **attributes))
    nodes.append(helper.make_node("Squeeze", ["wire", "axis"], ["y"]))
    if not attributes.get("layout"):
        nodes[-2].input[0] = "turned"
        nodes.insert(0, helper.make_node("Transpose", ["x"], ["turned"], perm=[1, 0, 2]))
        nodes[-1].output[0] = "times_first"
        nodes.append(helper.make_node("Transpose", ["times_first"], ["y"], perm=[1, 0, 2]))
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "T", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "T", 2])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    made: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)]
    ).SerializeToString()
    return made


@pytest.mark.parametrize(
    ("operator", "gates", "settings", "said"),
    [
        ("RNN", 1, {"activations": ["Softsign"]}, "RNN.*activations: Softsign.*Tanh / Relu"),
        ("RNN", 1, {"clip": 3.0}, "RNN.*clip: 3.0"),
        ("RNN", 1, {"states": 1}, "RNN.*initial_h: ≠ 0"),
        ("GRU", 3, {"activations": ["Sigmoid", "Relu"]}, "GRU.*activations: Sigmoid, Relu"),
        ("LSTM", 4, {"input_forget": 1}, "LSTM.*input_forget: 1"),
        ("LSTM", 4, {"states": 2}, "LSTM.*initial_h"),
    ],
)
def test_what_onnx_leaves_open_of_a_recurrence_is_refused_by_its_name(
    operator: str, gates: int, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ContractError, match=said) as caught:
        from_onnx(of_one_node(operator, gates, **settings))
    assert caught.value.message("zh-TW") != caught.value.message("en")


@pytest.mark.parametrize(("operator", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_a_recurrence_whose_samples_come_first_comes_in(operator: str, gates: int) -> None:
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)
    usual, first = (from_onnx(of_one_node(operator, gates, layout=one)) for one in (0, 1))
    assert usual.network.layer == first.network.layer
    np.testing.assert_array_equal(usual.predict(x), first.predict(x))
    named = from_onnx(of_one_node("RNN", 1, activations=["relu"], activation_alpha=[0.5]))
    assert named.network.graph.nodes["layers[0]"].layer.nonlinearity == "relu"  # type: ignore[attr-defined]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layer", [RNNCell, GRUCell, LSTMCell], ids=lambda kind: kind.__name__)
def test_the_states_of_a_cell_stand_beside_the_input(
    layer: type[RecurrentCell], bias: bool
) -> None:
    generator = np.random.default_rng(0)
    cells = [layer(3, 4, bias=bias)]
    cells += [LSTMCell(3, 4, bias=bias, cell_output=True)] if layer is LSTMCell else []
    for cell in cells:
        network = Network(Sequential(cell, Linear(cell.outputs, 2)))
        params = generator.normal(size=network.size).astype(np.float32)
        x = generator.normal(size=(5, 3)).astype(np.float32)
        states = {one: generator.normal(size=(5, 4)).astype(np.float32) for one in cell.states}
        for count in range(len(states) + 1):
            beside = dict(list(states.items())[:count])
            expected = network.predict(params, x, side_inputs=beside)
            model = to_onnx(network, params, side_inputs=beside)
            assert [one.name for one in model.graph.input] == ["input", *beside]
            (output,) = run(model, x, **beside)
            np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)
            back = from_onnx(model.SerializeToString())
            assert back.network.layer == network.layer
            again = back.predict(x, side_inputs=beside)
            np.testing.assert_allclose(again, expected, rtol=1e-5, atol=1e-6)


def test_the_one_input_of_a_file_may_be_called_as_a_state_is() -> None:
    network = Network(Sequential(Linear(3, 2)))
    params = network.initialize(0)
    model = to_onnx(network, params)
    model.graph.input[0].name = "hidden"
    model.graph.node[0].input[0] = "hidden"
    x = np.ones((4, 3))
    back = from_onnx(model.SerializeToString())
    np.testing.assert_allclose(back.predict(x), network.predict(params, x), rtol=1e-12)
