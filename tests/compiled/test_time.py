"""Layers over time in machine code: every cell and option, times taken of a sequence, losses that
have a target for every time, and what the NumPy engine is left with."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import (
    GRU,
    LSTM,
    MSE,
    RNN,
    SGD,
    Adam,
    CrossEntropy,
    Flatten,
    Linear,
    Network,
    Sequential,
    TimeSlice,
    TimeStep,
    fit,
)
from clearprop.base.errors import DataError, EngineWarning, ShapeError
from clearprop.compiled.buffers import Buffers
from clearprop.compiled.kernel_running import run
from tests.compiled.both_engines import Library, Task, assert_same, compiled, difference
from tests.compiled.test_threads import assert_same_bits
from tests.compiled.time_cases import (
    CELLS,
    FEATURES,
    GENERATOR,
    IDS,
    IDS_OF_TIMES,
    SAMPLES,
    TAKEN,
    TARGETS,
    TIMES,
    WEIGHTS,
    X,
    Y,
    cell_tasks,
    target_task,
)


def assert_both(task: Task, dtype: str, kernels: Library) -> None:
    assert_same(task, dtype, kernels)
    assert_same_bits(task, dtype, kernels)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("name", [*CELLS, *TAKEN])
def test_every_cell(name: str, batch_size: int | None, dtype: str, kernels: Library) -> None:
    for task in cell_tasks(name, batch_size):
        assert_same(task, dtype, kernels)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("name", TARGETS)
def test_a_target_for_every_time(
    name: str, batch_size: int | None, dtype: str, kernels: Library
) -> None:
    assert_same(target_task(name, batch_size), dtype, kernels)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_shape(data: st.DataObject, kernels: Library) -> None:
    samples, times, features, units = (data.draw(st.integers(1, most)) for most in (20, 9, 35, 35))
    kind = data.draw(st.sampled_from([RNN, GRU, LSTM]))
    cell = kind(features, units, reverse=data.draw(st.booleans()))
    generator = np.random.default_rng(samples)
    x = generator.normal(size=(samples, times, features))
    target = generator.normal(size=(samples, times, units))
    network = Network(Sequential(cell, kind(units, units)))
    batch_size = data.draw(st.integers(1, samples))
    task = Task(network, MSE(), SGD(0.1), x, target, batch_size=batch_size, epochs=2)
    assert_both(task, "float64", kernels)


def test_a_sum_over_times_longer_than_a_part(kernels: Library) -> None:
    x = GENERATOR.normal(size=(40, 30, 3))
    target = GENERATOR.normal(size=(40, 30, 70))
    network = Network(LSTM(3, 70))
    for optimizer in (SGD(0.1), Adam(0.001, eps=1e-3)):
        assert_both(Task(network, MSE(), optimizer, x, target, epochs=2), "float64", kernels)


def test_tied_cells_share_their_gradient(kernels: Library) -> None:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    tied = {f"layers[1].{name}": f"layers[0].{name}" for name in names}
    for cell in (RNN(FEATURES, FEATURES), GRU(FEATURES, FEATURES), LSTM(FEATURES, FEATURES)):
        network = Network(Sequential(cell, cell, TimeStep(), Linear(FEATURES, 3)), tied)
        assert_both(Task(network, MSE(), SGD(0.1), X, Y, epochs=3), "float64", kernels)


def test_calls_of_any_length_are_the_same_training(kernels: Library) -> None:
    task = Task(CELLS["among others"], CrossEntropy(), Adam(0.01), X, IDS, WEIGHTS, batch_size=6)
    whole, parts = (compiled(task, "float32", kernels, chunk=each) for each in (None, 3))
    assert difference(whole, parts) == 0


def test_numbers_that_are_none_stay_in_their_sequence(kernels: Library) -> None:
    x = X.copy()
    x[4, 2] = np.nan
    network = Network(Sequential(LSTM(FEATURES, 9), GRU(9, 3)))
    loss = CrossEntropy()
    ignored = IDS_OF_TIMES.copy()
    ignored[4] = loss.ignore_index
    plan: Any = Task(network, loss, SGD(0.1), x, ignored).plan("float64")
    buffers = Buffers(plan, x, ignored)
    ran = run(plan, kernels("float64"), buffers, steps=1, step=0)
    assert np.isfinite(ran.totals).all()


def test_a_time_that_a_sequence_has_not_got_is_refused_before_it_is_read() -> None:
    for taken in (TimeStep(TIMES), TimeStep(-TIMES - 1), TimeSlice(TIMES)):
        network = Network(Sequential(LSTM(FEATURES, 4), taken, Flatten(), Linear(4, 3)))
        with pytest.raises(ShapeError):
            Task(network, MSE(), SGD(0.1), X, Y).plan("float64")
    with pytest.raises(ShapeError):
        Task(CELLS["LSTM"], MSE(), SGD(0.1), X[:, :0], Y).plan("float64")


def test_ids_out_of_range_at_any_time() -> None:
    wrong = IDS_OF_TIMES.copy()
    wrong[3, 2] = 3
    network = Network(Sequential(LSTM(FEATURES, 9), Linear(9, 3)))
    with pytest.raises(DataError):
        Task(network, CrossEntropy(), SGD(0.1), X, wrong).plan("float64")


@pytest.mark.usefixtures("kernels")
def test_a_training_takes_them_by_itself_but_not_with_lengths() -> None:
    network = Network(Sequential(LSTM(FEATURES, 40), TimeStep(), Linear(40, 3)))
    params = network.initialize(seed=0)
    told: Any = {"loss": MSE(), "optimizer": SGD(0.05), "epochs": 600}
    by_itself = fit(network, params, X, Y, **told)
    assert by_itself.engine.name == "compiled"
    in_numpy = fit(network, params, X, Y, **told, engine="numpy")
    assert np.abs(by_itself.params - in_numpy.params).max() < 1e-10
    lengths = GENERATOR.integers(1, TIMES + 1, SAMPLES)
    told |= {"epochs": 2, "engine": "compiled", "side_inputs": {"lengths": lengths}}
    with pytest.warns(EngineWarning, match=r"side inputs \(lengths\)"):
        left = fit(network, params, X, Y, **told)
    assert left.engine.name == "numpy"
