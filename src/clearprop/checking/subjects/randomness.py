"""Forwards that draw random numbers: repeated by their key, so that they become functions.

Layers of ours draw by a key and repeat by themselves. Code that draws from NumPy's or Python's
global generators is run from the same state every time; a generator of the code's own cannot be
reached, and then the verdict says that the forward is not repeatable.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.subjects.subject import Subject

# NumPy's seeds are below this.
LARGEST = 2**32


def draws_globally(subject: Subject) -> bool:
    """Whether a forward moves the state of NumPy's or of Python's global generator."""
    before = _global_states()
    subject.forward(subject.arrays)
    return _global_states() != before


def keyed(subject: Subject, seed: int, draw: int = 1) -> Subject:
    """The subject with every forward started from one global random state, and every backward from
    another: what backward draws is not what forward drew. `draw` numbers that other state."""

    def run(arrays: Mapping[str, Array]) -> tuple[Array, Any]:
        with _global_state(seed):
            return subject.run(arrays)

    def back(dy: Array, arrays: Mapping[str, Array], cache: Any) -> Mapping[str, Any]:
        with _global_state((seed + draw) % LARGEST):
            return subject.back(dy, arrays, cache)

    return replace(subject, run=run, back=back)


def drawn_anew(subject: Subject, dy: Array, seed: int) -> frozenset[str]:
    """The names of the arrays whose gradients depend on what backward draws."""
    first, second = (keyed(subject, seed, draw).gradients(subject.arrays, dy) for draw in (1, 2))
    return frozenset(
        name
        for name in subject.variables
        if not np.array_equal(np.asarray(first.get(name)), np.asarray(second.get(name)))
    )


def _global_states() -> tuple[object, ...]:
    kind, keys, *rest = np.random.get_state()
    return kind, bytes(np.asarray(keys)), *rest, random.getstate()


@contextmanager
def _global_state(seed: int) -> Iterator[None]:
    with kept_state():
        np.random.seed(seed)
        random.seed(seed)
        yield


@contextmanager
def kept_state() -> Iterator[None]:
    """Puts the global generators back to where they were: a check leaves no trace in them."""
    numbers, python = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(numbers)
        random.setstate(python)
