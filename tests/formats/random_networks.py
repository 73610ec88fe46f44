"""Networks drawn at random from the catalogue, with parameters and running statistics, for what has
to come back from every format."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    Dropout,
    FeatureScale,
    Hardtanh,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Mish,
    Network,
    PiecewiseLinear,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    SoftClip,
    Softmax,
    Softplus,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.engine.layers.layer import Tree

# From a width to a layer that keeps it.
KEEPERS: tuple[Callable[[int], Layer], ...] = (
    lambda _: ReLU(),
    lambda _: Tanh(),
    lambda _: Sigmoid(),
    lambda _: Identity(),
    lambda _: LeakyReLU(0.3),
    lambda _: ELU(0.7),
    lambda _: SELU(),
    lambda _: Hardtanh(-0.5, 2.0),
    lambda _: GELU("tanh"),
    lambda _: SiLU(),
    lambda _: Softplus(2.5, 1.0),
    lambda _: Mish(),
    lambda _: SoftClip(0.7),
    lambda _: Dropout(0.3),
    lambda _: Softmax(),
    lambda _: LogSoftmax(),
    PReLU,
    BatchNorm,
    lambda width: BatchNorm(width, epsilon=1e-3, affine=False),
    LayerNorm,
    lambda width: LayerNorm(width, bias=False),
    RMSNorm,
    lambda width: FeatureScale(width, 6.0),
)
# Those that scikit-learn, Keras and Flax have as well.
EVERYWHERE: tuple[Callable[[int], Layer], ...] = (
    lambda _: ReLU(),
    lambda _: Tanh(),
    BatchNorm,
    LayerNorm,
)


class Drawn(NamedTuple):
    """A network with its parameters, its running statistics, and samples."""

    network: Network
    params: Array
    state: Tree | None
    x: Array


def draw(
    seed: int,
    dtype: str = "float64",
    *,
    keepers: Sequence[Callable[[int], Layer]] = KEEPERS,
    residuals: bool = True,
) -> Drawn:
    """One network; the same seed gives the same."""
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, 5))
    features, layers = width, list[Layer]()
    if keepers is KEEPERS and rng.random() < 0.3:
        edges = tuple((-1.0, 0.5, 2.0) if rng.random() < 0.5 else () for _ in range(width))
        layers.append(PiecewiseLinear(edges))
        width += sum(2 for ours in edges if ours)
    for _ in range(int(rng.integers(1, 5))):
        after = int(rng.integers(2, 6))
        layers += [Linear(width, after, bias=bool(rng.integers(2)) or keepers is EVERYWHERE)]
        width = after
        layers.append(_kept(rng, keepers, width))
        if residuals and rng.random() < 0.3:
            inner = Sequential(_kept(rng, keepers, width), Linear(width, width))
            layers.append(Residual(inner))
    network = Network(Sequential(*layers))
    params = network.initialize(seed, dtype=dtype)
    params = (params + 0.3 * rng.normal(size=params.shape)).astype(dtype)
    state = {
        path: {name: _statistics(rng, array, dtype) for name, array in own.items()}
        for path, own in network.start_state.items()
    }
    return Drawn(network, params, state or None, rng.normal(size=(5, features)).astype(dtype))


def _kept(rng: Any, keepers: Sequence[Callable[[int], Layer]], width: int) -> Layer:
    return keepers[int(rng.integers(len(keepers)))](width)


def _statistics(rng: Any, array: Array, dtype: str) -> Array:
    if array.dtype.kind != "f":
        return np.array(7)
    drawn: Array = rng.uniform(0.5, 2, array.shape).astype(dtype)
    return drawn


def same_state(one: Tree | None, other: Tree | None) -> bool:
    """Whether two running statistics are equal to the bit."""
    one, other = dict(one or {}), dict(other or {})
    return set(one) == set(other) and all(
        np.array_equal(one[path][name], other[path][name]) for path in one for name in one[path]
    )
