"""When do more processes and machines pay? Measured on 1 and 2 processes, told on to 1,000.

    python -m benchmarks.more_machines

A step of R processes with a batch of B rows and P parameters, in seconds:

    T(R) = a P B / R  +  (s P + c) max(8 / R, 1)  +  b P  +  2 L (R − 1)  +  2 · 4 P (R − 1) / (R W)

a: the passes, by parameter and row; s: what a shard costs by parameter, for its gradient is handed
over and added, and c what it costs beside (there are 8 shards, or as many as processes); b: the
update, which every process makes; L: the latency of a message, of which a process sends R − 1 in
each half of the sum; W: the bandwidth. b is measured by itself, a, s and c are fitted to steps of
one process, L and W to sums of two, both by least squares with no negative part.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measuring import Row
from clearprop import SGD, CrossEntropy, Linear, Network, ReLU, Sequential
from clearprop.base.arrays import Array
from clearprop.distributed import MpiRanks, ShardRows, sharded_course, sharded_epochs, shards_of
from clearprop.training import start

SHARDS = 8
BATCHES = (512, 4096)
SIZES = ((784, 64, 10), (784, 256, 10), (784, 1024, 10))
ROUNDS = 5
# What is told on: bits a second of a link and seconds of a message's latency, as are usual.
LINKS = {
    "1 Gb/s, 50 µs": (1e9 / 8, 50e-6),
    "10 Gb/s, 20 µs": (1e10 / 8, 20e-6),
    "100 Gb/s, 2 µs": (1e11 / 8, 2e-6),
}
PARAMETERS = (10_000, 200_000, 10_000_000)
MANY = (2, 8, 64, 1000)


class Costs(NamedTuple):
    """The parts of a step's time: a, s, c and b of the formula above; this machine's L and W."""

    row: float
    shard: float
    fixed: float
    update: float
    latency: float
    bandwidth: float


class _Timed:
    """Ranks that note how long sums take."""

    def __init__(self, ranks: MpiRanks) -> None:
        self._ranks = ranks
        self.number, self.count, self.seconds = ranks.number, ranks.count, 0.0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ranks, name)

        def timed(*given: Any) -> Any:
            begin = perf_counter()
            found = method(*given)
            self.seconds += perf_counter() - begin
            return found

        return timed if name in ("rows", "slices", "joined") else method


def network_of(sizes: Sequence[int]) -> Network:
    """Linear layers with ReLU between them."""
    layers: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        layers += [Linear(inputs, outputs), ReLU()]
    return Network(Sequential(*layers[:-1]))


def step_seconds(ranks: MpiRanks, sizes: Sequence[int], batch: int) -> tuple[float, float]:
    """The shortest of some steps, and its part that went into sums."""
    timed, network, optimizer = _Timed(ranks), network_of(sizes), SGD(0.01)
    random = np.random.default_rng(ranks.number)
    held = {
        shard: ShardRows(
            random.normal(size=(batch // SHARDS * 2, sizes[0])).astype("float32"),
            random.integers(0, sizes[-1], batch // SHARDS * 2),
            np.ones(batch // SHARDS * 2, "float32"),
        )
        for shard in shards_of(ranks.number, ranks.count, SHARDS)
    }
    epochs = max(4, 4000 // batch)
    course = sharded_course(
        timed, network, held, shards=SHARDS, loss=CrossEntropy(), optimizer=optimizer,
        epochs=epochs, batch_size=batch, engine="compiled",
    )  # fmt: skip
    state = start(network, network.initialize(0, dtype="float32"), optimizer)
    found, before = [], 0.0
    begin = perf_counter()
    for one in sharded_epochs(timed, course, state):
        end = perf_counter()
        if one.epoch:  # the first one also makes ready
            found.append(((end - begin) / course.steps, (timed.seconds - before) / course.steps))
        begin, before = perf_counter(), timed.seconds
    seconds, summing = min(found)
    return seconds, summing


def sum_seconds(ranks: MpiRanks, entries: int) -> float:
    """The shortest of some sums of so many entries in float32 over two processes."""
    own, found = np.ones((1, entries), "float32"), []
    ends = [entries // 2, entries]
    for _ in range(20):
        ranks.gather(None)
        begin = perf_counter()
        ranks.joined(ranks.slices(own, [1, 1], ends)[0][0], ends)
        found.append(perf_counter() - begin)
    return float(max(ranks.gather(min(found))))


def update_seconds(size: int) -> float:
    """The shortest of some updates of so many parameters, with the division before it."""
    optimizer, params = SGD(0.01), np.ones(size, "float32")
    state, found = optimizer.start(params), []
    for _ in range(20):
        begin = perf_counter()
        optimizer.step(params, state, params / np.float32(3))
        found.append(perf_counter() - begin)
    return min(found)


def worker() -> None:
    """One process of mpiexec: the first one prints what was measured."""
    ranks = MpiRanks()
    sizes = SIZES if ranks.count == 1 else SIZES[1:2]
    told: dict[str, Any] = {
        "steps": [
            (network_of(one).size, batch, *step_seconds(ranks, one, batch))
            for one in sizes
            for batch in BATCHES
        ]
    }
    if ranks.count == 1:
        told["update"] = [(1_000_000, update_seconds(1_000_000))]
    if ranks.count == 2:
        told["sums"] = [(n, sum_seconds(ranks, n)) for n in (1000, 10_000, 100_000, 1_000_000)]
    if ranks.number == 0:
        print(json.dumps(told))


def measured() -> tuple[dict[int, dict[str, Any]], Costs]:
    """The shortest of ROUNDS, in turns on 1 and on 2 processes, and what is fitted to them."""
    rounds: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for count in rounds:
            words = ["-n", str(count), sys.executable, "-m", "benchmarks.more_machines", "worker"]
            mpiexec = Path(sys.executable).with_name("mpiexec")
            ran = subprocess.run([mpiexec, *words], capture_output=True, text=True, check=True)
            rounds[count].append(json.loads(ran.stdout))
    best = {
        count: {
            what: [min(found, key=lambda one: one[-2 if what == "steps" else -1])
                   for found in zip(*(one[what] for one in told), strict=True)]
            for what in told[0]
        }
        for count, told in rounds.items()
    }  # fmt: skip
    ((size, seconds),) = best[1]["update"]
    return best, fitted(best[1]["steps"], best[2]["sums"], seconds / size)


def fitted(
    steps: Sequence[Sequence[float]], sums: Sequence[Sequence[float]], update: float
) -> Costs:
    """The costs by least squares of relative errors."""
    from scipy.optimize import nnls

    def solve(rows: Array, seconds: Array) -> Array:
        found: Array = nnls(rows / seconds[:, None], np.ones(len(rows)))[0]
        return found

    p, b, seconds, _ = np.array(steps).T
    parts = np.column_stack([p * b, SHARDS * p, np.full_like(p, SHARDS)])
    row, shard, fixed = solve(parts, seconds - update * p)
    n, took = np.array(sums).T
    latency, per_byte = solve(np.column_stack([np.full_like(n, 2), 4 * n]), took)
    return Costs(row, shard, fixed, update, latency, 1 / per_byte)


def told_on(costs: Costs, parameters: int, batch: int, ranks: int) -> float:
    """T(R) of the formula above, with the latency and bandwidth of `costs`."""
    passes = costs.row * parameters * batch / ranks
    shards = (costs.shard * parameters + costs.fixed) * max(SHARDS / ranks, 1)
    waits = 2 * costs.latency * (ranks - 1)
    sent = 2 * 4 * parameters * (ranks - 1) / ranks / costs.bandwidth
    return passes + shards + costs.update * parameters + waits + sent


def speed_up(costs: Costs, parameters: int, batch: int, ranks: int) -> float:
    """How many times as fast so many processes are as one."""
    return told_on(costs, parameters, batch, 1) / told_on(costs, parameters, batch, ranks)


def least_batch(costs: Costs, parameters: int, ranks: int) -> int | None:
    """The smallest batch, by powers of 2, at which so many processes are worth half their number;
    None where none below 2³⁰ is."""
    batches = (2**power for power in range(30))
    return next((b for b in batches if speed_up(costs, parameters, b, ranks) >= ranks / 2), None)


def measure() -> list[Row]:
    """The rows for the table of all benchmarks."""
    best, costs = measured()
    rows = []
    for number, batch in enumerate(BATCHES):
        alone = best[1]["steps"][len(BATCHES) + number]
        two = best[2]["steps"][number]
        name = f"784-256-10, batch {batch}"
        rows += [
            Row(f"{name}: samples/s, 1 process", batch / alone[2], "1/s"),
            Row(f"{name}: samples/s, 2 processes", batch / two[2], "1/s"),
            Row(f"{name}: 2 processes by 1", alone[2] / two[2], "x",
                at_least=1.6 if batch == BATCHES[-1] else None),
            Row(f"{name}: share of communication, 2 processes", 100 * two[3] / two[2], "%"),
        ]  # fmt: skip
        guess = told_on(costs, int(two[0]), batch, 2)
        rows.append(Row(f"{name}: the model by the measured step of 2", guess / two[2], "x"))
    rows += [
        Row("Sums of 2 processes: latency", 1e6 * costs.latency, "µs"),
        Row("Sums of 2 processes: bandwidth", costs.bandwidth / 1e9, "GB/s"),
        Row("Passes, a parameter and row", 1e12 * costs.row, "ps"),
        Row("A shard, a parameter", 1e9 * costs.shard, "ns"),
        Row("A shard beside", 1e6 * costs.fixed, "µs"),
        Row("Update, a parameter", 1e9 * costs.update, "ns"),
    ]
    print(table(costs))
    return rows


def table(costs: Costs) -> str:
    """What is told on, as Markdown."""
    heads = ["parameters", "link", *(f"{ranks:,}" for ranks in MANY), "half of 64 from"]
    lines = [heads, ["---"] * 2 + ["---:"] * (len(heads) - 2)]
    for parameters in PARAMETERS:
        for link, (bandwidth, latency) in LINKS.items():
            here = costs._replace(bandwidth=bandwidth, latency=latency)
            found = [speed_up(here, parameters, BATCHES[-1], ranks) for ranks in MANY]
            least = least_batch(here, parameters, 64)
            cells = [f"{one:.1f}" if one < 10 else f"{one:.0f}" for one in found]
            batch = "—" if least is None else f"{least:,}"
            lines.append([f"{parameters:,}", link, *cells, batch])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        worker()
    else:
        from benchmarks.measuring import print_rows

        print_rows(measure())
