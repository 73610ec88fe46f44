"""A run from its settings to its folder: the data, the training, the files.

    plan = plan_run(settings)
    ended = train_run(plan, folder)

A run that was interrupted goes on with `resumed(folder)` in place of the first line.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import is_installed
from clearprop.base.errors import ConfigurationError, DataError, EngineWarning, FileError
from clearprop.data.blocks import TableBlocks
from clearprop.data.table import Note
from clearprop.estimators.estimator_recipe import AUTO, recipe_of
from clearprop.estimators.evaluation_log import EvaluationLog, data_of_log
from clearprop.estimators.table_recipe import activation_for
from clearprop.runs.run_checkpoints import checksum, newest_checkpoint
from clearprop.runs.run_data import read_run_table, run_data, split
from clearprop.runs.run_folder import (
    ANSWERS,
    CHECKPOINTS,
    MODEL,
    REPORT,
    SETTINGS,
    Run,
    require_run,
)
from clearprop.runs.run_history import HistoryRow, RunHistory
from clearprop.runs.run_notes import noticed
from clearprop.runs.run_plan import RunPlan, estimator, require_loss
from clearprop.runs.run_recorder import RunRecorder, Watch
from clearprop.runs.run_settings import (
    FOLDS,
    RunSettings,
    read_settings,
    write_settings,
)
from clearprop.runs.stopping import stop_metric
from clearprop.runs.streamed_run import (
    all_classes,
    fit_streamed,
    is_too_large,
    measured,
    sampled_data,
)
from clearprop.training import DivergenceEvent, DivergenceWarning

# What is held out where folds cannot be: of one network, which would hold out half, and by time.
SHARE = 0.2


class EndedRun(NamedTuple):
    """A run that has ended.

    divergence   what ended it where it diverged; the model is that of the best epoch before
    is_whole     False where the watcher ended it: `resumed` goes on
    refusal      what is to be said of the machine code that was asked for: why it is not used
    """

    run: Run
    divergence: DivergenceEvent | None
    is_whole: bool
    refusal: EngineWarning | None = None


# How the estimator of a plan is fitted to its rows, of which the recorder is told.
Fit: TypeAlias = Callable[[Any, RunPlan, RunRecorder], None]


def plan_run(settings: RunSettings, blocks: TableBlocks | None = None) -> RunPlan:
    """Read the data and make everything ready; `blocks` is the table where it has been measured.
    Raises what reading a table, `run_data` and `split` raise, and ConfigurationError for settings
    that do not go together."""
    path = Path(settings.data)
    if blocks is None and is_too_large(path, settings):
        blocks = measured(path, settings)
    notes: tuple[Note, ...] = ()
    if blocks is not None:
        if settings.optimizer == "lbfgs":
            raise ConfigurationError("optimizer_of_steps", optimizer=settings.optimizer)
        data = sampled_data(blocks, settings)
        classes = all_classes(blocks, data)
        read = {"rows": f"{blocks.rows:,}", "sample": f"{len(data):,}"}
        key = "in_blocks" if settings.shards is None else "in_shards"
        notes = ((f"runs.notes.{key}", {**read, "shards": settings.shards}),)
    else:
        table = read_run_table(path, settings)
        data = run_data(table, settings)
        is_classes = data.task == "classification"
        classes = tuple(np.unique(data.truth).tolist()) if is_classes else ()
        notes = table.notes
    if len(classes) == 1:
        raise DataError("target_one_class", column=data.columns[0], value=classes[0])
    one_for_all = blocks is not None or settings.networks == 1 or settings.time is not None
    if settings.validation == FOLDS and one_for_all:
        settings = replace(settings, validation=SHARE)
    settings = replace(settings, task=data.task)
    training, held_out = split(data, settings)
    file = settings.validation_file
    if file is not None:
        words = [column.name for column in training.inputs.columns if column.kind == "category"]
        words += data.columns if classes and isinstance(classes[0], str) else ()
        table = read_run_table(file, settings, words)
        held_out = run_data(table, settings, classes or None)
    notes = (*notes, *data.notes, *noticed(training, settings))
    files = [path] if file is None else [path, file]
    if settings.activation == (AUTO,):
        rows = len(training) if blocks is None else blocks.rows
        chosen = activation_for(rows, numbers=data.task == "regression")
        settings = replace(settings, activation=(type(chosen).__name__.lower(),))
    plan = RunPlan(
        settings, training, held_out, classes, checksum(*files), blocks=blocks, notes=notes
    )
    # What cannot be is refused here, and not where the training begins.
    require_loss(plan)
    recipe_of(estimator(plan, stop_metric(settings, len(classes))), settings.seed)
    return plan


def has_ended(folder: Path) -> bool:
    """Whether nothing is left to do of the run in a folder: neither to train, nor to report, where
    it can be. Raises FileError."""
    require_run(folder)
    before = newest_checkpoint(folder / CHECKPOINTS)
    names = (MODEL, REPORT) if is_installed("jinja2") else (MODEL,)
    # A solver that takes no steps has no checkpoints; what it was answered is gone at the end.
    return all((folder / name).is_file() for name in names) and (before is None or before.ended)


def resumed(folder: Path, plan: RunPlan | None = None) -> RunPlan:
    """The plan of a run that has not ended, with the checkpoint that it goes on from; `plan` is the
    one that its settings give, where it has been made.

    Raises FileError for a folder without a run, and where the data are not what they were.
    """
    require_run(folder)
    settings = read_settings(folder / SETTINGS)
    before = newest_checkpoint(folder / CHECKPOINTS)
    answered = data_of_log(folder / CHECKPOINTS / ANSWERS)
    plan = plan or plan_run(settings)
    data = answered if before is None else before.data
    if data is not None and plan.data != data:
        raise FileError("resume_data_changed", path=settings.data, folder=folder)
    if before is None:
        return plan
    return replace(plan, settings=replace(plan.settings, engine=before.engine), before=before)


def train_run(
    plan: RunPlan,
    folder: Path,
    watch: Watch = lambda _: False,
    fit: Fit | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> EndedRun:
    """Train, and write the model, the history and the settings into the folder, which is made where
    there is none once the first epoch has ended.

    watch  told of every epoch; True ends the training there, and the run can be gone on with
    fit    how the estimator is fitted, unless as the plan says
    stop   asked while a solver that takes no epochs is at work: True interrupts it there with a
           KeyboardInterrupt, and the run can be gone on with

    Raises DataError for a training that diverged before anything good came of it, FileError where
    the folder cannot be written: the checkpoints before stay.
    """
    settings, training = plan.settings, plan.training
    metric = stop_metric(settings, len(plan.classes))
    recorder = RunRecorder(folder, settings, metric, plan.data, watch, plan.before)
    model = estimator(plan, metric)
    log: EvaluationLog | None = None
    if settings.optimizer == "lbfgs":
        path = folder / CHECKPOINTS / ANSWERS
        log = EvaluationLog(path, plan.data, repr(settings), recorder.write_history, stop)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            (fit or partial(_fit, log=log))(model, plan, recorder)
        finally:
            if log is not None:
                log.close(ended=False)
    learned = model.learned_
    if learned.state is None:
        recorder.rows = _without_steps(learned.history.losses)
    settings = replace(
        settings, learning_rate=learned.rate, engine=recorder.engine or settings.engine
    )
    # As the run was in the end, however it was asked for.
    model.set_params(engine=settings.engine)
    if learned.rate is not None:
        model.set_params(learning_rate_init=learned.rate)
    run = Run(settings, model, RunHistory(tuple(recorder.rows)), folder)
    recorder.write()
    model.save(folder / MODEL, training.inputs, training.truth)
    write_settings(settings, folder / SETTINGS)
    if not recorder.was_ended:
        recorder.write(ended=True)
    if log is not None:
        log.close(ended=True)
    diverged = [one.message for one in caught if isinstance(one.message, DivergenceWarning)]
    refusals = [one.message for one in caught if isinstance(one.message, EngineWarning)]
    return EndedRun(
        run,
        divergence=diverged[0].event if diverged else None,
        is_whole=not recorder.was_ended,
        refusal=refusals[0] if refusals else None,
    )


def _fit(
    model: Any, plan: RunPlan, recorder: RunRecorder, log: EvaluationLog | None = None
) -> None:
    if plan.blocks is not None:
        fit_streamed(model, plan, recorder)
        return
    training, held_out = plan.training, plan.held_out
    model.fit_table(
        training.inputs,
        training.truth,
        training.columns,
        sample_weight=training.weight,
        groups=training.groups,
        validation_set=None if held_out is None else (held_out.inputs, held_out.truth),
        watch=recorder,
        begun=None if plan.before is None else plan.before.begun,
        log=log,
    )


def _without_steps(losses: Array) -> list[HistoryRow]:
    """The epochs of a solver that takes no steps: its iterations."""
    nan = float("nan")
    means = np.nanmean(losses, axis=1)
    return [HistoryRow(k + 1, float(loss), None, True, nan, nan) for k, loss in enumerate(means)]
