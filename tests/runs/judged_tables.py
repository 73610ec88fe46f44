"""Rows with numbers that a report judges, and the settings of a quick training."""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.data.table import Column, Table
from clearprop.runs.run_data import RunData

QUICK: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "max_iter": 3,
    "min_steps": 0,
    "bins": 4,
    "random_state": 0,
}
ROWS = 200
RANDOM = np.random.default_rng(0)
X = np.column_stack(
    [RANDOM.normal(size=ROWS), RANDOM.integers(0, 8, ROWS), RANDOM.normal(size=ROWS)]
)
Y = 2 * X[:, 0] + np.sin(X[:, 1])


def rows_of(x: Array, truth: Array, task: str = "regression") -> RunData:
    columns = tuple(Column(f"x{k}", "number", x[:, k]) for k in range(x.shape[1]))
    count = len(x)
    return RunData(Table(columns), task, truth, ("y",), None, None, None, np.arange(count))
