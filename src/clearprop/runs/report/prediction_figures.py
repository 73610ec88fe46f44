"""Predictions in pictures: against the truth and what is left of it, the confusion of classes, and
what every threshold gives."""

from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import number, percent
from clearprop.drawing.charts import (
    Cloud,
    Columns,
    Curve,
    Guide,
    Mark,
    chart,
    matrix_chart,
    number_axis,
    share_axis,
)
from clearprop.drawing.pen.palette import SERIES
from clearprop.drawing.pen.scene import Scene
from clearprop.estimators.table_targets import ClassTarget, NumberTarget
from clearprop.runs.report.judged_rows import JudgedRows
from clearprop.runs.report.report_figure import ReportFigure, cells, say
from clearprop.runs.report.run_findings import RunFindings
from clearprop.runs.report.threshold_curves import ThresholdCurves
from clearprop.teaching.reports.page_table import PageTable

# Points in a cloud, columns of numbers that have a figure, classes that have a row in a matrix.
MOST_POINTS, MOST_COLUMNS, MOST_CLASSES = 600, 6, 20
BINS = 24
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def prediction_figures(findings: RunFindings, language: str) -> list[ReportFigure]:
    """The figures that a task has."""
    target = findings.target
    if isinstance(target, NumberTarget):
        return [
            _numbers(findings, k, name, language)
            for k, name in enumerate(target.columns[:MOST_COLUMNS])
        ]
    figures = []
    if isinstance(target, ClassTarget):
        figures.append(_confusion(findings, target, language))
    else:
        figures.append(_label_confusions(findings, language))
    if findings.thresholds:
        figures.append(_thresholds(findings.thresholds, language))
    return figures


def _numbers(findings: RunFindings, column: int, name: str, language: str) -> ReportFigure:
    tell = partial(say, language)
    judged = findings.judged
    truth, said = judged.truth[:, column], findings.said[:, column]
    left = said - truth
    shown = _shown(judged)
    t, y, r = truth[shown], said[shown], left[shown]
    both = np.concatenate([t, y])
    ends = float(both.min()), float(both.max())
    low, middle, high = (number(value, 3) for value in np.quantile(left, (0.05, 0.5, 0.95)))
    numbers = {"low": low, "middle": middle, "high": high}
    against = chart(
        number_axis(both, tell("predicted.said")),
        number_axis(both, tell("predicted.true")),
        [
            Guide((ends[0], ends[0]), (ends[1], ends[1]), name=tell("predicted.exact")),
            Cloud(y, t),
        ],
        title=tell("predicted.against", column=name),
        description=tell("predicted.against_description", column=name, **numbers),
        language=language,
    )
    residuals = chart(
        number_axis(y, tell("predicted.said")),
        number_axis(r, tell("predicted.residual"), from_zero=True),
        [Guide((float(y.min()), 0.0), (float(y.max()), 0.0)), Cloud(y, r)],
        title=tell("predicted.residuals", column=name),
        description=tell("predicted.residuals_description", **numbers),
        language=language,
    )
    counts, edges = np.histogram(left, BINS) if np.ptp(left) else (np.array([len(left)]), None)
    if edges is None:
        edges = np.array([left[0] - 0.5, left[0] + 0.5])
    spread = chart(
        number_axis(edges, tell("predicted.residual")),
        number_axis(counts, tell("rows"), from_zero=True),
        [Columns(edges, counts)],
        title=tell("predicted.spread", column=name),
        description=tell("predicted.spread_description", **numbers),
        language=language,
    )
    caption = tell("predicted.caption", column=name, rows=f"{len(judged):,}")
    if len(shown) < len(judged):
        caption += tell("predicted.some", count=len(shown))
    head = (tell("predicted.head"), *(f"{100 * q:g} %" for q in QUANTILES))
    rows = (
        (tell("predicted.true"), *cells(np.quantile(truth, QUANTILES))),
        (tell("predicted.said"), *cells(np.quantile(said, QUANTILES))),
        (tell("predicted.residual"), *cells(np.quantile(left, QUANTILES))),
    )
    table = PageTable(head, rows, frozenset(range(1, len(head))))
    return ReportFigure(f"predicted-{column}", (against, residuals, spread), caption, table)


def _shown(judged: JudgedRows) -> Array:
    every = np.linspace(0, len(judged) - 1, min(MOST_POINTS, len(judged)))
    return np.unique(every.round().astype(int))


def _confusion(findings: RunFindings, target: ClassTarget, language: str) -> ReportFigure:
    tell = partial(say, language)
    truth, said = findings.judged.truth, findings.said.argmax(axis=1)
    classes = len(target.classes)
    counts = np.bincount(truth * classes + said, minlength=classes**2).reshape(classes, classes)
    names = list(map(str, target.classes))
    chosen = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CLASSES])
    names, counts = [names[k] for k in chosen], counts[np.ix_(chosen, chosen)]
    panels = [_matrix(counts, names, tell("confusion.title", column=target.column), language)]
    said_right = np.diag(counts)
    recall = said_right / np.maximum(counts.sum(axis=1), 1)
    precision = said_right / np.maximum(counts.sum(axis=0), 1)
    head = (
        tell("confusion.true"),
        *(tell("confusion.said_as", name=name) for name in names),
        tell("thresholds.recall"),
        tell("thresholds.precision"),
    )
    rows = tuple(
        (name, *(f"{value:,}" for value in row), percent(recall[k]), percent(precision[k]))
        for k, (name, row) in enumerate(zip(names, counts, strict=True))
    )
    caption = tell("confusion.caption")
    if classes > len(names):
        caption += tell("confusion.some", count=len(names), classes=classes)
    table = PageTable(head, rows, frozenset(range(1, len(head))))
    return ReportFigure("confusion", tuple(panels), caption, table)


def _matrix(counts: Array, names: list[str], title: str, language: str) -> Scene:
    tell = partial(say, language)
    right, total = int(np.trace(counts)), int(counts.sum())
    return matrix_chart(
        counts,
        names,
        title=title,
        rows=tell("confusion.rows"),
        columns=tell("confusion.columns"),
        description=tell("confusion.description", right=right, total=total),
        language=language,
    )


def _label_confusions(findings: RunFindings, language: str) -> ReportFigure:
    tell = partial(say, language)
    truth, said = findings.judged.truth == 1, findings.said > 0.5
    columns = findings.target.columns  # type: ignore[union-attr]
    panels, rows = [], []
    yes_no = [tell("confusion.no"), tell("confusion.yes")]
    for k, name in enumerate(columns):
        pairs = truth[:, k].astype(int) * 2 + said[:, k]
        counts = np.bincount(pairs, minlength=4).reshape(2, 2)
        if k < MOST_COLUMNS:
            title = tell("confusion.title", column=name)
            panels.append(_matrix(counts, yes_no, title, language))
        hit = int(counts[1, 1])
        rows.append(
            (
                name,
                *(f"{value:,}" for value in counts.ravel()),
                percent(hit / max(int(counts[1].sum()), 1)),
                percent(hit / max(int(counts[:, 1].sum()), 1)),
            )
        )
    keys = ("label", "right_no", "wrong_yes", "wrong_no", "right_yes")
    head = tuple(tell(f"confusion.head.{key}") for key in keys)
    head += (tell("thresholds.recall"), tell("thresholds.precision"))
    table = PageTable(head, tuple(rows), frozenset(range(1, len(head))))
    return ReportFigure("confusion", tuple(panels), tell("confusion.caption_labels"), table)


def _thresholds(curves: tuple[ThresholdCurves, ...], language: str) -> ReportFigure:
    tell = partial(say, language)
    roc: list[Mark] = [Guide((0.0, 0.0), (1.0, 1.0), name=tell("thresholds.chance"))]
    precision: list[Mark] = []
    for one, role in zip(curves, SERIES, strict=False):
        area, average = number(one.roc_auc, 3), number(one.average_precision, 3)
        roc.append(Curve(one.false_alarms, one.recall, role, f"{one.name} ({area})", says=one.name))
        precision.append(
            Curve(one.recall, one.precision, role, f"{one.name} ({average})", says=one.name)
        )
        precision.append(Guide((0.0, one.share), (1.0, one.share), role))
    told = tell("comma").join(f"{one.name} {number(one.roc_auc, 3)}" for one in curves)
    told_precision = tell("comma").join(
        f"{one.name} {number(one.average_precision, 3)}" for one in curves
    )
    panels = (
        chart(
            share_axis(tell("thresholds.false_alarms")),
            share_axis(tell("thresholds.recall")),
            roc,
            title=tell("thresholds.roc"),
            description=tell("thresholds.roc_description", areas=told),
            language=language,
        ),
        chart(
            share_axis(tell("thresholds.recall")),
            share_axis(tell("thresholds.precision")),
            precision,
            title=tell("thresholds.precision_recall"),
            description=tell("thresholds.precision_description", averages=told_precision),
            language=language,
        ),
    )
    keys = ("class", "threshold", "recall", "false_alarms", "precision")
    head = tuple(tell(f"thresholds.{key}") for key in keys)
    rows = tuple(
        (one.name, f"{point.threshold:g}", *map(percent, point[1:]))
        for one in curves
        for point in one.points
    )
    table = PageTable(head, rows, frozenset(range(1, 5)))
    return ReportFigure("thresholds", panels, tell("thresholds.caption"), table)
