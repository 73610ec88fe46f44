"""What is known of NumPy's functions by their kind alone: without slopes, or moving entries."""

import numpy as np

# Nothing of ∂C/∂ goes through them.
WITHOUT_SLOPE = frozenset(
    ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "logical_not",
     "logical_and", "logical_or", "logical_xor", "isfinite", "isnan", "isinf", "signbit", "sign",
     "floor", "ceil", "rint", "trunc", "heaviside", "bitwise_and", "bitwise_or", "invert",
     "floor_divide")
)  # fmt: skip
# They move entries, or copy them.
MOVED = {
    np.transpose, np.reshape, np.ravel, np.swapaxes, np.moveaxis, np.rollaxis, np.roll, np.flip,
    np.fliplr, np.flipud, np.rot90, np.take, np.take_along_axis, np.squeeze, np.expand_dims,
    np.atleast_1d, np.atleast_2d, np.atleast_3d, np.diag, np.diagonal, np.tile, np.repeat,
    np.broadcast_to, np.copy, np.triu, np.tril, np.pad, np.delete,
    np.lib.stride_tricks.sliding_window_view,
}  # fmt: skip
SPLIT = {np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit}
JOINED = {
    np.concatenate, np.stack, np.hstack, np.vstack, np.column_stack, np.dstack, np.append,
    np.insert,
}  # fmt: skip
LIKE = {np.zeros_like, np.empty_like, np.ones_like, np.full_like}
