"""A run from its settings to its folder: the data, the training, the files.

    plan = plan_run(settings)
    ended = train_run(plan, folder)

A run that was interrupted goes on with `resumed(folder)` in place of the first line.
"""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import DataError, FileError
from clearprop.estimators.estimator_recipe import recipe_of
from clearprop.runs.run_checkpoints import RunCheckpoint, checksum, newest_checkpoint
from clearprop.runs.run_data import RunData, read_run_table, run_data, split
from clearprop.runs.run_folder import (
    CHECKPOINTS,
    MODEL,
    SETTINGS,
    Run,
    model_class,
    require_run,
)
from clearprop.runs.run_history import HistoryRow, RunHistory
from clearprop.runs.run_notes import noticed
from clearprop.runs.run_recorder import RunRecorder, Watch
from clearprop.runs.run_settings import (
    FOLDS,
    NOTHING,
    RunSettings,
    read_settings,
    write_settings,
)
from clearprop.runs.stopping import StopMetric, stop_metric
from clearprop.training import DivergenceEvent, DivergenceWarning

# What is held out where folds cannot be: of one network, which would hold out half, and by time.
SHARE = 0.2


@dataclass(frozen=True, eq=False)
class RunPlan:
    """A run that is ready to train.

    settings  with the task and the way of holding out that were chosen
    training, held_out  the rows; None where each network holds out its own, or nothing is
    data      the checksum of the files
    before    the checkpoint that it goes on from
    notes     (key, values) of what a person should know: sentences of `data.notes` and `runs.notes`
    """

    settings: RunSettings
    training: RunData
    held_out: RunData | None
    data: str
    before: RunCheckpoint | None = None
    notes: tuple[tuple[str, dict[str, object]], ...] = ()

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes of the training, in their order; none of another task."""
        if self.training.task != "classification":
            return ()
        return tuple(np.unique(self.training.truth).tolist())


class EndedRun(NamedTuple):
    """A run that has ended.

    divergence   what ended it where it diverged; the model is that of the best epoch before
    is_whole     False where the watcher ended it: `resumed` goes on
    """

    run: Run
    divergence: DivergenceEvent | None
    is_whole: bool


def plan_run(settings: RunSettings) -> RunPlan:
    """Read the data and make everything ready. Raises what reading a table, `run_data` and `split`
    raise, and ConfigurationError for settings that do not go together."""
    path = Path(settings.data)
    table = read_run_table(path, settings)
    data = run_data(table, settings)
    if settings.validation == FOLDS and (settings.networks == 1 or settings.time):
        settings = replace(settings, validation=SHARE)
    settings = replace(settings, task=data.task)
    training, held_out = split(data, settings)
    file = settings.validation_file
    if file is not None:
        classes = np.unique(data.truth).tolist() if data.task == "classification" else None
        held_out = run_data(read_run_table(file, settings), settings, classes)
    files = [path] if file is None else [path, file]
    notes = (*table.notes, *data.notes, *noticed(training, settings))
    plan = RunPlan(settings, training, held_out, checksum(*files), notes=notes)
    # What cannot be is refused here, and not where the training begins.
    recipe_of(estimator(plan, stop_metric(settings)), settings.seed)
    return plan


def resumed(folder: Path) -> RunPlan:
    """The plan of a run that has not ended, with the checkpoint that it goes on from.

    Raises FileError for a folder without a run, and where the data are not what they were.
    """
    require_run(folder)
    settings = read_settings(folder / SETTINGS)
    before = newest_checkpoint(folder / CHECKPOINTS)
    plan = plan_run(settings)
    if before is None:
        return plan
    if plan.data != before.data:
        raise FileError("resume_data_changed", path=settings.data, folder=folder)
    return replace(plan, settings=replace(plan.settings, engine=before.engine), before=before)


def train_run(plan: RunPlan, folder: Path, watch: Watch = lambda _: False) -> EndedRun:
    """Train, and write the model, the history and the settings into the folder, which is made where
    there is none once the first epoch has ended.

    watch  told of every epoch; True ends the training there, and the run can be gone on with

    Raises DataError for a training that diverged before anything good came of it, FileError where
    the folder cannot be written: the checkpoints before stay.
    """
    settings, training = plan.settings, plan.training
    metric = stop_metric(settings, len(plan.classes))
    recorder = RunRecorder(folder, settings, metric, plan.data, watch, plan.before)
    model = estimator(plan, metric)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit_table(
            training.inputs,
            training.truth,
            training.columns,
            sample_weight=training.weight,
            groups=training.groups,
            validation_set=_judged(plan.held_out),
            watch=recorder,
            begun=None if plan.before is None else plan.before.begun,
        )
    learned = model.learned_
    if learned.state is None:
        recorder.rows = _without_steps(learned.history.losses)
    settings = replace(
        settings, learning_rate=learned.rate, engine=recorder.engine or settings.engine
    )
    run = Run(settings, model, RunHistory(tuple(recorder.rows)), folder)
    recorder.write()
    model.save(folder / MODEL, training.inputs, training.truth)
    write_settings(settings, folder / SETTINGS)
    if not recorder.was_ended:
        recorder.write(ended=True)
    diverged = [one.message for one in caught if isinstance(one.message, DivergenceWarning)]
    divergence = diverged[0].event if diverged else None
    return EndedRun(run, divergence, is_whole=not recorder.was_ended)


def most_epochs(plan: RunPlan) -> int:
    """How many epochs there are at most."""
    settings, rows = plan.settings, len(plan.training)
    recipe = recipe_of(estimator(plan, stop_metric(settings)), settings.seed).for_rows(rows)
    if recipe.validation == FOLDS and plan.held_out is None:
        rows -= rows // max(settings.networks, 2)
    return recipe.batches(rows)[1]


def estimator(plan: RunPlan, metric: StopMetric) -> Any:
    """The estimator that a plan asks for, not fitted. Raises ConfigurationError."""
    settings = plan.settings
    given: dict[str, Any] = {
        "hidden_layer_sizes": settings.hidden,
        "activation": list(settings.activation)
        if len(settings.activation) > 1
        else settings.activation[0],
        "loss": settings.loss,
        "solver": settings.optimizer,
        "alpha": settings.l2,
        "batch_size": settings.batch_size,
        "learning_rate": settings.schedule,
        "learning_rate_init": settings.learning_rate or "auto",
        "max_iter": settings.epochs,
        "min_steps": settings.least_steps,
        "n_iter_no_change": settings.patience,
        "tol": settings.tolerance,
        "dropout": settings.dropout,
        "weight_decay": settings.weight_decay,
        "n_networks": settings.networks,
        "validation": FOLDS if settings.validation == FOLDS else NOTHING,
        "scoring": metric.scorer,
        "soft_clip": settings.soft_clip,
        "bins": settings.bins,
        "input_scale": settings.input_scale,
        "scaling": settings.scaling,
        "missing": settings.missing,
        "dtype": settings.dtype,
        "engine": settings.engine,
        "start": settings.start,
        "standardize_target": settings.standardise,
        "single_logit": settings.single_logit,
        "class_weight": _class_weight(plan),
        "random_state": settings.seed,
    }
    return model_class(settings.task)(**given)


def _class_weight(plan: RunPlan) -> Any:
    given = plan.settings.class_weight
    if given is None or isinstance(given, str):
        return given
    names = {str(one): one for one in plan.classes}
    for name, _ in given:
        if name not in names:
            known = ", ".join(names)
            raise DataError("class_of_weight", value=name, known=known or "—")
    weights = dict(given)
    return {one: float(weights.get(name, 1.0)) for name, one in names.items()}


def _judged(data: RunData | None) -> Any:
    return None if data is None else (data.inputs, data.truth)


def _without_steps(losses: Array) -> list[HistoryRow]:
    """The epochs of a solver that takes no steps: its iterations."""
    nan = float("nan")
    means = np.nanmean(losses, axis=1)
    return [HistoryRow(k, float(loss), None, True, nan, nan) for k, loss in enumerate(means)]
