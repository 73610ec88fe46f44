"""The command line: it reads arguments, calls what the library does, and prints."""

import sys
from collections.abc import Sequence

from clearprop.base import messages
from clearprop.base.dependencies import require
from clearprop.base.errors import ClearpropError
from clearprop.cli.status import INTERRUPTED, NOT_DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (those of the process by default); returns its exit status.

    Everything that goes wrong for a known reason is one sentence on standard error.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    language = _language(arguments)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows a question mark; it does not end the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        return _run(arguments, language)
    except ClearpropError as problem:
        _complain(problem.message(language))
        return NOT_DONE
    except KeyboardInterrupt:
        _complain(messages.text(language, "cli.interrupted"))
        return INTERRUPTED


def _run(arguments: list[str], language: str) -> int:
    require("typer", "rich")
    from clearprop.cli.app import run

    return run(arguments, language)


def _language(arguments: list[str]) -> str:
    """The language of `--lang` where it is a known one, otherwise the locale's: it is needed for
    complaints about the arguments themselves."""
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--lang":
            value = value or "".join(arguments[position + 1 : position + 2])
            if value in messages.LANGUAGES:
                return value
    return messages.preferred_language()


def _complain(sentence: str) -> None:
    sys.stderr.write(f"clearprop: {sentence}\n")
