"""The processes that share one training: how many there are, which this one is, and what they tell
each other. mpi4py is imported here and nowhere else."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require
from clearprop.base.errors import ClearpropError, ConfigurationError
from clearprop.distributed.launching import launched_by_mpi

Found = TypeVar("Found")


class Ranks(Protocol):
    """Processes that do the same: `number` of `count`, from 0.

    Whatever is called here is called by all of them, in one order.
    """

    number: int
    count: int

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, in their order, for all."""

    def rows(self, own: Array, counts: Sequence[int]) -> Array:
        """Every process's rows (counts[number], W) in float64, one below the other."""

    def slices(self, parts: Array, sources: Sequence[int], ends: Sequence[int]) -> list[Array]:
        """Of every process's parts (sources[r], n) the entries of this one's slice; slice r ends at
        ends[r]."""

    def joined(self, own: Array, ends: Sequence[int]) -> Array:
        """The slices of all processes, behind one another."""

    def end(self) -> None:
        """Wait for all; nothing is sent any more."""

    def abort(self, status: int) -> None:
        """End all processes."""


class OneProcess:
    """A process alone: nothing is sent."""

    number, count = 0, 1

    def gather(self, value: Any) -> list[Any]:
        return [value]

    def rows(self, own: Array, counts: Sequence[int]) -> Array:
        return own

    def slices(self, parts: Array, sources: Sequence[int], ends: Sequence[int]) -> list[Array]:
        return [parts]

    def joined(self, own: Array, ends: Sequence[int]) -> Array:
        return own

    def end(self) -> None:
        pass

    def abort(self, status: int) -> None:
        pass


class MpiRanks:
    """The processes of MPI's world. Raises MissingDependencyError without mpi4py or MPI."""

    def __init__(self) -> None:
        require("mpi4py")
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as problem:
            # mpi4py is there, and no library of MPI that it could load.
            reason = str(problem).splitlines()[0]
            raise ConfigurationError("mpi_missing", problem=reason) from problem
        self._mpi, self._world = MPI, MPI.COMM_WORLD
        self.number, self.count = self._world.Get_rank(), self._world.Get_size()

    def gather(self, value: Any) -> list[Any]:
        return list(self._world.allgather(value))

    def rows(self, own: Array, counts: Sequence[int]) -> Array:
        width = own.shape[1]
        found = np.empty((sum(counts), width))
        sizes = [count * width for count in counts]
        self._world.Allgatherv(np.ascontiguousarray(own), [found, sizes])
        return found

    def slices(self, parts: Array, sources: Sequence[int], ends: Sequence[int]) -> list[Array]:
        spans = list(zip((0, *ends), ends, strict=False))
        sent = np.concatenate([parts[:, first:end].ravel() for first, end in spans])
        first, end = spans[self.number]
        own = end - first
        counts = [len(parts) * (end - first) for first, end in spans]
        taken = [source * own for source in sources]
        found = np.empty(sum(taken), parts.dtype)
        kind = self._kind(parts.dtype)
        self._world.Alltoallv([sent, counts, kind], [found, taken, kind])
        cut = np.split(found, np.cumsum(taken)[:-1])
        return [part.reshape(source, own) for part, source in zip(cut, sources, strict=True)]

    def joined(self, own: Array, ends: Sequence[int]) -> Array:
        found = np.empty(ends[-1], own.dtype)
        sizes = np.diff([0, *ends]).tolist()
        kind = self._kind(own.dtype)
        self._world.Allgatherv([own, kind], [found, sizes, kind])
        return found

    def end(self) -> None:
        self._world.Barrier()
        # Otherwise `python -m mpi4py` takes a status that is not 0 for a process that has died.
        self._mpi.Finalize()

    def abort(self, status: int) -> None:
        self._world.Abort(status)

    def _kind(self, dtype: "np.dtype[Any]") -> Any:
        return self._mpi.FLOAT if dtype == np.float32 else self._mpi.DOUBLE


def ranks_here() -> Ranks:
    """The processes that this one belongs to: MPI's where a launcher started it, otherwise itself
    alone. Raises MissingDependencyError and ConfigurationError."""
    return MpiRanks() if launched_by_mpi() else OneProcess()


def together(
    ranks: Ranks, do: Callable[[], Found], share: Callable[[Found], Any] = lambda found: found
) -> tuple[Found, list[Any]]:
    """What `do`, in which no process waits for another, gives here, and what `share` makes of it
    everywhere.

    Where it is refused in any process, all raise the first refusal, so that none waits for one that
    has given up; it names the process if not all were refused.
    """
    own: Found | None = None
    refusal: ClearpropError | None = None
    try:
        own = do()
    except ClearpropError as problem:
        refusal = problem
    told = (None if refusal else share(own), refusal)  # type: ignore[arg-type]
    heard = ranks.gather(told)
    refused = [number for number, (_, problem) in enumerate(heard) if problem is not None]
    if refused:
        first: ClearpropError = heard[refused[0]][1]
        if len(refused) == ranks.count:
            raise first
        raise ConfigurationError("rank_refused", rank=refused[0], problem=first)
    return own, [value for value, _ in heard]  # type: ignore[return-value]
