"""A person's script at work: without its output, a keyboard or a window, and not for ever."""

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.base.errors import ContractError
from clearprop.checking.subjects.plain_functions import raised

# What runs before the loop may load data and draw pictures; what takes longer is not waited for.
SECONDS = 60.0


def supervised(path: Path, action: Any) -> None:
    """Run a script's code: what it prints is not shown, it does not wait for an answer, and is
    stopped after a minute. Raises ContractError for what it raises, an exit, and too long a run."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(_arguments(path))
        stack.enter_context(_limited())
        stack.enter_context(np.errstate(all="ignore"))
        try:
            action()
        except SystemExit as problem:
            raise ContractError("script_exits", path=path) from problem
        except _TooLong as problem:
            raise ContractError("script_time", path=path, seconds=SECONDS) from problem
        except Exception as problem:  # their script
            raise ContractError("check_raised", function=path.name, problem=raised(problem)) from (
                problem
            )


class _TooLong(BaseException):
    """The time is up; no `except Exception` of the script's catches it."""


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(_number: int, _frame: Any) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _arguments(path: Path) -> Iterator[None]:
    """The script as a command of its own, without a window, and with nobody at the keyboard."""
    arguments, keyboard, backend = sys.argv, sys.stdin, os.environ.get("MPLBACKEND")
    sys.argv, sys.stdin = [str(path)], io.StringIO()
    sys.path.insert(0, str(path.parent.resolve()))
    os.environ["MPLBACKEND"] = "Agg"
    try:
        yield
    finally:
        sys.argv, sys.stdin = arguments, keyboard
        sys.path.pop(0)
        os.environ.pop("MPLBACKEND")
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
