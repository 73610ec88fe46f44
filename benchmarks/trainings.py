"""Trainings in machine code beside the best of every peer that is installed, and beside the matrix
products alone: what `clearprop bench` measures, held to bounds. One core, in processes of its own.
"""

import json
import subprocess
import sys
from typing import Any, NamedTuple

from benchmarks.measuring import Row, fresh_environment, print_rows


class Bound(NamedTuple):
    """The largest ratios of our time to that of the best peer and of the products alone."""

    peer: float
    products: float | None = None


BOUNDS = {
    "1-10-1": Bound(0.20),
    "64-128-10": Bound(0.60, 1.00),
    "64-128-10-adam": Bound(0.62, 1.05),
    "784-128-128-10": Bound(0.72, 0.95),
    "784-256-10": Bound(0.85, 1.00),
    "1024-1024-1024-10": Bound(0.95, 1.05),
    "1000x1-10-1": Bound(0.10),
    "digits": Bound(0.40),
}
# In float64, the first four.
BOUND_FLOAT64 = 0.85
SKLEARN = 0.12
# How far a step's time may grow beyond its size.
EXPONENT = 1.1


def measure() -> list[Row]:
    single = _bench("--growth")
    double = _bench("--dtype", "float64", "--workloads", ",".join([*BOUNDS][:4]))
    rows = [row for one in single["workloads"] for row in _rows(one, BOUNDS[one["workload"]])]
    for one in double["workloads"]:
        rows += _rows(one, Bound(BOUND_FLOAT64))
    for one in single["growth"]:
        name = f"time ∝ size^p, {one['what']}: p"
        rows.append(Row(name, one["exponent"], "", at_most=EXPONENT))
    return rows


def _bench(*options: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "clearprop", "bench", "--json", *options],
        env=fresh_environment(),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return json.loads(done.stdout)


def _rows(one: Any, bound: Bound) -> list[Row]:
    seconds, name = one["seconds_per_step"], f"{one['workload']}, {one['dtype']}"
    rows = [Row(f"{name}, a step", 1e6 * seconds["clearprop"], "µs")]
    if one["best_peer"] is not None:
        peer = f"{name}, clearprop / {one['best_peer']}"
        rows.append(Row(peer, one["to_best_peer"], "x", at_most=bound.peer))
    if one["to_products"] is not None:
        alone = f"{name}, clearprop / products alone"
        rows.append(Row(alone, one["to_products"], "x", at_most=bound.products))
    if "sklearn" in seconds:
        ratio = seconds["clearprop"] / seconds["sklearn"]
        rows.append(Row(f"{name}, clearprop / scikit-learn", ratio, "x", at_most=SKLEARN))
    return rows


if __name__ == "__main__":
    print_rows(measure())
