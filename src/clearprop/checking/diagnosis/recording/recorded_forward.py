"""One run of a person's forward on arrays that write down what is done with them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.recording import primitives
from clearprop.checking.diagnosis.recording.assembled import assembled
from clearprop.checking.diagnosis.recording.blank_arrays import blanks
from clearprop.checking.diagnosis.recording.recorded_array import (
    on_wire,
)
from clearprop.checking.diagnosis.recording.recorder import Recorder, TooLongError
from clearprop.checking.diagnosis.recording.seen_again import gathered
from clearprop.checking.diagnosis.recording.tape import Tape

LAST_DIGITS = 1e-12


def recorded(
    run: Callable[[Mapping[str, Array]], Any], arrays: Mapping[str, Array], output: Array
) -> Tape | None:
    """The tape of a forward at some arrays; None where it cannot be run on such arrays, is too
    long, or gives `output` by a way that leaves NumPy."""
    recorder = Recorder()
    given: dict[str, Array] = {}
    for name, array in arrays.items():
        given[name] = on_wire(recorder, np.array(array), recorder.leaf(name, np.array(array)))
    try:
        with np.errstate(all="ignore"), blanks(recorder):
            returned = run(given)
    except (TooLongError, Exception):  # the person's code: it may refuse such arrays
        return None
    for wire in reversed(recorder.wires):
        if wire.value.size == output.size and _is_same(wire.value.reshape(output.shape), output):
            return Tape(tuple(recorder.wires), wire.number)
    if output.size == 1:
        return _scaled_outside(recorder, output) if np.any(output) else None
    try:
        return _filled(recorder, returned, output)
    except TooLongError:
        return None


def _filled(recorder: Recorder, returned: object, output: Array) -> Tape | None:
    """The tape of an output that a loop has filled with what stands on wires."""
    given = returned if isinstance(returned, tuple | list) else [returned]
    for one in [*(one for one in given if isinstance(one, np.ndarray)), output]:
        bare = np.asarray(one).view(np.ndarray)
        same = bare.size == output.size and _is_same(bare.reshape(output.shape), output)
        made = gathered(recorder, bare) if same else None
        if made is not None:
            number = recorder.made(*made, np.array(bare))
            return Tape(tuple(recorder.wires), number)
    whole = assembled(recorder, np.asarray(output, np.float64))
    return None if whole is None else Tape(tuple(recorder.wires), whole)


def _is_same(value: Array, output: Array) -> bool:
    """Whether the numbers are the same, up to the order in which they were added up."""
    if value.dtype.kind != "f":
        return False
    close = np.isclose(value, output, rtol=LAST_DIGITS, atol=0, equal_nan=output.dtype.kind == "f")
    return bool(close.all())


def _scaled_outside(recorder: Recorder, output: Array) -> Tape | None:
    """The tape of a loss whose last factor is Python's own: `float(total) / N`. Whether it is one
    is seen by the gradients."""
    for wire in reversed(recorder.wires):
        if wire.value.size == 1 and wire.value.dtype.kind == "f" and np.all(wire.value):
            factor = float(output.reshape(())) / float(wire.value.reshape(()))
            scaled = primitives.entrywise("multiply", np.multiply)
            value = np.asarray(output, np.float64).reshape(wire.value.shape)
            number = recorder.made(scaled, [wire.number, np.asarray(factor)], value)
            return Tape(tuple(recorder.wires), number)
    return None
