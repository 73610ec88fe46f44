"""The report of a run as one HTML page: self-contained, light, dark and printed."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from clearprop.base import messages
from clearprop.base.numbers import number, percent
from clearprop.base.version import __version__
from clearprop.base.writing import write_whole
from clearprop.data.table import Column, Table
from clearprop.drawing.charts import sparkline
from clearprop.drawing.pen.palette import css
from clearprop.drawing.pen.scene import svg
from clearprop.estimators.table_targets import ClassTarget, NumberTarget
from clearprop.reading.health import Severity
from clearprop.runs.data_summary import ColumnSummary, summarise
from clearprop.runs.report import model_card
from clearprop.runs.report.column_figures import dependence_figure, importance_figure
from clearprop.runs.report.epoch_figures import training_figure
from clearprop.runs.report.network_health import SharedFinding, shared_findings
from clearprop.runs.report.prediction_figures import prediction_figures
from clearprop.runs.report.report_figure import ReportFigure, estimate_text, metric_name, say
from clearprop.runs.report.run_findings import RunFindings, run_findings
from clearprop.runs.report.trust_figures import (
    calibration_figure,
    group_figure,
    score_figure,
    time_figure,
)
from clearprop.runs.run_data import RunData
from clearprop.runs.run_folder import REPORT, Run
from clearprop.runs.run_notes import noticed
from clearprop.teaching.reports.environment import template

# Columns of the table that stand open; the others are one click away.
MOST_COLUMNS = 40


def write_report(
    folder: Path,
    run: Run,
    training: RunData,
    held_out: RunData | None,
    language: str,
    *,
    trained_rows: int | None = None,
) -> Path:
    """Look at a run from all sides and write its page into `folder`; returns where.

    training  the rows that `run.model` was fitted on, in the order that it was given them
    held_out  rows that it never learned from; None takes the model's folds, or without any judges
              it on the rows of its training, and says so
    trained_rows  how many rows were learned from, where `training` is a sample of them

    Raises MissingDependencyError without Jinja2, FileError where the folder cannot be written.
    """
    path = folder / REPORT
    page = run_page(run_findings(run, training, held_out, trained_rows), language)
    write_whole(path, page.encode())
    return path


def run_page(findings: RunFindings, language: str) -> str:
    """The page as HTML text. Raises MissingDependencyError without Jinja2."""
    filled = template("run_report.html.j2", __package__)
    from markupsafe import Markup

    tell = partial(say, language)
    figures = _figures(findings, language)
    target = findings.target
    drawn: dict[str, list[Any]] = {
        one.name: [
            (Markup(svg(panel, prefix=f"{one.name}-{k}")), int(panel.width))
            for k, panel in enumerate(one.panels)
        ]
        for section in figures.values()
        for one in section
    }
    return filled.render(
        language=language,
        say=tell,
        title=tell(
            "title",
            target=tell("comma").join(findings.run.settings.target),
            source=Path(findings.run.settings.data).name,
        ),
        palette=Markup(css()),
        lead=lead(findings, language),
        notices=notices(findings, language),
        columns=_columns(findings, language),
        open_columns=MOST_COLUMNS,
        figures=figures,
        drawn=drawn,
        leads={"scores": "lead_training"} if findings.judged.judging == "training" else {},
        linear="ridge" if isinstance(target, NumberTarget) else "logistic",
        health=_health(findings, language),
        card=model_card.card_table(findings, language),
        settings=model_card.settings_table(findings.run.settings, language),
        seen=model_card.seen_table(findings, language),
        limits=list(model_card.limits(findings, language)),
        commands=model_card.commands(findings, language),
        version=__version__,
    )


def lead(findings: RunFindings, language: str) -> list[str]:
    """What came of the run, in a few sentences: how good it is, and beside what."""
    tell = partial(say, language)
    judged, count = findings.judged, len(findings.run.model.learned_.params)
    sentences = [
        tell(
            f"lead.{judged.judging}",
            networks=tell("lead.one_network" if count == 1 else "lead.networks", count=count),
            trained=f"{findings.trained_rows:,}",
            judged=f"{judged.total:,}",
        )
    ]
    for scores in findings.scores[:4]:
        first = scores.rows[0]
        second = ("r2", "accuracy", "exact_match")
        metrics = [row for row in scores.rows if row.metric in second and row.network.value]
        told = [metric_name(language, row.metric) for row in (first, *metrics)]
        values = [estimate_text(row.network, language) for row in (first, *metrics)]
        pairs = tell("comma").join(
            f"{name} {value}" for name, value in zip(told, values, strict=True)
        )
        column = scores.column
        if len(findings.scores) > 1:
            pairs = f"{column}{tell('colon')}{pairs}"
        sentences.append(
            tell(
                f"lead.{'known' if judged.judging == 'training' else scores.verdict}",
                scores=pairs,
                metric=metric_name(language, first.metric),
                linear=_value(first.linear.value),
                constant=_value(first.constant.value),
                difference=estimate_text(scores.difference, language),
            )
        )
    if findings.importances:
        strong = [one.column for one in findings.importances[:3] if one.mean > 0]
        if strong:
            sentences.append(tell("lead.columns", columns=tell("comma").join(strong)))
    return sentences


def notices(findings: RunFindings, language: str) -> list[str]:
    """What a person has to know before believing a number of the page."""
    tell = partial(say, language)
    judged = findings.judged
    found = []
    if judged.judging == "training":
        found.append(tell("notice.training"))
    if len(judged) < 50:
        found.append(tell("notice.few", count=len(judged)))
    if judged.total > len(judged):
        found.append(tell("notice.sample", shown=f"{len(judged):,}", total=f"{judged.total:,}"))
    if findings.trained_rows > len(findings.training):
        found.append(tell("notice.blocks", count=f"{len(findings.training):,}"))
    if judged.unseen:
        found.append(tell("notice.unseen", count=f"{judged.unseen:,}"))
    if not findings.simple.converged:
        found.append(tell("notice.linear"))
    if judged.data.weight is not None:
        found.append(tell("notice.weights", column=findings.run.settings.weights))
    training = findings.training
    noted = noticed(training, findings.run.settings)
    every = (*training.notes, *noted, *training.inputs.notes)
    return found + [messages.text(language, key, **values) for key, values in every]


def _figures(findings: RunFindings, language: str) -> Mapping[str, list[ReportFigure]]:
    """The figures of every section that has any."""
    sections: dict[str, list[ReportFigure | None]] = {
        "training": [training_figure(findings, language)],
        "predictions": [*prediction_figures(findings, language)],
        "scores": [score_figure(findings, language)],
        "calibration": [calibration_figure(findings, language)],
        "errors": [group_figure(findings, language), time_figure(findings, language)],
        "columns": [importance_figure(findings, language), dependence_figure(findings, language)],
    }
    told = {name: [one for one in every if one] for name, every in sections.items()}
    return {name: every for name, every in told.items() if every}


def _columns(findings: RunFindings, language: str) -> list[dict[str, Any]]:
    """The targets and the columns of the rows that were learned from, each with its picture."""
    from markupsafe import Markup

    table = findings.training.inputs
    targets = _target_columns(findings)
    aside = [column.name for column in targets]
    summary = summarise(Table((*targets, *table.columns), table.source))
    found = []
    for k, one in enumerate(summary.columns):
        picture = sparkline(
            one.counts,
            title=one.name,
            description=say(language, "data.picture", column=one.name),
            language=language,
        )
        found.append(
            {
                "name": one.name,
                "is_target": one.name in aside and k < len(targets),
                "kind": messages.text(language, f"data.kind.{one.kind}"),
                "holds": _holds(one, language),
                "picture": Markup(svg(picture, prefix=f"column-{k}")),
                "missing": f"{one.missing:,} ({percent(one.missing / summary.rows)})"
                if one.missing
                else "",
                "distinct": f"{one.distinct:,}",
            }
        )
    return found


def _target_columns(findings: RunFindings) -> tuple[Column, ...]:
    target, truth = findings.target, findings.training.truth
    if isinstance(target, ClassTarget):
        words = truth.astype(str).astype(object)
        return (Column(findings.run.settings.target[0], "category", words),)
    return tuple(
        Column(name, "number", truth[:, k].astype(float))
        for k, name in enumerate(findings.run.settings.target)
    )


def _holds(one: ColumnSummary, language: str) -> str:
    if one.words:
        told = say(language, "comma").join(
            f"{word} ({count:,})" for word, count in one.words.items()
        )
        left = one.distinct - len(one.words)
        return say(language, "more", first=told, count=left) if left > 0 else told
    if one.low is None:
        return "—"
    low, median, high = (
        value if isinstance(value, str) else number(value)
        for value in (one.low, one.median, one.high)
    )
    return say(language, "data.range", low=low, median=median, high=high)


def _health(findings: RunFindings, language: str) -> dict[str, Any]:
    every = findings.health
    shared = shared_findings(every)

    def told(*, notes: bool) -> list[dict[str, str]]:
        return [
            {
                "severity": messages.text(language, f"health.severity.{one.finding.severity}"),
                "says": _of_networks(one, len(every), language),
                "advice": one.finding.advice(language),
            }
            for one in shared
            if (one.finding.severity == Severity.NOTE) is notes
        ]

    return {
        "samples": every[0].samples,
        "healthy": all(one.healthy for one in every),
        "networks": len(every),
        "findings": told(notes=False),
        "notes": told(notes=True),
        "baselines": [one.sentence(language) for one in every[0].baselines],
    }


def _of_networks(shared: SharedFinding, count: int, language: str) -> str:
    """What was found, behind which of the networks it was found in; of one network alone that is
    not said."""
    told = shared.finding.sentence(language)
    if count == 1:
        return told
    key = "in_all" if len(shared.networks) == count else "in_some"
    if len(shared.networks) == 1:
        key = "in_one"
    names = messages.text(language, "health.comma").join(map(str, shared.networks))
    numbers = {"count": len(shared.networks), "networks": count, "names": names}
    return say(language, f"health.{key}", told=told, first=shared.networks[0], **numbers)


def _value(value: float | None) -> str:
    return "—" if value is None else number(value, 3)
