"""What a check costs, counted and not timed: runs of the person's code, and arrays held at once."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest

from clearprop import MSE, Linear, Network, check
from clearprop.base.arrays import Array
from clearprop.checking.request import Request, answers

pytestmark = pytest.mark.thorough

LARGE = 10**6


@pytest.mark.parametrize("factor", [1.0, 1.01])
def test_a_million_entries_take_a_few_hundred_runs_and_little_memory(factor: float) -> None:
    runs: Counter[str] = Counter()

    def forward(x: Array) -> Array:
        runs["forward"] += 1
        return np.asarray(x * x)

    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(2 * factor * dy * x)

    x = np.random.default_rng(0).normal(size=LARGE)
    tracemalloc.start()
    verdict = check(forward, backward, x)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert verdict.outcome == ("right" if factor == 1 else "wrong")
    # At 10 ms a run, which is what such an array takes, five seconds.
    assert runs["forward"] < 500
    assert most < 40 * x.nbytes


def test_a_weight_of_1000_by_1000_takes_a_few_hundred_runs() -> None:
    generator = np.random.default_rng(0)
    x, w = generator.normal(size=(2, 1000)), generator.normal(size=(1000, 1000))
    runs: Counter[str] = Counter()

    def forward(x: Array, w: Array) -> Array:
        runs["forward"] += 1
        return np.asarray(x @ w)

    verdict = check(forward, lambda dy, x, w: (dy @ w.T, x.T @ dy), x, w)
    assert verdict.outcome == "right"
    assert runs["forward"] < 4_500  # x has every one of its 2,000 entries moved to both sides


@pytest.mark.parametrize("with_loss", [False, True])
def test_a_wide_layer_of_ours_holds_a_few_copies_at_once(with_loss: bool) -> None:
    generator = np.random.default_rng(0)
    x, t = generator.normal(size=(16, 500)), generator.normal(size=(16, 500))
    loss = MSE() if with_loss else None
    tracemalloc.start()
    verdict = check(
        Network(Linear(500, 500)), x=x, t=t if with_loss else None, loss=loss, witnesses=[]
    )
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert verdict.outcome == "right"
    assert most < 200e6


def test_arrays_that_are_not_moved_are_not_copied_for_every_entry() -> None:
    handed: set[int] = set()

    def forward(x: Array, big: Array) -> Array:
        handed.add(id(big))
        return np.asarray(np.tanh(x) + big.sum())

    x, big = np.linspace(-1, 1, 300), np.ones(5)
    check(forward, lambda dy, x, _: dy * (1 - np.tanh(x) ** 2), x, big, wrt=["x"], witnesses=[])
    assert len(handed) < 100  # of more than 600 runs


def test_a_forward_that_edits_what_it_is_handed_is_given_new_arrays() -> None:
    def forward(x: Array) -> Array:
        x *= 2
        return np.tanh(x)

    def backward(dy: Array, x: Array) -> Array:
        return np.asarray(2 * dy * (1 - np.tanh(2 * x) ** 2))

    verdict = check(forward, backward, np.linspace(-1, 1, 7))
    assert [one.key for one in verdict.findings] == ["forward_edits"]
    assert verdict.array("x").outcome == "right"


def test_a_verdict_stands_before_a_name_is_looked_for() -> None:
    x = np.linspace(-1, 1, 7)
    first, named = answers(
        Request(np.tanh, (x,), backward=lambda dy, x: -dy * (1 - np.tanh(x) ** 2))
    )
    assert (first.outcome, first.mistakes) == ("wrong", ())
    assert (named.outcome, [one.key for one in named.mistakes]) == ("wrong", ["sign"])
    assert first.arrays == named.arrays
    right = answers(Request(np.tanh, (x,), backward=lambda dy, x: dy * (1 - np.tanh(x) ** 2)))
    assert len(list(right)) == 1


def test_numpy_multiplies_on_one_thread_meanwhile_and_on_as_many_as_before_behind_it() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def threads() -> set[int]:
        return {one["num_threads"] for one in threadpoolctl.threadpool_info()
                if "numpy" in one["filepath"]}  # fmt: skip

    seen: list[set[int]] = []

    def forward(x: Array) -> Array:
        seen.append(threads())
        return np.tanh(x)

    with threadpoolctl.threadpool_limits(2):
        before = threads()
        if not before:
            pytest.skip("NumPy was built with another BLAS")
        check(forward, lambda dy, x: dy * (1 - np.tanh(x) ** 2), np.linspace(-1, 1, 3))
        assert threads() == before == {2}
    assert set.union(*seen) == {1}
