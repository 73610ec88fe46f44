"""What a network can take where nobody has said it: the shape of a sample, and a few of them."""

from typing import Any

from clearprop.base.arrays import Array, Shape, keyed_generator
from clearprop.base.errors import ClearpropError
from clearprop.engine.graph import INPUT
from clearprop.engine.network import Network
from clearprop.kinds.kind_tables import LAYER_ROWS

ROWS = 5
# How long a sequence is where nobody has said it.
TIMES = 4


def ids_of(network: Network) -> int | None:
    """How many ids a network knows whose input is ids; None where it is measurements."""
    for node in network.graph.nodes.values():
        row = LAYER_ROWS.get(type(node.layer))
        if node.source == INPUT and row is not None and row.ids is not None:
            return row.ids(node.layer)
    return None


def sample_shape(network: Network, times: int = TIMES) -> Shape | None:
    """The shape of one sample: () for ids, (features,) where the layers say how many there are;
    (times,) and (times, features) where they go through time; otherwise None."""
    if ids_of(network) is not None:
        return () if _takes(network, ()) else (times,)
    layers = [node.layer for node in network.graph.nodes.values()]
    told = [getattr(layer, "features", None) for layer in layers]
    sizes = [size for slot in network.graph.slots.values() for size in slot.shape]
    for features in dict.fromkeys((*told, *sizes)):
        if features is None:
            continue
        for shape in ((features,), (times, features)):
            if _takes(network, shape):
                return shape
    return None


def _takes(network: Network, shape: Shape) -> bool:
    try:
        network.graph.shapes(shape)
    except ClearpropError:
        return False
    return True


def example_rows(network: Network, dtype: Any, *, times: int = TIMES) -> Array:
    """A few samples (ROWS, ...) that the network can take, always the same."""
    generator = keyed_generator(0, path="example_rows")
    ids = ids_of(network)
    if ids is not None:
        return generator.integers(ids, size=(ROWS, *(sample_shape(network, times) or ())))
    return generator.normal(size=(ROWS, *(sample_shape(network, times) or (3,)))).astype(dtype)
