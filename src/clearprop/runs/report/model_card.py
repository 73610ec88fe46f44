"""What a person has to know before using a model: what it was made of and how, and what it must not
be used for."""

import platform
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from clearprop.base.version import __version__
from clearprop.data.preparation import CategoryInput, NumberInput, Preparation
from clearprop.drawing.charts import date_text, short_number
from clearprop.estimators.table_targets import ClassTarget, NumberTarget
from clearprop.runs.report.report_figure import say
from clearprop.runs.report.run_findings import RunFindings
from clearprop.runs.run_settings import RunSettings
from clearprop.teaching.reports.page_table import PageTable

# Groups and classes of fewer rows than this are told to be small.
SMALL = 30
# Columns and groups that are told by name.
MOST_NAMED = 8


def card_table(findings: RunFindings, language: str) -> PageTable:
    """What the model was made of: name and value, row by row."""
    tell = partial(say, language)
    run, learned = findings.run, findings.run.model.learned_
    preparation: Preparation = run.model.preparation_
    sizes = tell("comma").join(map(str, run.settings.hidden)) or "—"
    counted = {
        "data": run.settings.data,
        "target": tell("comma").join(run.settings.target),
        "task": tell(f"task.{run.settings.task}"),
        "trained_rows": f"{findings.trained_rows:,}",
        "judged_rows": f"{findings.judged.total:,}",
        "columns": f"{len(preparation.columns):,}",
        "features": f"{len(preparation.features):,}",
        "networks": f"{len(learned.params):,}",
        "hidden": sizes,
        "parameters": f"{learned.params.shape[1]:,}",
        "epochs": f"{len(run.history.rows):,}",
        "seconds": f"{run.history.rows[-1].seconds:.1f}" if run.history.rows else "—",
        "seed": f"{run.settings.seed}",
        "versions": tell("comma").join(f"{name} {one}" for name, one in versions().items()),
    }
    rows = tuple((tell(f"card.{name}"), value) for name, value in counted.items())
    return PageTable((tell("card.what"), tell("card.value")), rows)


def versions() -> dict[str, str]:
    """The versions that the numbers were made with."""
    names = ("numpy", "scikit-learn", "pyarrow")
    found = {"clearprop": __version__, "Python": platform.python_version()}
    return found | {name: version(name) for name in names}


def settings_table(settings: RunSettings, language: str) -> PageTable:
    """Every setting as `config.toml` has it, those that are not the default marked."""
    tell = partial(say, language)
    rows = tuple(
        (
            field.name,
            _setting(getattr(settings, field.name)),
            "" if getattr(settings, field.name) == field.default else tell("card.changed"),
        )
        for field in fields(settings)
    )
    head = tuple(tell(f"card.{name}") for name in ("setting", "value", "not_default"))
    return PageTable(head, rows)


def seen_table(findings: RunFindings, language: str) -> PageTable:
    """What every column held in training: beyond it the model has nothing to go by."""
    tell = partial(say, language)
    rows = tuple(
        (one.column, _seen(one, language)) for one in findings.run.model.preparation_.inputs
    )
    return PageTable((tell("card.column"), tell("card.seen")), rows)


def limits(findings: RunFindings, language: str) -> Iterator[str]:
    """What the model must not be used for, sentence by sentence."""
    tell = partial(say, language)
    target = findings.target
    preparation: Preparation = findings.run.model.preparation_
    yield tell("limits.range")
    if isinstance(target, NumberTarget) and target.held:
        told = tell("comma").join(
            tell("limits.between", column=name, low=short_number(low), high=short_number(high))
            for name, low, high in zip(target.columns, target.low, target.high, strict=True)
        )
        yield tell("limits.held", told=told)
    if any(isinstance(one, CategoryInput) for one in preparation.inputs):
        yield tell("limits.unseen_words")
    if findings.run.settings.missing in ("error", "drop"):
        yield tell("limits.refused")
    else:
        whole = [one.name for one in findings.training.inputs.columns if not one.missing.any()]
        if whole:
            yield tell("limits.never_missing", columns=_named(whole, language))
    small = _small_classes(findings)
    if small:
        yield tell("limits.small_classes", classes=_named(small, language), least=SMALL)
    groups = findings.groups
    if groups is not None:
        few = [one.group or tell("nothing") for one in groups.groups if one.rows < SMALL]
        if few:
            yield tell("limits.small_groups", groups=_named(few, language), least=SMALL)
    judged_groups, known_groups = findings.judged.data.groups, findings.training.groups
    if judged_groups is None or known_groups is None:
        yield tell("limits.no_groups")
    else:
        known = np.isin(judged_groups, known_groups).any()
        key = "limits.groups_known" if known else "limits.groups_new"
        yield tell(key, column=findings.run.settings.group)
    if findings.run.settings.time is None:
        yield tell("limits.no_time")
    else:
        yield tell("limits.timed", column=findings.run.settings.time)
    yield tell("limits.cause")


def commands(findings: RunFindings, language: str) -> tuple[tuple[str, str], ...]:
    """(what it does, what to type) to use the model, to look further, and to repeat the run."""
    folder = quoted(str(findings.run.folder))
    data = quoted(findings.run.settings.data)
    tell = partial(say, language)
    # What it has learned from is neither new nor a fair judge.
    new = tell("commands.new_table")
    return (
        (tell("commands.predict"), f"clearprop predict {folder} {new} -o predictions.csv"),
        (tell("commands.evaluate"), f"clearprop evaluate {folder} {new}"),
        (tell("commands.explain"), f"clearprop explain {folder} --row 0 --data {data}"),
        (tell("commands.health"), f"clearprop health {folder}"),
        (
            tell("commands.again"),
            f"clearprop train --config {quoted(f'{findings.run.folder}/config.toml')} --out again",
        ),
        (tell("commands.resume"), "clearprop train --resume again"),
    )


def quoted(word: str) -> str:
    """A word as a shell takes it."""
    plain = word and all(letter.isalnum() or letter in "._/-+:@%" for letter in word)
    return word if plain and not word.startswith("-") else "'" + word.replace("'", "'\\''") + "'"


def _named(names: list[str], language: str) -> str:
    told = say(language, "comma").join(names[:MOST_NAMED])
    if len(names) <= MOST_NAMED:
        return told
    return say(language, "more", first=told, count=len(names) - MOST_NAMED)


def _small_classes(findings: RunFindings) -> list[str]:
    target = findings.target
    if isinstance(target, NumberTarget):
        return []
    truth = findings.training.truth
    if isinstance(target, ClassTarget):
        counts = [int((truth == name).sum()) for name in target.classes]
        return [str(n) for n, count in zip(target.classes, counts, strict=True) if count < SMALL]
    counts = np.minimum(truth.sum(axis=0), len(truth) - truth.sum(axis=0)).tolist()
    return [name for name, count in zip(target.columns, counts, strict=True) if count < SMALL]


def _seen(one: NumberInput | CategoryInput, language: str) -> str:
    if isinstance(one, CategoryInput):
        nothing = say(language, "nothing")
        return _named([word or nothing for word in one.words], language)
    if one.is_date:
        span = one.high - one.low
        low, high = (date_text(value, span) for value in (one.low, one.high))
    else:
        low, high = short_number(one.low), short_number(one.high)
    return f"{low} … {high}"


def _setting(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        pairs = (f"{one[0]}={one[1]}" if isinstance(one, tuple) else str(one) for one in value)
        return ", ".join(pairs)
    return str(value)
