"""Many networks in the lanes: each is what the NumPy engine makes of it, and what it is alone."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    BinaryCrossEntropy,
    Clipped,
    CrossEntropy,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    RMSprop,
    Sequential,
    Tanh,
)
from clearprop.base.arrays import Array, keyed_generator
from clearprop.compiled.lanes import Stack, has_lanes, put_stack, run_stack, take_stack
from clearprop.compiled.plan import TrainingPlan
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS, OPTIMIZER_ROWS
from clearprop.training import fit
from tests.compiled.both_engines import CLOSE, Library, Task, in_numpy
from tests.own_combinators import Concatenated

GENERATOR = np.random.default_rng(5)
X = GENERATOR.normal(size=(37, 3))
Y = GENERATOR.normal(size=(37, 2))
NETWORK = Network(Sequential(Linear(3, 7), ReLU(), Linear(7, 2)))


def shuffles(task: Task, plan: TrainingPlan) -> Array | None:
    if not plan.is_shuffled:
        return None
    drawn = [
        keyed_generator(task.seed, epoch, "shuffle").permutation(plan.samples)
        for epoch in range(task.epochs)
    ]
    return np.concatenate(drawn)


def in_lanes(
    task: Task, params: Array, kernels: Library, *, threads: int = 1, chunks: int = 1, **more: Any
) -> tuple[Array, Array, dict[str, Array]]:
    """Losses (steps, K), parameters, slots."""
    plan = task.plan(params.dtype.name)
    assert isinstance(plan, TrainingPlan)
    assert has_lanes(plan)
    stack = Stack(plan, len(params), task.x, task.target, task.sample_weight, **more)
    put_stack(plan, stack, params, task.optimizer.start(params))
    order, losses = shuffles(task, plan), []
    steps = task.epochs * plan.steps_per_epoch
    assert steps % chunks == 0
    for step in range(0, steps, steps // chunks):
        part = order
        if order is not None:
            epochs, within = divmod(step, plan.steps_per_epoch)
            part = order[epochs * plan.samples + within * plan.batch_size :]
        ran = run_stack(
            plan,
            kernels(plan.dtype),
            stack,
            steps=steps // chunks,
            step=step,
            order=part,
            threads=threads,
        )
        assert ran.stop == "done"
        losses.append(ran.totals / ran.weights)
    done, optimizer, _ = take_stack(plan, stack)
    return np.concatenate(losses), done, dict(optimizer.slots)


def starts(network: Network, count: int, dtype: str) -> Array:
    return network.initialize(range(count), dtype=dtype)


def assert_as_numpy(task: Task, kernels: Library, dtype: str, networks: int = 5) -> None:
    task = task.of(dtype)
    params = starts(task.network, networks, dtype)
    losses, found, slots = in_lanes(task, params, kernels)
    expected = in_numpy(task, dtype, params)
    pairs = [(losses, expected.losses)]
    pairs += [({"params": found, **slots}[name], a) for name, a in expected.arrays.items()]
    for one, other in pairs:
        assert np.abs(one - other).max() <= CLOSE[dtype] * np.abs(other).max()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [None, 10])
@pytest.mark.parametrize(
    "layer",
    [
        row.examples[0].layer
        for row in LAYER_ROWS.values()
        if not row.parameters and row.examples[0].input_shape == (5,)
        if row.kind.__name__ not in ("Dropout", "Softmax", "LogSoftmax", "Embedding")
    ],
)
def test_every_activation(layer: Any, batch_size: int | None, dtype: str, kernels: Library) -> None:
    network = Network(Sequential(Linear(3, 6), layer, Linear(6, 2)))
    assert_as_numpy(Task(network, MSE(), SGD(0.02), X, Y, batch_size=batch_size), kernels, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "example",
    [e for row in LOSS_ROWS.values() for e in row.examples if e.loss.reduction != "none"],
)
def test_every_loss(example: Any, weighted: bool, dtype: str, kernels: Library) -> None:
    from clearprop import Softplus

    _, target = example.draw(np.random.default_rng(3), 37)
    end = Softplus() if getattr(example.loss, "log_input", True) is False else Tanh()
    network = Network(Sequential(Linear(3, 6), Tanh(), Linear(6, example.outputs), end))
    weights = np.linspace(0.2, 2, 37) if weighted else None
    rate = 0.001 if example.loss.reduction == "sum" else 0.05
    task = Task(network, example.loss, SGD(rate), X, target, weights, batch_size=17)
    assert_as_numpy(task, kernels, dtype)


@pytest.mark.parametrize(
    "optimizer",
    [
        *(one for row in OPTIMIZER_ROWS.values() for one in row.examples),
        Clipped(Clipped(Adam(0.01), value=0.02), norm=0.3),
    ],
)
def test_every_optimizer(optimizer: Any, kernels: Library) -> None:
    assert_as_numpy(Task(NETWORK, MSE(), optimizer, X, Y), kernels, "float64")


@pytest.mark.parametrize(
    "structure",
    [
        Sequential(Residual(Sequential(Linear(3, 3), Tanh())), ReLU(), Linear(3, 2)),
        Sequential(Linear(3, 5), Concatenated(Tanh(), Linear(5, 4, bias=False)), Linear(14, 2)),
        Linear(3, 2),
    ],
)
def test_every_structure(structure: Any, kernels: Library) -> None:
    assert_as_numpy(Task(Network(structure), MSE(), Adam(0.01), X, Y), kernels, "float64")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_is_to_the_bit_what_it_is_alone(dtype: str, kernels: Library) -> None:
    task = Task(NETWORK, MSE(), RMSprop(0.01), X, Y, batch_size=9).of(dtype)
    params = starts(NETWORK, 37, dtype)
    losses, found, _ = in_lanes(task, params, kernels)
    for threads, chunks in ((2, 1), (3, 5), (1, 25)):
        again = in_lanes(task, params, kernels, threads=threads, chunks=chunks)
        assert np.array_equal(losses, again[0])
        assert np.array_equal(found, again[1])
    for number in (0, 15, 16, 36):
        alone = in_lanes(task, params[number : number + 1], kernels)
        assert np.array_equal(losses[:, number], alone[0][:, 0])
        assert np.array_equal(found[number], alone[1][0])


@pytest.mark.parametrize("batch_size", [None, 10])
def test_data_and_settings_of_their_own(batch_size: int | None, kernels: Library) -> None:
    networks = 19
    xs = GENERATOR.normal(size=(networks, 37, 3))
    ids = GENERATOR.integers(0, 2, (networks, 37))
    weights = GENERATOR.uniform(0.1, 2, (networks, 37))
    rates = np.linspace(0.01, 0.1, networks)
    decays = np.linspace(0, 0.1, networks)
    shared = Task(NETWORK, CrossEntropy(), SGD(0.1), xs[0], ids[0], weights[0], batch_size)
    params = starts(NETWORK, networks, "float64")
    own: Any = {
        "own": ("x", "target", "sample_weight"),
        "settings": {"learning_rate": rates, "weight_decay": decays},
    }
    many = Task(**{**vars(shared), "x": xs, "target": ids, "sample_weight": weights})
    plan = shared.plan("float64")
    many.plan = lambda *_: plan  # type: ignore[method-assign]
    losses, found, _ = in_lanes(many, params, kernels, **own)
    for number in (0, 7, 18):
        optimizer = SGD(rates[number], weight_decay=decays[number])
        expected = fit(
            NETWORK,
            params[number],
            xs[number],
            ids[number],
            loss=CrossEntropy(),
            optimizer=optimizer,
            epochs=shared.epochs,
            batch_size=batch_size,
            sample_weight=weights[number],
            seed=shared.seed,
            engine="numpy",
        )
        assert np.abs(losses[:, number] - expected.losses).max() < 1e-12
        assert np.abs(found[number] - expected.params).max() < 1e-12


def test_weights_per_output_and_class(kernels: Library) -> None:
    yes = (GENERATOR.random((37, 2)) < 0.5).astype(float)
    loss = BinaryCrossEntropy(weight=(0.5, 2.0), pos_weight=(3.0, 0.25))
    assert_as_numpy(Task(NETWORK, loss, SGD(0.1), X, yes), kernels, "float64")
    ids = GENERATOR.integers(0, 2, 37)
    ids[::5] = -100
    classes = CrossEntropy(weight=(0.3, 2.0), label_smoothing=0.1)
    assert_as_numpy(Task(NETWORK, classes, SGD(0.1), X, ids), kernels, "float64")


def test_a_step_that_counts_nothing_is_not_taken(kernels: Library) -> None:
    weights = np.ones(37)
    weights[20:30] = 0
    task = Task(NETWORK, MSE(), SGD(0.1), X, Y, weights, batch_size=10)
    plan: Any = task.plan("float64")
    stack = Stack(plan, 2, X, Y, weights)
    params = starts(NETWORK, 2, "float64")
    put_stack(plan, stack, params, task.optimizer.start(params))
    ran = run_stack(plan, kernels("float64"), stack, steps=4, step=0, order=np.arange(37))
    assert (ran.stop, ran.steps) == ("weights_zero", 2)


def test_what_has_no_lanes() -> None:
    for network in (
        Network(Sequential(Linear(3, 4), LayerNorm(4), Linear(4, 2))),
        Network(Sequential(Linear(3, 900), ReLU(), Linear(900, 2))),
    ):
        plan = Task(network, MSE(), SGD(0.1), X, Y).plan("float64")
        assert isinstance(plan, TrainingPlan)
        assert not has_lanes(plan)
    plan = Task(NETWORK, MSE(), SGD(0.1), X, Y).plan("float64")
    assert isinstance(plan, TrainingPlan)
    assert has_lanes(plan, ["learning_rate"])
    assert not has_lanes(plan, ["momentum"])
