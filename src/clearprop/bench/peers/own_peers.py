"""clearprop itself, by each of its engines."""

from functools import partial

import numpy as np

from clearprop.bench.peers.peer import Peer, Run
from clearprop.bench.workloads import Workload
from clearprop.training import fit


def _ready(engine: str, workload: Workload) -> Run:
    def run(steps: int) -> float:
        trained = fit(
            workload.network,
            workload.start,
            workload.x,
            workload.target,
            loss=workload.loss,
            optimizer=workload.optimizer,
            epochs=workload.epochs(steps),
            batch_size=workload.batch if workload.is_shuffled else None,
            engine=engine,
        )
        return float(np.mean(trained.losses[-1]))

    return run


COMPILED = Peer("clearprop", (), partial(_ready, "compiled"), None)
NUMPY_ENGINE = Peer("clearprop-numpy", (), partial(_ready, "numpy"), None)
