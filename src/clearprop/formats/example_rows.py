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
# The sides that an image is tried with, in this order.
SIDES = (*range(8, 257), *range(1, 8))


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


def takes_images(network: Network) -> bool:
    """Whether one of its layers says how many channels come in."""
    return _channels(network) is not None


def image_shape(network: Network) -> Shape | None:
    """(channels, side) or (channels, side, side) of a network of images, the first side that goes
    through its layers; None where no such image does."""
    channels = _channels(network)
    if channels is None:
        return None
    shapes = (shape for side in SIDES for shape in ((channels, side), (channels, side, side)))
    return next((shape for shape in shapes if _takes(network, shape)), None)


def _channels(network: Network) -> int | None:
    for node in network.graph.nodes.values():
        row = LAYER_ROWS.get(type(node.layer))
        if row is not None and row.told_channels:
            return int(getattr(node.layer, row.told_channels))
    return None


def sample_shapes(network: Network) -> tuple[Shape | None, Shape | None]:
    """The shape of one sample, where the layers say it, and another one that they take as well:
    where it is None they take no other length or side."""
    shape = sample_shape(network)
    if shape is not None:
        is_timed = len(shape) == 2 or shape == (TIMES,)
        other = (TIMES + 1, *shape[1:]) if is_timed else None
        return shape, other if other is not None and _takes(network, other) else None
    shape = image_shape(network)
    if shape is None:
        return None, None
    channels, *sides = shape
    others = ((channels, *(side + more for side in sides)) for more in (1, 2, 3, 4))
    return shape, next((other for other in others if _takes(network, other)), None)


def _takes(network: Network, shape: Shape) -> bool:
    try:
        network.graph.shapes(shape)
    except ClearpropError:
        return False
    return True


def example_rows(
    network: Network, dtype: Any, input_shape: Shape | None = None, *, times: int = TIMES
) -> Array:
    """A few samples (ROWS, ...) that the network can take, always the same; of the shape that the
    layers say unless told otherwise."""
    generator = keyed_generator(0, path="example_rows")
    ids = ids_of(network)
    shape = sample_shape(network, times) if input_shape is None else tuple(input_shape)
    if ids is not None:
        return generator.integers(ids, size=(ROWS, *(shape or ())))
    shape = shape or image_shape(network) or (3,)
    return generator.normal(size=(ROWS, *shape)).astype(dtype)
