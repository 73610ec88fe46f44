"""A training with each engine, compared: run where a wheel was installed and nothing else.

    python trial.py compiled     the kernels must be there, and take the steps
    python trial.py numpy        there are none, and NumPy takes the steps

Prints one line. It stands alone: nothing of the checkout is imported.
"""

import platform
import sys
from pathlib import Path

import numpy as np

import clearprop
from clearprop import MSE, Adam, CrossEntropy, Linear, Network, ReLU, Sequential, Tanh, fit
from clearprop.compiled import building
from clearprop.compiled.processors import usable_targets


def difference(dtype: str) -> float:
    """The largest difference of a parameter after 100 steps, over the scale of all."""
    generator = np.random.default_rng(0)
    worst = 0.0
    tall = Network(Sequential(Linear(16, 40), ReLU(), Linear(40, 7)))
    slim = Network(Sequential(Linear(2, 10), Tanh(), Linear(10, 1)))
    for network, loss, width in ((tall, CrossEntropy(), 16), (slim, MSE(), 2)):
        x = generator.normal(size=(60, width)).astype(dtype)
        ids = generator.integers(0, 7, 60)
        target = ids if width == 16 else x[:, :1] * x[:, 1:]
        start = network.initialize(seed=1, dtype=dtype)
        ran = {
            engine: fit(
                network, start, x, target, loss=loss, optimizer=Adam(0.003), epochs=20,
                batch_size=13, engine=engine,
            )
            for engine in ("numpy", "compiled")
        }  # fmt: skip
        if (found := ran["compiled"].engine.name) != sys.argv[1]:
            raise SystemExit(f"{found} ran: {ran['compiled'].engine}")
        one, other = (ran[engine].params for engine in ran)
        shared = fit(
            network, start, x, target, loss=loss, optimizer=Adam(0.003), epochs=20,
            batch_size=13, engine="compiled", threads=3,
        )  # fmt: skip
        if found == "compiled" and not np.array_equal(shared.params, other):
            raise SystemExit("three threads come to other numbers than one")
        worst = max(worst, float(np.abs(one - other).max() / np.abs(one).max()))
    return worst


differences = {dtype: difference(dtype) for dtype in ("float64", "float32")}
if differences["float64"] > 1e-10 or differences["float32"] > 1e-4:
    raise SystemExit(f"the engines differ: {differences}")
if sys.argv[1] == "compiled" and not list(building.PREBUILT.iterdir()):
    raise SystemExit("the kernels are not those of the wheel")
print(
    f"{platform.system()} {platform.machine()}, {usable_targets()[0].name}, {sys.argv[1]}: "
    f"engines differ by {differences['float64']:.0e} in float64, "
    f"{differences['float32']:.0e} in float32 ({Path(clearprop.__file__).parent})"
)
