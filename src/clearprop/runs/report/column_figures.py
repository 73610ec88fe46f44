"""Columns in pictures: which of them the model uses, and what it makes of their values."""

from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import number, number_or_dash
from clearprop.drawing.charts import (
    Band,
    Columns,
    Curve,
    IntervalRow,
    Mark,
    Whiskers,
    chart,
    date_axis,
    date_text,
    interval_chart,
    name_axis,
    number_axis,
    share_axis,
    short_number,
)
from clearprop.drawing.pen.palette import SERIES
from clearprop.drawing.pen.scene import Scene
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget
from clearprop.runs.report.column_dependence import ColumnDependence
from clearprop.runs.report.report_figure import ReportFigure, cells, say, thinned
from clearprop.runs.report.run_findings import RunFindings
from clearprop.teaching.reports.page_table import PageTable

# Columns that have a bar, outputs that have a curve.
MOST_BARS, MOST_OUTPUTS = 20, 4


def importance_figure(findings: RunFindings, language: str) -> ReportFigure | None:
    """How much the error grows when a column is shuffled; None where no error is defined."""
    found = findings.importances
    if not found:
        return None
    tell = partial(say, language)
    key = "numbers" if isinstance(findings.target, NumberTarget) else "classes"
    shown = found[:MOST_BARS]
    rows = [IntervalRow(o.column, o.mean, o.mean - o.spread, o.mean + o.spread) for o in shown]
    ends = [v for row in rows for v in row[1:4]]
    told = tell("comma").join(f"{one.column} {number(one.mean, 3)}" for one in found[:5])
    panel = interval_chart(
        number_axis(ends, tell(f"importance.axis_{key}"), from_zero=True),
        rows,
        title=tell("importance.title"),
        description=tell("importance.description", told=told),
        language=language,
        bars=True,
    )
    head = tuple(tell(f"importance.{name}") for name in ("column", "mean", "spread", "repeats"))
    table = tuple(
        (one.column, number(one.mean), number_or_dash(one.spread, 2), f"{one.repeats}")
        for one in found
    )
    caption = tell(
        f"importance.caption_{key}",
        rows=f"{findings.shuffled_rows:,}",
        repeats=max(one.repeats for one in found),
    )
    if len(found) > len(shown):
        caption += tell("importance.some", count=len(shown), columns=len(found))
    if any(one.repeats == 1 for one in found) and found[0].repeats > 1:
        caption += tell("importance.once")
    numeric = frozenset({1, 2, 3})
    return ReportFigure("importance", (panel,), caption, PageTable(head, table, numeric))


def dependence_figure(findings: RunFindings, language: str) -> ReportFigure | None:
    """What is predicted on average along a column; None where no column has two values."""
    curves = findings.dependences
    if not curves:
        return None
    tell = partial(say, language)
    outputs = shown_outputs(findings.target, findings.judged.truth)
    names = output_names(findings.target)
    is_number = isinstance(findings.target, NumberTarget)
    panels = tuple(
        panel
        for curve in curves
        for panel in (
            [_panel(curve, [k], names, findings.target, language) for k in outputs]
            if is_number
            else [_panel(curve, outputs, names, findings.target, language)]
        )
    )
    head = (
        tell("dependence.column"),
        tell("dependence.value"),
        *(tell("dependence.mean", name=names[k]) for k in outputs),
    )
    rows = tuple(
        (curve.column, written, *cells(curve.mean[place, outputs], 4))
        for curve in curves
        for place, written in _written(curve, tell("nothing"))
    )
    caption = tell(
        "dependence.caption" if is_number or len(outputs) == 1 else "dependence.caption_classes",
        rows=f"{findings.curve_rows:,}",
    )
    if len(outputs) < len(names) and not _is_binary(findings.target):
        caption += tell("dependence.some", count=len(outputs))
    if any(curve.left_out for curve in curves):
        caption += tell("dependence.words")
    return ReportFigure(
        "dependence", panels, caption, PageTable(head, rows, frozenset(range(1, len(head))))
    )


def shown_outputs(target: TableTarget, truth: Array) -> list[int]:
    """The outputs that have a curve: the first numbers, the positive one of two classes, the most
    frequent classes or labels."""
    if isinstance(target, NumberTarget):
        return list(range(min(target.outputs, MOST_OUTPUTS)))
    if _is_binary(target):
        return [1]
    if isinstance(target, ClassTarget):
        counts = np.bincount(truth, minlength=len(target.classes))
    else:
        counts = truth.sum(axis=0)
    return sorted(np.argsort(-counts, kind="stable")[:MOST_OUTPUTS].tolist())


def output_names(target: TableTarget) -> tuple[str, ...]:
    """What is predicted, output by output: a column, or the class that a probability is of."""
    return tuple(map(str, target.classes if isinstance(target, ClassTarget) else target.columns))


def _is_binary(target: TableTarget) -> bool:
    return isinstance(target, ClassTarget) and len(target.classes) == 2


def _panel(
    curve: ColumnDependence,
    outputs: list[int],
    names: tuple[str, ...],
    target: TableTarget,
    language: str,
) -> Scene:
    tell = partial(say, language)
    alone = len(outputs) == 1
    marks: list[Mark] = []
    for k, role in zip(outputs, SERIES, strict=False):
        name = "" if alone else names[k]
        if curve.kind == "category":
            spread = (curve.low[:, k], curve.high[:, k])
            nothing = np.full(len(curve.values), np.nan)
            low, high = spread if alone else (nothing, nothing)
            # Of several classes the points of one word stand beside one another.
            apart = 0.0 if alone else 0.16 * (outputs.index(k) - (len(outputs) - 1) / 2)
            marks.append(Whiskers(curve.values + apart, curve.mean[:, k], low, high, role, name))
        else:
            if alone:
                marks.append(Band(curve.values, curve.low[:, k], curve.high[:, k]))
            marks.append(Curve(curve.values, curve.mean[:, k], role, name, width=2.2))
    mean = curve.mean[:, outputs[0]]
    at = [written for _, written in _written(curve, tell("nothing"))]
    description = tell(
        "dependence.description",
        name=names[outputs[0]],
        column=curve.column,
        first=at[0],
        last=at[-1],
        from_value=number(mean[0], 3),
        to_value=number(mean[-1], 3),
        least=number(mean.min(), 3),
        most=number(mean.max(), 3),
    )
    several = isinstance(target, NumberTarget) and target.outputs > 1
    title = tell("dependence.of", name=names[outputs[0]], column=curve.column)
    label = names[outputs[0]] if alone else tell("dependence.probability")
    if not isinstance(target, NumberTarget) and alone:
        label = tell("dependence.probability_of", name=names[outputs[0]])
    if isinstance(target, NumberTarget):
        told = [curve.low[:, outputs], curve.high[:, outputs]]
        y = number_axis(np.concatenate(told).ravel(), label)
    else:
        y = share_axis(label)
    if curve.kind == "category":
        x = name_axis([word or tell("nothing") for word in curve.words], "")
    elif curve.kind == "date":
        x = date_axis(curve.edges, "")
    else:
        x = number_axis(curve.edges, "")
    return chart(
        x,
        y,
        marks,
        title=title if several else curve.column,
        description=description,
        language=language,
        strip=Columns(curve.edges, curve.counts, "muted"),
    )


def _written(curve: ColumnDependence, nothing: str) -> list[tuple[int, str]]:
    """Places along the curve with what stands there; `nothing` is a missing word."""
    if curve.kind == "category":
        return [(k, word or nothing) for k, word in enumerate(curve.words)]
    places = thinned(len(curve.values))
    if curve.kind == "date":
        span = float(np.ptp(curve.values))
        return [(k, date_text(float(curve.values[k]), span)) for k in places]
    return [(k, short_number(float(curve.values[k]))) for k in places]
