"""What a run is about to do, in words: what was given and what is taken by default."""

from functools import partial
from pathlib import Path

import numpy as np

from clearprop.base import messages
from clearprop.base.numbers import brief, number, percent
from clearprop.runs.run_plan import RunPlan, holds_out_folds, most_epochs
from clearprop.runs.run_settings import RunSettings
from clearprop.runs.stopping import LOSS

# So many classes and columns are named.
MOST_NAMED = 5

_say = messages.within("runs")


def plan_lines(plan: RunPlan, language: str) -> list[tuple[str, str]]:
    """A head and what stands behind it, line by line."""
    found = {
        "table": _table(plan, language),
        "target": _target(plan, language),
        "held_out": _held_out(plan, language),
        "network": _network(plan.settings, language),
        "training": _training(plan, language),
        "stops": _stops(plan, language),
    }
    return [(_say(language, f"plan.{key}"), words) for key, words in found.items()]


def note_lines(plan: RunPlan, language: str) -> list[str]:
    """What was noticed, a sentence each."""
    return [messages.text(language, key, **values) for key, values in plan.notes]


def _table(plan: RunPlan, language: str) -> str:
    say = partial(_say, language)
    inputs, settings = plan.training.inputs, plan.settings
    kinds = [column.kind for column in inputs.columns]
    counted = [
        say(f"words.{kind}", count=kinds.count(kind))
        for kind in ("number", "category", "date", "text", "other")
        if kind in kinds
    ]
    rows = plan.rows + (0 if plan.held_out is None else len(plan.held_out))
    parts = [
        say("words.table", source=Path(settings.data).name, rows=f"{rows:,}"),
        say("words.going_in", count=len(kinds), kinds=say("comma").join(counted)),
        say(f"words.{'unscaled' if settings.scaling == 'none' else settings.scaling}"),
    ]
    if any(column.missing.any() for column in inputs.columns):
        parts.append(say(f"words.missing_{settings.missing}"))
    if settings.aside:
        parts.append(say("words.aside", columns=say("comma").join(dict.fromkeys(settings.aside))))
    return _joined(parts, language)


def _target(plan: RunPlan, language: str) -> str:
    say = partial(_say, language)
    data = plan.training
    columns = say("comma").join(data.columns)
    if data.task == "regression":
        lines = [
            say(
                "words.regression",
                column=name,
                low=brief(float(values.min())),
                high=brief(float(values.max())),
                mean=number(float(values.mean())),
            )
            for name, values in zip(data.columns, data.truth.T, strict=True)
        ]
        return _joined(lines, language)
    if data.task == "multilabel":
        shares = say("comma").join(percent(float(one.mean())) for one in data.truth.T)
        return say("words.multilabel", columns=columns, shares=shares)
    names, counts = np.unique(data.truth, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    told = [
        say("words.class_share", name=names[k], share=percent(counts[k] / len(data)))
        for k in order[:MOST_NAMED]
    ]
    if len(names) > MOST_NAMED:
        told.append(say("words.others", count=len(names) - MOST_NAMED))
    shares = say("comma").join(told)
    return say("words.classification", columns=columns, count=len(names), shares=shares)


def _held_out(plan: RunPlan, language: str) -> str:
    say = partial(_say, language)
    settings = plan.settings
    if plan.held_out is None:
        if holds_out_folds(plan):
            key = "folds" if settings.group is None else "folds_groups"
            return say(f"words.{key}", networks=settings.networks, group=settings.group)
        return say("words.nothing")
    rows = f"{len(plan.held_out):,}"
    if settings.validation_file is not None:
        return say("words.file", rows=rows, file=settings.validation_file)
    if settings.time is not None:
        return say("words.share_time", rows=rows, time=settings.time)
    if settings.group is not None:
        return say("words.share_groups", rows=rows, group=settings.group)
    return say("words.share", rows=rows)


def _network(settings: RunSettings, language: str) -> str:
    say = partial(_say, language)
    if not settings.hidden:
        key = "linear" if settings.networks == 1 else "linears"
        return say(f"words.{key}", networks=settings.networks)
    hidden = say("and").join(map(str, settings.hidden))
    activation = say("and").join(settings.activation)
    key = "network" if settings.networks == 1 else "networks"
    words = {"networks": settings.networks, "hidden": hidden, "activation": activation}
    parts = [say(f"words.{key}", **words)]
    if settings.dropout:
        parts.append(say("words.dropout", share=brief(settings.dropout)))
    return _joined(parts, language)


def _training(plan: RunPlan, language: str) -> str:
    say = partial(_say, language)
    settings = plan.settings
    if settings.optimizer == "lbfgs":
        return say("words.lbfgs", epochs=settings.epochs)
    rate = settings.learning_rate
    key = "optimizer_auto" if rate is None else "optimizer"
    parts = [
        say(f"words.{key}", optimizer=settings.optimizer, rate=brief(rate or 0.0)),
        say(f"words.{settings.schedule}"),
        say("words.batch", rows=min(settings.batch_size, len(plan.training))),
    ]
    if settings.loss is not None:
        parts.append(say("words.loss", loss=settings.loss))
    weights = settings.class_weight
    if weights is not None:
        if not isinstance(weights, str):
            weights = say("comma").join(f"{name}={brief(value)}" for name, value in weights)
        parts.append(say("words.class_weight", weights=weights))
    return _joined(parts, language)


def _stops(plan: RunPlan, language: str) -> str:
    say = partial(_say, language)
    settings = plan.settings
    parts = [say("words.epochs", epochs=most_epochs(plan))]
    if settings.patience is not None and settings.optimizer != "lbfgs":
        key = "patience" if settings.stop_on == LOSS else "patience_metric"
        parts.append(say(f"words.{key}", patience=settings.patience, metric=settings.stop_on))
    return _joined(parts, language)


def _joined(parts: list[str], language: str) -> str:
    return _say(language, "separator").join(parts)
