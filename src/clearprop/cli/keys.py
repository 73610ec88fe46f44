"""Keys of a terminal, by what they mean on a walk."""

import re

import typer

NEXT, BACK, FIRST, LAST, QUIT = "next", "back", "first", "last", "quit"

# What a key sends: letters and, behind an escape character, the keys that have none. Terminals
# differ in Home and End, and Windows has codes of its own behind \xe0 or \x00.
MEANINGS = {
    **dict.fromkeys(["\x1b[C", "\x1bOC", " ", "n", "\r", "\n", "\xe0M", "\x00M"], NEXT),
    **dict.fromkeys(["\x1b[D", "\x1bOD", "p", "\x7f", "\b", "\xe0K", "\x00K"], BACK),
    **dict.fromkeys(["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\xe0G", "\x00G"], FIRST),
    **dict.fromkeys(["\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~", "\xe0O", "\x00O"], LAST),
    **dict.fromkeys(["q", "Q", "\x1b", "\x04"], QUIT),
}

_KEY = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO.|[\xe0\x00].|.", re.DOTALL)


def pressed() -> list[str]:
    """Wait for the keyboard; returns the meanings of the keys that were pressed, unknown ones left
    out. Raises KeyboardInterrupt for Ctrl-C."""
    try:
        return meanings(typer.getchar())
    except EOFError:
        return [QUIT]


def meanings(typed: str) -> list[str]:
    """What the keys mean that sent `typed`: several of them where they came at once."""
    return [MEANINGS[key] for key in _KEY.findall(typed) if key in MEANINGS]
