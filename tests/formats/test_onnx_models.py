"""ONNX out and in: computed alike by ONNX's reference evaluator and by onnxruntime; what does not
hold together is refused with a sentence."""

import io
import warnings
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from clearprop import (
    ELU,
    GELU,
    LSTM,
    AdaptiveAvgPool2d,
    AvgPool1d,
    BatchNorm,
    BinaryCrossEntropy,
    Conv1d,
    Conv2d,
    CrossEntropy,
    Dropout,
    Embedding,
    Flatten,
    GlobalAverage,
    GroupNorm,
    LayerNorm,
    LeakyReLU,
    Linear,
    MultiheadAttention,
    Network,
    ReLU,
    Sequential,
)
from clearprop.base.configuration import decode, encode
from clearprop.base.errors import (
    ClearpropError,
    ConfigurationError,
    ContractError,
    MissingDependencyError,
)
from clearprop.engine.layers.pooling import MeanUnder
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.formats import from_onnx, to_onnx
from clearprop.kinds.kind_tables import INITIALIZERS, LAYER_EXAMPLES, LAYERS
from clearprop.kinds.row import LayerExample
from tests.formats.onnx_running import CLOSE, DTYPES, OPSETS, made, run
from tests.formats.random_networks import Drawn, draw
from tests.own_combinators import Concatenated
from tests.sweeps import quick_where

KNOWN = {**LAYERS, **INITIALIZERS}
# What onnxruntime computes in float32 alone: Erf, recurrences, convolutions and normalizations of
# groups.
IN_FLOAT32_ALONE = (
    GELU,
    Recurrent,
    RecurrentCell,
    Conv1d,
    Conv2d,
    MeanUnder,
    GlobalAverage,
    GroupNorm,
)
EXAMPLES = [example for examples in LAYER_EXAMPLES.values() for example in examples]


def drawn_of(example: LayerExample, dtype: str) -> Drawn:
    rng = np.random.default_rng(3)
    network = Network(example.layer)
    params = network.initialize(1, dtype=dtype)
    params = (params + 0.3 * rng.normal(size=params.shape)).astype(dtype)
    state = {
        path: {
            name: rng.uniform(0.5, 2, a.shape).astype(dtype) if a.dtype.kind == "f" else a
            for name, a in own.items()
        }
        for path, own in network.start_state.items()
    }
    shape = (6, *example.input_shape)
    x = 2 * rng.normal(size=shape).astype(dtype)
    if example.ids is not None:
        x = rng.integers(example.ids, size=shape)
    return Drawn(network, params, state or None, x)


# Every operator set, and both dtypes in turn.
KINDS = quick_where(product(OPSETS, DTYPES), lambda place, _: place // 2 % 2 == place % 2)


@pytest.mark.parametrize(("opset", "dtype"), KINDS)
def test_every_layer_is_computed_alike_and_comes_back(opset: int, dtype: str) -> None:
    for example in EXAMPLES:
        network, params, state, x = drawn_of(example, dtype)
        shape = example.input_shape
        model = to_onnx(network, params, state=state, input_shape=shape, opset=opset)
        expected = network.predict(params, x, state=state)
        close = partial(
            np.testing.assert_allclose, rtol=CLOSE[dtype], atol=CLOSE[dtype], err_msg=repr(example)
        )
        if getattr(example.layer, "nonlinearity", "") != "relu":  # which onnx's own RNN has not
            (output,) = run(model, x)
            close(output, expected)
            assert output.dtype == expected.dtype
        back = from_onnx(model.SerializeToString())
        close(back.predict(x), expected)


@pytest.mark.parametrize("dtype", quick_where(DTYPES, lambda _, dtype: dtype == "float32"))
def test_onnxruntime_computes_every_layer_alike(dtype: str) -> None:
    ort = pytest.importorskip("onnxruntime")
    for example in EXAMPLES:
        if dtype == "float64" and isinstance(example.layer, IN_FLOAT32_ALONE):
            continue
        network, params, state, x = drawn_of(example, dtype)
        model = to_onnx(network, params, state=state, input_shape=example.input_shape)
        session = ort.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        (output,) = session.run(None, {"input": x})
        expected = network.predict(params, x, state=state)
        np.testing.assert_allclose(
            output, expected, rtol=CLOSE[dtype], atol=CLOSE[dtype], err_msg=repr(example)
        )


def sizes(value: Any) -> list[int | str]:
    return [one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize(
    ("layers", "taken", "put_out", "other"),
    [
        ((Conv2d(1, 2, 3),), ["N", 1, "H", "W"], ["N", 2, "D1", "D2"], (1, 9, 5)),
        ((Conv1d(2, 3, 3, padding=1),), ["N", 2, "L"], ["N", 3, "L"], (2, 11)),
        ((Conv2d(1, 2, 3), Flatten(), Linear(72, 2)), ["N", 1, 8, 8], ["N", 2], (1, 8, 8)),
        ((LSTM(3, 4),), ["N", "T", 3], ["N", "T", 4], (9, 3)),
        ((Linear(3, 2),), ["N", 3], ["N", 2], (3,)),
    ],
)
def test_sizes_that_the_layers_leave_open_are_open_in_the_file(
    layers: tuple[Any, ...], taken: list[Any], put_out: list[Any], other: tuple[int, ...]
) -> None:
    ort = pytest.importorskip("onnxruntime")
    network = Network(Sequential(*layers))
    params = network.initialize(dtype="float32")
    model = to_onnx(network, params)
    assert sizes(model.graph.input[0]) == taken
    assert sizes(model.graph.output[0]) == put_out
    x = np.random.default_rng(0).normal(size=(2, *other)).astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"input": x})
    np.testing.assert_allclose(output, network.predict(params, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "key"),
    [
        ((Conv2d(1, 2, 3), Flatten(), Linear(96, 2)), "image_shape_needed"),
        ((Conv2d(1, 2, 3), AdaptiveAvgPool2d(2)), "onnx_shape_needed"),
        ((Conv1d(1, 2, 3), AvgPool1d(2, dilation=2)), "onnx_shape_needed"),
    ],
)
def test_what_depends_on_the_size_of_the_image_asks_for_it(
    layers: tuple[Any, ...], key: str
) -> None:
    network = Network(Sequential(*layers))
    with pytest.raises(ClearpropError) as caught:
        to_onnx(network, network.initialize())
    assert caught.value.key == key
    assert caught.value.message("zh-TW") != caught.value.message("en")


@given(seed=st.integers(0, 10**6), opset=st.sampled_from(OPSETS), dtype=st.sampled_from(DTYPES))
@settings(max_examples=25, deadline=None)
def test_a_network_comes_back_as_it_was(seed: int, opset: int, dtype: str) -> None:
    network, params, state, x = draw(seed, dtype)
    model = to_onnx(network, params, state=state, opset=opset)
    expected = network.predict(params, x, state=state)
    close = {"float64": 1e-12, "float32": 1e-4}[dtype]
    np.testing.assert_allclose(run(model, x)[0], expected, close, close)
    back = from_onnx(model)
    assert back.params.dtype == params.dtype
    np.testing.assert_allclose(back.predict(x), expected, close, close)
    assert decode(encode(back.network.layer), KNOWN) == back.network.layer  # as a file keeps it
    kinds = [type(node.layer) for node in network.graph.nodes.values()]
    assert [type(node.layer) for node in back.network.graph.nodes.values()] == kinds


def test_settings_come_back_as_they_were_typed() -> None:
    layers = Sequential(
        Linear(2, 2), LeakyReLU(0.01), ELU(0.7), BatchNorm(2), LayerNorm(2, 1e-3), Dropout(0.3)
    )
    network = Network(layers)
    for dtype in DTYPES:
        params = network.initialize(0, dtype=dtype)
        model = to_onnx(network, params, state=network.initial_state(params))
        assert from_onnx(model).network.layer == layers


def test_many_networks_are_one_model() -> None:
    network = Network(Sequential(Linear(3, 4), ReLU(), Dropout(0.2), Linear(4, 2)))
    params = network.initialize([0, 1, 2])
    x = np.random.default_rng(0).normal(size=(5, 3))
    model = to_onnx(network, params)
    expected = network.predict(params, x)
    np.testing.assert_allclose(run(model, x)[0], expected, 1e-13)
    back = from_onnx(model)
    assert np.array_equal(back.params, params)


def test_probabilities_and_names_of_classes_stand_in_the_model() -> None:
    network = Network(Sequential(Linear(2, 3)))
    params = network.initialize(0)
    x = np.random.default_rng(0).normal(size=(7, 2))
    names = ("貓", "dog", "fish")
    model = to_onnx(network, params, loss=CrossEntropy(), classes=names)
    output, probabilities, label = run(model, x)
    powers = np.exp(output)
    np.testing.assert_allclose(probabilities, powers / powers.sum(1, keepdims=True), 1e-12)
    assert label.tolist() == [names[k] for k in output.argmax(1)]
    back = from_onnx(model)
    assert back.classes == names
    assert back.network.layer == network.layer  # the softmax is the loss's
    assert back.loss == CrossEntropy()
    single = Network(Sequential(Linear(2, 1)))
    model = to_onnx(single, single.initialize(1), loss=BinaryCrossEntropy(), classes=("no", "yes"))
    output, probabilities, label = run(model, x)
    np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-output)), 1e-12)
    assert from_onnx(model).loss == BinaryCrossEntropy()
    assert label.tolist() == ["yes" if logit > 0 else "no" for logit in output[:, 0]]


@pytest.mark.parametrize("opset", [17, 18])
def test_what_pytorchs_exporter_writes_comes_in(torch: Any, opset: int) -> None:
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(4, 6), nn.ReLU6(), nn.Linear(6, 6), nn.PReLU(6), nn.ELU(),
        nn.SELU(), nn.GELU("tanh"), nn.GELU(), nn.SiLU(), nn.Mish(), nn.Softplus(),
        nn.LayerNorm(6), nn.BatchNorm1d(6, affine=False), nn.Dropout(0.2), nn.Linear(6, 2),
        nn.Softmax(-1),
    ).eval()  # fmt: skip
    stream = io.BytesIO()
    x = torch.randn(5, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (x,), stream, dynamo=False, opset_version=opset)
    back = from_onnx(stream.getvalue())
    np.testing.assert_allclose(back.predict(x.numpy()), module(x).detach().numpy(), 1e-4, 1e-5)


def test_what_pytorchs_newer_exporter_wrote_comes_in() -> None:
    """torch.onnx.export(dynamo=True), which needs packages that are not here, wrote the file: its
    batch normalization is in the Linear before it."""
    path = Path(__file__).parents[1] / "data" / "onnx" / "exported_by_pytorch_2_13.onnx"
    saved = from_onnx(path)
    kinds = [type(node.layer).__name__ for node in saved.network.graph.nodes.values()]
    assert kinds == ["Linear", "LayerNorm", "GELU", "SiLU", "Linear", "Softplus", "Linear"]
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    said = [[0.04064524, -0.65526974], [0.02476358, -0.57444912]]
    np.testing.assert_allclose(saved.predict(x), said, 1e-5)


def test_what_another_exporter_lays_out_otherwise_comes_in() -> None:
    """Gemm with its factors and a weight turned round, constants by nodes, the bias first."""
    rng = np.random.default_rng(0)
    w, b, x = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(4, 2))
    square = rng.normal(size=(3, 3))
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["g"], alpha=0.5, beta=2.0, transB=1, transA=0),
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(square)),
        helper.make_node("Transpose", ["c"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["g", "t"], ["m"]),
        helper.make_node("Add", ["b", "m"], ["y"]),
    ]
    model = made(nodes, {"w": w, "b": b}, ["x"], double=True)
    expected = (0.5 * x @ w.T + 2 * b) @ square.T + b
    np.testing.assert_allclose(from_onnx(model).predict(x), expected, 1e-13)


def test_what_onnx_has_not_is_refused_by_its_path() -> None:
    from tests.experiments.test_torch_twin import Square

    network = Network(Sequential(Linear(2, 2), Square()))
    with pytest.raises(ContractError, match=r"^layers\[1\]: no ONNX operators compute Square"):
        to_onnx(network, network.initialize(0))
    stacked = Network(Sequential(Embedding(4, 2), BatchNorm(2)))
    with pytest.raises(ContractError, match=r"^layers\[0\]"):
        to_onnx(
            stacked,
            stacked.initialize([0, 1]),
            state=stacked.initial_state(stacked.initialize([0, 1])),
        )
    for opset in (16, 99, True, "17"):
        with pytest.raises(ConfigurationError, match="operator set must be"):
            to_onnx(network, network.initialize(0), opset=opset)  # type: ignore[arg-type]


def test_without_onnx_the_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearprop.base.dependencies.is_installed", lambda _: False)
    network = Network(Linear(2, 1))
    for call in (lambda: to_onnx(network, network.initialize(0)), lambda: from_onnx(b"")):
        with pytest.raises(MissingDependencyError, match=r"clearprop\[formats\]"):
            call()


def test_joins_of_ones_own_are_written() -> None:
    network = Network(Sequential(Concatenated(Linear(2, 2), Linear(2, 3)), Linear(7, 1)))
    params = network.initialize(0)
    x = np.random.default_rng(0).normal(size=(4, 2))
    model = to_onnx(network, params)
    np.testing.assert_allclose(run(model, x)[0], network.predict(params, x), 1e-13)
    back = from_onnx(model)
    np.testing.assert_allclose(back.predict(x), network.predict(params, x), 1e-13)
    assert "Concatenate" in repr(back.network)


@pytest.mark.parametrize("opset", OPSETS)
def test_a_padding_mask_stands_beside_the_input(opset: int) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4, 3, 4))
    mask = np.arange(3) >= np.array([3, 2, 1, 3])[:, None]
    for options in ({}, {"causal": True, "scale": 0.25}, {"softcap": 2.0, "key_value_heads": 1}):
        layer = MultiheadAttention(4, 2, **options)  # type: ignore[arg-type]
        network = Network(Sequential(layer, Linear(4, 2)))
        params = network.initialize(0) + 0.1
        beside = {"key_padding_mask": mask}
        expected = network.predict(params, x, side_inputs=beside)
        shape = x.shape[1:]
        model = to_onnx(network, params, input_shape=shape, opset=opset, side_inputs=beside)
        assert [one.name for one in model.graph.input] == ["input", "key_padding_mask"]
        (output,) = run(model, x, **beside)
        np.testing.assert_allclose(output, expected, rtol=1e-12)
        back = from_onnx(model.SerializeToString())
        assert back.network.layer == network.layer
        np.testing.assert_allclose(back.predict(x, side_inputs=beside), expected, rtol=1e-12)


def test_a_side_input_that_no_layer_takes_is_refused() -> None:
    network = Network(Sequential(Linear(4, 2)))
    with pytest.raises(ContractError, match="No layer of this network takes 'key_padding_mask'"):
        to_onnx(network, network.initialize(0), side_inputs=["key_padding_mask"])
