"""How long the compiled trainer takes to be ready: made by the machine's own C compiler where
nothing has been kept, and loaded where it has been.

Fresh processes. Each imports NumPy and the engine first, then has the kernels of one dtype. Times
are of the processor, the compiler's included, so that what else runs counts little.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import Row, fresh_environment, print_rows

ROUNDS = 11
TIMED = """
import os, sys, time
from clearprop import Linear, Network, fit
Network(Linear(1, 1)).size
def passed():
    return time.process_time() + sum(os.times()[2:4])
begin = passed()
from clearprop.compiled.building import library
library(sys.argv[1])
print(passed() - begin)
"""


def ready_seconds(dtype: str, cache: str) -> float:
    """What a process with this cache computes until it has the kernels."""
    told = {**fresh_environment(), "XDG_CACHE_HOME": cache}
    command = [sys.executable, "-c", TIMED, dtype]
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure() -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for dtype in ("float32", "float64"):
            cache = str(Path(folder) / dtype)
            made = ready_seconds(dtype, cache)
            kept = statistics.median(ready_seconds(dtype, cache) for _ in range(ROUNDS))
            rows += [
                Row(f"kernels made, {dtype}", made, "s", at_most=4),
                Row(f"kernels loaded, {dtype}", 1e3 * kept, "ms", at_most=20),
            ]
    return rows


if __name__ == "__main__":
    print_rows(measure())
