"""What every benchmark needs: turns, medians, a number of cores, a row."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class Row:
    """One line of the table: a measured figure, and the bound that it is held to, if any.

    `at_most` and `at_least` are in the figure's own unit; a ratio's unit is "x".
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the figure keeps its bound; None where it has none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None


def interleaved(
    runs: Mapping[str, Callable[[], object]], *, repeats: int, calls: int = 1
) -> dict[str, float]:
    """The median seconds of one call of each, over `repeats` rounds of `calls` calls.

    A round runs them all, one after another, so that a slow moment of the machine meets all of
    them; the first round is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            begin = time.perf_counter()
            for _ in range(calls):
                run()
            elapsed = time.perf_counter() - begin
            if repeat > 0:
                seconds[name].append(elapsed / calls)
    return {name: statistics.median(times) for name, times in seconds.items()}


@contextmanager
def cores(count: int) -> Iterator[None]:
    """Keep this process, and what it starts, on `count` cores, where the system lets us."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:count]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def fresh_environment() -> dict[str, str]:
    """The environment for a process whose start is timed: one that may use compiled bytecode."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def torch_is_installed() -> bool:
    """Whether the comparisons with PyTorch can be made."""
    return find_spec("torch") is not None


def print_rows(rows: list[Row]) -> None:
    """The rows as a table."""
    width = max(len(row.name) for row in rows)
    for row in rows:
        bound = ""
        if row.at_most is not None:
            bound = f"at most {row.at_most:g} {row.unit}"
        elif row.at_least is not None:
            bound = f"at least {row.at_least:g} {row.unit}"
        verdict = {None: "", True: "holds", False: "DOES NOT HOLD"}[row.holds]
        print(
            f"{row.name:<{width}}  {row.value:10.3f} {row.unit:<3}  {bound:<18} {verdict}".rstrip()
        )
