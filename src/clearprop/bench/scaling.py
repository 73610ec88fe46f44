"""How the time of a step grows with the batch, the depth and the number of networks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clearprop.bench.peers.own_peers import COMPILED
from clearprop.bench.timing import interleaved
from clearprop.bench.workloads import WORKLOADS, Workload

# From where on the fixed part of a step no longer counts.
SIZES = {
    "batch": (64, 128, 256, 512, 1024, 2048),
    "depth": (4, 8, 16, 32, 64),
    "networks": (128, 256, 512, 1024, 2048),
}
# Half of those at the largest size.
STEPS = {"batch": 25, "depth": 100, "networks": 10}


@dataclass(frozen=True)
class Growth:
    """Seconds of a step by size, and the exponent p of the fitted seconds ∝ size^p."""

    what: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """The slope of the logarithms."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)[0])

    def as_data(self) -> dict[str, Any]:
        """What JSON takes."""
        return {
            "what": self.what,
            "sizes": list(self.sizes),
            "seconds_per_step": list(self.seconds),
            "exponent": self.exponent,
        }


def growths(*, rounds: int, dtype: str = "float32") -> tuple[Growth, ...]:
    """All three, of our own training in machine code."""
    return tuple(_growth(what, sizes, rounds, dtype) for what, sizes in SIZES.items())


def _growth(what: str, sizes: Sequence[int], rounds: int, dtype: str) -> Growth:
    sized = [replace(_workload(what, size), dtype=dtype) for size in sizes]
    ready = [(one, COMPILED.ready(one)) for one in sized]
    runs = {str(n): (lambda one=one, run=run: run(one.steps)) for n, (one, run) in enumerate(ready)}
    seconds = interleaved(runs, repeats=rounds)
    return Growth(
        what,
        tuple(sizes),
        tuple(seconds[str(n)] / one.steps for n, one in enumerate(sized)),
    )


def _workload(what: str, size: int) -> Workload:
    """As many steps as take about the same time at every size, long beside what a call takes before
    its first step."""
    many, small = WORKLOADS["1000x1-10-1"], WORKLOADS["64-128-10"]
    steps = 2 * max(SIZES[what]) // size * STEPS[what]
    if what == "networks":
        return replace(many, networks=size, steps=steps)
    if what == "batch":
        return replace(small, samples=size, batch=size, steps=steps)
    return replace(small, widths=(64, *[64] * size, 10), samples=64, batch=64, steps=steps)
