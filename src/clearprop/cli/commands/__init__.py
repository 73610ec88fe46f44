"""The commands as the parser sees them: their arguments and options, and what they call.

What a command needs is imported when it runs, so that help and complaints do not wait for it.
"""

from collections.abc import Callable

import typer

from clearprop.cli.commands import (
    check,
    diagram,
    exercise,
    explain,
    grade,
    health,
    reproduce,
    step,
    write,
)

# Each adds its command to the application that is handed over, with help in the language.
DECLARED: tuple[Callable[[typer.Typer, str], None], ...] = (
    reproduce.declare,
    check.declare,
    explain.declare,
    diagram.declare,
    step.declare,
    health.declare,
    exercise.declare,
    grade.declare,
    write.declare,
)
