"""`clearprop step`: one training step of a saved network, walked by key or printed whole."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE

if TYPE_CHECKING:
    from clearprop.reading.walk import Walk


def run(given: Arguments) -> int:
    """Walk the next step of the training that is saved in FILE; returns the exit status."""
    file = Path(given.required_operand("step_no_file"))
    sample = given.whole("--sample", 0, least=0)
    language = given.language()

    import numpy as np

    from clearprop.cli.saved_networks import opened
    from clearprop.cli.terminal import write
    from clearprop.reading.walk import walk_step

    # A step that overflows is shown as it is.
    with np.errstate(all="ignore"):
        walk = walk_step(opened(given, file).step, sample=sample)
    if given.given("--json"):
        sys.stdout.write(f"{walk.to_json()}\n")
    elif given.given("--all") or not _by_key(walk, language):
        write(walk.text(language))
    return DONE


def _by_key(walk: "Walk", language: str) -> bool:
    """Show the walk by key where somebody sits at a terminal that can show one stage in place of
    another; returns whether it was shown."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    from clearprop.cli.stage_screen import show
    from clearprop.cli.terminal import console

    screen = console()
    if screen.is_dumb_terminal:
        return False
    show(walk, screen, language)
    return True


COMMAND = Command(
    "step",
    run,
    (
        options.DATA,
        options.TARGET,
        options.KINDS,
        options.SAMPLE,
        Option("--all", takes=Takes.NOTHING),
        options.JSON,
        options.LANG,
    ),
    operand=Takes.FILE,
)
