"""Sweeps: what is tried, what comes of it, and that the engine does not matter."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from platform import node
from typing import Any

import numpy as np
import pandas
import pytest
from joblib import register_parallel_backend
from joblib.parallel import ThreadingBackend
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from clearprop.base.dependencies import is_installed
from clearprop.base.errors import ClearpropError, ConfigurationError, DataError
from clearprop.estimators import (
    NetworkClassifier,
    NetworkRegressor,
    Range,
    SweepResults,
    sweep,
    sweeping,
)
from clearprop.estimators.sweep_results import SweepRow
from clearprop.estimators.sweep_space import configurations

FAST: dict[str, Any] = {
    "max_iter": 2,
    "min_steps": 0,
    "n_networks": 1,
    "engine": "numpy",
    "bins": 4,
}
SPACE: Any = {"hidden_layer_sizes": [(4,), (8,)], "learning_rate_init": [0.01, 0.03]}


class Kept(dict[str, Any]):
    """A keeper in memory."""

    def kept(self, key: str) -> Any:
        return self.get(key)

    def keep(self, key: str, rows: Sequence[SweepRow]) -> None:
        self[key] = list(rows)


class OfAStranger(ThreadingBackend):  # type: ignore[misc]
    """An engine that joblib does not come with; it counts what it is sent."""

    sent = 0

    def submit(self, func: Any, callback: Any = None) -> Any:
        type(self).sent += 1
        return super().submit(func, callback)


@pytest.fixture(scope="module")
def numbers() -> tuple[pandas.DataFrame, Any]:
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 3))
    frame = pandas.DataFrame(x, columns=["a", "b", "c"])
    frame["word"] = random.choice(["x", "y"], len(x))
    return frame, x[:, 0] - x[:, 1] ** 2 + (frame["word"] == "x")


def scores(results: SweepResults) -> list[tuple[Any, ...]]:
    """All that does not depend on the time of day."""
    return [(row.configuration, row.seed, row.fold, row.score, row.problem) for row in results.rows]


def tried(data: Any, **more: Any) -> SweepResults:
    return sweep(NetworkRegressor(**FAST), SPACE, *data, folds=3, **more)


def test_all_combinations_and_drawn_ones() -> None:
    space: Any = {"a": [1, 2], "b": ["x", "y", "z"]}
    assert configurations(space, None, 0)[:4] == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 1, "b": "z"}, {"a": 2, "b": "x"},
    ]  # fmt: skip
    # What is named twice is tried once.
    again: Any = {"a": [[1, 2], [1, 2], [1]], "b": [0.1, 0.10]}
    assert configurations(again, None, 0) == [{"a": [1, 2], "b": 0.1}, {"a": [1], "b": 0.1}]
    drawn = configurations(space, 5, 0)
    assert len(drawn) == 5
    assert len(configurations(space, 50, 0)) == 6
    assert configurations(space, 5, 0) == drawn != configurations(space, 5, 1)
    rates = [one["r"] for one in configurations({"r": Range(1e-4, 1, log=True)}, 400, 0)]
    assert min(rates) >= 1e-4
    assert max(rates) <= 1
    # Every power of ten as often.
    assert np.mean(np.array(rates) < 1e-2) == pytest.approx(0.5, abs=0.07)
    sizes = {one["n"] for one in configurations({"n": Range(1, 5, whole=True)}, 30, 0)}
    assert sizes == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("space", "random", "said"),
    [
        ({}, None, "nothing to try"),
        ({"a": Range(1, 2)}, None, "say how many are drawn"),
        ({"a": "relu"}, None, "a list of values"),
        ({"a": []}, None, "a list of values"),
    ],
)
def test_a_space_that_cannot_be_is_refused(space: Any, random: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        configurations(space, random, 0)


@pytest.mark.parametrize("ends", [(2, 1), (1, 1), (float("nan"), 1), (1, float("inf")), (True, 2)])
def test_a_range_that_cannot_be_is_refused(ends: Any) -> None:
    with pytest.raises(ConfigurationError, match="larger one"):
        Range(*ends)
    with pytest.raises(ConfigurationError, match="above 0"):
        Range(0, 1, log=True)


def test_a_seed_by_itself_is_scikit_learns_cross_validation(numbers: Any) -> None:
    found = tried(numbers)
    assert len(found.rows) == 12
    for number, configuration in enumerate(found.configurations):
        model = NetworkRegressor(**FAST, random_state=0, **configuration)
        folds = KFold(3, shuffle=True, random_state=0)
        expected = cross_val_score(model, *numbers, cv=folds)
        ours = [row.score for row in found.rows if row.configuration == number]
        assert ours == expected.tolist()


def test_seeds_are_networks_of_one_training(numbers: Any) -> None:
    found = tried(numbers, seeds=3, scoring="neg_mean_absolute_error")
    assert len(found.rows) == 36
    by_seed = [[row.score for row in found.rows if row.seed == seed] for seed in range(3)]
    assert len({tuple(one) for one in by_seed}) == 3
    # The first fold of the first configuration, member by member.
    train, test = next(KFold(3, shuffle=True, random_state=0).split(numbers[0]))
    model = NetworkRegressor(
        **{**FAST, "n_networks": 3}, hidden_layer_sizes=(4,), learning_rate_init=0.01,
        random_state=0,
    ).fit(numbers[0].iloc[train], numbers[1].iloc[train])  # fmt: skip
    members = model.learned_.members(
        model.preparation_.matrix(model._table(numbers[0].iloc[test], reset=False))
    )
    expected = -np.abs(members[:, :, 0] - numbers[1].iloc[test].to_numpy()).mean(axis=1)
    np.testing.assert_allclose([row.score for row in found.rows[:3]], expected)


@pytest.mark.parametrize("backend", [pytest.param("loky", marks=pytest.mark.thorough), "threading"])
def test_the_engine_does_not_matter(backend: str, numbers: Any) -> None:
    assert scores(tried(numbers, n_jobs=2, backend=backend)) == scores(tried(numbers))


def test_the_number_of_threads_does_not_matter() -> None:
    threads: list[int] = []

    def numpy_threads() -> list[int]:
        return [one["num_threads"] for one in threadpool_info() if "numpy" in one["filepath"]]

    def judged(model: Any, X: Any, y: Any) -> float:
        threads.extend(numpy_threads())
        return 0.0

    x = np.random.default_rng(0).normal(size=(60, 3))
    with threadpool_limits(2):
        sweep(NetworkRegressor(**FAST), {"dropout": [0.0]}, x, x[:, 0], folds=2, scoring=judged)
        assert {*threads} == {1}
        assert numpy_threads() == [2]


def test_what_is_done_is_not_done_again(numbers: Any) -> None:
    whole, kept = tried(numbers), Kept()
    seen: list[tuple[int, int]] = []

    def stop(results: SweepResults, done: int, jobs: int) -> None:
        seen.append((done, jobs))
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tried(numbers, keeper=kept, watch=stop)
    assert len(kept) == 5
    before = dict(kept)
    again: list[int] = []
    found = tried(numbers, keeper=kept, watch=lambda results, done, jobs: again.append(done))
    assert again == list(range(5, 13))
    assert scores(found) == scores(whole)
    assert {key: kept[key] for key in before} == before
    # Other rows are other work.
    shifted = numbers[0], numbers[1] + 1
    other: list[int] = []
    tried(shifted, keeper=kept, watch=lambda results, done, jobs: other.append(done))
    assert other[0] == 0


def test_other_folds_and_starts_are_other_work(numbers: Any) -> None:
    kept, groups = Kept(), np.arange(120) % 40
    first = tried(numbers, keeper=kept, groups=groups)
    for more in ({"groups": groups // 2}, {"groups": groups, "random_state": 1}):
        again = tried(numbers, keeper=kept, **more)
        assert scores(again) == scores(tried(numbers, **more)) != scores(first)
    assert len(kept) == 36


def test_a_worker_of_another_version_is_refused(
    numbers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = iter(["another", "its own"])
    monkeypatch.setattr(sweeping, "code_checksum", lambda: next(sent))
    with pytest.raises(ConfigurationError, match=f"A worker on {node()} runs other code"):
        tried(numbers)


def test_what_registers_itself_with_joblib_is_an_engine(numbers: Any) -> None:
    register_parallel_backend("of_a_stranger", OfAStranger)
    assert scores(tried(numbers, backend="of_a_stranger", n_jobs=2)) == scores(tried(numbers))
    assert OfAStranger.sent == 12
    with pytest.raises(ConfigurationError, match="of_a_stranger"):
        tried(numbers, backend="of_nobody")


def test_a_training_that_comes_to_nothing_is_told_of(numbers: Any) -> None:
    space = {"learning_rate_init": [0.01, 1e30]}
    found = sweep(NetworkRegressor(**FAST, solver="sgd"), space, *numbers, folds=2)
    assert [np.isnan(row.score) for row in found.rows] == [False, False, True, True]
    assert found.rows[-1].problem
    assert found.best == {"learning_rate_init": 0.01}
    assert np.isnan(found.ranking()[-1].mean)
    columns = found.columns()
    assert columns["problem"][0] == ""
    assert columns["learning_rate_init"].tolist() == [0.01, 0.01, 1e30, 1e30]


def test_effects_are_of_the_means_of_configurations() -> None:
    tried_ones = [{"a": a, "b": b} for a in (1, 2) for b in ("x", "y")]
    values = [0.0, 0.2, 1.0, 1.2]
    rows = tuple(SweepRow(k, 0, 0, value, 0.1) for k, value in enumerate(values))
    first, second = SweepResults(tried_ones, rows).effects()
    assert (first.name, first.values, second.name) == ("a", (1, 2), "b")
    np.testing.assert_allclose(first.means, [0.1, 1.1])
    np.testing.assert_allclose(first.deviations, [0.1, 0.1])
    # η² = 1 / 1.04 of 4 values in 2 groups: 1 − (0.04 / 2) / (1.04 / 3).
    assert first.share == pytest.approx(1 - 0.02 / (1.04 / 3))
    assert second.share == 0
    # Of what is different everywhere nothing can be told.
    (untold,) = SweepResults([{"a": 1}, {"a": 2}], rows[:2]).effects()
    assert np.isnan(untold.share)
    # What was drawn is told by neighbours, and explains nothing by being different everywhere.
    random = np.random.default_rng(0)
    drawn = [{"r": float(r)} for r in random.random(60)]
    rows = tuple(SweepRow(k, 0, 0, float(random.random()), 0.1) for k in range(60))
    (effect,) = SweepResults(drawn, rows).effects()
    assert len(effect.values) == 6
    assert effect.share < 0.2


def test_classes_groups_and_weights_are_held_out_as_they_should_be() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(90, 2)), np.repeat(["a", "b", "c"], 30)
    groups = np.tile(np.arange(9), 10)
    found = sweep(
        NetworkClassifier(**FAST), {"dropout": [0.0, 0.5]}, x, y, folds=3, groups=groups,
        sample_weight=np.ones(90), scoring="accuracy",
    )  # fmt: skip
    assert all(0 <= row.score <= 1 for row in found.rows)
    with pytest.raises(DataError, match="12 folds"):
        sweep(NetworkClassifier(**FAST), {"dropout": [0.0]}, x, y, folds=12, groups=groups)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"backend": "lokky"}, "no engine 'lokky'"),
        ({"backend": "dask"}, "takes the address"),
        ({"backend": "loky", "scheduler": "tcp://127.0.0.1:1"}, "leave out one of them"),
        ({"folds": 1}, "folds"),
        ({"seeds": 0}, "seeds"),
        ({"random": 0}, "random"),
        ({"random": 1.5}, "random"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"scoring": "good"}, "no scorer called 'good'"),
        ({"sample_weight": np.ones(5)}, r"same number of rows.*120, 120, 5"),
        ({"groups": np.ones(5)}, r"same number of rows.*120, 120, 5"),
        ({"y": np.ones(5)}, r"same number of rows.*120, 5"),
        ({"space": [("dropout", 0.1)]}, "and list is none"),
        ({"estimator": Ridge()}, "and Ridge is neither"),
    ],
)
def test_what_cannot_be_is_refused(more: dict[str, Any], said: str, numbers: Any) -> None:
    X, y = numbers
    given = {"estimator": NetworkRegressor(**FAST), "space": SPACE, "X": X, "y": y, "folds": 3}
    with pytest.raises(ClearpropError, match=said):
        sweep(**{**given, **more})


def test_a_sweep_in_which_nothing_succeeds_has_no_best(numbers: Any) -> None:
    space = {"learning_rate_init": np.array([1e30, 1e31])}
    found = sweep(NetworkRegressor(**FAST, solver="sgd"), space, *numbers, folds=2)
    with pytest.raises(DataError, match="No configuration was trained on all folds"):
        _ = found.best


def test_a_setting_that_there_is_not_is_refused(numbers: Any) -> None:
    with pytest.raises(ConfigurationError, match="no setting 'hiden'"):
        sweep(NetworkRegressor(**FAST), {"hiden": [1]}, *numbers)
    with pytest.raises(ConfigurationError, match="dropout"):
        sweep(NetworkRegressor(**FAST), {"dropout": [0.1, 2.0]}, *numbers)


@contextmanager
def cluster(folder: Path, *, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Dask scheduler and two workers, each a process without a nurse that would start it
    again."""
    from distributed import Client

    file = folder / "scheduler.json"
    home = str(Path(__file__).parents[2] / "src")
    processes = []

    def begin(program: str, *words: str) -> None:
        given = [sys.executable, "-m", f"distributed.cli.{program}", "--scheduler-file", str(file)]
        processes.append(
            subprocess.Popen(
                [*given, *words],
                env={**os.environ, "PYTHONPATH": home},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
            )
        )

    try:
        begin("dask_scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard")
        for _ in range(workers):
            begin("dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard")
        limit = time.monotonic() + 60
        while not (file.exists() and file.read_text().rstrip().endswith("}")):
            assert time.monotonic() < limit
            time.sleep(0.02)
        address = json.loads(file.read_text())["address"]
        with Client(address) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(workers, timeout=60)
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.thorough
@pytest.mark.skipif(not is_installed("distributed"), reason="there is no Dask")
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_loses_a_worker_finds_the_same(numbers: Any, tmp_path: Path) -> None:
    alone, kept = tried(numbers, seeds=2), Kept()
    with cluster(tmp_path, workers=2) as (address, workers):

        def kill_one(results: SweepResults, done: int, jobs: int) -> None:
            if done == 3:
                workers[0].kill()

        found = tried(numbers, seeds=2, scheduler=address, keeper=kept, watch=kill_one)
        assert workers[0].wait() != 0
        assert workers[1].poll() is None
    assert len(kept) == 12
    assert scores(found) == scores(alone)


@pytest.mark.thorough
@pytest.mark.skipif(not is_installed("distributed"), reason="there is no Dask")
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_of_one_worker_finds_the_same(numbers: Any, tmp_path: Path) -> None:
    with cluster(tmp_path, workers=1) as (address, _):
        assert scores(tried(numbers, scheduler=address)) == scores(tried(numbers))


@pytest.mark.skipif(not is_installed("distributed"), reason="there is no Dask")
def test_a_scheduler_that_does_not_answer_is_a_sentence(
    numbers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clearprop.estimators import sweep_jobs

    monkeypatch.setattr(sweep_jobs, "PATIENCE", 0.3)
    with pytest.raises(ConfigurationError, match="No Dask scheduler answers"):
        tried(numbers, scheduler="tcp://127.0.0.1:9")
