"""How good predictions are: the field's metrics with intervals, and a constant beside them.

Nothing but the truth and what was predicted of it is needed. The baseline is the best constant that
could be said of these very rows: their mean, or the shares of their classes. A model that is not
better has learned nothing of use here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.errors import DataError
from clearprop.base.numbers import number
from clearprop.base.text_tables import fitted, wrapped
from clearprop.reading.document import Document
from clearprop.runs.bootstrap import WITHOUT_INTERVAL, defined, draws_for, estimates
from clearprop.runs.weighted_metrics import (
    Measures,
    class_measures,
    interval_measures,
    label_measures,
    number_measures,
)

# What is told of every group in words; --json has all of it.
IN_SHORT = {
    "regression": ("rmse", "mae", "bias"),
    "classification": ("accuracy", "log_loss", "f1_macro"),
    "multilabel": ("exact_match", "log_loss", "f1_macro"),
}

say = messages.within("evaluation")


class Groups(NamedTuple):
    """The group (N,) of every row, as text, and the groups in the order in which they are told."""

    names: Array
    order: tuple[str, ...]

    def each(self) -> Iterator[tuple[str, Array]]:
        """Every group with its rows, (N,) booleans."""
        for name in self.order:
            yield name, np.asarray(self.names == name)


@dataclass(frozen=True)
class MetricValue:
    """A metric, its interval, and what the baseline has; None where one is not defined."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    baseline: float | None


@dataclass(frozen=True)
class GroupMetrics:
    """The metrics of the rows of one group."""

    group: str
    rows: int
    metrics: tuple[MetricValue, ...]


@dataclass(frozen=True)
class TargetMetrics:
    """The metrics of one column, or of all labels together."""

    target: str
    metrics: tuple[MetricValue, ...]
    groups: tuple[GroupMetrics, ...]


@dataclass(frozen=True)
class Evaluation(Document):
    """What predictions are worth.

    task      "regression", "classification" or "multilabel"
    rows      how many were judged
    weighted  whether they count differently
    level     of the intervals, and how many resamples they are from
    group     the column whose groups are told apart, None where none is
    interval  the level of the predictions' own intervals, None where there are none
    """

    task: str
    rows: int
    weighted: bool
    level: float
    draws: int
    group: str | None
    interval: float | None
    targets: tuple[TargetMetrics, ...]

    def text(self, language: str = "en", width: int | None = None) -> str:
        """Tables and sentences in `language`, at most `width` columns wide."""
        lines: list[str] = []
        for one in self.targets:
            key = "title_weighted" if self.weighted else "title"
            title = say(language, key, target=one.target, rows=f"{self.rows:,}")
            lines += [*_wrapped(title, width), "", *self._table(one, language, width), ""]
            if one.groups:
                title = say(language, "groups", column=self.group)
                lines += [*_wrapped(title, width), "", *self._groups(one, language, width), ""]
        level = f"{self.level:.0%}".replace("%", " %")
        notes = say(language, "notes", level=level, draws=f"{self.draws:,}")
        return "\n".join([*lines, *_wrapped(notes, width)])

    def _table(self, one: TargetMetrics, language: str, width: int | None) -> list[str]:
        head = [say(language, f"head.{name}") for name in ("metric", "value", "interval")]
        head.append(say(language, f"baseline.{self.task}"))
        return fitted([head, *(self._row(metric, language) for metric in one.metrics)], width)

    def _row(self, metric: MetricValue, language: str) -> list[str]:
        name = say(language, f"metric.{metric.name}", level=f"{100 * (self.interval or 0):g}")
        return [name, _shown(metric.value), _range(metric, language), _shown(metric.baseline)]

    def _groups(self, one: TargetMetrics, language: str, width: int | None) -> list[str]:
        short = IN_SHORT[self.task]
        heads = [say(language, f"short.{name}") for name in short]
        heads.insert(1, say(language, "head.interval"))
        rows = [[str(self.group), say(language, "head.rows"), *heads]]
        for group in one.groups:
            found = {metric.name: metric for metric in group.metrics}
            cells = [_shown(found[name].value) for name in short]
            cells.insert(1, _range(found[short[0]], language))
            rows.append([group.group, f"{group.rows:,}", *cells])
        return fitted(rows, width)


def evaluate(
    task: str,
    truth: Array,
    said: Array,
    *,
    columns: Sequence[str],
    weight: Array | None = None,
    groups: Groups | None = None,
    group: str | None = None,
    bounds: tuple[Array, Array, float] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Evaluation:
    """Judge predictions.

    task    says what truth and said are: "regression", numbers (N, D) both; "classification", ids
            (N,) and probabilities (N, classes); "multilabel", 0 or 1 and probabilities, both (N, D)
    columns what the target's columns are called
    weight  (N,) how much each row counts; all the same unless told otherwise
    groups  the group of every row; `group` is the column that they come from
    bounds  the lower and the upper bounds (N, D) of the predictions, and their level
    level   of the metrics' intervals; `seed` is that of their resamples

    Raises DataError where there are no rows, or none that counts.
    """
    weight = np.ones(len(truth)) if weight is None else weight
    if not (weight > 0).any():
        raise DataError("evaluation_rows")
    together = task == "regression"
    targets = []
    for place, column in enumerate(columns if together else [", ".join(columns)]):
        rows = _Rows(
            task,
            truth[:, place] if together else truth,
            said[:, place] if together else said,
            None if bounds is None else (bounds[0][:, place], bounds[1][:, place]),
        )
        by_group = []
        for name, members in [] if groups is None else groups.each():
            if (weight[members] > 0).any():
                metrics = rows.take(members).metrics(weight[members], level, seed)
                by_group.append(GroupMetrics(name, int(members.sum()), metrics))
        metrics = rows.metrics(weight, level, seed)
        targets.append(TargetMetrics(column, metrics, tuple(by_group)))
    return Evaluation(
        task=task,
        rows=len(truth),
        weighted=bool((weight != weight[0]).any()),
        level=level,
        draws=draws_for(len(truth), 1 if task == "regression" else said.shape[-1]),
        group=group,
        interval=None if bounds is None else bounds[2],
        targets=tuple(targets),
    )


def constant_baseline(task: str, truth: Array, weight: Array, classes: int = 0) -> Array:
    """The best constant: the mean () or (D,) of numbers or labels, or the shares (classes,)."""
    if task == "classification":
        shares: Array = np.bincount(truth, weight, classes) / weight.sum()
        return shares
    mean: Array = np.average(truth, axis=0, weights=weight)
    return mean


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of one target: numbers (N,), or what several classes or labels have."""

    task: str
    truth: Array
    said: Array
    bounds: tuple[Array, Array] | None

    def take(self, rows: Array) -> "_Rows":
        bounds = None if self.bounds is None else (self.bounds[0][rows], self.bounds[1][rows])
        return _Rows(self.task, self.truth[rows], self.said[rows], bounds)

    def metrics(self, weight: Array, level: float, seed: int) -> tuple[MetricValue, ...]:
        classes = 1 if self.task == "regression" else self.said.shape[-1]
        found = estimates(
            self._measures(self.said), weight, level=level, seed=seed, classes=classes
        )
        if self.bounds is not None:
            of_bounds = interval_measures(self.truth, *self.bounds)
            found |= estimates(of_bounds, weight, level=level, seed=seed)
        constant = constant_baseline(self.task, self.truth, weight, classes)
        measured = self._measures(np.broadcast_to(constant, self.said.shape))(weight[None])
        # A mean is off by rounding.
        least = 1e-12 * float(measured.get("rmse", np.ones(1))[0])
        baseline = {
            name: defined(0.0 if abs(one[0]) < least else float(one[0]))
            for name, one in measured.items()
        }
        return tuple(MetricValue(name, *one, baseline.get(name)) for name, one in found.items())

    def _measures(self, said: Array) -> Measures:
        if self.task == "regression":
            return number_measures(self.truth, said)
        if self.task == "classification":
            return class_measures(self.truth, said)
        return label_measures(self.truth, said)


def _wrapped(sentence: str, width: int | None) -> list[str]:
    return [sentence] if width is None else wrapped(sentence, width)


def _shown(value: float | None) -> str:
    return "—" if value is None else number(value)


def _range(metric: MetricValue, language: str) -> str:
    if metric.low is None or metric.high is None:
        return "" if metric.name in WITHOUT_INTERVAL else "—"
    return say(language, "range", low=number(metric.low), high=number(metric.high))
