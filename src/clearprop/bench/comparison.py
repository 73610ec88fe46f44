"""The peers on a workload, in turns: that they compute the same first, then how long they take."""

import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from clearprop.base.dependencies import is_installed
from clearprop.base.errors import ConfigurationError, ContractError, KernelsError
from clearprop.base.version import __version__
from clearprop.bench.peers import bare_numpy, jax_peers, own_peers, sklearn_peer, torch_peers
from clearprop.bench.peers.peer import Peer, Run
from clearprop.bench.timing import interleaved
from clearprop.bench.workloads import Workload

PEERS: Mapping[str, Peer] = {
    one.name: one
    for one in (
        own_peers.COMPILED,
        own_peers.NUMPY_ENGINE,
        bare_numpy.BARE,
        torch_peers.EAGER,
        torch_peers.COMPILED,
        jax_peers.SCAN,
        sklearn_peer.CLASSIFIER,
        bare_numpy.PRODUCTS,
        torch_peers.PRODUCTS,
    )
}
US = (own_peers.COMPILED.name, own_peers.NUMPY_ENGINE.name)

# The share by which the last losses may differ: rounding, over some hundred steps.
WITHIN = {"float32": 2e-3, "float64": 1e-6}
# Of a peer that draws its own start: a factor.
NEAR = 4.0


@dataclass(frozen=True)
class Measured:
    """One workload: the median seconds of a step of every peer, and the loss that it came to.

    A step of a workload of many networks is one of all of them.

    ready     the seconds before a peer's first step, which are apart: what is compiled, and copied
    threads   how many of them a peer was told to use
    left_out  who cannot do it here, and why
    """

    workload: Workload
    seconds: Mapping[str, float]
    losses: Mapping[str, float]
    ready: Mapping[str, float] = field(default_factory=dict)
    threads: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, KernelsError] = field(default_factory=dict)

    @property
    def best_peer(self) -> str | None:
        """The fastest that trains and is not ours."""
        others = [name for name in self.seconds if name not in US and PEERS[name].trains]
        return min(others, key=self.seconds.__getitem__, default=None)

    @property
    def products(self) -> str | None:
        """The fastest of the matrix products alone."""
        alone = [name for name in self.seconds if not PEERS[name].trains]
        return min(alone, key=self.seconds.__getitem__, default=None)

    def ratio_to(self, name: str | None) -> float | None:
        """Our time over another's; None where there is none."""
        ours = self.seconds.get(US[0])
        return None if ours is None or name is None else ours / self.seconds[name]

    def as_data(self) -> dict[str, Any]:
        """What JSON takes."""
        return {
            "workload": self.workload.name,
            "dtype": self.workload.dtype,
            "seconds_per_step": dict(self.seconds),
            "last_loss": {name: one for name, one in self.losses.items() if math.isfinite(one)},
            "seconds_until_ready": dict(self.ready),
            "threads": dict(self.threads),
            "left_out": {name: str(why) for name, why in self.left_out.items()},
            "best_peer": self.best_peer,
            "to_best_peer": self.ratio_to(self.best_peer),
            "to_products": self.ratio_to(self.products),
        }

    def best_of(self, told: Mapping[str, Any]) -> "Measured":
        """Of this and of what `as_data` told of the same workload on other threads, each peer's
        faster."""
        faster = {
            name: seconds
            for name, seconds in told["seconds_per_step"].items()
            if seconds < self.seconds.get(name, math.inf)
        }
        return Measured(
            self.workload,
            {**self.seconds, **faster},
            {**self.losses, **{name: told["last_loss"].get(name, math.nan) for name in faster}},
            {**self.ready, **{name: told["seconds_until_ready"][name] for name in faster}},
            {**self.threads, **{name: told["threads"][name] for name in faster}},
            {name: why for name, why in self.left_out.items() if name not in faster},
        )


def installed_peers(names: Sequence[str] = ()) -> list[Peer]:
    """The peers of these names, or all whose packages are here. Raises ConfigurationError for a
    name that there is not."""
    for name in names:
        if name not in PEERS:
            raise ConfigurationError("peer_unknown", name=name, known=", ".join(PEERS))
    if names:
        return [PEERS[name] for name in names]
    return [peer for peer in PEERS.values() if all(map(is_installed, peer.packages))]


def compare(
    workload: Workload,
    peers: Sequence[Peer],
    *,
    rounds: int,
    threads: int = 1,
    begun: Callable[[str], object] | None = None,
) -> Measured:
    """Measure the peers that can do the workload; `begun` is told which one is made ready,
    and "" when all are. `threads` is what `timing.limit_threads` was told.

    Another's compiler that does not work is left out. Raises KernelsError where ours does not;
    ContractError where one of them comes to another loss: then they do not do the same work,
    and no time is told. MissingDependencyError for a peer whose package is not installed.
    """
    ready: dict[str, Run] = {}
    losses: dict[str, float] = {}
    first: dict[str, float] = {}
    left_out: dict[str, KernelsError] = {}
    for peer in peers:
        if peer.takes is not None and not peer.takes(workload):
            continue
        _tell(begun, peer.name)
        begin = time.perf_counter()
        try:
            run = peer.ready(workload)
            losses[peer.name] = run(workload.steps)
        except KernelsError as problem:
            if peer.name in US:
                raise
            left_out[peer.name] = problem
            continue
        ready[peer.name], first[peer.name] = run, time.perf_counter() - begin
    require_equal(workload, losses)
    _tell(begun, "")
    runs = {name: _whole(run, workload.steps) for name, run in ready.items()}
    taken = interleaved(runs, repeats=rounds)
    return Measured(
        workload,
        {name: seconds / workload.steps for name, seconds in taken.items()},
        losses,
        {name: max(first[name] - seconds, 0.0) for name, seconds in taken.items()},
        dict.fromkeys(taken, threads),
        left_out,
    )


def require_equal(workload: Workload, losses: Mapping[str, float]) -> None:
    """Refuse losses that differ by more than rounding: ContractError."""
    reference = next((one for name, one in losses.items() if PEERS[name].trains), 0.0)
    for name, loss in losses.items():
        if not PEERS[name].trains:
            continue
        near = abs(loss - reference) <= WITHIN[workload.dtype] * abs(reference)
        if PEERS[name].draws:
            near = reference / NEAR <= loss <= reference * NEAR
        if not near:
            raise ContractError(
                "bench_losses_differ",
                name=name,
                workload=workload.name,
                loss=f"{loss:.6g}",
                reference=f"{reference:.6g}",
            )


def surroundings(peers: Sequence[Peer]) -> dict[str, Any]:
    """The machine, and the versions of what is compared."""
    packages = {"numpy", *(package for peer in peers for package in peer.packages)}
    installed = {"sklearn": "scikit-learn"}
    return {
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "python": platform.python_version(),
        "versions": {
            "clearprop": __version__,
            **{one: version(installed.get(one, one)) for one in sorted(packages)},
        },
    }


def processor_name() -> str:
    """What the system calls the processor."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        named = [line for line in told if line.startswith("model name")]
        return named[0].partition(":")[2].strip()
    except (OSError, IndexError):
        return platform.processor()


def _tell(begun: Callable[[str], object] | None, name: str) -> None:
    if begun is not None:
        begun(name)


def _whole(run: Run, steps: int) -> Callable[[], float]:
    return lambda: run(steps)
