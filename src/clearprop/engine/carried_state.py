"""Truncated backpropagation through time: a long sequence in windows, the state carried on.

    carried = {}
    for x, target in windows:                       # (N, T, ·), one behind the other
        forward = network.forward(params, x, side_inputs=carried)
        …                                           # loss, backward, update
        carried = carried_state(forward)

Every window starts where the one before ended. What is carried is numbers and not a function: the
gradient of a window ends at its first time.
"""

from collections.abc import Mapping

import numpy as np

from clearprop.base.arrays import Array, freeze
from clearprop.base.errors import ContractError
from clearprop.engine.graph import join_path
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.engine.network import ForwardPass


def carried_state(forward: ForwardPass) -> Mapping[str, Array]:
    """The states after the last time of every RNN, GRU and LSTM, and after the step of every cell,
    (N, H) or (K, N, H), as the side inputs that the next window or step starts from:
    `layers[0].hidden`, `layers[0].cell`.

    Raises ContractError where there is no such layer, and for one that reads backwards, which has
    no state that the next window could start from.
    """
    nodes = forward.network.graph.nodes
    found = {}
    for path, node in nodes.items():
        layer = node.layer
        if isinstance(layer, Recurrent | RecurrentCell):
            if isinstance(layer, Recurrent) and layer.reverse:
                raise ContractError("carried_reverse", path=path or type(layer).__name__)
            for name, state in layer.final_state(forward.caches[path]).items():
                found[join_path(path, name)] = freeze(np.array(state))
    if not found:
        raise ContractError("carried_none")
    return found
