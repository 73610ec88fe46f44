"""Several threads train one network, and nobody can tell from its numbers."""

import os
import subprocess
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    Clipped,
    CrossEntropy,
    Linear,
    Network,
    ReLU,
    RMSprop,
    Sequential,
    Tanh,
    fit,
    train,
)
from clearprop.base import cores
from clearprop.base.errors import ConfigurationError
from clearprop.compiled.buffers import Buffers, put, take
from clearprop.compiled.kernel_running import run
from clearprop.compiled.plan import TrainingPlan, paying_threads
from clearprop.compiled.tables import MOST_THREADS, SAMPLES_OF_PART
from clearprop.compiled.thread_choice import CALLS_BETWEEN, LEAST_SECONDS, ThreadChoice
from clearprop.training import start
from tests.compiled.both_engines import (
    CLOSE,
    Library,
    Task,
    assert_same_bits,
    compiled,
    difference,
    in_numpy,
)
from tests.compiled.sanitized import tasks
from tests.compiled.test_tables import SOURCES
from tests.sweeps import quick_where

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="one network has one thread there")

X = np.random.default_rng(5).normal(size=(50, 6))
IDS = np.arange(50) % 3


@pytest.mark.parametrize(
    "dtype", quick_where(["float32", "float64"], lambda _, dtype: dtype == "float32")
)
def test_every_layer_loss_optimizer_and_structure_to_the_bit(dtype: str, kernels: Library) -> None:
    shared = [assert_same_bits(task, dtype, kernels) for task in tasks()]
    assert sum(shared) >= 35


def wide(*widths: int) -> Network:
    layers: list[Any] = []
    for inputs, outputs in pairwise(widths):
        layers += [Linear(inputs, outputs), ReLU()]
    return Network(Sequential(*layers[:-1]))


# Weights larger than what goes through them are shared by columns; the sums of the last one are
# longer than a part; batches that divide nothing, and fewer samples than threads have parts.
WIDE = {
    "by columns": ((70, 200, 230, 3), 9, None),
    "by columns, one row": ((33, 420, 410, 3), 1, None),
    "by samples": ((40, 70, 50, 3), 50, 21),
    "long sums": ((6, 300, 200, 3), 301, None),
    "turned": ((6, 130, 12), 40, 17),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [SGD(0.01), Adam(0.01), Clipped(RMSprop(), norm=0.5)])
@pytest.mark.parametrize("name", WIDE)
def test_shares_of_every_kind_to_the_bit(
    name: str, optimizer: Any, dtype: str, kernels: Library
) -> None:
    widths, samples, batch = WIDE[name]
    x = np.random.default_rng(1).normal(size=(samples, widths[0]))
    ids = np.arange(samples) % widths[-1]
    task = Task(wide(*widths), CrossEntropy(), optimizer, x, ids, batch_size=batch, epochs=2)
    assert assert_same_bits(task, dtype, kernels)
    if dtype == "float64":  # in float32 the first steps of Adam turn rounding into whole steps
        plan: Any = task.plan(dtype, 3)
        found = compiled(task, dtype, kernels, plan=plan)
        assert difference(found, in_numpy(task, dtype)) <= CLOSE[dtype]


def test_what_ends_a_run_ends_all_threads(kernels: Library) -> None:
    network, order = wide(6, 40, 3), np.tile(np.arange(50), 3)
    broken = X.copy()
    broken[49] = np.nan
    nothing = np.r_[np.ones(25), np.zeros(25)]
    for x, weights, expected in (
        (broken, None, ("not_finite", 2)),
        (X, nothing, ("weights_zero", 1)),
    ):
        task = Task(network, CrossEntropy(), SGD(0.1), x, IDS, weights, batch_size=25)
        plan: Any = task.plan("float64", 3)
        buffers = Buffers(plan, x, IDS, weights)
        begun = start(network, task.start("float64"), task.optimizer)
        put(plan, buffers, begun.params, begun.optimizer, {})
        told: Any = {"steps": 6, "step": 0, "order": order, "stop_at_nonfinite": True}
        ran = run(plan, kernels("float64"), buffers, **told)
        assert (ran.stop, ran.steps) == expected
        assert take(plan, buffers)[1].step == expected[1]


def test_narrow_networks_have_one_thread() -> None:
    network = Network(Sequential(Linear(6, 4), Tanh(), Linear(4, 3)))
    plan = Task(network, MSE(), SGD(0.1), X, X[:, :3]).plan("float64", 2)
    assert isinstance(plan, TrainingPlan)
    assert (plan.placed.is_columns, plan.threads) == (True, 1)


def test_fit_and_train_take_the_number_of_threads(kernels: Library) -> None:
    kernels("float64")
    network = wide(6, 40, 3)
    told: Any = {"loss": CrossEntropy(), "epochs": 3, "batch_size": 20, "engine": "compiled"}
    params = network.initialize(seed=0)
    alone = fit(network, params, X, IDS, threads=1, **told)
    both = fit(network, params, X, IDS, threads=2, **told)
    assert (alone.engine.threads, both.engine.threads) == (1, 2)
    assert np.array_equal(alone.params, both.params)
    begun = start(network, params, SGD(0.01))
    *_, last = train(network, begun, X, IDS, threads=2, **told)
    assert np.array_equal(last.state.params, alone.params)
    for threads in (0, -1, 1.5, True):
        with pytest.raises(ConfigurationError):
            fit(network, params, X, IDS, threads=threads, **told)  # type: ignore[arg-type]


ELSEWHERE = """
import os, signal, sys, threading, time
import numpy as np
from clearprop import SGD, CrossEntropy, Linear, Network, ReLU, Sequential, fit
from clearprop.training import TrainingInterrupted
network = Network(Sequential(Linear(20, 300), ReLU(), Linear(300, 10)))
x, ids = np.random.default_rng(0).normal(size=(64, 20)), np.arange(64) % 10
def fitted(threads, epochs=20):
    told = {"loss": CrossEntropy(), "optimizer": SGD(0.01), "epochs": epochs, "engine": "compiled"}
    return fit(network, network.initialize(seed=0), x, ids, threads=threads, **told)
"""
AFTER_A_FORK = """
here = fitted(3)
if os.fork() == 0:
    os._exit(0 if np.array_equal(fitted(3).params, here.params) else 1)
print(os.waitstatus_to_exitcode(os.wait()[1]), len(os.listdir("/proc/self/task")))
"""
PRESSED = """
fitted(2)
def press():
    time.sleep(0.3)
    pressed.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
pressed = []
threading.Thread(target=press).start()
try:
    fitted(2, 10**6)
except TrainingInterrupted as stopped:
    late = time.perf_counter() - pressed[0]
    steps = stopped.training.state.step
    print(np.array_equal(fitted(1, steps).params, stopped.training.params), late)
"""
WITHOUT_THREADS = "print(np.array_equal(fitted(2).params, fitted(1).params))"


def elsewhere(program: str, before: str = "") -> list[str]:
    """What a process of its own prints."""
    done = subprocess.run(
        ["sh", "-c", f'{before} exec "$0" -W ignore -c "$1"', sys.executable, ELSEWHERE + program],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted there")
def test_a_child_of_a_fork_has_threads_too_and_none_are_left(kernels: Library) -> None:
    kernels("float64")
    assert elsewhere(AFTER_A_FORK) == ["0", "1"]


@pytest.mark.thorough
def test_ctrl_c_ends_all_threads_after_a_whole_step(kernels: Library) -> None:
    kernels("float64")
    is_whole, late = elsewhere(PRESSED)
    assert is_whole == "True"
    assert float(late) < 0.5  # a busy machine; on a quiet one it is below 0.1


@pytest.mark.skipif(sys.platform != "linux", reason="where stacks are as large as one says")
def test_where_the_system_gives_no_threads_one_takes_the_steps(kernels: Library) -> None:
    kernels("float64")
    assert elsewhere(WITHOUT_THREADS, before="ulimit -s 1000000000000 &&") == ["True"]


def test_what_is_faster_is_taken() -> None:
    choice = ThreadChoice(5)
    pace = {1: 8e-5, 2: 5e-5, 4: 6e-5, 5: 9e-5}
    taken: list[int] = []

    def calls(count: int) -> None:
        for _ in range(count):
            threads, steps = choice.next_call(1000)
            taken.append(threads)
            choice.note(threads, steps, steps * pace[threads])

    choice.note(1, 1, 1.0)  # longer than it takes: the caches are cold
    calls(5)
    assert taken == [2, 4, 5, 2, 2]
    calls(CALLS_BETWEEN)
    # Another program begins: two threads wait for one another.
    quiet, pace = pace, {1: 8e-5, 2: 4e-4, 4: 5e-4, 5: 6e-4}
    calls(4)
    assert choice.best == 1
    pace = quiet
    calls(2 * CALLS_BETWEEN + 3)
    assert choice.best == 2
    # Trials are short, and few.
    assert taken[-2 * CALLS_BETWEEN :].count(4) <= 3


def test_a_short_call_says_nothing_and_what_is_asked_for_is_done() -> None:
    choice = ThreadChoice(2)
    # As long as no call was long enough, each is of twice as many steps as the one before.
    for expected in (1, 2, 4, 8, 8):
        threads, steps = choice.next_call(8)
        assert (threads, steps) == (1, expected)
        choice.note(threads, steps, LEAST_SECONDS / 10)
    assert ThreadChoice(3, asked=3).next_call(8) == (3, 8)


def test_no_more_threads_than_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [paying_threads(uses, 8) for uses in (1000, 500_000, 10**8)] == [1, 2, 8]
    monkeypatch.setattr(cores, "usable_cores", lambda: 6)
    for told, expected in {"": 6, "2": 2, "4,2": 4, "100": 6, "0": 1, "many": 6}.items():
        monkeypatch.setenv("OMP_NUM_THREADS", told)
        assert cores.default_threads() == expected


def test_the_kernels_have_the_same_limits() -> None:
    text = (SOURCES / "team.h").read_text(encoding="utf-8")
    assert f"MOST_THREADS = {MOST_THREADS}, SAMPLES_OF_PART = {SAMPLES_OF_PART} " in text
