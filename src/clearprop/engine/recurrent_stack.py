"""Several recurrent layers one after another, each in one direction or in both.

Both directions of a layer are two layers that take the same wire, of which one reads from the last
time to the first; their features stand side by side. So a stack is made of parts that each have
their own place in the graph, and everything that is known of one layer is known of each of them.
"""

from inspect import isabstract
from typing import Any

from clearprop.base.arrays import require_count
from clearprop.base.errors import ConfigurationError
from clearprop.engine.combinators import Concatenate, Sequential
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.recurrent import Recurrent


def recurrent_stack(
    kind: type[Recurrent],
    inputs: int,
    hidden: int,
    *,
    layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    **settings: Any,
) -> Layer:
    """`layers` layers of a kind (RNN, GRU, LSTM), as PyTorch's module of that name stacks them:
    (N, T, inputs) to (N, T, hidden), or to (N, T, 2 · hidden) in both directions.

    dropout   leaves entries out of what goes from one layer to the next, where it is above 0
    settings  of every layer: bias, nonlinearity, reset_after, projection, peepholes

    One layer in one direction is that layer itself. Raises ConfigurationError unless kind is such a
    class and layers a whole number >= 1, and what the layers raise.
    """
    if not (isinstance(kind, type) and issubclass(kind, Recurrent)) or isabstract(kind):
        value = kind.__name__ if isinstance(kind, type) else repr(kind)
        raise ConfigurationError("recurrent_stack_kind", value=value)
    made: list[Layer] = []
    width = hidden
    for number in range(require_count("layers", layers)):
        if number and dropout:
            made.append(Dropout(dropout))
        features = inputs if not number else width * (1 + bidirectional)
        one = kind(features, hidden, **settings)
        width = one.width("hidden")
        if bidirectional:
            both = Concatenate(one, kind(features, hidden, reverse=True, **settings))
        made.append(both if bidirectional else one)
    return made[0] if len(made) == 1 else Sequential(*made)
