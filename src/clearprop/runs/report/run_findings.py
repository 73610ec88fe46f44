"""Everything that a report tells of a run, as numbers."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.engine.losses import Pinball
from clearprop.estimators.intervals import Bounds
from clearprop.estimators.learning import Learned
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget
from clearprop.reading.health import Examination
from clearprop.runs.report.column_dependence import ColumnDependence, column_dependence
from clearprop.runs.report.column_importance import (
    ColumnImportance,
    column_blocks,
    column_importances,
)
from clearprop.runs.report.error_breakdown import (
    GroupErrors,
    RowErrors,
    TimeError,
    days_of,
    errors_by_group,
    errors_by_time,
    row_errors,
)
from clearprop.runs.report.judged_rows import JudgedRows, judged_rows, learned_rows
from clearprop.runs.report.model_scores import ModelScores, model_scores
from clearprop.runs.report.network_health import MOST_ROWS, networks_health
from clearprop.runs.report.reliability import (
    IntervalCoverage,
    ReliabilityBin,
    interval_coverage,
    reliability,
)
from clearprop.runs.report.simple_models import LearningRows, SimpleModels, simple_models
from clearprop.runs.report.threshold_curves import ThresholdCurves, threshold_curves
from clearprop.runs.run_data import RunData
from clearprop.runs.run_folder import Run
from clearprop.runs.weighted_metrics import class_losses, label_measures, number_measures

# Rows that columns are shuffled in, rows whose curves are averaged, and columns that have a curve.
SHUFFLED_ROWS, CURVE_ROWS, CURVES = 1000, 250, 6
# With more features than this fewer rows are looked at, so that the time stays the same.
USUAL_FEATURES = 40
# Classes or labels that have a curve of their own.
MOST_CURVES = 6
# Fewer rows than this teach nothing about intervals.
LEAST_FOR_INTERVALS = 30


@dataclass(frozen=True, eq=False)
class RunFindings:
    """What is told of a run.

    training, judged   the rows that were learned from, or a sample of them, and those that it is
                       judged on
    trained_rows       how many were learned from
    said               what was said of the judged rows: numbers or probabilities (N, D)
    scores             beside the simple models', for each column of numbers
    importances        the largest first; empty where the target never differs
    dependences        of the most important columns
    reliability        (name, bins): of the positive class, of each label, or of the likeliest class
    coverage           of intervals, for each column of numbers; empty where there are too few rows
    thresholds         of the positive class, or of the most frequent classes or labels
    errors             what is wrong in each row, by which groups and times are told apart
    health             what each of the networks was found to suffer from
    """

    run: Run
    training: RunData
    trained_rows: int
    judged: JudgedRows
    said: Array
    simple: SimpleModels
    scores: tuple[ModelScores, ...]
    importances: tuple[ColumnImportance, ...]
    shuffled_rows: int
    dependences: tuple[ColumnDependence, ...]
    curve_rows: int
    reliability: tuple[tuple[str, tuple[ReliabilityBin, ...]], ...]
    coverage: tuple[tuple[IntervalCoverage, ...], ...]
    thresholds: tuple[ThresholdCurves, ...]
    errors: RowErrors
    groups: GroupErrors | None
    times: tuple[TimeError, ...]
    health: tuple[Examination, ...]

    @property
    def target(self) -> TableTarget:
        """What is predicted."""
        learned: Learned = self.run.model.learned_
        return learned.target


def run_findings(
    run: Run, training: RunData, held_out: RunData | None, trained_rows: int | None = None
) -> RunFindings:
    """Look at a run from all sides. The arguments are those of `write_report`.

    A metric that numbers are too large for is not defined, and no warning.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _findings(run, training, held_out, trained_rows)


def _findings(
    run: Run, training: RunData, held_out: RunData | None, trained_rows: int | None
) -> RunFindings:
    model, learned = run.model, run.model.learned_
    training = _weighed(model, training)
    target: TableTarget = learned.target
    judged = judged_rows(model, training, held_out)
    said = judged.predict(judged.features)
    learned_from = learned_rows(learned, training)
    simple = _simple(model, judged, learned_from)
    errors = row_errors(target, judged.truth, said, judged.weight)
    shuffled = judged.sample(_rows(SHUFFLED_ROWS, judged), "shuffled")
    importances = _importances(model, shuffled)
    curve_rows = judged.sample(_rows(CURVE_ROWS, judged), "curves")
    data = judged.data
    return RunFindings(
        run=run,
        training=learned_from,
        trained_rows=trained_rows or len(learned_from),
        judged=judged,
        said=said,
        simple=simple,
        scores=model_scores(target, judged.truth, judged.weight, said, simple),
        importances=importances,
        shuffled_rows=len(shuffled),
        dependences=_dependences(model, curve_rows, importances, learned_from),
        curve_rows=len(curve_rows),
        reliability=_reliability(target, judged, said),
        coverage=_coverage(judged),
        thresholds=_thresholds(target, judged, said),
        errors=errors,
        groups=None if data.groups is None else errors_by_group(errors, data.groups),
        times=() if data.times is None else errors_by_time(errors, days_of(data.times)),
        health=_health(model, learned_from),
    )


def _weighed(model: Any, training: RunData) -> RunData:
    """The rows without those of classes of the weight 0, which the fit left out."""
    weights = model.class_weight if isinstance(model.class_weight, dict) else {}
    without = [name for name, weight in weights.items() if weight == 0]
    return training.take(~np.isin(training.truth, without)) if without else training


def _rows(most: int, judged: JudgedRows) -> int:
    return max(100, int(most * min(1.0, USUAL_FEATURES / max(judged.features.shape[1], 1))))


def _simple(model: Any, judged: JudgedRows, learned_from: RunData) -> SimpleModels:
    learned: Learned = model.learned_
    own = LearningRows(judged.features, judged.truth, judged.weight)
    if judged.judging == "folds":
        return simple_models(learned.target, own, judged.features, judged.owner)
    if judged.judging == "held_out":
        data = _sampled(learned_from, 5000)
        truth: Array = data.truth
        if isinstance(learned.target, ClassTarget):
            truth = learned.target.encode(truth, np.int64).reshape(-1)
        weight = np.ones(len(data)) if data.weight is None else data.weight
        own = LearningRows(model.preparation_.matrix(data.inputs), truth, weight)
    return simple_models(learned.target, own, judged.features)


def _sampled(data: RunData, most: int) -> RunData:
    if len(data) <= most:
        return data
    return data.take(np.sort(keyed_generator(0, path="sample").permutation(len(data))[:most]))


def _importances(model: Any, rows: JudgedRows) -> tuple[ColumnImportance, ...]:
    target: TableTarget = rows.learned.target
    weight = rows.weight[None]

    def error(said: Array) -> float:
        if isinstance(target, ClassTarget):
            return float(np.average(class_losses(rows.truth, said), weights=rows.weight))
        if not isinstance(target, NumberTarget):
            return float(label_measures(rows.truth, said)(weight)["log_loss"][0])
        every = [
            float(number_measures(rows.truth[:, k], said[:, k])(weight)["r2"][0])
            for k in range(target.outputs)
        ]
        return 1 - float(np.mean(every))

    if not np.isfinite(error(rows.predict(rows.features))):
        return ()
    blocks = column_blocks(model.preparation_)
    return column_importances(rows.predict, rows.features, blocks, error)


def _dependences(
    model: Any, rows: JudgedRows, importances: tuple[ColumnImportance, ...], training: RunData
) -> tuple[ColumnDependence, ...]:
    blocks = column_blocks(model.preparation_)
    prepared = {one.column: one for one in model.preparation_.inputs}
    names = [one.column for one in importances] or list(blocks)
    curves = (
        column_dependence(
            rows.predict,
            rows.features,
            blocks[name],
            prepared[name],
            training.inputs[name],
        )
        for name in names[:CURVES]
    )
    return tuple(curve for curve in curves if curve is not None)


def _reliability(
    target: TableTarget, judged: JudgedRows, said: Array
) -> tuple[tuple[str, tuple[ReliabilityBin, ...]], ...]:
    bins = partial(reliability, weight=judged.weight)
    if isinstance(target, NumberTarget):
        return ()
    if not isinstance(target, ClassTarget):
        return tuple(
            (name, bins(said[:, k], judged.truth[:, k])) for k, name in enumerate(target.columns)
        )
    if len(target.classes) == 2:
        return ((str(target.classes[1]), bins(said[:, 1], judged.truth == 1)),)
    return (("", bins(said.max(axis=1), said.argmax(axis=1) == judged.truth)),)


def _thresholds(
    target: TableTarget, judged: JudgedRows, said: Array
) -> tuple[ThresholdCurves, ...]:
    if isinstance(target, NumberTarget):
        return ()
    if isinstance(target, ClassTarget):
        names = tuple(map(str, target.classes))
        truth = np.arange(len(names)) == judged.truth[:, None]
    else:
        names, truth = target.columns, judged.truth == 1
    if isinstance(target, ClassTarget) and len(names) == 2:
        places = [1]
    else:
        places = sorted(np.argsort(-truth.sum(axis=0), kind="stable")[:MOST_CURVES].tolist())
    curves = (threshold_curves(names[k], said[:, k], truth[:, k], judged.weight) for k in places)
    return tuple(one for one in curves if one is not None)


def _coverage(judged: JudgedRows) -> tuple[tuple[IntervalCoverage, ...], ...]:
    target = judged.learned.target
    is_quantiles = isinstance(judged.learned.loss, Pinball) and target.outputs > 1
    if (
        not isinstance(target, NumberTarget)
        or is_quantiles
        or judged.judging == "training"
        or len(judged) < LEAST_FOR_INTERVALS
    ):
        return ()
    members = judged.learned.members(judged.features)
    said = judged.predict(judged.features)
    bounds = Bounds(said, said, said, members.std(axis=0))
    return interval_coverage(bounds, judged.truth)


def _health(model: Any, training: RunData) -> tuple[Examination, ...]:
    data = _sampled(training, MOST_ROWS)
    return networks_health(model.learned_, model.preparation_.matrix(data.inputs), data.truth)
