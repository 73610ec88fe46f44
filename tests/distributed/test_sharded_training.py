"""One training of several processes: the same bits, and the right ones."""

from typing import Any

import numpy as np
import pytest

from clearprop import MSE, SGD, BatchNorm, CrossEntropy, Linear, Network, ReLU, Sequential
from clearprop.base.errors import ConfigurationError, DataError
from clearprop.compiled.building import library
from clearprop.distributed import OneProcess, ShardEpoch, ShardRows, sharded_course
from clearprop.engine.optimizers import Clipped
from clearprop.training import fit, start, train
from clearprop.training.arguments import OPTIMIZERS_BY_NAME
from tests.distributed.shared_trainings import (
    NETWORK,
    SHARDS,
    WITH_DROPOUT,
    rows,
    shared,
)
from tests.distributed.thread_ranks import in_threads

OPTIMIZERS = {**OPTIMIZERS_BY_NAME, "clipped": Clipped(SGD(0.1, momentum=0.9), norm=0.5)}


def require_same(ours: list[ShardEpoch], reference: list[ShardEpoch]) -> None:
    """Every number of two trainings, to the bit."""
    assert len(ours) == len(reference) > 0
    for one, other in zip(ours, reference, strict=True):
        np.testing.assert_array_equal(one.loss, other.loss)
    mine, theirs = ours[-1].state, reference[-1].state
    np.testing.assert_array_equal(mine.params, theirs.params)
    for name, array in theirs.optimizer.slots.items():
        np.testing.assert_array_equal(mine.optimizer.slots[name], array)
    assert mine.layers.keys() == theirs.layers.keys()
    for path, arrays in theirs.layers.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(mine.layers[path][name], array)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_ends_with_the_same_bits(name: str) -> None:
    alone = shared(OneProcess(), optimizer=OPTIMIZERS[name])
    for found in in_threads(3, lambda ranks: shared(ranks, optimizer=OPTIMIZERS[name])):
        require_same(found, alone)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"network": WITH_DROPOUT, "dtype": "float32"},
        {"loss": CrossEntropy(), "networks": 3},
        {"network": WITH_DROPOUT, "loss": CrossEntropy(reduction="sum"), "networks": 2},
        {"batch_size": 1000},
    ],
    ids=["batch_norm", "float32", "many", "sum", "all_rows"],
)
def test_both_engines_end_with_the_same_bits_and_agree(more: dict[str, Any], engine: str) -> None:
    library(more.get("dtype", "float64"))
    alone = shared(OneProcess(), engine=engine, **more)
    assert alone[-1].engine.name == engine
    for count in (2, 6):
        for found in in_threads(count, lambda ranks: shared(ranks, engine=engine, **more)):
            require_same(found, alone)
    reference = shared(OneProcess(), engine="numpy", **more)
    within = 2e-4 if "dtype" in more else 1e-8
    np.testing.assert_allclose(alone[-1].state.params, reference[-1].state.params, atol=within)


def test_a_step_of_all_rows_is_that_of_one_process() -> None:
    network, optimizer = Network(Sequential(Linear(4, 7), ReLU(), Linear(7, 3))), SGD(0.1)
    whole = rows(MSE())
    ours = shared(OneProcess(), network, optimizer=optimizer, batch_size=1000, epochs=5)
    reference = fit(
        network, network.initialize(0), *whole[:2], optimizer=optimizer, epochs=5,
        sample_weight=whole.weight,
    )  # fmt: skip
    np.testing.assert_allclose(ours[-1].state.params, reference.params, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose([one.loss for one in ours], reference.losses, rtol=1e-12)


def test_running_statistics_are_the_mean_of_the_shards() -> None:
    (one,) = shared(OneProcess(), batch_size=1000, epochs=1)
    means, counts = [], []
    whole = rows(MSE())
    for part in np.split(
        np.arange(len(whole)), [len(whole) * k // SHARDS for k in range(1, SHARDS)]
    ):
        state = start(NETWORK, NETWORK.initialize(0), SGD(0.1))
        (event, *_) = train(
            NETWORK, state, whole.x[part], whole.target[part], optimizer=SGD(0.1), epochs=1
        )
        means.append(event.state.layers["layers[1]"]["running_mean"])
        counts.append(len(part))
    found = one.state.layers["layers[1]"]
    np.testing.assert_allclose(
        found["running_mean"], np.average(means, axis=0, weights=counts), rtol=1e-12
    )
    assert found["num_batches"] == 1


def test_every_row_is_taken_once_an_epoch() -> None:
    # The gradient of Σ w·x over all rows of an epoch is Σ x: with a rate of 1 the parameters say
    # which rows were taken.
    network = Network(Sequential(Linear(4, 3)))
    loss = MSE(reduction="sum")
    taken: list[float] = []

    class Noting(SGD):
        def step(self, params: Any, state: Any, gradient: Any) -> Any:
            taken.append(float(gradient[-3:].sum()))
            return params, state

    shared(OneProcess(), network, optimizer=Noting(0.1), loss=loss, epochs=1, engine="numpy")
    whole = rows(loss)
    difference = 2 * (network.predict(network.initialize(0), whole.x) - whole.target)
    assert len(taken) == round(len(whole) / 24)
    assert sum(taken) == pytest.approx(float((whole.weight[:, None] * difference).sum()))


def test_a_run_is_gone_on_with_to_the_bit() -> None:
    alone = shared(OneProcess(), WITH_DROPOUT, epochs=4)

    def second_half(ranks: Any) -> list[ShardEpoch]:
        # Of four epochs, for another number of processes.
        return shared(ranks, WITH_DROPOUT, epochs=4, begun=alone[1].state)

    for found in in_threads(2, second_half):
        require_same(found, alone[2:])


def test_what_cannot_be_is_refused_everywhere() -> None:
    for problem in in_threads(7, lambda ranks: shared(ranks)):
        assert isinstance(problem, ConfigurationError)
        assert "at most 6" in str(problem)
    with pytest.raises(ConfigurationError, match="cannot be shared by 6 shards"):
        shared(OneProcess(), batch_size=5)
    with pytest.raises(ConfigurationError, match="none"):
        shared(OneProcess(), loss=MSE(reduction="none"))
    few = {0: ShardRows(*(array[:3] for array in rows(MSE())))}
    with pytest.raises(ConfigurationError, match="3 rows cannot be in 6 shards"):
        sharded_course(
            OneProcess(), NETWORK, few, shards=SHARDS, loss=MSE(), optimizer=SGD(0.1), epochs=1,
            batch_size=10,
        )  # fmt: skip


def test_a_refusal_in_the_middle_reaches_all() -> None:
    class Fussy(MSE):
        def evaluate(self, output: Any, target: Any, **more: Any) -> Any:
            if abs(target).max() > 0.9999:
                raise DataError("weights_zero")
            return super().evaluate(output, target, **more)

    for problem in in_threads(3, lambda ranks: shared(ranks, loss=Fussy(), engine="numpy")):
        assert isinstance(problem, ConfigurationError)
        assert str(problem).startswith("Process ")


def test_a_training_that_breaks_ends_there() -> None:
    with np.errstate(all="ignore"):
        found = shared(OneProcess(), optimizer=SGD(1e200), epochs=50, engine="numpy")
    assert [one.is_broken for one in found] == [False] * (len(found) - 1) + [True]
    assert len(found) < 50


def test_batch_norm_is_stackable() -> None:
    network = Network(Sequential(Linear(4, 3), BatchNorm(3)))
    alone = shared(OneProcess(), network, networks=2)
    for found in in_threads(2, lambda ranks: shared(ranks, network, networks=2)):
        require_same(found, alone)
