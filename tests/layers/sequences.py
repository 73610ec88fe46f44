"""Sequences of several lengths, and layers over time with parameters for them."""

import numpy as np
import pytest

from clearprop import (
    GRU,
    LSTM,
    RNN,
    Layer,
    Network,
)
from clearprop.base.arrays import Array
from clearprop.engine.layers.recurrent import Recurrent

KINDS: list[type[Recurrent]] = [RNN, GRU, LSTM]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(4, 5, 2))
LENGTHS = np.array([5, 1, 3, 4])


def drawn(layer: Layer, seed: int = 0) -> tuple[Network, Array]:
    network = Network(layer)
    return network, np.random.default_rng(seed).normal(size=network.size)
