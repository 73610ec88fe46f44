"""Times in turns, so that a slow moment of the machine meets everybody; and how many cores."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

# What the packages of linear algebra read when they are loaded.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def interleaved(
    runs: Mapping[str, Callable[[], object]], *, repeats: int, calls: int = 1
) -> dict[str, float]:
    """The median seconds of one call of each, over `repeats` rounds of `calls` calls.

    A round runs them all, one after another; the first round is not counted. Seconds are of the
    processor where this process keeps to one core.
    """
    clock = _clock()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            begin = clock()
            for _ in range(calls):
                run()
            elapsed = clock() - begin
            if repeat > 0:
                seconds[name].append(elapsed / calls)
    return {name: statistics.median(times) for name, times in seconds.items()}


def _clock() -> Callable[[], float]:
    """On one core nothing waits but for other programs, whose turns would be counted as ours; on
    several, threads wait for one another, and that counts."""
    if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) == 1:
        return time.process_time
    return time.perf_counter


@contextmanager
def cores(count: int) -> Iterator[None]:
    """Keep this process, and what it starts, on `count` cores, where the system lets us; on one
    core NumPy's products take one thread, since others would have been started already and take
    turns with it."""
    # Here, so that this file can be read before NumPy is loaded.
    from clearprop.compiled.blas import on_one_thread

    with on_one_thread() if count == 1 else nullcontext():
        if not hasattr(os, "sched_setaffinity"):
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, set(sorted(before)[:count]))
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


def limit_threads(count: int) -> None:
    """Have the packages that are loaded from now on use so many threads: to be called before NumPy
    is loaded, and meant for the rest of the process."""
    os.environ |= dict.fromkeys(THREAD_VARIABLES, str(count))
    if count == 1:
        own = "--xla_cpu_multi_thread_eigen=false"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {own}".strip()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
