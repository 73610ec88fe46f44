"""A sweep from its settings to its folder.

    plan = plan_sweep(settings)
    results = run_sweep(plan, folder)

sweep.toml       what the sweep was told
jobs/            a file for every training that is done, so that none is done twice
results.parquet  a row for every configuration, seed and fold
best.toml        the best configuration, for `clearprop train --config`
effect-NAME.svg  what a parameter does to the score
"""

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from clearprop.base.errors import ClearpropError, ConfigurationError, FileError
from clearprop.base.writing import write_whole
from clearprop.data.table_writing import table_bytes
from clearprop.drawing.pen.scene import svg
from clearprop.estimators.sweep_results import SweepResults, SweepRow
from clearprop.estimators.sweep_space import Configuration
from clearprop.estimators.sweeping import SweepWatch, sweep_of
from clearprop.runs.run_folder import make_folder, require_writable
from clearprop.runs.run_plan import RunPlan, estimator, require_loss
from clearprop.runs.run_settings import FOLDS, NOTHING, write_settings
from clearprop.runs.run_training import plan_run
from clearprop.runs.stopping import SCORERS, StopMetric, stop_metric
from clearprop.runs.sweep_pictures import effect_pictures
from clearprop.runs.sweep_settings import SweepSettings, read_sweep, write_sweep

SETTINGS, JOBS, RESULTS, BEST = "sweep.toml", "jobs", "results.parquet", "best.toml"
# Between two writings of the results while the sweep goes on.
SECONDS = 2.0


@dataclass(frozen=True, eq=False)
class SweepPlan:
    """A sweep that is ready: the table, the metric, what is tried and an estimator for each."""

    settings: SweepSettings
    run: RunPlan
    metric: StopMetric
    tried: Sequence[Configuration]
    models: Sequence[Any]

    def natural(self, score: float) -> float:
        """A score, of which more is better, as the field writes its metric."""
        return self.metric.natural(-score)

    def settings_of(self, number: int) -> Any:
        """The settings of a run that trains a configuration."""
        return _told(self.run, self.tried[number], self.settings).settings


def plan_sweep(settings: SweepSettings) -> SweepPlan:
    """Read the table and make everything ready. Raises what `plan_run` raises, and
    ConfigurationError for configurations that cannot be."""
    run = plan_run(replace(settings.training, validation=NOTHING, stop_on="loss"))
    if run.blocks is not None:
        raise ConfigurationError("sweep_memory", path=settings.training.data)
    name = settings.metric or next(iter(SCORERS[run.settings.task]))
    metric = stop_metric(replace(run.settings, stop_on=name), len(run.classes))
    known_metrics = SCORERS[run.settings.task]
    of_others = {one for task in SCORERS.values() for one in task} - {*known_metrics}
    if metric.scorer is None or name in of_others:
        known = ", ".join(known_metrics)
        raise ConfigurationError("metric_of_sweep", name=name, known=known)
    tried = settings.configurations()
    models = [_model(_told(run, one, settings)) for one in tried]
    return SweepPlan(settings, run, metric, tried, models)


def run_sweep(
    plan: SweepPlan,
    folder: Path,
    *,
    n_jobs: int | None,
    backend: str | None = None,
    scheduler: str | None = None,
    watch: SweepWatch = lambda *_: None,
) -> SweepResults:
    """Do what is left of a sweep, and write its folder. Raises what `sweep` raises, FileError, and
    DataError where a part of every configuration came to nothing."""
    was_there = folder.exists()
    make_folder(folder / JOBS)
    if not (folder / SETTINGS).exists():
        write_sweep(replace(plan.settings, checksum=plan.run.data), folder / SETTINGS)
    keeper, data, written = JobFiles(folder / JOBS), plan.run.training, perf_counter()

    def told(results: SweepResults, done: int, jobs: int) -> None:
        nonlocal written
        if perf_counter() - written > SECONDS and results.rows:
            write_results(plan, results, folder)
            written = perf_counter()
        watch(results, done, jobs)

    try:
        results = sweep_of(
            plan.models,
            plan.tried,
            data.inputs,
            data.truth,
            seeds=plan.settings.seeds,
            folds=plan.settings.folds,
            scoring=plan.metric.scorer,
            sample_weight=data.weight,
            groups=data.groups,
            random_state=plan.run.settings.seed,
            n_jobs=n_jobs,
            backend=backend,
            scheduler=scheduler,
            keeper=keeper,
            watch=told,
        )
    except ClearpropError:
        if not was_there and not any((folder / JOBS).iterdir()):
            # Of a sweep that came to nothing.
            shutil.rmtree(folder, ignore_errors=True)
        raise
    write_results(plan, results, folder)
    write_settings(plan.settings_of(results.first().configuration), folder / BEST)
    return results


def write_results(plan: SweepPlan, results: SweepResults, folder: Path) -> None:
    """Write the rows that there are. Raises FileError."""
    columns = results.columns(plan.natural(1.0))
    write_whole(folder / RESULTS, table_bytes(columns, "parquet"))


def write_pictures(
    plan: SweepPlan, results: SweepResults, folder: Path, language: str
) -> list[Path]:
    """Write a picture for every parameter: the files. Raises FileError."""
    paths = []
    for name, scene in effect_pictures(results, plan.metric, language).items():
        paths.append(folder / f"effect-{name}.svg")
        write_whole(paths[-1], svg(scene, standalone=True).encode())
    return paths


def resumed_sweep(folder: Path) -> SweepPlan:
    """The plan of the sweep in a folder. Raises what `plan_sweep` raises, FileError where there is
    none and where its table was changed."""
    if not (folder / SETTINGS).is_file():
        raise FileError("sweep_missing", path=folder)
    settings = read_sweep(folder / SETTINGS)
    plan = plan_sweep(settings)
    if settings.checksum not in (None, plan.run.data):
        raise FileError("sweep_data_changed", path=settings.training.data, folder=folder)
    return plan


def require_no_sweep(folder: Path) -> None:
    """Refuse a folder that a sweep is in already, what is no folder, and what cannot be written.
    Raises FileError."""
    if folder.exists() and not folder.is_dir():
        raise FileError("path_not_folder", path=folder)
    if (folder / SETTINGS).exists():
        raise FileError("sweep_there", path=folder)
    require_writable(folder)


class JobFiles:
    """Trainings that are done, a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def kept(self, key: str) -> list[SweepRow] | None:
        """The rows of a job; None where it was not done, or its file is damaged."""
        try:
            found = json.loads((self._folder / f"{key}.json").read_text("utf-8"))
            return [
                SweepRow(**{**one, "score": math.nan if one["score"] is None else one["score"]})
                for one in found
            ]
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def keep(self, key: str, rows: Sequence[SweepRow]) -> None:
        """Write the rows of a job. Raises FileError."""
        told = [
            {**row._asdict(), "score": None if math.isnan(row.score) else row.score} for row in rows
        ]
        content = json.dumps(told, ensure_ascii=False).encode()
        write_whole(self._folder / f"{key}.json", content)


def _told(run: RunPlan, configuration: Configuration, settings: SweepSettings) -> RunPlan:
    given = {name: _setting(name, value) for name, value in configuration.items()}
    if "epochs" in given and "least_steps" not in given:
        # Who tries numbers of epochs wants these, and not as many as take so many steps.
        given["least_steps"] = 0
    told = replace(
        run.settings,
        **given,
        validation=settings.training.validation,
        stop_on=settings.training.stop_on,
    )
    plan = replace(run, settings=told)
    require_loss(plan)
    return plan


def _setting(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    missing = {"learning_rate": "auto", "patience": "none", "loss": "auto"}
    return None if missing.get(name) == value else value


def _model(plan: RunPlan) -> Any:
    validation = plan.settings.validation
    model = estimator(plan, StopMetric("loss", None, more_is_better=False))
    if isinstance(validation, float):
        model.set_params(validation="share", validation_fraction=validation)
    elif validation == FOLDS:
        model.set_params(validation="folds")
    return model
