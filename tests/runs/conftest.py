"""A small table, and a run of each task that was trained on it."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from clearprop.runs.run_settings import RunSettings
from clearprop.runs.run_training import plan_run, train_run

TARGETS = {
    "regression": ("price",),
    "classification": ("sold",),
    "multilabel": ("cheap", "far"),
}
COLUMNS = ("km", "燃料", "first", "code")


class Runs(NamedTuple):
    """Folders of runs and the models as they were before they were saved, by their tasks; and the
    table, as a file and as a frame."""

    folders: dict[str, Path]
    models: dict[str, Any]
    table: Path
    frame: pd.DataFrame


def cars(rows: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.to_timedelta(rng.integers(0, 3000, rows), "D")
    frame = pd.DataFrame(
        {
            # More digits than a float64 has.
            "id": 9007199254740993 + 2 * np.arange(rows),
            "km": rng.uniform(0, 200, rows),
            "燃料": rng.choice(["diesel", "汽油"], rows),
            "first": pd.to_datetime("2015-01-01") + days,
            "code": rng.choice(["01", "1", "a"], rows),
        }
    )
    frame["price"] = 35 - 0.1 * frame["km"] + 3 * (frame["燃料"] == "diesel")
    frame["sold"] = np.where(frame["price"] > 27, "yes", "no")
    frame["cheap"] = (frame["price"] < 22).astype(int)
    frame["far"] = (frame["km"] > 120).astype(int)
    frame["weight"] = rng.uniform(0.5, 2, rows)
    return frame


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    frame, folder = cars(), tmp_path_factory.mktemp("runs")
    table = folder / "cars.csv"
    frame.to_csv(table, index=False)
    models, folders = {}, {}
    aside = [name for name in frame.columns if name not in COLUMNS]
    for task, target in TARGETS.items():
        settings = RunSettings(
            data=str(table), target=target, task=task, hidden=(8,), bins=3, epochs=6, networks=3,
            drop=tuple(name for name in aside if name not in target), least_steps=0, seed=1,
            engine="numpy", learning_rate=0.01,
        )  # fmt: skip
        folders[task] = folder / task
        models[task] = train_run(plan_run(settings), folders[task]).run.model
    return Runs(folders, models, table, frame)
