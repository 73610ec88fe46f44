"""`clearprop sweep`: settings tried on a table, and what each of them does."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.dependencies import require
from clearprop.base.errors import ConfigurationError, FileError
from clearprop.base.numbers import percent
from clearprop.base.text_tables import aligned, wrapped
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.run_options import RUN_OPTIONS, free_folder, told_settings
from clearprop.cli.status import DONE, INTERRUPTED, NOT_DONE

if TYPE_CHECKING:
    from clearprop.estimators.sweep_results import SweepResults
    from clearprop.runs.sweep_run import SweepPlan
    from clearprop.runs.sweep_settings import SweepSettings

FOLDER = "clearprop-sweep"
# How it is done, which may be another way when it is gone on with.
WHERE = ("--jobs", "--backend", "--scheduler", "--lang")

_say = messages.within("sweeps")


def run(given: Arguments) -> int:
    """Try what is to be tried, and write the folder; returns the exit status."""
    language = given.language()
    require("sklearn", "pyarrow", "narwhals", "rich")
    from clearprop.runs.sweep_run import plan_sweep, require_no_sweep, resumed_sweep

    folder = given.path("--resume")
    if folder is not None:
        for name in given.values:
            if name not in ("--resume", *WHERE):
                raise ConfigurationError("resume_alone", option=name)
        if given.operand:
            raise ConfigurationError("resume_alone", option=given.operand)
        return _sweep(given, resumed_sweep(folder), folder, language)
    settings = _settings(given)
    folder = given.path("--out") or free_folder(FOLDER)
    require_no_sweep(folder)
    return _sweep(given, plan_sweep(settings), folder, language)


def _sweep(given: Arguments, plan: "SweepPlan", folder: Path, language: str) -> int:
    from clearprop.cli.sweep_display import SweepDisplay
    from clearprop.cli.terminal import write
    from clearprop.runs.sweep_run import run_sweep, write_pictures

    jobs = given.whole("--jobs", -1, least=-1)
    if jobs == 0:
        raise ConfigurationError("count_invalid", name="--jobs", least=1, value=0)
    scheduler, backend = given.text("--scheduler"), given.text("--backend")
    if backend is None and scheduler is None:
        backend = "loky"
    for line in aligned(_plan_lines(plan, language), left=None):
        write(line)
    again = f"clearprop sweep --resume {shlex.quote(str(folder))}"
    display = SweepDisplay(plan, language)
    try:
        with display:
            results = run_sweep(
                plan,
                folder,
                n_jobs=jobs,
                backend=backend,
                scheduler=scheduler,
                watch=display.told,
            )
    except (KeyboardInterrupt, FileError) as ended:
        key = "interrupted" if isinstance(ended, KeyboardInterrupt) else "kept_after"
        if isinstance(ended, FileError):
            sys.stderr.write(f"clearprop: {ended.message(language)}\n")
        told = {"done": display.done, "jobs": display.jobs, "command": again}
        sys.stderr.write(_say(language, f"told.{key}", **told) + "\n")
        return INTERRUPTED if key == "interrupted" else NOT_DONE
    write_pictures(plan, results, folder, language)
    _tell(plan, results, folder, language)
    return DONE


def _tell(plan: "SweepPlan", results: "SweepResults", folder: Path, language: str) -> None:
    from clearprop.base.text_tables import fitted
    from clearprop.cli.sweep_display import MOST_SHOWN, ranking_rows
    from clearprop.cli.terminal import width_of_output, write
    from clearprop.estimators.sweep_results import value_text
    from clearprop.runs.sweep_run import BEST, RESULTS

    width = width_of_output()
    write("")
    for line in fitted(ranking_rows(plan, results, language), width, left=0):
        write(line)
    more = len(results.configurations) - MOST_SHOWN
    if more > 0:
        write(_say(language, "told.more", count=more, path=folder / RESULTS))
    write("")
    effects = [
        _say(
            language,
            "told.effect",
            name=one.name,
            share=percent(one.share),
            value=value_text(one.values[int(one.means.argmax())]),
        )
        for one in results.effects()
        # Of what never had the same value twice nothing can be told.
        if one.share == one.share
    ]
    sentences = []
    if effects:
        listed = messages.text(language, "runs.comma").join(effects)
        sentences.append(_say(language, "told.effects", effects=listed))
    failed = [row for row in results.rows if row.score != row.score]
    if failed:
        told = {"count": len(failed), "rows": len(results.rows), "problem": failed[0].problem}
        sentences.append(_say(language, "told.failures", **told))
    sentences.append(_say(language, "told.train", path=folder / BEST))
    files = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    listed = messages.text(language, "runs.comma").join(files)
    sentences.append(_say(language, "told.written", folder=folder, files=listed))
    for sentence in sentences:
        write("\n".join(wrapped(sentence, width or 100)))


def _plan_lines(plan: "SweepPlan", language: str) -> list[tuple[str, str]]:
    settings, data = plan.settings, plan.run.training
    names = messages.text(language, "runs.comma").join(name for name, _ in settings.space)
    key = "tried_all" if settings.random is None else "tried_drawn"
    found = {
        "table": _say(
            language,
            "plan.rows",
            source=Path(settings.training.data).name,
            rows=f"{len(data):,}",
            columns=len(data.inputs.columns),
        ),
        "target": messages.text(language, "runs.comma").join(data.columns),
        "tried": _say(language, f"plan.{key}", count=len(plan.tried), names=names),
        "judged": _say(
            language,
            "plan.judged_once" if settings.seeds == 1 else "plan.judged_by",
            metric=plan.metric.name,
            folds=settings.folds,
            seeds=settings.seeds,
            jobs=len(plan.tried) * settings.folds,
        ),
    }
    return [(_say(language, f"plan.{name}"), words) for name, words in found.items()]


def _settings(given: Arguments) -> "SweepSettings":
    from clearprop.runs.sweep_settings import DEFAULTS, USUAL, SweepSettings, read_space

    grid, random = given.path("--grid"), given.whole("--random", None)
    if grid is None and random is None:
        raise ConfigurationError("sweep_no_space")
    settings = told_settings(given, "sweep_no_data", DEFAULTS)
    space = read_space(grid) if grid is not None else USUAL
    return SweepSettings(
        training=replace(settings, stop_on="loss"),
        space=tuple(space.items()),
        random=random,
        seeds=given.whole("--seeds", 1),
        folds=given.whole("--folds", 5, least=2),
        metric=given.text("--metric"),
    )


COMMAND = Command(
    "sweep",
    run,
    (
        Option("--grid", takes=Takes.FILE),
        Option("--random"),
        Option("--seeds"),
        Option("--folds"),
        Option("--metric"),
        Option("--jobs"),
        Option("--backend", words=("loky", "threading", "dask")),
        Option("--scheduler"),
        *RUN_OPTIONS,
        options.OUT_FOLDER,
        Option("--resume", takes=Takes.FOLDER),
        options.LANG,
    ),
    operand=Takes.FILE,
)
