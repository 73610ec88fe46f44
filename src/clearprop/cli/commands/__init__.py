"""The commands, one file each: what it takes, what it calls, and what it prints.

What a command needs is imported when it runs, so that help, complaints about arguments and
completion do not wait for it.
"""

from clearprop.base.errors import ConfigurationError
from clearprop.cli.command_line import HELP, Command, Option, Takes
from clearprop.cli.commands import (
    bench_command,
    check_command,
    data_command,
    diagram_command,
    evaluate_command,
    exercise_command,
    explain_command,
    export_command,
    grade_command,
    health_command,
    import_command,
    lab_command,
    predict_command,
    reproduce_command,
    show_command,
    step_command,
    sweep_command,
    train_command,
    write_command,
)
from clearprop.cli.options import LANG

SHELLS = ("bash", "zsh", "fish")
VERSION = Option("--version", takes=Takes.NOTHING)
COMPLETION = Option("--completion", words=SHELLS)
# Those that stand before a command's name.
OPTIONS = (VERSION, COMPLETION, LANG, HELP)

COMMANDS: tuple[Command, ...] = (
    train_command.COMMAND,
    sweep_command.COMMAND,
    reproduce_command.COMMAND,
    check_command.COMMAND,
    show_command.COMMAND,
    explain_command.COMMAND,
    diagram_command.COMMAND,
    lab_command.COMMAND,
    step_command.COMMAND,
    health_command.COMMAND,
    exercise_command.COMMAND,
    grade_command.COMMAND,
    write_command.COMMAND,
    data_command.COMMAND,
    predict_command.COMMAND,
    evaluate_command.COMMAND,
    export_command.COMMAND,
    import_command.COMMAND,
    bench_command.COMMAND,
)


def command_named(name: str) -> Command:
    """The command of that name. Raises ConfigurationError, with those near it, for another."""
    found = {one.name: one for one in COMMANDS}
    if name in found:
        return found[name]
    from difflib import get_close_matches

    near = ", ".join(f"'{one}'" for one in get_close_matches(name, found))
    if near:
        raise ConfigurationError("command_unknown_near", name=name, near=near)
    raise ConfigurationError("command_unknown", name=name)
