"""How the numbers of a wire lie in rows, and who wants them so.

A wire is a matrix: of every sample so many rows ("places"), of so many numbers ("features"). Of
samples with several axes there are three such arrangements, of one and the same numbers:

    SAMPLE    one row, as C and NumPy lay a sample          (N, a, b, c)   N rows of a·b·c
    FEATURES  the last axis in a row, its places above      (N, T, D)      N·T rows of D
    CHANNELS  the first axis in a row, its places above     (N, C, H, W)   N·H·W rows of C

Every layer over the last axis (Linear, the norms, softmax) is then one over rows, whatever axes
stand between; a layer of images sees the channels of a place side by side. Of samples with one axis
the three are the same.
"""

import math
from enum import Enum
from typing import NamedTuple

from clearprop.base.arrays import Shape
from clearprop.compiled.tables import OperationKind


class Arrangement(Enum):
    """What stands in a row."""

    SAMPLE = "sample"
    FEATURES = "features"
    CHANNELS = "channels"


# Whatever works entry by entry takes its input as it comes.
ENTRY_BY_ENTRY = (OperationKind.ACTIVATION, OperationKind.DROPOUT)


class Wire(NamedTuple):
    """A wire's rows: `places` of every sample, each of `features` numbers."""

    places: int
    features: int


def wire_of(shape: Shape, arrangement: Arrangement) -> Wire:
    """The rows of samples of this shape."""
    if arrangement is Arrangement.SAMPLE or len(shape) < 2:
        return Wire(1, math.prod(shape))
    features = shape[-1] if arrangement is Arrangement.FEATURES else shape[0]
    rest = shape[:-1] if arrangement is Arrangement.FEATURES else shape[1:]
    return Wire(math.prod(rest), features)


def wanted_by(kind: OperationKind, *, images: bool) -> Arrangement | None:
    """The arrangement that an operation works on, of a layer of images or of another; None: any."""
    if kind in ENTRY_BY_ENTRY:
        return None
    by_channels = images or kind is OperationKind.PAD
    return Arrangement.CHANNELS if by_channels else Arrangement.FEATURES
