"""One process of several: `mpiexec -n 2 python -m tests.distributed.mpi_worker ENGINE`; the first
one prints what came of its trainings."""

import sys

from clearprop import CrossEntropy
from clearprop.distributed import MpiRanks, Ranks
from clearprop.distributed.sharded_training import digest
from tests.distributed.shared_trainings import WITH_DROPOUT, shared


def digests(ranks: Ranks, engine: str) -> list[str]:
    """Of the parameters at the end of two trainings, in float64 and in float32."""
    trained = [
        shared(ranks, engine=engine),
        shared(ranks, WITH_DROPOUT, loss=CrossEntropy(), networks=2, dtype="float32"),
    ]
    return [digest(one[-1].state.params) for one in trained]


if __name__ == "__main__":
    here = MpiRanks()
    found = digests(here, sys.argv[1])
    if here.number == 0:
        sys.stdout.write(" ".join(found))
