"""The kernels of every kind of processor that this one can stand in for: wide registers and narrow
ones compute the same training."""

import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    CrossEntropy,
    Dropout,
    Huber,
    LayerNorm,
    Linear,
    Loss,
    Network,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Tanh,
    fit,
)
from clearprop.base.arrays import Array
from clearprop.compiled import building
from clearprop.compiled.processors import usable_targets
from tests.compiled.both_engines import cache_of_tests

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")

WITHIN = {"float64": 1e-10, "float32": 1e-4}
NETWORKS: dict[str, tuple[Network, Loss]] = {
    "narrow": (Network(Sequential(Linear(2, 10), Tanh(), Linear(10, 3))), Huber()),
    "wide": (
        Network(
            Sequential(
                Linear(2, 37), LayerNorm(37), ReLU(), Dropout(0.1),
                Residual(Sequential(Linear(37, 37), Tanh())),
                Linear(37, 7), Softmax(), Linear(7, 3),
            )
        ),
        MSE(),
    ),
    "classes": (Network(Sequential(Linear(2, 19), ReLU(), Linear(19, 3))), CrossEntropy()),
}  # fmt: skip


# Lesser processors' kernels must be made first: one dtype each, of which the other differs in its
# constants alone.
BEST, *LESSER = usable_targets()
QUICK = [(BEST, "float64"), (BEST, "float32"), *zip(LESSER, ("float32", "float64"), strict=False)]
CASES = [
    pytest.param(
        (target, dtype),
        id=f"{target.name}-{dtype}",
        marks=[] if (target, dtype) in QUICK else pytest.mark.thorough,
    )
    for target in usable_targets()
    for dtype in ("float64", "float32")
]


@pytest.fixture(scope="module", params=CASES)
def dtype(request: pytest.FixtureRequest) -> Iterator[str]:
    """The dtype of kernels of which only those of one kind of processor are made and found."""
    target, dtype = request.param
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(building, "usable_targets", lambda: (target,))
        patched.setattr(building, "_shelf", building._Shelf())
        if target != BEST:
            patched.setattr(building, "cache_folder", cache_of_tests)
        yield dtype


@pytest.mark.parametrize("name", NETWORKS)
def test_every_level_trains_as_numpy_does(name: str, dtype: str) -> None:
    network, loss = NETWORKS[name]
    generator = np.random.default_rng(8)
    # Batches that fill no vector, one vector and a bit, and several.
    for batch in (1, 3, 17, 61):
        x = generator.normal(size=(61, 2)).astype(dtype)
        target: Array = x[:, [0, 1, 0]] * x[:, [1, 1, 0]]
        if name == "classes":
            target = target.argmax(axis=1)
        told: Any = {"loss": loss, "optimizer": SGD(0.01, momentum=0.5), "batch_size": batch}
        start = network.initialize(seed=2, dtype=dtype)
        reference, compiled = (
            fit(network, start, x, target, epochs=2, engine=engine, **told)
            for engine in ("numpy", "compiled")
        )
        assert compiled.engine.name == "compiled"
        scale = np.abs(reference.params).max()
        assert np.abs(compiled.params - reference.params).max() <= WITHIN[dtype] * scale
        assert np.allclose(compiled.losses, reference.losses, rtol=WITHIN[dtype] * 10)
