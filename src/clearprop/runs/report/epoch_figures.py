"""The training in pictures: losses and held-out scores of every network, and the rate."""

from functools import partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import number, number_or_dash
from clearprop.drawing.charts import (
    ChartAxis,
    Curve,
    Guide,
    Mark,
    Whiskers,
    chart,
    log_axis,
    number_axis,
    whole_axis,
)
from clearprop.drawing.pen.scene import Scene
from clearprop.estimators.table_targets import ClassTarget
from clearprop.runs.report.report_figure import ReportFigure, say, thinned
from clearprop.runs.report.run_findings import RunFindings
from clearprop.runs.stopping import stop_metric
from clearprop.teaching.reports.page_table import PageTable

# A range of more than this is shown on a logarithmic axis.
WIDE = 8.0
# Networks that are drawn one by one.
MOST_NETWORKS = 16


def training_figure(findings: RunFindings, language: str) -> ReportFigure | None:
    """Losses, held-out scores and rates, epoch by epoch; None of a run without epochs."""
    history = findings.run.history.rows
    if not history:
        return None
    tell = partial(say, language)
    learned = findings.run.model.learned_
    epochs = np.array([row.epoch for row in history])
    losses = np.array([row.loss for row in history])
    scores = np.array([np.nan if row.score is None else row.score for row in history])
    rates = np.array([row.rate for row in history])
    best = findings.run.history.best
    target = findings.target
    classes = len(target.classes) if isinstance(target, ClassTarget) else 0
    metric = stop_metric(findings.run.settings, classes)
    own = _of_networks(learned.history.losses, len(history))
    own_scores = _of_networks(learned.history.scores, len(history))
    if own_scores is not None and metric.more_is_better:
        own_scores = -own_scores
    panels = [_panel(epochs, losses, own, None, tell("training.loss"), language)]
    if np.isfinite(scores).any():
        judged_by = tell("training.loss") if metric.scorer is None else metric.name
        told = tell("training.held_out", metric=judged_by)
        bests = None
        if own_scores is not None and len(learned.epoch) == own_scores.shape[1]:
            bests = np.minimum(np.asarray(learned.epoch), len(history) - 1)
        at = None if best is None else best.epoch
        panels.append(_panel(epochs, scores, own_scores, at, told, language, bests))
    if np.ptp(rates) > 0:
        panels.append(_panel(epochs, rates, None, None, tell("training.rate"), language))
    head = tuple(tell(f"training.head.{name}") for name in ("epoch", "loss", "score", "rate"))
    rows = tuple(
        (
            f"{epochs[k]}",
            number(losses[k]),
            number_or_dash(scores[k]),
            number(rates[k]),
        )
        for k in thinned(len(history))
    )
    key = "training.caption" if own is not None and own.shape[1] > 1 else "training.caption_one"
    count = 1 if own is None else own.shape[1]
    return ReportFigure(
        "training",
        tuple(panels),
        tell(key, count=count),
        PageTable(head, rows, frozenset(range(4))),
    )


def _of_networks(values: Array, epochs: int) -> Array | None:
    """The networks' own curves (epochs, K), if the model has those of all epochs."""
    if len(values) != epochs or not 1 < values.shape[1] <= MOST_NETWORKS:
        return None
    return values


def _panel(
    epochs: Array,
    mean: Array,
    own: Array | None,
    best: int | None,
    title: str,
    language: str,
    bests: Array | None = None,
) -> Scene:
    tell = partial(say, language)
    every = mean if own is None else np.concatenate([mean, own.ravel()])
    axis = _axis(every)
    marks: list[Mark] = []
    if own is not None:
        names = [tell("training.each"), *[""] * (own.shape[1] - 1)]
        marks += [
            Curve(epochs, own[:, k], "muted", names[k], width=0.7, says=tell("network", number=k))
            for k in range(own.shape[1])
        ]
    name = tell("training.mean") if own is not None else ""
    marks.append(Curve(epochs, mean, "series1", name, width=2.4))
    if bests is not None and own is not None:
        at = own[bests, np.arange(own.shape[1])]
        nothing = np.full(len(at), np.nan)
        places = epochs[bests]
        marks.append(Whiskers(places, at, nothing, nothing, "series2", tell("training.bests")))
    if best is not None:
        ends = (float(best), axis.low), (float(best), axis.high)
        marks.append(Guide(*ends, "accent", tell("training.best", epoch=best)))
    finite = mean[np.isfinite(mean)]
    first, last = (finite[0], finite[-1]) if len(finite) else (np.nan, np.nan)
    description = tell("training.description", title=title, first=number(first), last=number(last))
    if best is not None:
        description += tell("training.description_best", epoch=best)
    x = whole_axis(int(epochs[-1]), tell("training.head.epoch"))
    return chart(x, axis, marks, title=title, description=description, language=language)


def _axis(values: Array) -> ChartAxis:
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() / finite.min() > WIDE:
        return log_axis(finite, "")
    return number_axis(finite, "")
