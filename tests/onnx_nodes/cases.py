"""The node test cases of the ONNX project, as this folder's tests read them.

Each is a graph of one node, its inputs and the outputs that ONNX expects of it. They come from the
`onnx` package, whose own backends are tested with them.
"""

import warnings
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class NodeCase:
    """One case; its inputs by their place in the operator's signature, some of them left out."""

    name: str
    operator: str
    attributes: Mapping[str, Any]
    inputs: Mapping[int, Any]
    outputs: tuple[Any, ...]

    def input(self, place: int, default: Any = None) -> Any:
        """The input at that place of the operator's signature; the default where it is left out."""
        return self.inputs.get(place, default)

    def attribute(self, name: str, default: Any = None) -> Any:
        """The attribute, text as str."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    @cached_property
    def x(self) -> Any:
        return self.inputs[0]


def collect() -> dict[str, list[NodeCase]]:
    """Every case of one node, by operator; what draws them leaves NumPy's own generator alone."""
    from onnx.backend.test.case.node import collect_testcases

    random_state = np.random.get_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # casts that overflow on purpose
            found = collect_testcases(None)
    finally:
        np.random.set_state(random_state)
    cases = defaultdict(list)
    for one in found:
        assert one.model is not None
        if len(one.model.graph.node) == 1:
            case = _node_case(one)
            cases[case.operator].append(case)
    return dict(cases)


def _node_case(case: Any) -> NodeCase:
    from onnx.helper import get_attribute_value

    (node,) = case.model.graph.node
    ((inputs, outputs),) = case.data_sets
    given = iter(inputs)
    return NodeCase(
        case.name,
        node.op_type,
        {attribute.name: get_attribute_value(attribute) for attribute in node.attribute},
        {place: next(given) for place, name in enumerate(node.input) if name},
        tuple(outputs),
    )
