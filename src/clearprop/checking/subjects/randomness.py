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


def draws_globally(subject: Subject) -> bool:
    """Whether a forward moves the state of NumPy's or of Python's global generator."""
    before = _global_states()
    subject.forward(subject.arrays)
    return _global_states() != before


def keyed(subject: Subject, seed: int) -> Subject:
    """The subject with every run of its code started from the same global random state."""

    def run(arrays: Mapping[str, Array]) -> tuple[Array, Any]:
        with _global_state(seed):
            return subject.run(arrays)

    def back(dy: Array, arrays: Mapping[str, Array], cache: Any) -> Mapping[str, Any]:
        with _global_state(seed):
            return subject.back(dy, arrays, cache)

    return replace(subject, run=run, back=back)


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
