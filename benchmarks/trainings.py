"""Trainings in machine code beside the best of every peer that is installed, and beside the matrix
products alone: what `clearprop bench` measures, held to bounds, in processes of its own: on one
core in float32 and float64, and on two cores where there are two.

    python -m benchmarks.trainings           the bounds
    python -m benchmarks.trainings FOLDER    the tables of the page beside this file; into FOLDER
                                             every number, as JSON
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measuring import Row, fresh_environment, print_rows
from clearprop.base.cores import usable_cores
from clearprop.bench.comparison import Measured
from clearprop.bench.scaling import Growth
from clearprop.bench.telling import growth_table, summary
from clearprop.bench.workloads import WORKLOADS, of_dtype


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


RUNS = {
    "one-core": ("--growth",),
    "one-core-float64": ("--dtype", "float64", "--workloads", ",".join([*BOUNDS][:4])),
    "two-cores": ("--cores", "2"),
}


def measure() -> list[Row]:
    rows = []
    for run in _runs():
        found = _bench(run)
        for one in found["workloads"]:
            single = BOUNDS[one["workload"]]
            bound = single if one["dtype"] == "float32" else Bound(BOUND_FLOAT64)
            rows += _rows(run, one, bound)
        for one in found["growth"]:
            name = f"time ∝ size^p, {one['what']}: p"
            rows.append(Row(name, one["exponent"], "", at_most=EXPONENT))
    return rows


def tables(folder: Path) -> None:
    """Print what was measured, and write it into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for run in _runs():
        found = _bench(run)
        text = json.dumps(found, indent=2) + "\n"
        (folder / f"{run}.json").write_text(text, encoding="utf-8")
        measured = [
            Measured(
                of_dtype(WORKLOADS[one["workload"]], one["dtype"]),
                one["seconds_per_step"],
                one["last_loss"],
            )
            for one in found["workloads"]
        ]
        grown = [
            Growth(one["what"], tuple(one["sizes"]), tuple(one["seconds_per_step"]))
            for one in found["growth"]
        ]
        print(f"{run}: {found['processor']}, {found['versions']}\n")
        print(summary(measured, "en"), growth_table(grown, "en"), sep="\n\n", end="\n\n")


def _runs() -> list[str]:
    return [name for name in RUNS if name != "two-cores" or usable_cores() > 1]


def _bench(run: str) -> Any:
    print(f"… {run}", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, "-m", "clearprop", "bench", "--json", *RUNS[run]],
        env=fresh_environment(),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return json.loads(done.stdout)


def _rows(run: str, one: Any, bound: Bound) -> list[Row]:
    seconds, name = one["seconds_per_step"], f"{one['workload']}, {one['dtype']}"
    if run == "two-cores":
        name += ", two cores"
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
    if len(sys.argv) == 2:
        tables(Path(sys.argv[1]))
    else:
        print_rows(measure())
