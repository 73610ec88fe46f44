"""Ctrl-C that waits for the step at hand, so that what has been done is whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interruption:
    """Whether Ctrl-C was pressed."""

    asked = False


@contextmanager
def ctrl_c_noted() -> Iterator[Interruption]:
    """Within it, Ctrl-C is noted and does nothing else; a second one interrupts at once.

    Where a program handles Ctrl-C itself, and in any thread but the first, which Python never
    interrupts, everything stays as it is.
    """
    noted = Interruption()
    is_first = threading.current_thread() is threading.main_thread()
    if not is_first or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted
        return

    def note(number: int, frame: FrameType | None) -> Any:
        if noted.asked:
            signal.default_int_handler(number, frame)
        noted.asked = True

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
