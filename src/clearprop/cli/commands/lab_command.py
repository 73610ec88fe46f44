"""`clearprop lab`: the page on which backpropagation is touched, served to this machine or written
as one file."""

import os
import secrets
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.lab_writing import copy_lesson, opening_of, write_file
from clearprop.cli.status import DONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearprop.lab.session import Session

LARGEST_PORT = 65535
# As clearprop.lab has them, which a shell that proposes them need not load.
LESSONS = ("neuron", "line", "bend", "chain-rule", "backward-by-hand", "does-it-hold")


def run(given: Arguments) -> int:
    """Serve the lab until Ctrl-C, or write it, or copy a lesson; returns the exit status."""
    language = given.language()
    port = given.whole("--port", 0, least=0)
    if port > LARGEST_PORT:
        raise ConfigurationError("lab_port", port=port, most=LARGEST_PORT)
    if (folder := given.path("--copy")) is not None:
        copy_lesson(given, folder, language)
        return DONE
    out, opening = given.path("--out"), opening_of(given)
    if out is not None:
        write_file(given, opening, out, language)
        return DONE
    if given.given("--runtime"):
        raise ConfigurationError("lab_runtime_alone")

    browser = not given.given("--no-browser")
    return _serve(lambda: opening.session(language), port, language, browser=browser)


def _serve(make: "Callable[[], Session]", port: int, language: str, *, browser: bool) -> int:
    from clearprop.cli.terminal import write
    from clearprop.lab.serving import HOST, Desk, listening_at, server_of

    with listening_at(port) as listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(16)
        server = server_of(Desk(make), token, port)
        link = f"http://{HOST}:{port}/?token={token}&lang={language}"
        write(messages.text(language, "cli.lab.serving", link=link))
        sys.stdout.flush()
        if browser:
            _open(link)
        # Ctrl-C is how it ends; uvicorn hands it on when everything is closed.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
    write(messages.text(language, "cli.lab.ended"))
    return DONE


def _open(link: str) -> None:
    """Open the link in a browser where there is a screen; a terminal's own would block it."""
    import webbrowser

    if (
        sys.platform in ("win32", "darwin")
        or os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
    ):
        webbrowser.open(link)


COMMAND = Command(
    "lab",
    run,
    (
        Option("--lesson", words=LESSONS),
        options.DATA,
        Option("--network"),
        options.OUT_FILE,
        Option("--runtime", takes=Takes.FOLDER),
        Option("--copy", takes=Takes.FOLDER),
        Option("--port"),
        Option("--no-browser", takes=Takes.NOTHING),
        options.LANG,
    ),
    operand=Takes.FILE,
)
