"""What masks add to the scores of attention: 0 where nothing is said, −∞ where a position may not
look.

Side inputs of the network, of one layer alone where they have its path in front
(`layers[2].key_padding_mask`):

    key_padding_mask   (N, S) of booleans, True at positions that nobody looks at
    attn_mask          (T, S), (N, T, S) or (N, H, T, S): booleans, True where a position may not
                       look, or numbers that are added
"""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, shape_text
from clearprop.base.errors import DataError, ShapeError
from clearprop.engine.layers.layer import Context

PADDING, LOOKING = "key_padding_mask", "attn_mask"


class Places(NamedTuple):
    """How many samples, heads, positions that ask and positions that are asked there are."""

    samples: int
    heads: int
    asking: int
    asked: int


def mask_bias(
    context: Context, path: str, places: Places, causal: bool, dtype: str
) -> Array | None:
    """What both masks add, (N or 1, H or 1, T or 1, S); None where there is no mask. Raises
    ShapeError for a mask that does not fit, DataError for one that leaves a position nothing to
    look at, or that holds no numbers."""
    padding, looking = (context.side_input(name) for name in (PADDING, LOOKING))
    if padding is None and looking is None:
        return None
    bias = np.zeros((1, 1, 1, places.asked), dtype)
    if padding is not None:
        expected = (places.samples, places.asked)
        if padding.dtype != bool or padding.shape != expected:
            raise ShapeError(
                "padding_mask_shape",
                path=path,
                expected=shape_text(expected),
                came=shape_text(padding.shape),
                dtype=padding.dtype,
            )
        bias = np.where(padding[:, None, None, :], -np.inf, bias)
    if looking is not None:
        bias = bias + _numbers(looking, path, places, dtype)
    # Nothing in the lower left of a causal mask is left out by it.
    seen = bias > -np.inf
    if causal:
        seen = seen & np.tri(places.asking, places.asked, dtype=bool)
    blind = ~seen.any(axis=-1)
    if blind.any():
        sample, _, position = map(int, np.argwhere(blind)[0])
        raise DataError("attention_blind", path=path, sample=sample, position=position)
    return bias


def _numbers(mask: Array, path: str, places: Places, dtype: str) -> Array:
    """A mask of who may look where as numbers (N or 1, H or 1, T, S)."""
    places_of_one = places[2:]
    shapes = (places_of_one, (places.samples, *places_of_one), places)
    if mask.shape not in shapes or mask.dtype.kind not in "bf":
        raise ShapeError(
            "attention_mask_shape",
            path=path,
            expected=", ".join(shape_text(shape) for shape in shapes),
            came=shape_text(mask.shape),
            dtype=mask.dtype,
        )
    if mask.ndim == 3:
        mask = mask[:, None]
    if mask.dtype == bool:
        return np.where(mask, -np.inf, np.zeros((), dtype))
    if not (mask < np.inf).all():
        raise DataError("attention_mask_numbers", path=path)
    return mask.astype(dtype)
