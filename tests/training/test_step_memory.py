"""What a step of a training in NumPy takes of the machine's memory."""

import platform
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from clearprop import SGD, CrossEntropy, Linear, Network, Sequential, Tanh
from clearprop.teaching.showpieces.gpt_network import gpt
from clearprop.training import start, train

SAMPLES, WIDTH, DEPTH = 1024, 64, 12


def network_and_data() -> tuple[Network, Any, Any]:
    layers = [layer for _ in range(DEPTH) for layer in (Linear(WIDTH, WIDTH), Tanh())]
    x = np.random.default_rng(0).normal(size=(SAMPLES, WIDTH))
    return Network(Sequential(*layers)), x, np.zeros_like(x)


def events_of(network: Network, x: Any, target: Any) -> Iterator[Any]:
    state = start(network, network.initialize(0), SGD(0.01))
    return train(network, state, x, target, optimizer=SGD(0.01), engine="numpy")


def peak_of(run: Any) -> int:
    run()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_way_back_takes_hardly_more_than_the_way_there() -> None:
    network, x, target = network_and_data()
    params = network.initialize(0)
    there = peak_of(lambda: network.forward(params, x, records=False))
    # The way there keeps 2 × 12 arrays. What goes back comes instead of them; beside it there are a
    # copy of the data, parameters, their gradient, and the few arrays of one layer's way back.
    assert there >= 2 * DEPTH * x.nbytes

    def three_steps() -> None:
        events = events_of(network, x, target)
        for _ in range(6):
            next(events)

    assert peak_of(three_steps) <= 1.5 * there


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's memory alone")
def test_a_step_takes_the_pages_of_the_step_before() -> None:
    import resource

    network = gpt(50)
    ids = np.random.default_rng(0).integers(50, size=(2, 16, 64))
    state = start(network, network.initialize(0, dtype="float32"), SGD(0.01))
    events = train(network, state, *ids, loss=CrossEntropy(), optimizer=SGD(0.01), engine="numpy")

    def faults_of_steps(count: int) -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(2 * count):
            next(events)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults_of_steps(10)
    # A step writes some 5,000 pages, and asks the system for 1,300 of them unless they are kept.
    assert faults_of_steps(10) < 4000
