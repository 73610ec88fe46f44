"""Machine code writes where it may and nowhere else, whatever the shapes and the numbers are."""

import ctypes
import multiprocessing
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import (
    MSE,
    SGD,
    Adam,
    BatchNorm,
    Clipped,
    CrossEntropy,
    Dropout,
    Huber,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    RMSprop,
    Sequential,
    Softmax,
    Tanh,
)
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.compiled import kernel_running
from clearprop.compiled.buffers import Buffers, put, take
from clearprop.compiled.kernel_running import run
from clearprop.compiled.plan import TrainingPlan
from clearprop.engine.layers.layer import Layer
from tests.compiled.both_engines import (
    CLOSE,
    Library,
    Task,
    assert_same,
    compiled,
    difference,
    in_numpy,
    run_plan,
)

SIZES = st.sampled_from([1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 65])


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A chain of layers of any widths, on any number of samples, in batches of any size."""
    samples, features, outputs = draw(SIZES), draw(SIZES), draw(st.integers(1, 20))
    layers: list[Layer] = []
    wide = features
    for _ in range(draw(st.integers(1, 4))):
        size = draw(SIZES)
        layers.append(Linear(wide, size, bias=draw(st.booleans())))
        kinds: list[Layer] = [
            ReLU(),
            Tanh(),
            LayerNorm(size),
            Softmax(),
            Dropout(0.4),
            Residual(Tanh()),
        ]
        layers.append(draw(st.sampled_from(kinds)))
        wide = size
    layers.append(Linear(wide, outputs))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    x = generator.normal(size=(samples, features))
    weights = generator.uniform(0.1, 1, samples) if draw(st.booleans()) else None
    loss, target = draw(
        st.sampled_from(
            [
                (MSE(), generator.normal(size=(samples, outputs))),
                (Huber(0.5), generator.normal(size=(samples, outputs))),
                (CrossEntropy(), generator.integers(0, outputs, samples)),
            ]
        )
    )
    optimizer = draw(
        st.sampled_from([SGD(0.01), SGD(0.01, momentum=0.5), Clipped(SGD(0.1), norm=0.1)])
    )
    batch = draw(st.none() | st.integers(1, samples))
    return Task(Network(Sequential(*layers)), loss, optimizer, x, target, weights, batch, epochs=2)


@given(tasks(), st.sampled_from(["float64", "float32"]))
@settings(max_examples=60)
def test_any_shapes(kernels: Library, task: Task, dtype: str) -> None:
    assert_same(task, dtype, kernels)


def test_the_guards_see_a_write_beside_the_arena() -> None:
    plan: Any = Task(Network(Linear(2, 1)), MSE(), SGD(0.1), np.ones((3, 2)), np.ones((3, 1))).plan(
        "float64"
    )
    for place in (0, -1):
        buffers = Buffers(plan, np.ones((3, 2)), np.ones((3, 1)))
        assert buffers.is_intact
        buffers.raw[place] = 0
        assert not buffers.is_intact


X = np.random.default_rng(2).normal(size=(21, 6))
IDS = np.arange(21) % 3


@pytest.mark.filterwarnings("ignore::clearprop.training.divergence.DivergenceWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324])
@pytest.mark.parametrize("optimizer", [SGD(0.01), Adam(), Clipped(SGD(0.1), value=0.1)])
def test_numbers_that_are_none_survive(value: float, optimizer: Any, kernels: Library) -> None:
    x = X.copy()
    x[4, 2] = value
    network = Network(Sequential(Linear(6, 18), ReLU(), LayerNorm(18), Linear(18, 3)))
    task = Task(network, CrossEntropy(), optimizer, x, IDS, batch_size=8, epochs=2)
    with np.errstate(all="ignore"):
        expected, found = in_numpy(task, "float64"), compiled(task, "float64", kernels)
    # Once a number is none, which others follow it into the parameters is a matter of the order.
    until = int(np.argmin(np.isfinite(expected.losses))) or None
    assert np.array_equal(np.isnan(found.losses), np.isnan(expected.losses))
    if np.isfinite(expected.losses).all():
        assert difference(found, expected) <= CLOSE["float64"]
    else:
        assert np.allclose(found.losses[:until], expected.losses[:until], rtol=1e-10)
        assert not np.isfinite(found.arrays["params"]).all()


def test_rectifiers_hand_nan_on(kernels: Library) -> None:
    """As NumPy's maximum does; a comparison of the processor's would make 0 of it."""
    x = np.full((3, 2), np.nan)
    for layers in ([Linear(2, 3), ReLU()], [ReLU(), Linear(2, 3)], [Linear(2, 40), ReLU()]):
        layers = [*layers, Linear(40 if layers[0] == Linear(2, 40) else 3, 1)]
        task = Task(Network(Sequential(*layers)), MSE(), SGD(0.1), x, np.ones((3, 1)))
        for plan in task.plans("float64"):
            assert np.isnan(compiled(task, "float64", kernels, plan=plan).losses).all()


def test_a_loss_that_is_no_number_ends_the_run_where_that_is_asked(kernels: Library) -> None:
    network = Network(Sequential(Linear(6, 4), Tanh(), Linear(4, 3)))
    y = np.ones((21, 3))
    y[20] = np.nan
    task = Task(network, MSE(), SGD(0.1), X, y, batch_size=7)
    for plan in task.plans("float64"):
        buffers = Buffers(plan, X, y)
        params = task.start("float64")
        put(plan, buffers, params, task.optimizer.start(params), {})
        ran = run(
            plan,
            kernels("float64"),
            buffers,
            steps=9,
            step=0,
            order=np.tile(np.arange(21), 3),
            stop_at_nonfinite=True,
        )
        assert (ran.stop, ran.steps) == ("not_finite", 3)
        assert np.isfinite(ran.totals[:2]).all()


def test_a_batch_that_counts_nothing_is_not_taken(kernels: Library) -> None:
    network = Network(Sequential(Linear(6, 4), BatchNorm(4), Linear(4, 3)))
    weights = np.r_[np.ones(7), np.zeros(7), np.ones(7)]
    task = Task(network, CrossEntropy(), RMSprop(), X, IDS, weights, batch_size=7)
    plan: Any = task.plan("float64")
    buffers = Buffers(plan, X, IDS, weights)
    params = task.start("float64")
    put(plan, buffers, params, task.optimizer.start(params), network.initial_state(params))
    ran = run(plan, kernels("float64"), buffers, steps=3, step=0, order=np.arange(21))
    assert (ran.stop, ran.steps) == ("weights_zero", 1)
    _, optimizer, layers = take(plan, buffers)
    assert optimizer.step == 1
    # The step that was not taken has left no trace.
    assert layers["layers[1]"]["num_batches"] == 1


ORDERS = {
    "too short": np.arange(20),
    "above": np.r_[np.arange(20), 21],
    "below": np.r_[np.arange(20), -1],
    "no whole numbers": np.arange(21.0),
    "narrow": np.arange(21, dtype=np.int32),
    "a matrix": np.arange(21)[None],
    "none": None,
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_an_order_that_would_leave_the_data_is_refused(order: Any, kernels: Library) -> None:
    task = Task(Network(Linear(6, 3)), CrossEntropy(), SGD(0.1), X, IDS, batch_size=7)
    plan: Any = task.plan("float64")
    buffers = Buffers(plan, X, IDS)
    with pytest.raises(ConfigurationError):
        run(plan, kernels("float64"), buffers, steps=3, step=0, order=order)


def test_masks_are_drawn_a_few_steps_at_a_time(
    kernels: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(Sequential(Dropout(0.2), Linear(6, 30), Dropout(0.5), Linear(30, 3)))
    task = Task(network, CrossEntropy(), Adam(0.01), X, IDS, batch_size=8, epochs=3)
    whole = compiled(task, "float64", kernels)
    for most in (1, 8 * 36 * 2, 8 * 36 * 4):
        monkeypatch.setattr(kernel_running, "MASK_BYTES", most)
        assert difference(whole, compiled(task, "float64", kernels)) == 0


def test_no_steps_are_no_steps(kernels: Library) -> None:
    task = Task(Network(Linear(6, 3)), CrossEntropy(), SGD(0.1), X, IDS)
    plan: Any = task.plan("float64")
    buffers = Buffers(plan, X, IDS)
    ran = run(plan, kernels("float64"), buffers, steps=0, step=0)
    assert (ran.steps, ran.stop) == (0, "done")


def test_data_of_other_shapes_than_the_plan_is_refused() -> None:
    plan: Any = Task(Network(Linear(6, 3)), CrossEntropy(), SGD(0.1), X, IDS).plan("float64")
    for x, target, weights in (
        (X[:20], IDS, None),
        (X[:, :5], IDS, None),
        (X, IDS[:20], None),
        (X, IDS, np.ones(20)),
    ):
        with pytest.raises(ShapeError):
            Buffers(plan, x, target, weights)


def test_data_in_any_order_of_memory(kernels: Library) -> None:
    network = Network(Sequential(Linear(6, 20), ReLU(), Linear(20, 3)))
    straight = compiled(Task(network, CrossEntropy(), SGD(0.1), X, IDS), "float64", kernels)
    wide = np.zeros((21, 13))
    wide[:, ::2][:, :6] = X
    for x in (np.asfortranarray(X), wide[:, ::2][:, :6], X[::-1].copy()[::-1]):
        other = compiled(Task(network, CrossEntropy(), SGD(0.1), x, IDS), "float64", kernels)
        assert difference(straight, other) == 0
    for ids in (IDS.astype("uint8"), IDS.astype(">i4")):
        other = compiled(Task(network, CrossEntropy(), SGD(0.1), X, ids), "float64", kernels)
        assert difference(straight, other) == 0


def test_what_is_taken_is_the_callers_own(kernels: Library) -> None:
    task = Task(Network(Sequential(Linear(6, 3), BatchNorm(3))), MSE(), Adam(), X, X[:, :3])
    plan: Any = task.plan("float64")
    ran, buffers = run_plan(plan, task, kernels("float64"))
    first, again = take(plan, buffers), take(plan, buffers)
    arrays = [first[0], *first[1].slots.values(), *first[2]["layers[1]"].values()]
    for array in arrays:
        assert not array.flags.writeable
        assert not np.shares_memory(array, buffers.arena)
    assert np.array_equal(first[0], again[0])
    assert ran[0].steps == 5


def _in_a_child(library: ctypes.CDLL, task: Task) -> Any:
    return compiled(task, "float64", lambda _: library).losses


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork.*:RuntimeWarning")  # of JAX, where it was loaded
def test_a_child_of_a_fork_goes_on(kernels: Library) -> None:
    task = Task(
        Network(Sequential(Linear(6, 4), Tanh(), Linear(4, 3))), MSE(), SGD(0.1), X, X[:, :3]
    )
    here = compiled(task, "float64", kernels).losses
    reader, writer = multiprocessing.get_context("fork").Pipe(duplex=False)

    def work() -> None:
        writer.send(_in_a_child(kernels("float64"), task))

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    assert reader.poll(60)
    there = reader.recv()
    child.join()
    assert np.array_equal(here, there)


def test_memory_is_within_the_budget() -> None:
    """At most 1.25 times parameters, gradients, optimizer state, one batch's activations and the
    data."""
    for sizes, batch, samples, optimizer in (
        ((784, 256, 10), 128, 2000, SGD(0.1)),
        ((784, 256, 10), 128, 2000, Adam()),
        ((64, 128, 10), 128, 1797, Adam()),
        ((784, 128, 128, 10), 32, 5000, SGD(0.1, momentum=0.9)),
        ((1024, 1024, 1024, 10), 512, 512, SGD(0.1)),
    ):
        layers: list[Layer] = []
        for wide, narrow in pairwise(sizes):
            layers += [Linear(wide, narrow), ReLU()]
        network = Network(Sequential(*layers[:-1]))
        x, target = np.zeros((samples, sizes[0]), "float32"), np.arange(samples) % 10
        task = Task(network, CrossEntropy(), optimizer, x, target, batch_size=batch)
        plan = task.plan("float32")
        assert isinstance(plan, TrainingPlan)
        slots = len(optimizer.start(np.zeros(1)).slots)
        activations = batch * sum((*sizes, *sizes[1:-1]))
        numbers = network.size * (2 + slots) + activations + x.size + target.size * 2
        taken = plan.entries + x.size + target.size * 2
        assert taken <= 1.25 * numbers
