"""`clearprop lab`: the page on which backpropagation is touched, served to this machine."""

import os
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearprop.lab.session import Session

LARGEST_PORT = 65535


def run(given: Arguments) -> int:
    """Serve the lab until Ctrl-C; returns the exit status."""
    language = given.language()
    port = given.whole("--port", 0, least=0)
    if port > LARGEST_PORT:
        raise ConfigurationError("lab_port", port=port, most=LARGEST_PORT)
    what = Path(given.operand) if given.operand.strip() else None

    from clearprop.base.dependencies import require

    require("starlette", "uvicorn", "websockets")
    return _serve(_maker(what, language), port, language, browser=not given.given("--no-browser"))


def _maker(what: Path | None, language: str) -> "Callable[[], Session]":
    """What makes a session: of the file that was named, or of the first preset."""
    from clearprop.lab.session import Session

    if what is None:
        return lambda: Session(language=language)
    from clearprop.lab.opened_files import problem_of_csv, problem_of_file

    if what.suffix.lower() == ".csv":
        problem, table = problem_of_csv(what)
    else:
        problem, table = problem_of_file(what), None
    # Samples in rows can be built for anew; ids and images cannot.
    data = problem.data if problem.data.x.ndim == 2 else None
    return lambda: Session(problem=problem, own_data=data, table=table, language=language)


def _serve(make: "Callable[[], Session]", port: int, language: str, *, browser: bool) -> int:
    import uvicorn

    from clearprop.cli.terminal import write
    from clearprop.lab.serving import HOST, application

    # With the protocol said: asyncio sends at once, and does not wait for more, only where it is.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as problem:
        listening.close()
        raise ConfigurationError("lab_port_taken", port=port, problem=problem.strerror) from problem
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(16)
    link = f"http://{HOST}:{port}/?token={token}&lang={language}"
    settings = uvicorn.Config(
        application(make, token, port),
        log_level="critical",
        lifespan="off",
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )
    write(messages.text(language, "cli.lab.serving", link=link))
    sys.stdout.flush()
    if browser:
        _open(link)
    # Ctrl-C is how it ends; uvicorn hands it on when everything is closed.
    with listening, suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listening])
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
        Option("--port"),
        Option("--no-browser", takes=Takes.NOTHING),
        options.LANG,
    ),
    operand=Takes.FILE,
)
