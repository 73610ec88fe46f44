"""Searches for settings over two cores: scikit-learn's in processes, Optuna's in threads.

    python -m benchmarks searches

Each trains one network at a time. Threads gain where the steps are taken by machine code, which
lets go of Python's lock.
"""

import os
from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.measuring import Row

ROUNDS = 4
# Of every training: one thread, so that two trainings at once have two.
os.environ["OMP_NUM_THREADS"] = "1"
LEAST = 1.7


def _model() -> Any:
    from clearprop.estimators import NetworkRegressor

    return NetworkRegressor(
        hidden_layer_sizes=(128, 128), n_networks=1, validation="none", max_iter=20, min_steps=0,
        engine="compiled", random_state=0,
    )  # fmt: skip


def _data() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    x = random.normal(size=(12_000, 10))
    return x, np.sin(x[:, 0]) + x[:, 1] * x[:, 2]


def _grid_search(jobs: int) -> None:
    from sklearn.model_selection import GridSearchCV

    rates = [0.001, 0.002, 0.004, 0.008]
    GridSearchCV(_model(), {"learning_rate_init": rates}, cv=3, n_jobs=jobs).fit(*_data())


def _optuna(jobs: int) -> None:
    import optuna
    from sklearn.model_selection import cross_val_score

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = _data()

    def objective(trial: Any) -> float:
        rate = trial.suggest_float("rate", 1e-3, 1e-2, log=True)
        model = _model().set_params(learning_rate_init=rate)
        return float(cross_val_score(model, *data, cv=3).mean())

    optuna.create_study(direction="maximize").optimize(objective, n_trials=4, n_jobs=jobs)


def _speed_up(search: Callable[[int], None]) -> float:
    """How many times as fast two at once are; the shortest of some rounds, in turns."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    search(2)  # starts the processes, and makes the machine code
    for _ in range(ROUNDS):
        for jobs, found in seconds.items():
            begin = perf_counter()
            search(jobs)
            found.append(perf_counter() - begin)
    return min(seconds[1]) / min(seconds[2])


def measure() -> list[Row]:
    """The rows for the table of all benchmarks."""
    rows = [
        Row("GridSearchCV, n_jobs=2 by 1", _speed_up(_grid_search), "x", at_least=LEAST),
    ]
    if find_spec("optuna") is not None:
        rows.append(Row("Optuna, two threads by one", _speed_up(_optuna), "x", at_least=LEAST))
    return rows
