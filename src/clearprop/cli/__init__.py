"""The command line: it reads arguments, calls what the library does, and prints."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from clearprop.base import messages
from clearprop.base.errors import ClearpropError
from clearprop.cli.status import DONE, INTERRUPTED, NOBODY_READS, NOT_DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (those of the process by default); returns its exit status.

    Everything that goes wrong for a known reason is one sentence on standard error.
    """
    of_the_process = arguments is None
    arguments = _command_first(list(sys.argv[1:] if arguments is None else arguments))
    language = _language(arguments)
    if of_the_process and arguments[:1] == ["check"]:
        from clearprop.cli.supervision import runs_code, supervised

        if runs_code(arguments):
            return supervised(arguments, language)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows a question mark; it does not end the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        status = _run(arguments, language)
        # What nobody reads any more is found out here, not when Python ends.
        sys.stdout.flush()
    except ClearpropError as problem:
        _complain(problem.message(language))
        return _given_up(NOT_DONE) if of_the_process else NOT_DONE
    except SystemExit as problem:
        # No command ends so; code that it ran did.
        _complain(messages.text(language, "cli.ended_by_code", how=problem.code))
        return NOT_DONE
    except KeyboardInterrupt:
        _complain(messages.text(language, "cli.interrupted"))
        return INTERRUPTED
    except MemoryError as problem:
        # NumPy says how much it asked for; Python says nothing.
        reason = str(problem).rstrip(".") or type(problem).__name__
        _complain(messages.text(language, "cli.memory_too_small", problem=reason))
        return NOT_DONE
    except OSError as problem:
        if problem.filename is not None:
            raise
        # Standard output, for any other file has a name. Python would complain once more of what
        # is left to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(problem, BrokenPipeError):
            return NOBODY_READS
        _complain(messages.text(language, "cli.output_unwritable", problem=problem.strerror))
        return NOT_DONE
    return status


def _run(words: list[str], language: str) -> int:
    from clearprop.cli.command_line import help_text, known_language, parse
    from clearprop.cli.commands import COMPLETION, OPTIONS, VERSION, command_named
    from clearprop.cli.options import LANG

    values, rest = parse(words, OPTIONS, "clearprop", until_operand=True)
    known_language(values.pop(LANG.name, language))
    asked = next(iter(values), "" if rest else "--help")
    if asked == COMPLETION.name:
        from clearprop.cli.completion import script

        sys.stdout.write(script(values[asked]))
    elif asked == VERSION.name:
        from clearprop.base.version import __version__

        sys.stdout.write(f"clearprop {__version__}\n")
    elif asked:
        sys.stdout.write(help_text("root", language, {}))
    else:
        command = command_named(rest[0])
        given = command.read(rest[1:], language)
        if given is not None:
            return command.run(given)
        sys.stdout.write(command.help(language))
    return DONE


def _command_first(arguments: list[str]) -> list[str]:
    """`--lang zh-TW train …` is `train --lang zh-TW …`."""
    taken = 2 if arguments[:1] == ["--lang"] else "".join(arguments[:1]).startswith("--lang=")
    language, others = arguments[:taken], arguments[taken:]
    if not taken or not others or others[0].startswith("-"):
        return arguments
    return [others[0], *language, *others[1:]]


def _language(arguments: list[str]) -> str:
    """The language of `--lang` where it is a known one, otherwise the locale's: it is needed for
    complaints about the arguments themselves. The last one counts."""
    language = messages.preferred_language()
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--lang":
            value = value or "".join(arguments[position + 1 : position + 2])
            language = value if value in messages.LANGUAGES else language
    return language


def _given_up(status: int) -> int:
    """The status of a process that has done nothing; those that were launched with it would wait
    for it, and are ended."""
    from clearprop.distributed.launching import launched_by_mpi

    if launched_by_mpi():
        from clearprop.distributed.ranks import ranks_here

        sys.stderr.flush()
        with suppress(ClearpropError):
            ranks_here().abort(status)
    return status


def _complain(sentence: str) -> None:
    sys.stderr.write(f"clearprop: {sentence}\n")
