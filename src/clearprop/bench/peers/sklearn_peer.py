"""scikit-learn's classifier."""

import warnings

from clearprop.base.dependencies import require
from clearprop.bench.peers.peer import Peer, Run
from clearprop.bench.workloads import Workload


def _ready(workload: Workload) -> Run:
    require("sklearn")
    from sklearn.neural_network import MLPClassifier

    def run(steps: int) -> float:
        model = MLPClassifier(
            workload.widths[1:-1],
            solver="adam",
            alpha=0.0,
            batch_size=workload.batch,
            learning_rate_init=workload.learning_rate,
            max_iter=workload.epochs(steps),
            # To the last epoch, whatever the loss does.
            tol=0.0,
            n_iter_no_change=10**9,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(workload.x, workload.target)
        return float(model.loss_)

    return run


def _takes(workload: Workload) -> bool:
    return workload.networks is None and workload.is_shuffled and workload.adam


CLASSIFIER = Peer("sklearn", ("sklearn",), _ready, takes=_takes, draws=True)
