"""Every layer, loss and optimizer that ONNX has too, on the ONNX project's own node test cases.

How many ran is printed at the end of a run. What is left out stands in LEFT_OUT with its reason.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from clearprop.base.errors import DataError
from tests.onnx_nodes.attention_nodes import BLIND, attention
from tests.onnx_nodes.attention_nodes import LEFT_OUT as LEFT_OUT_OF_ATTENTION
from tests.onnx_nodes.cases import NodeCase, collect
from tests.onnx_nodes.image_nodes import IMAGE_LAYERS
from tests.onnx_nodes.layer_nodes import LAYERS
from tests.onnx_nodes.loss_nodes import LOSSES
from tests.onnx_nodes.optimizer_nodes import OPTIMIZERS
from tests.onnx_nodes.recurrent_nodes import RECURRENT

OPERATORS: Mapping[str, Any] = {
    **LAYERS,
    **IMAGE_LAYERS,
    **RECURRENT,
    "Attention": attention,
    **LOSSES,
    **OPTIMIZERS,
}

# How many cases of each operator run. An exact number, so that none is lost without a word.
RUN = {
    "Gemm": 10,
    "MatMul": 3,
    "Relu": 1,
    "LeakyRelu": 3,
    "PRelu": 2,
    "Elu": 3,
    "Selu": 1,
    "Gelu": 4,
    "Swish": 1,
    "Softplus": 2,
    "Mish": 1,
    "Clip": 8,
    "Tanh": 2,
    "Sigmoid": 2,
    "Identity": 2,
    "Softmax": 7,
    "LogSoftmax": 7,
    "Dropout": 12,
    "BatchNormalization": 4,
    "LayerNormalization": 19,
    "RMSNormalization": 19,
    "RotaryEmbedding": 8,
    "Attention": 85,
    "Gather": 3,
    "RNN": 6,
    "GRU": 6,
    "LSTM": 6,
    "Conv": 6,
    "MaxPool": 14,
    "AveragePool": 14,
    "GlobalAveragePool": 2,
    "Flatten": 9,
    "Pad": 5,
    "GroupNormalization": 2,
    "InstanceNormalization": 2,
    "SoftmaxCrossEntropyLoss": 34,
    "NegativeLogLikelihoodLoss": 18,
    "Adagrad": 2,
    "Adam": 2,
    "Momentum": 3,
}

THREE_AXES = "images with three axes"
LEFT_OUT = {
    **LEFT_OUT_OF_ATTENTION,
    "test_maxpool_2d_uint8": "whole numbers; a layer takes measurements",
    "test_maxpool_3d_default": THREE_AXES,
    "test_maxpool_3d_dilations": THREE_AXES,
    "test_maxpool_3d_dilations_use_ref_impl": THREE_AXES,
    "test_maxpool_3d_dilations_use_ref_impl_large": THREE_AXES,
    "test_averagepool_3d_default": THREE_AXES,
    "test_averagepool_3d_dilations_small": THREE_AXES,
    **{
        f"test_averagepool_3d_dilations_large_count_include_pad_is_{counts}"
        f"_ceil_mode_is_{ceiling}": THREE_AXES
        for counts in (0, 1)
        for ceiling in (False, True)
    },
    "test_constant_pad_axes": "its axes are counted from the samples; a Pad counts from the end",
    "test_gemm_default_matrix_bias": "the bias differs from sample to sample; Linear has one row",
    "test_matmul_bcast": "both factors are broadcast; Linear shares x, or nothing",
    "test_matmul_1d_3d": "x is a single sample without an axis of samples",
    "test_matmul_4d_1d": "the weight is a vector; Linear's is a matrix",
    "test_matmul_1d_1d": "x is a single sample without an axis of samples",
    "test_selu_example": "α and λ are chosen; SELU's are the two that keep mean and variance",
    "test_selu": "α and λ are chosen; SELU's are the two that keep mean and variance",
    "test_clip_min_greater_than_max": "Hardtanh refuses bounds that are the wrong way round",
    "test_clip_default_int8_min": "whole numbers; an activation takes measurements",
    "test_clip_default_int8_max": "whole numbers; an activation takes measurements",
    "test_clip_default_int8_inbounds": "whole numbers; an activation takes measurements",
    "test_clip_default_int8_inbounds_expanded": "whole numbers; an activation takes measurements",
    "test_identity_sequence": "a sequence of arrays; a layer takes one",
    "test_identity_opt": "an optional array, which is a container of ONNX's",
    "test_gather_negative_indices": "Embedding refuses ids below 0 and does not count from the end",
}

# The cases are float32, and so are we; the largest difference is that of a sum over 32,400 entries.
RTOL = 5e-6
ATOL = 5e-7
# What this case expects is written with four digits.
ROUNDED = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 6e-5}


# Of cases in half precision, in which ONNX rounds every step: those of float16 and of bfloat16,
# whose numbers have 11 and 8 binary digits.
OF_HALF = {"float16": (4 * 2.0**-11, 2.0**-11), "bfloat16": (4 * 2.0**-8, 2.0**-8)}


def is_half(array: Any) -> bool:
    return str(getattr(array, "dtype", "")) in OF_HALF


def tolerance(case: NodeCase) -> tuple[float, float]:
    """The relative and the absolute one."""
    half = OF_HALF.get(str(getattr(case.inputs.get(0), "dtype", "")))
    return half or (RTOL, ROUNDED.get(case.name, ATOL))


@pytest.fixture(scope="module")
def cases() -> Mapping[str, list[NodeCase]]:
    return collect()


@pytest.mark.parametrize("operator", OPERATORS)
def test_agrees_with_onnx(
    operator: str, cases: Mapping[str, list[NodeCase]], record_property: Any
) -> None:
    taken = [case for case in cases[operator] if case.name not in LEFT_OUT]
    for case in taken:
        ours = OPERATORS[operator](case)
        for output, expected in zip(ours, case.outputs, strict=True):
            if output is not None:
                assert np.shape(output) == expected.shape, case.name
                rtol, atol = tolerance(case)
                expected = expected.astype(np.float32) if is_half(expected) else expected
                np.testing.assert_allclose(output, expected, rtol, atol, err_msg=case.name)
    record_property("ONNX node test cases run", len(taken))
    assert len(taken) == RUN[operator]


def test_what_is_left_out_exists(cases: Mapping[str, list[NodeCase]]) -> None:
    names = {case.name for operator in OPERATORS for case in cases[operator]}
    assert LEFT_OUT.keys() <= names
    assert len(names) == sum(RUN.values()) + len(LEFT_OUT)


def test_a_position_that_may_look_at_nothing_is_a_sentence(
    cases: Mapping[str, list[NodeCase]],
) -> None:
    blind = [one for one in cases["Attention"] if LEFT_OUT.get(one.name) == BLIND]
    assert len(blind) == 8
    for case in blind:
        with pytest.raises(DataError, match="may look at nothing"):
            attention(case)


def test_a_wrong_layer_is_noticed(cases: Mapping[str, list[NodeCase]]) -> None:
    """A tester that passes LeakyReLU for ReLU would pass anything."""
    (case,) = cases["Relu"]
    (wrong,) = LAYERS["LeakyRelu"](case)
    assert wrong is not None
    assert np.abs(wrong - case.outputs[0]).max() > 100 * ATOL
