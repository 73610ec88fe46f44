"""`clearprop reproduce NAME`: a showpiece run, and its report."""

from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.dependencies import require
from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import percent
from clearprop.cli.command_line import Arguments
from clearprop.cli.status import DONE, OUT_OF_TOLERANCE

if TYPE_CHECKING:
    from clearprop.teaching.experiments.progress import Progress

SHOWPIECES = ("digits",)
OPTIONS = ("--out", "--lang", "--seeds", "--without-torch")


def run_showpiece(given: Arguments) -> int:
    """Run the showpiece that the operand names and write its report; returns the exit status.

    Raises ConfigurationError for a name that is not known, and for options of the tutorial.
    """
    what = given.operand.strip().lower()
    if what not in SHOWPIECES:
        raise ConfigurationError("showpiece_unknown", what=what, known=", ".join(SHOWPIECES))
    for option in given.values:
        if option not in OPTIONS:
            raise ConfigurationError("showpiece_option", what=what, option=option)
    return _digits(given)


def _digits(given: Arguments) -> int:
    seeds = given.whole("--seeds", 3)
    folder = given.path("--out") or Path("clearprop-digits")
    language = given.language()
    require("rich", "sklearn", "matplotlib", "jinja2")
    from clearprop.cli.terminal import bar, console
    from clearprop.teaching.experiments.digits import reproduce_digits
    from clearprop.teaching.reports.digits_report import PAGE, PARITY, write_digits_report
    from clearprop.teaching.reports.publishing import publish, staging

    shown = console(width=None)
    with staging(folder) as stage, bar() as bars:

        def watch(name: str) -> "Progress":
            task = bars.add_task(messages.text(language, f"cli.stages.{name}"), total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        result = reproduce_digits(seeds, with_torch=not given.given("--without-torch"), watch=watch)
        told = watch("figures")
        write_digits_report(result, stage, language)
        told(1, 1)
        publish(stage, folder, last=PAGE)
    each = ", ".join(percent(run.accuracies[-1]) for run in result.runs)
    sentence = messages.text(
        language,
        "showpieces.digits.summary",
        accuracy=percent(result.accuracy),
        seeds=seeds,
        each=each,
    )
    shown.print(sentence, soft_wrap=True, markup=False)
    report = messages.text(language, "showpieces.digits.report", path=folder / PAGE)
    shown.print(report, soft_wrap=True, markup=False)
    apart = result.beside is not None and max(result.beside) > PARITY
    wrong = str(result.verdict.outcome) == "wrong"
    return OUT_OF_TOLERANCE if apart or wrong else DONE
