"""Standard output for the command alone, while code of a person's runs in the same process.

What that code prints, from Python, from C or straight into the file descriptor, goes to standard
error: it is not lost, and not in the way of JSON.
"""

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

STDOUT, STDERR = 1, 2


@contextmanager
def output_apart() -> Iterator[TextIO]:
    """The stream that the command writes to; everybody else's output goes to standard error."""
    ours, original = sys.stdout, sys.__stdout__
    ours.flush()
    try:
        kept = os.dup(STDOUT)
    except OSError:  # standard output is closed
        kept = None
    out = only_for_this_thread(os.dup(kept), ours) if kept and _number(ours) == STDOUT else ours
    try:
        if kept is not None:
            os.dup2(STDERR, STDOUT)
        sys.stdout = vars(sys)["__stdout__"] = sys.stderr
        yield out
        out.flush()
    finally:
        sys.stdout = ours
        vars(sys)["__stdout__"] = original
        if kept is not None:
            os.dup2(kept, STDOUT)
            os.close(kept)
        if out is not ours:
            out.close()


def only_for_this_thread(number: int, like: TextIO) -> TextIO:
    """A stream into the file descriptor `number`, with the encoding of `like`. What another thread
    writes into it goes to standard error."""
    owner = threading.get_ident()

    class Ours(io.TextIOWrapper):
        def write(self, text: str) -> int:
            if threading.get_ident() != owner:
                return sys.stderr.write(text)
            return super().write(text)

    raw = os.fdopen(number, "wb")
    stream = Ours(raw, encoding=like.encoding, errors=like.errors, line_buffering=raw.isatty())
    return cast(TextIO, stream)


def _number(stream: TextIO) -> int | None:
    """The file descriptor of a stream, None for one in memory."""
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None
