"""What `import clearprop` adds to NumPy's own import, and how long `clearprop --help` takes.

Fresh processes, in turns. A process times NumPy's import and then clearprop's, which finds NumPy
there; the command is timed from outside.
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
begin = time.perf_counter()
import numpy
between = time.perf_counter()
import clearprop
print(between - begin, time.perf_counter() - between)
"""


def import_seconds() -> tuple[float, float]:
    """What NumPy takes, and what clearprop takes after it."""
    command = [sys.executable, "-c", TIMED_IMPORTS]
    done = subprocess.run(
        command, env=fresh_environment(), capture_output=True, text=True, check=True
    )
    numpy, clearprop = map(float, done.stdout.split())
    return numpy, clearprop


def help_seconds() -> float:
    command = [str(Path(sys.executable).with_name("clearprop")), "--help"]
    begin = time.perf_counter()
    subprocess.run(command, env=fresh_environment(), capture_output=True, check=True)
    return time.perf_counter() - begin


def measure() -> list[Row]:
    times: dict[str, list[float]] = {"numpy": [], "clearprop": [], "help": []}
    for _ in range(ROUNDS):
        numpy, clearprop = import_seconds()
        times["numpy"].append(numpy)
        times["clearprop"].append(clearprop)
        times["help"].append(help_seconds())
    # The first round may have compiled the sources.
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    return [
        Row("import numpy", 1e3 * medians["numpy"], "ms"),
        Row("import clearprop, beyond NumPy", 1e3 * medians["clearprop"], "ms", at_most=40),
        Row("clearprop --help", medians["help"], "s", at_most=0.35),
    ]


if __name__ == "__main__":
    print_rows(measure())
