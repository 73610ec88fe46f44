"""Whether a launcher of MPI started this process: found out without MPI."""

import os
import sys

# What the launchers tell every process that they start: how many there are.
_LAUNCHERS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


def launched_by_mpi() -> bool:
    """Whether a launcher, or `python -m mpi4py`, started this process."""
    return "mpi4py.run" in sys.modules or any(name in os.environ for name in _LAUNCHERS)
