"""`clearprop reproduce NAME`: a showpiece is run, and its report written."""

from collections.abc import Callable, Mapping
from pathlib import Path

from clearprop.base import messages
from clearprop.base.dependencies import require
from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import number
from clearprop.cli.command_line import Arguments
from clearprop.cli.status import DONE, OUT_OF_TOLERANCE


def run_showpiece(name: str, given: Arguments) -> int:
    """Run it, write into the folder `--out`; returns the exit status. Raises ConfigurationError
    for a name that does not exist."""
    if name not in SHOWPIECES:
        raise ConfigurationError("showpiece_unknown", name=name, known=", ".join(SHOWPIECES))
    return SHOWPIECES[name](given)


def _gpt(given: Arguments) -> int:
    steps = given.whole("--steps", 1200)
    with_torch = not given.given("--without-torch")
    folder = given.path("--out") or Path("clearprop-gpt")
    language = given.language()
    require("rich", "jinja2")
    from clearprop.cli.terminal import bar, write
    from clearprop.teaching.reports.publishing import publish, staging
    from clearprop.teaching.showpieces.gpt_report import PAGE, write_gpt_report
    from clearprop.teaching.showpieces.gpt_training import train_gpt

    say = messages.within("showpieces.gpt")
    with staging(folder) as stage:
        with bar() as bars:
            task = bars.add_task(messages.text(language, "cli.stages.gpt"), total=steps)
            result = train_gpt(
                steps,
                with_torch=with_torch,
                progress=lambda done, total: bars.update(task, completed=done, total=total),
            )
        write_gpt_report(result, stage, language)
        publish(stage, folder, last=PAGE)
    lines = [
        say(
            language,
            "trained",
            steps=f"{steps:,}",
            seconds=round(result.seconds),
            loss=number(float(result.losses[-20:].mean()), 4),
        )
    ]
    torch = result.torch
    if torch is not None:
        apart = {"losses": number(torch.losses, 2), "params": number(torch.params, 2)}
        lines.append(say(language, "agreement", steps=torch.steps, **apart))
    lines.append(say(language, "report", path=folder / PAGE))
    write("\n".join(lines))
    return DONE if torch is None or torch.agrees else OUT_OF_TOLERANCE


SHOWPIECES: Mapping[str, Callable[[Arguments], int]] = {"gpt": _gpt}
