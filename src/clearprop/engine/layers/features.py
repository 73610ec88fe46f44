"""What layers share that have a parameter for every feature: (1, D), or (K, 1, D) of K networks.

The input is (N, ..., D), samples in rows and with any axes between; of K networks (K, N, ..., D).
"""

import math

from clearprop.base.arrays import Array, Shape, shape_text, sum_rows
from clearprop.base.errors import ShapeError
from clearprop.engine.layers.layer import Context, Layer


def spread(parameter: Array, x: Array) -> Array:
    """The parameter, shaped so that it meets x feature by feature, network by network.

    (K, 1, D) beside x (K, N, T, D) becomes (K, 1, 1, D); NumPy would take K for an axis of x.
    """
    if parameter.ndim == 2 or x.ndim <= 3:
        return parameter
    networks, _, features = parameter.shape
    return parameter.reshape(networks, *(1,) * (x.ndim - 2), features)


def gather(terms: Array, parameter: Array) -> Array:
    """The sum of `terms` (..., D) over everything but networks and features, in the parameter's
    shape: the gradient of a parameter that was spread, from ∂C/∂(each of its uses)."""
    lead = parameter.shape[:-2]
    rows = math.prod(terms.shape[len(lead) : -1])
    return sum_rows(terms.reshape(*lead, rows, terms.shape[-1]))


def require_rows(layer: Layer, x: Array, features: int | None, context: Context) -> None:
    """Refuse an x without rows of `features` numbers (None: of any number), or with another
    number of networks than there are. Raises ShapeError."""
    least = 2 if context.networks is None else 3
    others = context.networks not in (None, *x.shape[:1])
    if x.ndim < least or others or features not in (None, x.shape[-1]):
        raise ShapeError(
            "features_input",
            path=context.path or type(layer).__name__,
            layer=type(layer).__name__,
            features="D" if features is None else features,
            came=shape_text(x.shape),
        )


def require_features_before(layer: Layer, input_shape: Shape | None, features: int) -> None:
    """For output_shape: refuse a layer before that gives another number of features. Raises
    ShapeError."""
    if input_shape is not None and input_shape[-1:] != (features,):
        raise ShapeError(
            "features_chain",
            layer=type(layer).__name__,
            features=features,
            came=shape_text(("N", *input_shape)),
        )
