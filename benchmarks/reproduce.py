"""The whole command `clearprop reproduce`, on two cores, after a first run that is not counted."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Row, fresh_environment, print_rows, torch_is_installed
from clearprop.bench.timing import cores

ROUNDS = 3


def run_seconds(folder: str, *options: str) -> float:
    command = [str(Path(sys.executable).with_name("clearprop")), "reproduce", "--out", folder]
    begin = time.perf_counter()
    done = subprocess.run(
        [*command, *options],
        env=fresh_environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    elapsed = time.perf_counter() - begin
    if done.returncode != 0:
        raise SystemExit(f"clearprop reproduce failed:\n{done.stderr}")
    return elapsed


def measure() -> list[Row]:
    variants: dict[str, tuple[tuple[str, ...], float]] = {"without": (("--without-torch",), 12)}
    if torch_is_installed():
        variants["with"] = ((), 20)
    times: dict[str, list[float]] = {name: [] for name in variants}
    with tempfile.TemporaryDirectory() as folder, cores(2):
        for _ in range(ROUNDS + 1):
            for name, (options, _) in variants.items():
                times[name].append(run_seconds(folder, *options))
    return [
        Row(f"clearprop reproduce, {name} PyTorch", statistics.median(times[name][1:]), "s", bound)
        for name, (_, bound) in variants.items()
    ]


if __name__ == "__main__":
    print_rows(measure())
