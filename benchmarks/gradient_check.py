"""Checking 784-64-10 with a batch of 8, every parameter in float64, beside PyTorch's gradcheck.

Both take central differences of the same loss at the same point, in one run, on as many cores as
there are. gradcheck runs once, for it takes most of a minute; ours is the median of three. The
checker's peak memory is measured in a process of its own, without PyTorch.
"""

import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.measuring import Row, fresh_environment, print_rows, torch_is_installed
from clearprop import MSE, Linear, Network, ReLU, Sequential, check

ROUNDS = 3


def point() -> tuple[Network, Any, Any, Any]:
    network = Network(Sequential(Linear(784, 64), ReLU(), Linear(64, 10)))
    generator = np.random.default_rng(0)
    return (
        network,
        network.initialize(0),
        generator.normal(size=(8, 784)),
        generator.normal(size=(8, 10)),
    )


def our_check() -> float:
    """The seconds that one check takes."""
    network, params, x, t = point()
    begin = time.perf_counter()
    verdict = check(network, params=params, x=x, t=t, loss=MSE(), witnesses=())
    seconds = time.perf_counter() - begin
    checked = sum(one.checked for one in verdict.arrays if one.name != "x")
    if verdict.outcome != "right" or checked != network.size:
        raise SystemExit(f"The check did not do what is measured:\n{verdict}")
    return seconds


def gradcheck() -> float:
    """The seconds that PyTorch's check of the same gradient takes."""
    import torch

    network, params, x, t = point()
    arrays = [torch.tensor(a.copy(), requires_grad=True) for a in network.named(params).values()]
    features, target = torch.tensor(x), torch.tensor(t)

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return ((torch.relu(features @ w1 + b1) @ w2 + b2 - target) ** 2).mean()

    begin = time.perf_counter()
    if not torch.autograd.gradcheck(loss, tuple(arrays), fast_mode=False):
        raise SystemExit("gradcheck found the gradient wrong.")
    return time.perf_counter() - begin


def peak_memory() -> float:
    """The largest resident size of a process that makes one check, in GB."""
    command = [sys.executable, "-m", "benchmarks.gradient_check", "--memory"]
    done = subprocess.run(
        command, env=fresh_environment(), capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def measure() -> list[Row]:
    ours = sorted(our_check() for _ in range(ROUNDS))[ROUNDS // 2]
    rows = [
        Row("check, 784-64-10, every parameter and x", ours, "s"),
        Row("check, peak memory", peak_memory(), "GB", at_most=1),
    ]
    if torch_is_installed():
        theirs = gradcheck()
        rows.append(Row("torch.autograd.gradcheck", theirs, "s"))
        rows.append(Row("gradcheck / check", theirs / ours, "x", at_least=10))
    return rows


if __name__ == "__main__":
    if "--memory" in sys.argv:
        our_check()
        # Kilobytes on Linux, bytes on macOS.
        unit = 1e9 if sys.platform == "darwin" else 1e6
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
    else:
        print_rows(measure())
