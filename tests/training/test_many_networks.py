"""`fit_many`: each network of a call is what it is alone, whatever it shares the call with."""

import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clearprop import (
    SGD,
    Adam,
    BatchNorm,
    Clipped,
    CrossEntropy,
    Dropout,
    Embedding,
    Linear,
    Network,
    Optimizer,
    ReLU,
    Sequential,
    Tanh,
    fit,
    fit_many,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.training import Training

SLIM = Network(Sequential(Linear(2, 10), Tanh(), Linear(10, 1)))
WIDE = Network(Sequential(Linear(2, 20), ReLU(), BatchNorm(20), Dropout(0.1), Linear(20, 9)))
K = 21  # more than the lanes of a vector, and no multiple of them
ENGINES = [
    "numpy",
    pytest.param(
        "compiled",
        marks=pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
    ),
]
compiled_only = ENGINES[1:]


def samples(networks: int | None = None, dtype: str = "float64") -> tuple[Array, Array]:
    generator = np.random.default_rng(2)
    shape = (30, 2) if networks is None else (networks, 30, 2)
    x = generator.normal(size=shape).astype(dtype)
    return x, np.sin(x[..., :1]) * x[..., 1:]


def many(network: Network = SLIM, starts: Any = range(K), **told: Any) -> Training:
    x, target = samples()
    given: Any = {"x": x, "target": target, "epochs": 12, "batch_size": 8, "seed": 4, **told}
    if network is WIDE:
        ids = np.arange(30) % 9
        given |= {"target": ids, "loss": CrossEntropy()}
    ran = fit_many(network, starts, given.pop("x"), given.pop("target"), **given)
    assert ran.engine.name == given.get("engine", ran.engine.name)
    return ran


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("network", [SLIM, WIDE])
def test_each_is_what_it_is_by_fit(network: Network, engine: str) -> None:
    ran = many(network, engine=engine, optimizer=SGD(0.05, momentum=0.9))
    assert ran.losses.shape == (48, K)
    x, target = samples()
    told: Any = {"loss": CrossEntropy()} if network is WIDE else {}
    for number in (0, 15, 16, 20):
        alone = fit(
            network,
            network.initialize(number),
            x,
            np.arange(30) % 9 if network is WIDE else target,
            optimizer=SGD(0.05, momentum=0.9),
            epochs=12,
            batch_size=8,
            seed=4,
            engine="numpy",
            **told,
        )
        assert np.allclose(ran.losses[:, number], alone.losses, rtol=1e-9, atol=1e-12)
        assert np.allclose(ran.params[number], alone.params, rtol=1e-8, atol=1e-10)
        for path, arrays in alone.state.layers.items():
            for name, array in arrays.items():
                assert np.allclose(ran.state.layers[path][name][number], array, rtol=1e-9)


@pytest.mark.parametrize("engine", compiled_only)
@pytest.mark.parametrize("network", [SLIM, WIDE])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_is_to_the_bit_what_it_is_alone(network: Network, engine: str, dtype: str) -> None:
    x, target = samples(dtype=dtype)
    told: Any = {"x": x, "target": target, "engine": engine, "optimizer": Adam(0.01)}
    whole = many(network, threads=1, **told)
    for threads in (2, 5):
        again = many(network, threads=threads, **told)
        assert np.array_equal(again.losses, whole.losses)
        assert np.array_equal(again.params, whole.params)
    for some in (range(1), range(7, 8), range(13, 20), range(20, 21)):
        part = many(network, some, **told)
        assert np.array_equal(part.losses, whole.losses[:, [*some]])
        assert np.array_equal(part.params, whole.params[[*some]])
        for name, slot in part.state.optimizer.slots.items():
            assert np.array_equal(slot, whole.state.optimizer.slots[name][[*some]])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("network", [SLIM, WIDE])
@pytest.mark.parametrize(
    ("optimizer", "names"),
    [
        (SGD(0.1, momentum=0.5), ("learning_rate", "weight_decay")),
        (Adam(0.1), ("learning_rate",)),
        (Clipped(SGD(0.1), norm=0.5), ("learning_rate", "weight_decay")),
    ],
)
def test_each_may_have_settings_of_its_own(
    network: Network, engine: str, optimizer: Optimizer, names: tuple[str, ...]
) -> None:
    numbers = {
        "learning_rate": [(0.001, 0.002, 0.005)[number % 3] for number in range(K)],
        "weight_decay": [(0, 1e-3)[number % 2] for number in range(K)],
    }
    settings: Any = {name: numbers[name] for name in names}
    told: list[tuple[int, int]] = []
    ran = many(
        network,
        engine=engine,
        optimizer=optimizer,
        settings=settings,
        progress=lambda *done: told.append(done),
    )
    assert told[-1][0] == told[-1][1]
    assert told == sorted(told)
    for number in (0, 4, 20):
        own = {name: settings[name][number] for name in names}
        inner = getattr(optimizer, "optimizer", None)
        by = (
            replace(optimizer, **own)  # type: ignore[type-var]
            if inner is None
            else replace(optimizer, optimizer=replace(inner, **own))  # type: ignore[type-var]
        )
        alone = many(network, [number], engine="numpy", optimizer=by)
        assert np.allclose(ran.losses[:, number], alone.losses[:, 0], rtol=1e-9, atol=1e-12)
        assert np.allclose(ran.params[number], alone.params[0], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("network", [SLIM, WIDE])
def test_each_may_have_data_of_its_own(network: Network, engine: str) -> None:
    x, target = samples(K)
    ids = np.arange(K * 30).reshape(K, 30) % 9
    weights = np.random.default_rng(1).uniform(0.5, 2, (K, 30))
    ends = ids if network is WIDE else target
    told: Any = {"loss": CrossEntropy()} if network is WIDE else {}
    told |= {"epochs": 9, "batch_size": 8, "seed": 4, "engine": engine}
    ran = fit_many(
        network,
        range(K),
        x,
        ends,
        sample_weight=weights,
        own=("x", "target", "sample_weight"),
        **told,
    )
    assert ran.engine.name == engine
    for number in (0, 20):
        alone = fit(
            network,
            network.initialize(number),
            x[number],
            ends[number],
            sample_weight=weights[number],
            **{**told, "engine": "numpy"},
        )
        assert np.allclose(ran.losses[:, number], alone.losses, rtol=1e-9, atol=1e-12)
        assert np.allclose(ran.params[number], alone.params, rtol=1e-8, atol=1e-10)
    # One start for all, told apart by their data.
    same = fit_many(network, network.initialize(3), x, ends, own=("x", "target"), **told)
    assert same.params.shape == (K, network.size)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_that_overflows_leaves_the_others_alone(engine: str) -> None:
    rates = [0.05] * K
    rates[5] = 1e30
    ran = many(engine=engine, settings={"learning_rate": rates}, optimizer=SGD(0.05))
    assert not np.isfinite(ran.losses[-1, 5])
    assert np.isfinite(np.delete(ran.losses, 5, axis=1)).all()
    kept = many(engine=engine, optimizer=SGD(0.05))
    assert np.allclose(np.delete(ran.params, 5, 0), np.delete(kept.params, 5, 0), rtol=1e-12)


@pytest.mark.parametrize(
    ("told", "kind", "key"),
    [
        ({"settings": {"learning_rate": [0.1]}}, ConfigurationError, "settings_count"),
        ({"settings": {"rate": [0.1] * K}}, ConfigurationError, "setting_unknown"),
        ({"settings": {"learning_rate": [-1.0] * K}}, ConfigurationError, "rate_invalid"),
        ({"threads": 0}, ConfigurationError, "count_invalid"),
        ({"starts": SLIM.initialize()}, ConfigurationError, "starts_not_many"),
        ({"own": ("x",)}, ShapeError, "own_shape"),
        ({"engine": "fast"}, ConfigurationError, "engine_unknown"),
    ],
)
def test_what_does_not_go_together_is_refused(told: Any, kind: type[Exception], key: str) -> None:
    with pytest.raises(kind) as problem:
        many(**told)
    assert problem.value.key == key  # type: ignore[attr-defined]


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_seeds_start_networks_that_take_ids_in_float64(engine: str) -> None:
    network = Network(Sequential(Embedding(5, 3), Linear(3, 1)))
    ids, target = np.arange(8) % 5, np.linspace(0, 1, 8)[:, None]
    many = fit_many(network, range(3), ids, target, epochs=2, engine=engine)
    alone = fit(network, network.initialize(seed=2), ids, target, epochs=2, engine=engine)
    assert many.params.dtype == np.float64
    assert np.array_equal(many.params[2], alone.params)
