"""How many cores a computation may keep busy."""

import os


def usable_cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """One thread for every core, or as many as OMP_NUM_THREADS says where it says fewer: what runs
    several processes side by side, as joblib does, tells them so."""
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    cores = usable_cores()
    return max(1, min(cores, int(told))) if told.isdecimal() else cores
