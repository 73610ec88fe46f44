"""`clearprop reproduce NAME`: a showpiece is run, and its report written."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.base import messages
from clearprop.base.dependencies import require
from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import number, percent
from clearprop.cli.command_line import Arguments
from clearprop.cli.status import DONE, OUT_OF_TOLERANCE

if TYPE_CHECKING:
    from clearprop.teaching.experiments.progress import Progress


def run_showpiece(name: str, given: Arguments) -> int:
    """Run it, write into the folder `--out`; returns the exit status. Raises ConfigurationError
    for a name that does not exist."""
    if name not in SHOWPIECES:
        raise ConfigurationError("showpiece_unknown", name=name, known=", ".join(SHOWPIECES))
    return SHOWPIECES[name](given)


def _gpt(given: Arguments) -> int:
    from clearprop.teaching.showpieces.gpt_report import write_gpt_report
    from clearprop.teaching.showpieces.gpt_training import train_gpt

    return _reported("gpt", given, 1200, train_gpt, write_gpt_report)


def _letters(given: Arguments) -> int:
    from clearprop.teaching.showpieces.letters_report import write_letters_report
    from clearprop.teaching.showpieces.letters_training import train_letters

    return _reported("letters", given, 600, train_letters, write_letters_report)


def _reported(
    name: str,
    given: Arguments,
    usual: int,
    train: Callable[..., Any],
    write_report: Callable[[Any, Path, str], None],
) -> int:
    """Train for so many steps, write the report into the folder, and say how it went."""
    steps = given.whole("--steps", usual)
    with_torch = not given.given("--without-torch")
    folder = given.path("--out") or Path(f"clearprop-{name}")
    language = given.language()
    require("rich", "jinja2")
    from clearprop.cli.terminal import bar, write
    from clearprop.teaching.reports.publishing import publish, staging
    from clearprop.teaching.showpieces.showpiece_page import PAGE

    say = messages.within(f"showpieces.{name}")
    with staging(folder) as stage:
        with bar() as bars:
            task = bars.add_task(messages.text(language, f"cli.stages.{name}"), total=steps)
            result = train(
                steps,
                with_torch=with_torch,
                progress=lambda done, total: bars.update(task, completed=done, total=total),
            )
        write_report(result, stage, language)
        publish(stage, folder, last=PAGE)
    loss = number(float(result.losses[-20:].mean()), 4)
    told = {"steps": f"{steps:,}", "seconds": round(result.seconds), "loss": loss}
    lines = [say(language, "trained", **told)]
    torch = result.torch
    if torch is not None:
        apart = {"losses": number(torch.losses, 2), "params": number(torch.params, 2)}
        lines.append(say(language, "agreement", steps=torch.steps, **apart))
    lines.append(say(language, "report", path=folder / PAGE))
    write("\n".join(lines))
    return DONE if torch is None or torch.agrees else OUT_OF_TOLERANCE


def _digits(given: Arguments) -> int:
    seeds = given.whole("--seeds", 3)
    folder = given.path("--out") or Path("clearprop-digits")
    language = given.language()
    require("rich", "sklearn", "matplotlib", "jinja2")
    from clearprop.cli.terminal import bar, console
    from clearprop.teaching.reports.publishing import publish, staging
    from clearprop.teaching.showpieces.digits_report import write_digits_report
    from clearprop.teaching.showpieces.digits_training import reproduce_digits
    from clearprop.teaching.showpieces.showpiece_page import PAGE
    from clearprop.teaching.showpieces.text_training import CLOSE

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
    each = ", ".join(percent(run.accuracies[-1], 1) for run in result.runs)
    sentence = messages.text(
        language,
        "showpieces.digits.summary",
        accuracy=percent(result.accuracy, 1),
        seeds=seeds,
        each=each,
    )
    shown.print(sentence, soft_wrap=True, markup=False)
    report = messages.text(language, "showpieces.digits.report", path=folder / PAGE)
    shown.print(report, soft_wrap=True, markup=False)
    apart = result.beside is not None and max(result.beside) > CLOSE
    wrong = str(result.verdict.outcome) == "wrong"
    return OUT_OF_TOLERANCE if apart or wrong else DONE


SHOWPIECES: Mapping[str, Callable[[Arguments], int]] = {
    "digits": _digits,
    "gpt": _gpt,
    "letters": _letters,
}
