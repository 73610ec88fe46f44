"""The network for a table: what a column goes through first, and the layers behind it.

    SoftClip → PiecewiseLinear → FeatureScale → (Linear → activation → Dropout) … → Linear

The layers up to PiecewiseLinear have no parameters and draw nothing, so a training runs them once
for all of its steps; `TableNetwork.front` is these, `rest` those behind it. The parameters of
`whole` are those of `rest`, entry by entry.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.data.preparation import quantiles
from clearprop.engine.combinators import Sequential
from clearprop.engine.initializers import Initializer, KaimingNormal, Normal, Zeros
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.table_inputs import FeatureScale, PiecewiseLinear, SoftClip
from clearprop.engine.network import Network


@dataclass(frozen=True)
class InputForm:
    """What features go through before the first Linear layer.

    soft_clip    the limit of SoftClip; None leaves it out
    bins         how many bins PiecewiseLinear has for a feature of many values, at most; 0 leaves
                 it out
    bin_height   how far a bin's number grows: below 1, so that a number of many values does not
                 drown a word, which has one feature
    scale_rate   FeatureScale's rate; None leaves it out
    """

    soft_clip: float | None = 3.0
    bins: int = 32
    bin_height: float = 0.35
    scale_rate: float | None = 12.0

    def bins_of(self, bends: Array, rows: int) -> int:
        """The bins of each of these features of many values, (F,) booleans, in so many rows."""
        by_columns = max(FEW_BINS, MOST_BINS // max(int(bends.sum()), 1))
        return min(self.bins, by_columns, max(SURE_BINS, rows // BIN_ROWS))


# With many columns of many values each gets fewer bins, so that the first layer does not grow to be
# most of the network; no fewer than FEW_BINS.
MOST_BINS = 384
FEW_BINS = 6
# Of few rows there are no more bins than SURE_BINS; beyond that each holds BIN_ROWS of them.
SURE_BINS = 16
BIN_ROWS = 16


@dataclass(frozen=True, eq=False)
class TableNetwork:
    """The network for a table, whole and in its two parts; `front`, of the first `fronts` layers,
    is None where there are none."""

    whole: Network
    front: Network | None
    rest: Network
    fronts: int

    def encode(self, features: Array) -> Array:
        """What the front makes of features (N, F): the input of `rest`, in the features' dtype."""
        if self.front is None:
            return features
        return self.front.predict(np.zeros(0, features.dtype), features)

    def operations(self, rows: int) -> float:
        """The operations of the largest product of so many rows, that with the largest weight."""
        slots = (one for node in self.rest.graph.nodes.values() for one in node.parameters.values())
        return 2.0 * rows * max((slot.stop - slot.start for slot in slots), default=0)


def table_network(
    features: Array,
    bends: Array,
    outputs: int,
    *,
    weight: Array,
    form: InputForm,
    hidden: Sequence[int],
    activations: Sequence[Layer],
    dropout: float = 0.0,
    weights: Initializer | None = None,
) -> TableNetwork:
    """The network for features (N, F), which its bins are taken from.

    weight       (N,) how much each row counts for its bins
    bends        which features have many values, (F,) booleans
    activations  one for each hidden layer
    weights      how the weights of hidden layers start: He's normal distribution unless told
                 otherwise; the last layer's start from N(0, 1/inputs), every bias at 0
    """
    front: list[Layer] = []
    if form.soft_clip is not None:
        front.append(SoftClip(form.soft_clip))
    width = features.shape[1]
    if form.bins:
        clipped = front[0].value(features) if front else features  # type: ignore[attr-defined]
        edges = quantile_edges(clipped, bends, form.bins_of(bends, len(features)), weight)
        encoding = PiecewiseLinear(edges, form.bin_height)
        if any(encoding.edges):
            front.append(encoding)
            width += sum(max(len(edges) - 1, 0) for edges in encoding.edges)
    rest: list[Layer] = []
    if form.scale_rate is not None:
        rest.append(FeatureScale(width, form.scale_rate))
    for size, activation in zip(hidden, activations, strict=True):
        rest.append(_linear(width, size, weights or KaimingNormal()))
        rest.append(activation)
        if dropout:
            rest.append(Dropout(dropout))
        width = size
    rest.append(_linear(width, outputs, weights or Normal(0.0, 1 / math.sqrt(width))))
    return of_layers((*front, *rest), len(front))


def of_layers(layers: Sequence[Layer], fronts: int) -> TableNetwork:
    """The network of these layers, of which the first `fronts` have no parameters."""
    front, rest = layers[:fronts], layers[fronts:]
    return TableNetwork(
        whole=Network(Sequential(*layers)),
        front=Network(Sequential(*front)) if front else None,
        rest=Network(Sequential(*rest)),
        fronts=fronts,
    )


def quantile_edges(
    features: Array, bends: Array, bins: int, weight: Array
) -> tuple[tuple[float, ...], ...]:
    """The edges of bins that hold equally many rows; none for a feature of few values."""
    edges = []
    for column, bent in zip(features.T, bends, strict=True):
        shares = np.linspace(0, 1, bins + 1)
        found = np.unique(quantiles(column.astype(np.float64), shares.tolist(), weight))
        edges.append(tuple(map(float, found)) if bent and len(found) > 2 else ())
    return tuple(edges)


def _linear(inputs: int, outputs: int, weights: Initializer) -> Linear:
    return Linear(inputs, outputs, weight_initializer=weights, bias_initializer=Zeros())
