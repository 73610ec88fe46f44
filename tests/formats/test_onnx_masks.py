"""Masks that stand beside the input of an ONNX model of attention."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from onnx import TensorProto

from clearprop import (
    Linear,
    MultiheadAttention,
    Network,
    Sequential,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError
from clearprop.formats import from_onnx, to_onnx
from tests.formats.onnx_running import in_onnx, in_runtime


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
