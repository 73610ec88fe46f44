"""Trainings by kernels that look at every memory access: run by `test_sanitizers`, in a process of
its own, into which the sanitizers' library is loaded first.

    python -m tests.compiled.sanitized float32       on one thread: no access beside the memory
    python -m tests.compiled.sanitized planted       a write behind an array, which must be found
    python -m tests.compiled.sanitized threads       on three: none that waits for no other
    python -m tests.compiled.sanitized race          where they do not meet, which must be found
"""

import ctypes
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np

from clearprop import MSE, SGD, Adam, Linear, Network, ReLU, Sequential, Tanh, fit_many
from clearprop.compiled import building, compilers, processors
from clearprop.compiled.processors import SUFFIX, Target
from tests.compiled.both_engines import Task, cache_of_tests, compiled
from tests.compiled.test_equality import (
    LAYER_CASES,
    LOSS_CASES,
    OPTIMIZER_CASES,
    STRUCTURES,
    WEIGHTS,
    X,
    Y,
    network_around,
)
from tests.compiled.time_cases import tasks_over_time

# As fast as code that is looked at can be made in a short time; it is made for narrow registers,
# which takes half as long.
MEMORY = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
THREADS = ("-O1", "-fsanitize=thread")
PLANTED = "void beyond(float *of_four) { of_four[4] = 1; }\n"


def tasks() -> Iterator[Task]:
    """Every layer, loss, optimizer and structure, in batches that divide nothing."""
    yield from tasks_over_time()
    for layer, features in LAYER_CASES:
        yield Task(network_around(layer, features), MSE(), SGD(0.01), X, Y, batch_size=7, epochs=2)
    for example, weights in LOSS_CASES:
        _, target = example.draw(np.random.default_rng(3), 23)
        network = Network(Sequential(Linear(5, 9), Tanh(), Linear(9, example.outputs)))
        yield Task(network, example.loss, SGD(0.001), X, target, weights, batch_size=10, epochs=2)
    wide = Network(Sequential(Linear(5, 18), ReLU(), Linear(18, 3)))
    for optimizer in OPTIMIZER_CASES:
        yield Task(wide, MSE(), optimizer, X, Y, WEIGHTS, batch_size=8, epochs=2)
    for structure in STRUCTURES:
        for batch_size in (None, 6, 1):
            if batch_size != 1 or "BatchNorm" not in repr(structure):
                task = Task(Network(structure), MSE(), Adam(0.01), X, Y, batch_size=batch_size)
                task.epochs = 2
                yield task


def train_all(dtype: str) -> None:
    """All of them, and some networks at once."""
    for task in tasks():
        compiled(task, dtype, building.library)
    slim = Network(Sequential(Linear(5, 9), Tanh(), Linear(9, 3)))
    x, target = X.astype(dtype), Y.astype(dtype)
    for networks in (1, 15, 16, 33):
        starts = range(networks)
        for optimizer in (SGD(0.01), Adam(0.01)):
            fit_many(
                slim, starts, x, target, optimizer=optimizer, epochs=2, batch_size=6,
                engine="compiled", threads=2,
            )  # fmt: skip


def train_on_threads() -> None:
    """All of them, on three."""
    for task in tasks():
        plan: Any = task.of("float32").plan("float32", 3)
        compiled(task, "float32", building.library, plan=plan)


def race() -> None:
    """What ThreadSanitizer is for: threads that begin with the weights while others still use what
    these are made of."""
    with tempfile.TemporaryDirectory() as folder:
        building.SOURCES = Path(copytree(building.SOURCES, Path(folder) / "source"))
        rows = building.SOURCES / "rows.h"
        text = rows.read_text(encoding="utf-8")
        met = "    settle(w);\n    linear_weights(w"
        assert met in text
        rows.write_text(text.replace(met, "    linear_weights(w"), encoding="utf-8")
        train_on_threads()


def write_beyond() -> None:
    """What the sanitizers are for."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "planted.c", Path(folder) / f"planted{SUFFIX}"
        source.write_text(PLANTED)
        compiler = compilers.installed_compiler()
        if compiler is not None:
            compilers.compile_library(compiler, source, Target("any"), made)
            four = np.zeros(4, np.float32)
            ctypes.CDLL(str(made)).beyond(ctypes.c_void_p(four.ctypes.data))


if __name__ == "__main__":
    [what] = sys.argv[1:]
    options = THREADS if what in ("threads", "race") else MEMORY
    compilers.OPTIONS = (*compilers.OPTIONS, *options)
    narrow = [one for one in processors.usable_targets() if one.name != "x86-64-v4"]
    mine = {"usable_targets": lambda: tuple(narrow), "cache_folder": cache_of_tests}
    vars(building).update(mine)
    does = {"planted": write_beyond, "threads": train_on_threads, "race": race}
    does.get(what, lambda: train_all(what))()
    print("nothing found")
