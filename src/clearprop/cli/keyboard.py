"""Keys of a terminal, by what they mean on a walk."""

import os
import re
import sys
from enum import Enum, auto


class Move(Enum):
    """What a key asks for."""

    NEXT = auto()
    BACK = auto()
    FIRST = auto()
    LAST = auto()
    QUIT = auto()


# What a key sends: letters and, behind an escape character, the keys that have none. Terminals
# differ in Home and End, and Windows has codes of its own behind \xe0 or \x00.
MEANINGS = {
    **dict.fromkeys(["\x1b[C", "\x1bOC", " ", "n", "\r", "\n", "\xe0M", "\x00M"], Move.NEXT),
    **dict.fromkeys(["\x1b[D", "\x1bOD", "p", "\x7f", "\b", "\xe0K", "\x00K"], Move.BACK),
    **dict.fromkeys(["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\xe0G", "\x00G"], Move.FIRST),
    **dict.fromkeys(["\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~", "\xe0O", "\x00O"], Move.LAST),
    **dict.fromkeys(["q", "Q", "\x1b", "\x04"], Move.QUIT),
}

_KEY = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO.|[\xe0\x00].|.", re.DOTALL)


def pressed() -> list[Move]:
    """Wait for the keyboard; returns the meanings of the keys that were pressed, unknown ones left
    out. Raises KeyboardInterrupt for Ctrl-C."""
    typed = _typed()
    if "\x03" in typed:
        raise KeyboardInterrupt
    return meanings(typed)


def meanings(typed: str) -> list[Move]:
    """What the keys mean that sent `typed`: several of them where they came at once."""
    return [MEANINGS[key] for key in _KEY.findall(typed) if key in MEANINGS]


if sys.platform == "win32":

    def _typed() -> str:
        """What the next key sends."""
        import msvcrt

        typed = msvcrt.getwch()
        return typed + msvcrt.getwch() if typed in "\x00\xe0" else typed

else:

    def _typed() -> str:
        """What the next key sends, or several that came at once; the terminal is raw meanwhile."""
        import termios
        import tty

        keyboard = sys.stdin.fileno()
        before = termios.tcgetattr(keyboard)
        try:
            tty.setraw(keyboard)
            typed = os.read(keyboard, 32)
        finally:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
        # Nothing comes from a terminal that is gone.
        return typed.decode(sys.stdin.encoding, "replace") or "\x04"
