"""Where predictions can be trusted: calibration, and errors by group and along time."""

from functools import partial

from clearprop.base import messages
from clearprop.base.numbers import number, percent
from clearprop.drawing.charts import (
    Curve,
    Guide,
    IntervalRow,
    Mark,
    Whiskers,
    chart,
    date_axis,
    date_text,
    interval_chart,
    number_axis,
    share_axis,
    short_number,
)
from clearprop.drawing.pen.scene import Scene
from clearprop.estimators.table_targets import NumberTarget
from clearprop.runs.report.error_breakdown import GroupError
from clearprop.runs.report.model_scores import LESS_IS_BETTER, ModelScores
from clearprop.runs.report.reliability import IntervalCoverage, ReliabilityBin
from clearprop.runs.report.report_figure import (
    ReportFigure,
    cells,
    estimate_text,
    metric_name,
    or_nan,
    say,
)
from clearprop.runs.report.run_findings import RunFindings
from clearprop.teaching.reports.page_table import PageTable

# Columns and labels that have a picture of their own.
MOST_PANELS = 6


def score_figure(findings: RunFindings, language: str) -> ReportFigure:
    """The network beside the linear model and the constant, by the first metrics of the task."""
    tell = partial(say, language)
    panels: list[Scene] = []
    rows: list[tuple[str, ...]] = []
    several = len(findings.scores) > 1
    for scores in findings.scores:
        first = scores.rows[: 1 if several else 2]
        panels += [_score_panel(scores, row.metric, language) for row in first]
        for row in scores.rows:
            name = metric_name(language, row.metric)
            told = [estimate_text(one, language) for one in (row.network, row.linear, row.constant)]
            rows.append((*((scores.column,) if several else ()), name, *told))
    heads = ["column"] if several else []
    heads += ["metric", "network", "linear", _constant_key(findings)]
    head = tuple(tell(f"scores.{key}") for key in heads)
    numeric = frozenset(range(len(head) - 3, len(head)))
    return ReportFigure(
        "scores",
        tuple(panels[:MOST_PANELS]),
        tell("scores.caption", draws=f"{findings.scores[0].draws:,}"),
        PageTable(head, tuple(rows), numeric),
    )


def calibration_figure(findings: RunFindings, language: str) -> ReportFigure | None:
    """Of probabilities, what came true of them; of numbers, what lies within their intervals."""
    if isinstance(findings.target, NumberTarget):
        return _coverages(findings, language) if any(findings.coverage) else None
    return _reliabilities(findings, language) if findings.reliability else None


def group_figure(findings: RunFindings, language: str) -> ReportFigure | None:
    """Errors by group; None where no column says which group a row is of."""
    errors = findings.groups
    if errors is None:
        return None
    tell = partial(say, language)
    metric = tell(f"metric.{findings.errors.metric}")
    column = findings.run.settings.group or ""
    every = errors.every.error
    told: list[tuple[str, GroupError]] = [
        (one.group or tell("nothing"), one) for one in errors.groups
    ]
    if errors.rest is not None:
        told.append((tell("groups.rest", count=errors.others), errors.rest))
    rows = [_interval(name, one) for name, one in told]
    rows.append(
        IntervalRow(
            tell("groups.all"),
            or_nan(every.value),
            or_nan(every.low),
            or_nan(every.high),
            "series2",
        )
    )
    worst = max(told, key=lambda pair: or_nan(pair[1].error.value))
    panel = interval_chart(
        number_axis([v for row in rows for v in row[1:4]], metric, from_zero=True),
        rows,
        title=tell("groups.title", metric=metric, column=column),
        description=tell(
            "groups.description", worst=worst[0], value=number(or_nan(worst[1].error.value), 3)
        ),
        language=language,
    )
    head = (column, tell("rows"), metric)
    table = tuple((name, f"{one.rows:,}", estimate_text(one.error, language)) for name, one in told)
    all_rows = (tell("groups.all"), f"{len(findings.judged):,}", estimate_text(every, language))
    return ReportFigure(
        "groups",
        (panel,),
        tell("groups.caption"),
        PageTable(head, (*table, all_rows), frozenset({1, 2})),
    )


def time_figure(findings: RunFindings, language: str) -> ReportFigure | None:
    """Errors along time; None without a time column, and of too few rows for two parts."""
    parts = findings.times
    times = findings.judged.data.times
    if len(parts) < 2 or times is None:
        return None
    tell = partial(say, language)
    metric = tell(f"metric.{findings.errors.metric}")
    column = findings.run.settings.time or ""
    span = parts[-1].last - parts[0].first

    def written(value: float) -> str:
        return date_text(value, span) if times.dtype.kind == "M" else short_number(value)

    middles = [(part.first + part.last) / 2 for part in parts]
    values, lows, highs = zip(*((map(or_nan, part.error)) for part in parts), strict=True)
    axis = date_axis if times.dtype.kind == "M" else number_axis
    said = [
        f"{written(part.first)} – {written(part.last)}\n{estimate_text(part.error, language)}"
        for part in parts
    ]
    panel = chart(
        axis([part.first for part in parts] + [part.last for part in parts], column),
        number_axis([*values, *lows, *highs], metric, from_zero=True),
        [Whiskers(middles, values, lows, highs, says=said)],
        title=tell("times.title", metric=metric, column=column),
        description=tell(
            "times.description", first=number(values[0], 3), last=number(values[-1], 3)
        ),
        language=language,
    )
    head = (tell("times.from"), tell("times.to"), tell("rows"), metric)
    rows = tuple(
        (
            written(part.first),
            written(part.last),
            f"{part.rows:,}",
            estimate_text(part.error, language),
        )
        for part in parts
    )
    caption = tell("times.caption", column=column)
    return ReportFigure("times", (panel,), caption, PageTable(head, rows, frozenset({2, 3})))


def _constant_key(findings: RunFindings) -> str:
    return "mean" if isinstance(findings.target, NumberTarget) else "shares"


def _score_panel(scores: ModelScores, metric: str, language: str) -> Scene:
    tell = partial(say, language)
    row = next(one for one in scores.rows if one.metric == metric)
    name = metric_name(language, metric)
    models = {"network": row.network, "linear": row.linear, "constant": row.constant}
    rows = [
        IntervalRow(
            tell(f"scores.short.{key}"),
            or_nan(one.value),
            or_nan(one.low),
            or_nan(one.high),
            "series1" if key == "network" else "series2",
        )
        for key, one in models.items()
    ]
    better = tell("scores.less" if metric in LESS_IS_BETTER else "scores.more")
    title = f"{scores.column}{tell('colon')}{name}" if scores.column else name
    told = tell("comma").join(f"{one.name} {number(one.value, 3)}" for one in rows)
    return interval_chart(
        number_axis([v for one in rows for v in one[1:4]], better),
        rows,
        title=title,
        description=tell("scores.description", title=title, told=told),
        language=language,
    )


def _interval(name: str, one: GroupError) -> IntervalRow:
    error = one.error
    return IntervalRow(name, or_nan(error.value), or_nan(error.low), or_nan(error.high))


def _reliabilities(findings: RunFindings, language: str) -> ReportFigure:
    tell = partial(say, language)
    panels = tuple(
        _reliability_panel(name, bins, language)
        for name, bins in findings.reliability[:MOST_PANELS]
    )
    rows = tuple(
        (
            *((name,) if len(findings.reliability) > 1 else ()),
            percent(one.said),
            percent(one.seen),
            messages.text(
                language, "evaluation.range", low=percent(one.low), high=percent(one.high)
            ),
            f"{one.rows:,}",
        )
        for name, bins in findings.reliability
        for one in bins
    )
    heads = ["label"] if len(findings.reliability) > 1 else []
    heads += ["said", "seen", "interval", "rows"]
    head = tuple(tell(f"calibration.{key}") for key in heads)
    numeric = frozenset(range(len(head) - 4, len(head)))
    return ReportFigure(
        "calibration", panels, tell("calibration.caption"), PageTable(head, rows, numeric)
    )


def _reliability_panel(name: str, bins: tuple[ReliabilityBin, ...], language: str) -> Scene:
    tell = partial(say, language)
    said, seen, low, high = zip(*(one[:4] for one in bins), strict=True)
    told = [
        f"{percent(one.said)} → {percent(one.seen)}\n{tell('calibration.rows')} {one.rows}"
        for one in bins
    ]
    marks: list[Mark] = [
        Guide((0.0, 0.0), (1.0, 1.0), name=tell("calibration.exact")),
        Curve(said, seen, "series1", width=1.2),
        Whiskers(said, seen, low, high, says=told),
    ]
    worst = max(bins, key=lambda one: abs(one.said - one.seen))
    title = tell("calibration.title", name=name) if name else tell("calibration.title_likeliest")
    return chart(
        share_axis(tell("calibration.said")),
        share_axis(tell("calibration.seen")),
        marks,
        title=title,
        description=tell(
            "calibration.description", said=percent(worst.said), seen=percent(worst.seen)
        ),
        language=language,
    )


def _coverages(findings: RunFindings, language: str) -> ReportFigure:
    tell = partial(say, language)
    columns = findings.target.columns  # type: ignore[union-attr]
    panels = tuple(
        _coverage_panel(name, told, language)
        for name, told in zip(columns, findings.coverage, strict=False)
    )
    several = len(columns) > 1
    rows = tuple(
        (
            *((name,) if several else ()),
            percent(one.level),
            percent(one.covered),
            messages.text(
                language, "evaluation.range", low=percent(one.low), high=percent(one.high)
            ),
            *cells([one.width]),
        )
        for name, told in zip(columns, findings.coverage, strict=False)
        for one in told
    )
    heads = ["column"] if several else []
    heads += ["level", "covered", "interval", "width"]
    head = tuple(tell(f"calibration.{key}") for key in heads)
    numeric = frozenset(range(len(head) - 4, len(head)))
    return ReportFigure(
        "calibration",
        panels[:MOST_PANELS],
        tell("calibration.caption_intervals"),
        PageTable(head, rows, numeric),
    )


def _coverage_panel(name: str, told: tuple[IntervalCoverage, ...], language: str) -> Scene:
    tell = partial(say, language)
    levels, covered, low, high = zip(*(one[:4] for one in told), strict=True)
    said = [
        f"{percent(one.level)} → {percent(one.covered)}\n"
        f"{tell('calibration.width')} {number(one.width, 3)}"
        for one in told
    ]
    last = told[-1]
    return chart(
        share_axis(tell("calibration.level")),
        share_axis(tell("calibration.covered")),
        [
            Guide((0.0, 0.0), (1.0, 1.0), name=tell("calibration.exact")),
            Whiskers(levels, covered, low, high, says=said),
        ],
        title=tell("calibration.title_intervals", column=name),
        description=tell(
            "calibration.description_intervals",
            level=percent(last.level),
            covered=percent(last.covered),
        ),
        language=language,
    )
