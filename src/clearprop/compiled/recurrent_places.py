"""What a layer over time needs in the arena of a plan, as `source/recurrent.h` has it."""

from clearprop.compiled.lowering import Lowered
from clearprop.compiled.placing import Arena
from clearprop.compiled.tables import OperationKind

KINDS = (OperationKind.RNN, OperationKind.GRU, OperationKind.LSTM)

# The names of its parameters in the table of an operation.
FIELDS = {
    "weight_ih": "weight",
    "weight_hh": "hidden_weight",
    "bias_ih": "bias",
    "bias_hh": "hidden_bias",
}


def recurrent_entries(one: Lowered, arena: Arena, *, batch: int, times: int) -> int:
    """How many numbers the memory of such an operation is."""
    x, state, steps = arena.padded(one.inputs), arena.padded(one.outputs), times * batch
    gates = one.gates * state
    # x, the states before and after every step, the gates; what comes from the step behind; both
    # weights, turned over.
    entries = steps * (x + state + gates) + 2 * batch * state + gates * (x + state)
    if one.kind is OperationKind.GRU:
        entries += steps * gates
    elif one.kind is OperationKind.LSTM:
        # The cell before and after every step, its tanh, and what comes from the step behind.
        entries += 2 * steps * state + 2 * batch * state
    return entries
