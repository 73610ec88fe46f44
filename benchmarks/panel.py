"""The estimators' defaults beside scikit-learn's MLP and its gradient boosting, on real tables.

    python -m benchmarks.panel                      # 17 sets, three splits: some ten minutes
    python -m benchmarks.panel --sets unseen        # the four that no choice was made on
    python -m benchmarks.panel --splits 1 --sets concrete,hpc

Each split is four fifths to train on and one to be judged by. Scores are accuracy or R², in points.
The MLP is at its defaults on standardised columns and one-hot categories; in regression its target
is standardised as well (as it comes, it is useless there). Every fit takes one core.

The calibration error is that of all the splits of a set together, the mean of the sets over the
MLP's: of a single split's rows even true probabilities seem far off. Beside it stands what they
would come to.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.tabular_sets import CONFIRMING, PANEL, UNSEEN, TableSet, load
from clearprop.estimators import NetworkClassifier, NetworkRegressor

LEVEL = 0.9
INTERVALS = ("inside", "width", "boosting_inside", "boosting_width")


def columns_of(X: pd.DataFrame) -> ColumnTransformer:
    words = list(X.select_dtypes("category").columns)
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    coded = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [("number", filled, [c for c in X if c not in words]), ("word", coded, words)]
    )


def networks(task: str, seed: int, X: pd.DataFrame) -> Any:
    kind = NetworkClassifier if task == "class" else NetworkRegressor
    return kind(random_state=seed)


def networks_numpy(task: str, seed: int, X: pd.DataFrame) -> Any:
    return networks(task, seed, X).set_params(engine="numpy")


def mlp(task: str, seed: int, X: pd.DataFrame) -> Any:
    if task == "class":
        return make_pipeline(columns_of(X), MLPClassifier(random_state=seed))
    regressor = TransformedTargetRegressor(
        MLPRegressor(random_state=seed), transformer=StandardScaler()
    )
    return make_pipeline(columns_of(X), regressor)


def boosting(task: str, seed: int, X: pd.DataFrame) -> Any:
    kind = HistGradientBoostingClassifier if task == "class" else HistGradientBoostingRegressor
    return kind(random_state=seed, categorical_features="from_dtype")


MODELS: dict[str, Callable[[str, int, pd.DataFrame], Any]] = {
    "mlp": mlp,
    "boosting": boosting,
    "clearprop": networks,
    "clearprop-numpy": networks_numpy,
}


def calibration_error(right: np.ndarray[Any, Any], sure: np.ndarray[Any, Any]) -> float:
    """How far the likeliest class's probability (N,) is from how often it is right (N,), in ten
    equal bins of rows."""
    order = np.argsort(sure)
    right, sure = right[order], sure[order]
    gaps = [
        abs(part.mean() - said_part.mean()) * len(part)
        for part, said_part in zip(np.array_split(right, 10), np.array_split(sure, 10), strict=True)
    ]
    return float(sum(gaps) / len(right))


def calibrations(rows: pd.DataFrame, model: str) -> tuple[float, float]:
    """The mean calibration error of the sets, and what true probabilities would come to."""
    draws = np.random.default_rng(0)
    errors: list[float] = []
    true: list[float] = []
    of_classes = rows[(rows.model == model) & (rows.task == "class")]
    for _, ours in of_classes.groupby("set"):
        right, sure = (np.concatenate(list(ours[name])) for name in ("right", "sure"))
        by_chance = [calibration_error(draws.random(len(sure)) < sure, sure) for _ in range(50)]
        errors.append(calibration_error(right, sure))
        true.append(float(np.mean(by_chance)))
    return (float(np.mean(errors)), float(np.mean(true))) if errors else (np.nan, np.nan)


def splits(one: TableSet, count: int) -> Iterator[tuple[int, Any, Any]]:
    kind = StratifiedKFold if one.task == "class" else KFold
    for seed in range(count):
        train, test = next(kind(5, shuffle=True, random_state=seed).split(one.X, one.y))
        yield seed, train, test


def measured(model: str, one: TableSet, seed: int, train: Any, test: Any) -> dict[str, Any]:
    X, y, new, truth = one.X.iloc[train], one.y[train], one.X.iloc[test], one.y[test]
    begun = time.process_time()
    fitted = MODELS[model](one.task, seed, X).fit(X, y)
    row: dict[str, Any] = {"set": one.name, "task": one.task, "seed": seed, "model": model}
    row["seconds"] = time.process_time() - begun
    if one.task == "class":
        said = np.clip(np.asarray(fitted.predict_proba(new), float), 1e-7, 1)
        said /= said.sum(axis=1, keepdims=True)
        row["score"] = float((said.argmax(axis=1) == truth).mean())
        row["loss"] = float(log_loss(truth, said, labels=np.arange(said.shape[1])))
        row["right"], row["sure"] = said.argmax(axis=1) == truth, said.max(axis=1)
        return row
    said = np.asarray(fitted.predict(new), float).ravel()
    row["score"] = float(r2_score(truth, said))
    row["loss"] = float(np.sqrt(np.mean((said - truth) ** 2)))
    if model == "clearprop":
        _, low, high = fitted.predict(new, interval=LEVEL)
        row["inside"] = float(((truth >= low) & (truth <= high)).mean())
        row["width"] = float((high - low).mean())
        columns = columns_of(X)
        coded, new_coded = columns.fit_transform(X), columns.transform(new)
        low, high = (
            GradientBoostingRegressor(loss="quantile", alpha=alpha, random_state=seed)
            .fit(coded, y)
            .predict(new_coded)
            for alpha in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        )
        row["boosting_inside"] = float(((truth >= low) & (truth <= high)).mean())
        row["boosting_width"] = float((high - low).mean())
    return row


def told(rows: pd.DataFrame, model: str, against: str) -> str:
    """One line: a model beside another, set by set and then on average."""
    mean = rows.groupby(["set", "model"])[["score", "loss", "seconds"]].mean()
    ours, theirs = mean.xs(model, level="model"), mean.xs(against, level="model")
    gain = 100 * (ours.score - theirs.score)
    errors = np.exp(np.log((1.01 - ours.score) / (1.01 - theirs.score)).mean())
    ratio = np.log(ours.loss / theirs.loss)
    classes = ratio.index.isin(rows["set"][rows.task == "class"])
    pair = [np.exp(part.mean()) for part in (ratio[classes], ratio[~classes])]
    said, said_by_them = calibrations(rows, model), calibrations(rows, against)
    error, by_chance = (one / said_by_them[0] for one in said)
    seconds = (ours.seconds / theirs.seconds).mean()
    return (
        f"| {model} | {against} | {gain.mean():+.2f} | {gain.min():+.2f} ({gain.idxmin()}) "
        f"| {errors:.3f} | {pair[0]:.3f} / {pair[1]:.3f} | {error:.2f} ({by_chance:.2f}) "
        f"| {seconds:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default="panel", help="panel, dev, confirming, unseen or names")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--models", default="mlp,boosting,clearprop")
    options = parser.parse_args()
    groups = {
        "panel": PANEL,
        "dev": tuple(name for name in PANEL if name not in CONFIRMING),
        "confirming": CONFIRMING,
        "unseen": UNSEEN,
    }
    found: list[dict[str, Any]] = []
    for name in groups.get(options.sets) or options.sets.split(","):
        one = load(name, options.rows)
        for seed, train, test in splits(one, options.splits):
            for model in options.models.split(","):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found.append(measured(model, one, seed, train, test))
        rows = pd.DataFrame(found)
        means = rows[rows["set"] == name].groupby("model")[["score", "seconds"]].mean()
        words = (f"{m} {100 * s:.2f} ({t:.2f} s)" for m, s, t in means.itertuples())
        print(f"{name}: " + ", ".join(words), flush=True)
    rows = rows.reindex(columns=[*rows, *(one for one in INTERVALS if one not in rows)])
    head = (
        "model",
        "against",
        "mean gain",
        "worst set",
        "error ratio",
        "log loss / RMSE",
        "calibration error",
        "time",
    )
    print(f"| {' | '.join(head)} |")
    print("|---" * len(head) + "|")
    models = options.models.split(",")
    for model in models:
        for against in ("mlp", "boosting"):
            if model != against and against in models:
                print(told(rows, model, against))
    intervals = rows[rows["inside"].notna()]
    if len(intervals):
        means = intervals.groupby("set")[["inside", "boosting_inside"]].mean()
        ratios = np.log(intervals.width / intervals.boosting_width)
        widths = ratios.groupby(intervals["set"]).mean()
        print(
            f"{100 * LEVEL:.0f} % intervals hold {100 * means.inside.mean():.1f} % "
            f"({100 * means.inside.min():.1f} to {100 * means.inside.max():.1f}), those of "
            f"quantile gradient boosting {100 * means.boosting_inside.mean():.1f} %; "
            f"{np.exp(widths.mean()):.3f} times as wide"
        )


if __name__ == "__main__":
    main()
