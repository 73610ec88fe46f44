"""What `import clearprop` and its first names add to NumPy's own import, and how long
`clearprop --help` takes.

Fresh processes, in turns. A process times NumPy's import, then clearprop's, which loads nothing,
then that of three names, which load the engine; the command is timed from outside.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measuring import Row, fresh_environment, print_rows

ROUNDS = 21
TIMED_IMPORTS = """
import time
times = [time.perf_counter()]
import numpy
times.append(time.perf_counter())
import clearprop
times.append(time.perf_counter())
from clearprop import Linear, Network, fit
times.append(time.perf_counter())
print(*(end - begin for begin, end in zip(times, times[1:])))
"""


def import_seconds() -> list[float]:
    """What NumPy takes, what clearprop takes after it, and its first names after that."""
    command = [sys.executable, "-c", TIMED_IMPORTS]
    done = subprocess.run(
        command, env=fresh_environment(), capture_output=True, text=True, check=True
    )
    return [float(seconds) for seconds in done.stdout.split()]


def help_seconds() -> float:
    command = [str(Path(sys.executable).with_name("clearprop")), "--help"]
    begin = time.perf_counter()
    subprocess.run(command, env=fresh_environment(), capture_output=True, check=True)
    return time.perf_counter() - begin


def measure() -> list[Row]:
    times: dict[str, list[float]] = {"numpy": [], "clearprop": [], "names": [], "help": []}
    for _ in range(ROUNDS):
        for name, seconds in zip(times, [*import_seconds(), help_seconds()], strict=True):
            times[name].append(seconds)
    # The first round may have compiled the sources.
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    return [
        Row("import numpy", 1e3 * medians["numpy"], "ms"),
        Row("import clearprop, beyond NumPy", 1e3 * medians["clearprop"], "ms", at_most=15),
        Row("Linear, Network and fit beyond that", 1e3 * medians["names"], "ms"),
        Row("clearprop --help", medians["help"], "s", at_most=0.15),
    ]


if __name__ == "__main__":
    print_rows(measure())
