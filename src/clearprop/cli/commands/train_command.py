"""`clearprop train`: from a table to a network that one can trust, in a folder of its own."""

import shlex
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.base import messages
from clearprop.base.dependencies import require
from clearprop.base.errors import ConfigurationError, FileError
from clearprop.base.numbers import number
from clearprop.base.text_tables import aligned, wrapped
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.run_options import RUN_OPTIONS, free_folder, told_settings
from clearprop.cli.status import DIVERGED, DONE, INTERRUPTED, NOT_DONE

if TYPE_CHECKING:
    from clearprop.distributed.ranks import Ranks
    from clearprop.runs.run_folder import Run
    from clearprop.runs.run_plan import RunPlan
    from clearprop.runs.run_settings import RunSettings
    from clearprop.runs.run_training import EndedRun

FOLDER = "clearprop-run"

_say = messages.within("runs")


def run(given: Arguments) -> int:
    """Train and write the folder, or go on with one; returns the exit status."""
    language = given.language()
    require("sklearn", "pyarrow", "narwhals", "rich")
    from clearprop.distributed.launching import launched_by_mpi
    from clearprop.distributed.ranks import ranks_here

    ranks = ranks_here()
    if not launched_by_mpi():
        return _run(given, ranks, language)
    from clearprop.cli.together import run_together

    return run_together(ranks, lambda: _run(given, ranks, language), language)


def _run(given: Arguments, ranks: "Ranks", language: str) -> int:
    from clearprop.distributed.launching import launched_by_mpi
    from clearprop.distributed.ranks import together

    resumed_folder = together(ranks, lambda: _resumed_folder(given))[0]
    if resumed_folder is not None:
        return _resume(ranks, resumed_folder, language)
    settings = together(ranks, lambda: told_settings(given, "train_no_data"))[0]
    from clearprop.cli.piped_tables import NAME, PIPE, piped_into
    from clearprop.runs.run_folder import require_free

    def free() -> Path:
        folder = given.path("--out") or free_folder(FOLDER)
        if ranks.number == 0:
            require_free(folder)
        return folder

    folder = together(ranks, free)[1][0]
    if settings.data != PIPE:
        return _train(ranks, _planned(ranks, settings), folder, language)
    if launched_by_mpi():
        raise ConfigurationError("piped_to_many")
    kept = folder / NAME
    with piped_into(kept, f"train - --target {','.join(settings.target)}"):
        plan = _planned(ranks, replace(settings, data=str(kept)))
    _print(_say(language, "told.piped", path=kept))
    return _train(ranks, plan, folder, language)


def _planned(ranks: "Ranks", settings: "RunSettings") -> "RunPlan":
    from clearprop.distributed.launching import launched_by_mpi
    from clearprop.runs.run_training import plan_run

    if settings.shards is None and not launched_by_mpi():
        return plan_run(settings)
    from clearprop.distributed.sharded_run import plan_with_ranks

    return plan_with_ranks(ranks, settings)


def _resumed_folder(given: Arguments) -> Path | None:
    folder = given.path("--resume")
    if folder is None:
        return None
    for name in given.values:
        if name not in ("--resume", "--lang"):
            raise ConfigurationError("resume_alone", option=name)
    if given.operand:
        raise ConfigurationError("resume_alone", option=given.operand)
    return folder


def _resume(ranks: "Ranks", folder: Path, language: str) -> int:
    from clearprop.distributed.launching import launched_by_mpi
    from clearprop.distributed.ranks import together
    from clearprop.distributed.sharded_run import resumed_with_ranks
    from clearprop.runs.run_folder import SETTINGS
    from clearprop.runs.run_settings import read_settings
    from clearprop.runs.run_training import has_ended, resumed

    # The first process knows what it has written; others may see it later.
    if any(together(ranks, lambda: has_ended(folder))[1][:1]):
        if ranks.number == 0:
            _print(_say(language, "told.has_ended", folder=folder))
        return DONE
    if launched_by_mpi() or read_settings(folder / SETTINGS).shards is not None:
        plan = resumed_with_ranks(ranks, folder)
    else:
        plan = resumed(folder)
    if ranks.number == 0:
        if plan.before is None and plan.settings.optimizer == "lbfgs":
            _print(_say(language, "told.solver_goes_on"))
        elif plan.before is None:
            _print(_say(language, "told.begins_again"))
        else:
            _print(_say(language, "told.goes_on", epoch=len(plan.before.rows)))
    return _train(ranks, plan, folder, language)


def _train(ranks: "Ranks", plan: "RunPlan", folder: Path, language: str) -> int:
    if ranks.number:
        return _follow(ranks, plan)
    from clearprop.cli.training_display import TrainingDisplay
    from clearprop.runs.plan_words import note_lines, plan_lines
    from clearprop.runs.run_folder import ANSWERS, CHECKPOINTS
    from clearprop.runs.run_history import RunHistory
    from clearprop.runs.run_plan import most_epochs
    from clearprop.runs.run_training import train_run
    from clearprop.training.interruption import ctrl_c_noted

    for line in aligned(plan_lines(plan, language), left=None):
        _print(line)
    for sentence in note_lines(plan, language):
        _print("\n".join(wrapped(sentence, 100)))
    best = None if plan.before is None else RunHistory(plan.before.rows).best
    again = _launched(ranks, f"train --resume {shlex.quote(str(folder))}")
    try:
        with (
            ctrl_c_noted() as noted,
            TrainingDisplay(
                most_epochs(plan), plan.settings.stop_on, lambda: noted.asked, language, best
            ) as display,
            _spoken_for(ranks, folder, again, language),
        ):

            def watch(row: Any) -> bool:
                display.told(row)
                return noted.asked

            if plan.settings.shards is None:
                ended = train_run(plan, folder, watch, stop=lambda: noted.asked)
            else:
                from clearprop.distributed.sharded_run import train_with_ranks

                ended = train_with_ranks(ranks, plan, folder, watch, lambda: noted.asked)
        if ended.is_whole:
            _report(ended.run, plan, folder, language)
    except FileError as problem:
        done = _epochs_kept(folder)
        if not done:
            raise
        sys.stderr.write(f"clearprop: {problem.message(language)}\n")
        sys.stderr.write(_say(language, "told.kept", epoch=done, command=again) + "\n")
        return NOT_DONE
    except KeyboardInterrupt:
        done = _epochs_kept(folder)
        answered = (folder / CHECKPOINTS / ANSWERS).is_file()
        key = "stopped_at_once" if done else "interrupted_early"
        key = "solver_interrupted" if answered else key
        command = again if done or answered else _launched(ranks, shlex.join(_words(plan)))
        sys.stderr.write(_say(language, f"told.{key}", epoch=done, command=command) + "\n")
        return INTERRUPTED
    return _tell(ended, folder, again, language)


def _follow(ranks: "Ranks", plan: "RunPlan") -> int:
    """Take part in a training of which another process speaks."""
    import warnings

    from clearprop.distributed.sharded_run import follow
    from clearprop.training.interruption import ctrl_c_noted

    with ctrl_c_noted() as noted, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        follow(ranks, plan, lambda: noted.asked)
    return DONE


def _words(plan: "RunPlan") -> list[str]:
    """The words of this command; what was piped in has been kept, and is named in its place."""
    from clearprop.cli.piped_tables import PIPE

    return [plan.settings.data if word == PIPE else word for word in sys.argv[1:]]


def _launched(ranks: "Ranks", words: str) -> str:
    """A command of clearprop for as many processes as there are."""
    if ranks.count == 1:
        return f"clearprop {words}"
    return f"mpiexec -n {ranks.count} python -m mpi4py -m clearprop {words}"


def _spoken_for(
    ranks: "Ranks", folder: Path, again: str, language: str
) -> AbstractContextManager[None]:
    if ranks.count == 1:
        return nullcontext()
    from clearprop.distributed.last_words import spoken_for

    return spoken_for(folder, again, language)


def _report(run: "Run", plan: "RunPlan", folder: Path, language: str) -> None:
    """Write the report, which the model does without where Jinja2 is missing."""
    from clearprop.base.dependencies import PACKAGES, is_installed

    if not is_installed("jinja2"):
        command = PACKAGES["jinja2"].command
        sys.stderr.write(_say(language, "told.report_left_out", command=command) + "\n")
        return
    from clearprop.runs.report import write_report

    trained = None if plan.blocks is None else plan.rows
    write_report(folder, run, plan.training, plan.held_out, language, trained_rows=trained)


def _tell(ended: "EndedRun", folder: Path, again: str, language: str) -> int:
    from clearprop.runs.stopping import LOSS

    run, history = ended.run, ended.run.history
    if ended.refusal is not None:
        _print(ended.refusal.message(language))
    best = history.best
    if best is not None and best.score is not None:
        metric = run.settings.stop_on
        key = "best_epoch" if metric == LOSS else "best_epoch_metric"
        values = {"epoch": best.epoch, "epochs": len(history.rows), "metric": metric}
        _print(_say(language, f"told.{key}", score=number(best.score), **values))
    elif best is not None:
        loss = number(history.rows[-1].loss)
        _print(_say(language, "told.last_epoch", epochs=len(history.rows), loss=loss))
    files = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    listed = _say(language, "comma").join(files)
    _print(_say(language, "told.written", folder=folder, files=listed))
    if ended.divergence is not None:
        problem = ended.divergence.message(language)
        sys.stderr.write(_say(language, "told.diverged", problem=problem) + "\n")
        return DIVERGED
    if not ended.is_whole:
        epoch = len(history.rows)
        sys.stderr.write(_say(language, "told.interrupted", epoch=epoch, command=again) + "\n")
        return INTERRUPTED
    return DONE


def _epochs_kept(folder: Path) -> int:
    from clearprop.runs.run_checkpoints import newest_checkpoint
    from clearprop.runs.run_folder import CHECKPOINTS

    newest = newest_checkpoint(folder / CHECKPOINTS)
    return 0 if newest is None else len(newest.rows)


def _print(sentence: str) -> None:
    from clearprop.cli.terminal import write

    write(sentence)


COMMAND = Command(
    "train",
    run,
    (
        *RUN_OPTIONS,
        Option("--stop-on"),
        Option("--time"),
        Option("--memory"),
        Option("--shards"),
        options.OUT_FOLDER,
        Option("--config", takes=Takes.FILE),
        Option("--resume", takes=Takes.FOLDER),
        options.LANG,
    ),
    operand=Takes.FILE,
)
