"""Where the work of a sweep is done: joblib's engines. joblib and Dask are imported here alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from clearprop.base.dependencies import require
from clearprop.base.errors import ConfigurationError

BACKENDS = ("loky", "threading", "dask")
# How many seconds a scheduler has to answer.
PATIENCE = 10.0


def done_jobs(
    do: Callable[..., Any],
    jobs: Sequence[Any],
    shared: Sequence[Any],
    *,
    n_jobs: int | None,
    backend: str | None,
    scheduler: str | None = None,
) -> Iterator[Any]:
    """What `do(*shared, job)` gives for every job, as soon as it is there.

    n_jobs     how many at once, −1 for one on every core; of Dask all that its workers take
    backend    "loky" (processes), "threading", "dask", or what has been registered with joblib (Ray
               registers itself); None takes what `joblib.parallel_config` says
    scheduler  of Dask, its address

    Raises ConfigurationError for an engine that there is not and a scheduler that does not answer,
    MissingDependencyError without Dask.
    """
    from joblib import Parallel, delayed

    if scheduler is not None and backend not in (None, "dask"):
        raise ConfigurationError("scheduler_of_dask", backend=backend)
    with ExitStack() as stack:
        held: Any = tuple(shared)
        if scheduler is not None or backend == "dask":
            client, held = stack.enter_context(_on_dask(scheduler, held))
            if sum(client.ncores().values()) == 1:
                # Where one job is done at a time, joblib would do it here, and not on the cluster.
                for job in jobs:
                    yield client.submit(_with, do, held, job, pure=False).result()
                return
            # All that its workers take.
            given: dict[str, Any] = {"n_jobs": -1}
        else:
            _require_backend(backend)
            given = {"n_jobs": n_jobs, "backend": backend}
        parallel = Parallel(return_as="generator_unordered", **given)
        yield from parallel(delayed(_with)(do, held, job) for job in jobs)


def _with(do: Callable[..., Any], shared: Sequence[Any], job: Any) -> Any:
    return do(*shared, job)


def _require_backend(backend: str | None) -> None:
    from joblib.parallel import BACKENDS as KNOWN

    if backend is not None and backend not in KNOWN:
        known = ", ".join(sorted({*BACKENDS, *KNOWN} - {"multiprocessing", "sequential"}))
        raise ConfigurationError("backend_unknown", value=backend, known=known)


@contextmanager
def _on_dask(scheduler: str | None, shared: Sequence[Any]) -> Iterator[Any]:
    """Dask as joblib's engine: its client, and what is shared as the workers have it."""
    require("dask", "distributed")
    from distributed import Client
    from joblib import parallel_config

    if scheduler is None:
        raise ConfigurationError("scheduler_missing")
    try:
        client: Any = Client(scheduler, timeout=PATIENCE)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as problem:
        raise ConfigurationError(
            "scheduler_silent", address=scheduler, problem=problem
        ) from problem
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise ConfigurationError("scheduler_alone", address=scheduler)
        # As what a job gives, which is made again where a worker dies that has had it; what is
        # scattered would be lost with it.
        held = client.submit(_itself, shared, pure=False)
        with parallel_config(backend="dask", wait_for_workers_timeout=PATIENCE):
            yield client, held


def _itself(value: Any) -> Any:
    return value
