"""A sweep: configurations × seeds × folds, each judged on rows that it never saw.

The seeds of a configuration on a fold are one training: equal networks, stacked or in the lanes of
the vector unit. These trainings are the jobs that go to joblib's engine; each is told of as soon as
it is done, and kept, so that a sweep which was ended goes on where it stood.
"""

import copy
import hashlib
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from platform import node
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np
from joblib import hash as hash_of
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.utils import _safe_indexing, check_consistent_length

from clearprop.base.arrays import Array, require_count
from clearprop.base.code_checksum import code_checksum
from clearprop.base.errors import ClearpropError, ConfigurationError, DataError
from clearprop.base.version import __version__
from clearprop.compiled.blas import on_one_thread
from clearprop.data.table import Table
from clearprop.estimators.estimator_recipe import recipe_of
from clearprop.estimators.scoring import scorer_named
from clearprop.estimators.shared_estimator import NetworkEstimator
from clearprop.estimators.sweep_jobs import done_jobs
from clearprop.estimators.sweep_results import SweepResults, SweepRow
from clearprop.estimators.sweep_space import Configuration, Space, configurations


class SweepJob(NamedTuple):
    """One training: the seeds of a configuration on a fold. `key` says what it is of."""

    configuration: int
    fold: int
    model: Any
    train: Array
    test: Array
    key: str


class SweepKeeper(Protocol):
    """What keeps jobs that are done."""

    def kept(self, key: str) -> list[SweepRow] | None:
        """The rows of a job; None where it was not done."""

    def keep(self, key: str, rows: Sequence[SweepRow]) -> None:
        """Keep the rows of a job."""


class Nothing:
    """Keeps nothing."""

    def kept(self, key: str) -> list[SweepRow] | None:
        return None

    def keep(self, key: str, rows: Sequence[SweepRow]) -> None:
        pass


# Told of the results so far, and of how many jobs are done and how many there are.
SweepWatch = Callable[[SweepResults, int, int], object]


def sweep(
    estimator: Any,
    space: Space,
    X: Any,
    y: Any,
    *,
    random: int | None = None,
    seeds: int = 1,
    folds: int = 5,
    scoring: Any = None,
    sample_weight: Any = None,
    groups: Any = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    backend: str | None = None,
    scheduler: str | None = None,
    keeper: SweepKeeper | None = None,
    watch: SweepWatch | None = None,
) -> SweepResults:
    """Try settings of a NetworkRegressor or NetworkClassifier on rows that it does not learn from.

    space      values by the names of the estimator's parameters, or a `Range` to draw from
    random     how many configurations are drawn; None takes all combinations
    seeds      how many networks (or ensembles of n_networks) each is tried with
    folds      in how many parts the rows are, each of which is held out once
    scoring    a name that scikit-learn knows, or a scorer; by default that of `estimator.score`
    groups     (N,) rows of equal values are held out together
    n_jobs, backend, scheduler   as for `sweep_jobs.done_jobs`
    keeper     what keeps trainings that are done, and knows those of before
    watch      told whenever a training is done

    A training that comes to nothing has the score NaN. The same to the bit whatever the engine.
    Raises ConfigurationError for settings that cannot be and workers that run other code, DataError
    for rows that are not as many in all that is given, or cannot be in so many folds.
    """
    if not isinstance(estimator, NetworkEstimator):
        raise ConfigurationError("sweep_estimator", value=type(estimator).__name__)
    require_count("seeds", seeds)
    require_count("folds", folds, least=2)
    if random is not None:
        require_count("random", random)
    if n_jobs is not None and n_jobs != -1:
        require_count("n_jobs", n_jobs)
    try:
        check_consistent_length(X, y, sample_weight, groups)
    except (ValueError, TypeError) as problem:
        raise DataError("sweep_lengths", problem=problem) from problem
    tried = configurations(space, random, random_state)
    return sweep_of(
        [_told(estimator, one) for one in tried],
        tried,
        X,
        y,
        seeds=seeds,
        folds=folds,
        scoring=scoring,
        sample_weight=sample_weight,
        groups=groups,
        random_state=random_state,
        n_jobs=n_jobs,
        backend=backend,
        scheduler=scheduler,
        keeper=Nothing() if keeper is None else keeper,
        watch=watch or (lambda *_: None),
    )


def sweep_of(
    models: Sequence[Any],
    tried: Sequence[Configuration],
    X: Any,
    y: Any,
    *,
    seeds: int,
    folds: int,
    scoring: Any,
    sample_weight: Any,
    groups: Any,
    random_state: int,
    n_jobs: int | None,
    backend: str | None,
    scheduler: str | None,
    keeper: SweepKeeper,
    watch: SweepWatch,
) -> SweepResults:
    """The sweep over estimators that have been told their configurations; `sweep` has the
    arguments."""
    for model in models:
        # What cannot be is refused here, and not by one job of hundreds.
        recipe_of(model, random_state)
    scorer_named(scoring)
    parts = _folds(models[0], y, groups, folds, random_state)
    data = hash_of((X, y, sample_weight))
    # All that a fold's scores depend on beside the model: which rows are in it too, for these come
    # of the groups and of random_state.
    shared_by = [hash_of((data, part, seeds, random_state)) for part in parts]
    jobs = [
        SweepJob(number, fold, model, train, test, _key(model, shared_by[fold], scoring))
        for number, model in enumerate(models)
        for fold, (train, test) in enumerate(parts)
    ]
    rows: dict[str, list[SweepRow]] = {}
    left = []
    for job in jobs:
        kept = keeper.kept(job.key)
        if kept is None:
            left.append(job)
        else:
            rows[job.key] = [one._replace(configuration=job.configuration) for one in kept]

    def results() -> SweepResults:
        done = (rows[job.key] for job in jobs if job.key in rows)
        return SweepResults(tried, tuple(row for part in done for row in part))

    watch(results(), len(rows), len(jobs))
    shared = (code_checksum(), X, y, sample_weight, seeds, random_state, scoring)
    ran = done_jobs(run_job, left, shared, n_jobs=n_jobs, backend=backend, scheduler=scheduler)
    # Here too, around all of them: trainings in threads of this process have one setting.
    with on_one_thread():
        for key, found in ran if left else ():
            keeper.keep(key, found)
            rows[key] = found
            watch(results(), len(rows), len(jobs))
    return results()


def run_job(
    code: str,
    X: Any,
    y: Any,
    sample_weight: Any,
    seeds: int,
    random_state: int,
    scoring: Any,
    job: SweepJob,
) -> tuple[str, list[SweepRow]]:
    """Train all seeds of a job as one, and judge each on the fold: the job's key and its rows.

    Raises ConfigurationError on a worker whose code is not that of who sent the job, for which
    `code` stands.
    """
    if code != code_checksum():
        raise ConfigurationError("worker_differs", host=node())
    networks = job.model.n_networks
    model = clone(job.model).set_params(n_networks=seeds * networks, random_state=random_state)
    weight = None if sample_weight is None else np.asarray(sample_weight)[job.train]
    begin = perf_counter()
    scores, problem = [float("nan")] * seeds, ""
    try:
        # The number of threads of a product changes its last bits.
        with _quiet(), on_one_thread():
            model.fit(taken(X, job.train), taken(y, job.train), sample_weight=weight)
            scores = [
                _score(model, range(k * networks, (k + 1) * networks), X, y, job.test, scoring)
                for k in range(seeds)
            ]
    except ClearpropError as refused:
        problem = str(refused)
    seconds = (perf_counter() - begin) / seeds
    return job.key, [
        SweepRow(job.configuration, seed, job.fold, score, seconds, problem)
        for seed, score in enumerate(scores)
    ]


def taken(values: Any, rows: Array) -> Any:
    """Some rows of a table, a frame or an array."""
    if isinstance(values, Table):
        return values.take(rows)
    return _safe_indexing(values, rows)


def _told(estimator: Any, configuration: Configuration) -> Any:
    known = estimator.get_params()
    for name in configuration:
        if name not in known:
            raise ConfigurationError("space_unknown", name=name, known=", ".join(known))
    return clone(estimator).set_params(**configuration)


def _folds(model: Any, y: Any, groups: Any, folds: int, seed: int) -> list[tuple[Array, Array]]:
    truth = np.asarray(y)
    by_class = is_classifier(model) and truth.ndim == 1
    kinds: Any
    if groups is not None:
        kinds = GroupKFold(folds)
    else:
        kinds = (StratifiedKFold if by_class else KFold)(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Of a class with fewer rows than folds some folds have none, which is as it is.
        warnings.simplefilter("ignore", UserWarning)
        try:
            return list(kinds.split(np.zeros(len(truth)), truth, groups))
        except ValueError as problem:
            raise DataError("sweep_folds", folds=folds, problem=problem) from problem


def _key(model: Any, fold: str, scoring: Any) -> str:
    said = {name: repr(value) for name, value in model.get_params().items()}
    parts = (__version__, type(model).__name__, said, fold, repr(scoring))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _score(model: Any, members: range, X: Any, y: Any, test: Array, scoring: Any) -> float:
    """What some of the networks of a fitted estimator are worth, as an estimator of their own."""
    learned = model.learned_
    own = slice(members.start, members.stop)
    one = copy.copy(model)
    one.n_networks = len(members)
    one.learned_ = replace(
        learned, params=learned.params[own], epoch=learned.epoch[own], parts=learned.parts[own]
    )
    judged, truth = taken(X, test), taken(y, test)
    scorer = scorer_named(scoring)
    try:
        return float(one.score(judged, truth) if scorer is None else scorer(one, judged, truth))
    except ValueError as problem:
        # Of predictions that are not finite, or rows that the metric says nothing of.
        raise DataError("sweep_score", problem=problem) from problem


@contextmanager
def _quiet() -> Iterator[None]:
    """Within it, a training that diverges is told by its scores, and not by warnings; in a thread
    beside others, whose warnings these are as well, nothing is changed."""
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        yield
