"""NumPy's makers of arrays, for one run that is written down: what they make writes down as well.

A loop fills `np.zeros(…)`, and what is then done with it, as `np.maximum(y, 0)`, would be done with
a bare array of which nobody tells. While a forward is recorded, these functions give arrays without
a wire: what fills them is known by its numbers, once somebody takes them further. Only the code of
the person and only its thread meets them.
"""

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from clearprop.checking.diagnosis.recording.recorded_array import RecordedArray, blank
from clearprop.checking.diagnosis.recording.recorder import Recorder

MAKERS: tuple[tuple[Any, str], ...] = (
    *((np, name) for name in ("zeros", "empty", "ones", "full", "array", "asarray")),
    (np, "ascontiguousarray"),
    (np.lib.stride_tricks, "as_strided"),
)
# Whose own arrays these functions make as ever.
INSIDE = ("numpy.", "clearprop.checking.diagnosis.", "clearprop.engine.")
# One run at a time: each puts back what it found.
_RUNNING = threading.RLock()


@contextmanager
def blanks(recorder: Recorder) -> Iterator[None]:
    """While this lasts, NumPy's makers of arrays write down for the recorder."""
    with _RUNNING:
        own = [(place, name, getattr(place, name)) for place, name in MAKERS]
        try:
            for place, name, function in own:
                setattr(place, name, _maker(function, recorder, threading.get_ident()))
            yield
        finally:
            for place, name, function in own:
                setattr(place, name, function)


def _maker(function: Callable[..., Any], recorder: Recorder, thread: int) -> Callable[..., Any]:
    @functools.wraps(function)
    def made(*given: Any, **options: Any) -> Any:
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))
        if threading.get_ident() != thread or (caller + ".").startswith(INSIDE):
            return function(*given, **options)
        first = given[0] if given else None
        is_alone = len(given) == 1 and function.__name__ != "as_strided"
        if is_alone and isinstance(first, RecordedArray) and _is_kept(first, options):
            return first.copy() if function.__name__ == "array" else first
        array = function(*given, **options)
        return blank(recorder, array) if array.dtype.kind == "f" and array.size else array

    return made


def _is_kept(array: RecordedArray, options: dict[str, Any]) -> bool:
    """Whether the same numbers are asked for in the same precision."""
    return not options or (list(options) == ["dtype"] and array.dtype == options["dtype"])
