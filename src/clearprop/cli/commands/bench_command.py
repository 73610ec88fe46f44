"""`clearprop bench`: how fast trainings are on this machine, beside every peer there is."""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError, KernelsError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE

if TYPE_CHECKING:
    from clearprop.bench.comparison import Measured
    from clearprop.bench.scaling import Growth

# Named here as well, for help and completion must not wait for NumPy; a test compares.
PEER_NAMES = (
    "clearprop",
    "clearprop-numpy",
    "numpy",
    "torch",
    "torch-compiled",
    "jax",
    "sklearn",
    "products-numpy",
    "products-torch",
)
WORKLOAD_NAMES = (
    "1-10-1",
    "64-128-10",
    "64-128-10-adam",
    "784-128-128-10",
    "784-256-10",
    "1024-1024-1024-10",
    "1000x1-10-1",
    "digits",
)
PICTURES = (".svg", ".png")
DTYPES = ("float32", "float64")


def run(given: Arguments) -> int:
    """Measure, and print as it goes; returns the exit status."""
    peers, workloads = _names(given, "--peers"), _names(given, "--workloads")
    for name in workloads:
        if name not in WORKLOAD_NAMES:
            known = ", ".join(WORKLOAD_NAMES)
            raise ConfigurationError("workload_unknown", name=name, known=known)
    cores, rounds = given.whole("--cores", 1), given.whole("--rounds", 9)
    threads = given.whole("--threads", cores)
    both = cores > 1 and not given.given("--threads")
    dtype = given.text_or("--dtype", DTYPES[0])
    if dtype not in DTYPES:
        raise ConfigurationError("dtype_unknown", name=dtype, known=", ".join(DTYPES))
    plot = given.path("--plot")
    if plot is not None and plot.suffix.lower() not in PICTURES:
        raise ConfigurationError("picture_format", path=plot)
    language, as_json = given.language(), given.given("--json")

    from clearprop.bench.timing import cores as on_cores
    from clearprop.bench.timing import limit_threads

    limit_threads(threads)
    with on_cores(cores):
        from clearprop.bench.comparison import compare, installed_peers, surroundings
        from clearprop.bench.scaling import growths
        from clearprop.bench.workloads import WORKLOADS, of_dtype

        chosen = installed_peers(peers)
        measured: list[Measured] = []
        for name in workloads or WORKLOAD_NAMES:
            workload = of_dtype(WORKLOADS[name], dtype)
            begun = partial(_tell, name)
            names = [peer.name for peer in chosen]
            alone = _on_one_thread(name, names, cores, rounds, dtype) if both else None
            found = compare(workload, chosen, rounds=rounds, threads=threads, begun=begun)
            measured.append(found if alone is None else found.best_of(alone))
            if not as_json:
                _print_details(measured[-1], language)
        grown = growths(rounds=rounds, dtype=dtype) if given.given("--growth") else ()
        around = {**surroundings(chosen), "cores": cores}
    written = [] if plot is None else _draw(measured, grown, plot, language)
    if as_json:
        told = {
            **around,
            "workloads": [one.as_data() for one in measured],
            "growth": [one.as_data() for one in grown],
        }
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        _print_end(measured, grown, written, language)
    return DONE


def _on_one_thread(
    workload: str, peers: Sequence[str], cores: int, rounds: int, dtype: str
) -> dict[str, Any]:
    """The same measurement on as many cores, each package on one thread: how many there are is
    settled when a package is loaded, so a process of its own does it."""
    told = {"workloads": workload, "peers": ",".join(peers), "cores": cores, "rounds": rounds}
    words = [f"--{name}={value}" for name, value in {**told, "dtype": dtype, "threads": 1}.items()]
    command = [sys.executable, "-m", "clearprop", "bench", *words, "--json"]
    _tell(workload, "")
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        why = done.stderr.strip().rpartition("\n")[2]
        raise KernelsError("bench_child_failed", status=done.returncode, problem=why)
    found: dict[str, Any] = json.loads(done.stdout)["workloads"][0]
    return found


def _names(given: Arguments, option: str) -> list[str]:
    return [name.strip() for name in given.text_or(option, "").split(",") if name.strip()]


def _tell(workload: str, peer: str) -> None:
    """What is made ready, for a person who watches: some peers take half a minute."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K… {workload} {peer}" if peer else "\r\033[K")
        sys.stderr.flush()


def _print_details(measured: "Measured", language: str) -> None:
    from clearprop.bench.telling import details
    from clearprop.cli.terminal import write

    write(details(measured, language) + "\n")


def _print_end(
    measured: "list[Measured]", grown: "tuple[Growth, ...]", written: list[Path], language: str
) -> None:
    from clearprop.bench.telling import growth_table, summary
    from clearprop.cli.terminal import write

    write(summary(measured, language))
    if grown:
        write("\n" + growth_table(grown, language))
    for path in written:
        write("\n" + messages.text(language, "cli.bench.written", path=path))


def _draw(
    measured: "list[Measured]", grown: "tuple[Growth, ...]", path: Path, language: str
) -> list[Path]:
    """Write the pictures: of the workloads, and beside it how a step's time grows."""
    from clearprop.base.writing import write_whole
    from clearprop.bench.growth_picture import growth_picture
    from clearprop.bench.telling import picture
    from clearprop.drawing import drawable_language, png, svg

    is_svg = path.suffix.lower() == ".svg"
    # matplotlib draws the text itself, and may have no font for Chinese.
    language = language if is_svg else drawable_language(language)
    scenes = {path: picture(measured, language)}
    if grown:
        beside = path.with_name(f"{path.stem}-growth{path.suffix}")
        scenes[beside] = growth_picture(grown, language)
    for place, scene in scenes.items():
        write_whole(place, svg(scene, standalone=True).encode() if is_svg else png(scene))
    return [*scenes]


COMMAND = Command(
    "bench",
    run,
    (
        Option("--peers", words=PEER_NAMES),
        Option("--workloads", words=WORKLOAD_NAMES),
        Option("--cores"),
        Option("--threads"),
        Option("--rounds"),
        Option("--dtype", words=DTYPES),
        Option("--growth", takes=Takes.NOTHING),
        Option("--plot", takes=Takes.FILE),
        options.JSON,
        options.LANG,
    ),
    listed={"peers": PEER_NAMES, "workloads": WORKLOAD_NAMES},
)
