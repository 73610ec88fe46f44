"""Processes that share a training, as threads of one: they tell each other what MPI's would."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.compiled.blas import on_one_thread


class _Shared:
    def __init__(self, count: int) -> None:
        # One that has failed lets no other wait for it for ever.
        self.barrier = threading.Barrier(count, timeout=60)
        self.values: list[Any] = [None] * count


class ThreadRanks:
    """One of several."""

    def __init__(self, number: int, count: int, shared: _Shared) -> None:
        self.number, self.count, self._shared = number, count, shared

    def gather(self, value: Any) -> list[Any]:
        self._shared.values[self.number] = value
        self._shared.barrier.wait()
        found = list(self._shared.values)
        self._shared.barrier.wait()
        return found

    def rows(self, own: Array, counts: Sequence[int]) -> Array:
        found = self.gather(own)
        assert [len(one) for one in found] == list(counts)
        return np.concatenate(found)

    def slices(self, parts: Array, sources: Sequence[int], ends: Sequence[int]) -> list[Array]:
        found = self.gather(parts)
        assert [len(one) for one in found] == list(sources)
        first, end = [0, *ends][self.number : self.number + 2]
        return [one[:, first:end].copy() for one in found]

    def joined(self, own: Array, ends: Sequence[int]) -> Array:
        found = np.concatenate(self.gather(own))
        assert len(found) == ends[-1]
        return found

    def end(self) -> None:
        self.gather(None)

    def abort(self, status: int) -> None:
        raise AssertionError(status)


def in_threads(count: int, do: Callable[[ThreadRanks], Any]) -> list[Any]:
    """What `do` gives in each of so many, or the error that it raises there."""
    shared = _Shared(count)
    found: list[Any] = [None] * count

    def run(number: int) -> None:
        try:
            found[number] = do(ThreadRanks(number, count, shared))
        except Exception as problem:
            found[number] = problem
            if isinstance(problem, AssertionError | threading.BrokenBarrierError):
                shared.barrier.abort()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    with on_one_thread():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found
