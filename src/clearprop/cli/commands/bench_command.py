"""`clearprop bench`: how fast trainings are on this machine, beside every peer there is."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
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
    dtype = given.text_or("--dtype", DTYPES[0])
    if dtype not in DTYPES:
        raise ConfigurationError("dtype_unknown", name=dtype, known=", ".join(DTYPES))
    plot = given.path("--plot")
    if plot is not None and plot.suffix.lower() not in PICTURES:
        raise ConfigurationError("picture_format", path=plot)
    language, as_json = given.language(), given.given("--json")

    from clearprop.bench.timing import cores as on_cores
    from clearprop.bench.timing import limit_threads

    limit_threads(cores)
    with on_cores(cores):
        from clearprop.bench.comparison import compare, installed_peers, surroundings
        from clearprop.bench.scaling import growths
        from clearprop.bench.workloads import WORKLOADS, of_dtype

        chosen = installed_peers(peers)
        measured: list[Measured] = []
        for name in workloads or WORKLOAD_NAMES:
            workload = of_dtype(WORKLOADS[name], dtype)
            begun = partial(_tell, name)
            measured.append(compare(workload, chosen, rounds=rounds, begun=begun))
            if not as_json:
                _print_details(measured[-1], language)
        grown = growths(rounds=rounds, dtype=dtype) if given.given("--growth") else ()
        around = {**surroundings(chosen), "cores": cores}
    if plot is not None:
        plot_bytes = _picture(measured, plot, language)
        from clearprop.base.writing import write_whole

        write_whole(plot, plot_bytes)
    if as_json:
        found = {
            **around,
            "workloads": [one.as_data() for one in measured],
            "growth": [one.as_data() for one in grown],
        }
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        _print_end(measured, grown, plot, language)
    return DONE


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
    measured: "list[Measured]", grown: "tuple[Growth, ...]", plot: Path | None, language: str
) -> None:
    from clearprop.bench.telling import growth_table, summary
    from clearprop.cli.terminal import write

    write(summary(measured, language))
    if grown:
        write("\n" + growth_table(grown, language))
    if plot is not None:
        write("\n" + messages.text(language, "cli.bench.written", path=plot))


def _picture(measured: "list[Measured]", path: Path, language: str) -> bytes:
    from clearprop.bench.telling import picture
    from clearprop.drawing import drawable_language, png, svg

    if path.suffix.lower() == ".svg":
        return svg(picture(measured, language), standalone=True).encode()
    # matplotlib draws the text itself, and may have no font for Chinese.
    return png(picture(measured, drawable_language(language)))


COMMAND = Command(
    "bench",
    run,
    (
        Option("--peers", words=PEER_NAMES),
        Option("--workloads", words=WORKLOAD_NAMES),
        Option("--cores"),
        Option("--rounds"),
        Option("--dtype", words=DTYPES),
        Option("--growth", takes=Takes.NOTHING),
        Option("--plot", takes=Takes.FILE),
        options.JSON,
        options.LANG,
    ),
    listed={"peers": PEER_NAMES, "workloads": WORKLOAD_NAMES},
)
