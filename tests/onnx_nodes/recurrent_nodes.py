"""ONNX's operators over time: what our layers make of a case's inputs.

There the times come first, and two directions are one node; the weights are read as a file's are.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop import GRU, LSTM, RNN, Network
from clearprop.base.arrays import Array
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.kinds.recurrent_in_onnx import read_recurrent
from tests.onnx_nodes.cases import NodeCase


def through_time(kind: type[Recurrent]) -> Callable[[NodeCase], tuple[Array, ...]]:
    def run(case: NodeCase) -> tuple[Array, ...]:
        found: dict[str, Any] = {"weight": case.input(1), "recurrence": case.input(2)}
        if case.input(3) is not None:
            found["bias"] = case.input(3)
        direction = case.attribute("direction", "forward")
        found["direction"] = direction
        found["reset_after"] = case.attribute("linear_before_reset", 0)
        samples_first = bool(case.attribute("layout", 0))
        found["layout"] = samples_first
        if case.input(7) is not None:
            found["peephole"] = case.input(7)
        both = direction == "bidirectional"
        read = read_recurrent(kind, found, both, samples_first=samples_first)
        assert read is not None
        network = Network(read.layer)
        params = network.replace(network.initialize(dtype="float32"), read.params)
        x = case.x if samples_first else case.x.swapaxes(0, 1)
        forward = network.forward(params, x)

        nodes = network.graph.nodes.items()
        states = [node.layer.final_state(forward.caches[path]) for path, node in nodes]  # type: ignore[attr-defined]
        y = forward.output.reshape(*x.shape[:2], len(states), -1)
        last = [np.stack([one[name] for one in states]) for name in kind.states]
        if samples_first:
            last = [one.swapaxes(0, 1) for one in last]
        else:
            y = np.moveaxis(y, 0, 2)
        # Y may be left out; it has an axis more than the states.
        return (y, *last[:1]) if case.outputs[0].ndim == 4 else tuple(last[: len(case.outputs)])

    return run


RECURRENT = {kind.__name__: through_time(kind) for kind in (RNN, GRU, LSTM)}
