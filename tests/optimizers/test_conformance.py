"""Every optimizer of the catalogue keeps the contract; one that is not in it fails here."""

import importlib
import inspect
import json
import pickle
import pkgutil
import re
from typing import Any

import numpy as np
import pytest

import clearprop.engine.optimizers
from clearprop import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Clipped,
    CosineDecay,
    Optimizer,
    OptimizerState,
    RMSprop,
)
from clearprop.base.arrays import Array
from clearprop.base.configuration import decode, encode
from clearprop.base.errors import ConfigurationError, ContractError, DtypeError, ShapeError
from clearprop.kinds.kind_tables import OPTIMIZER_ROWS, OPTIMIZERS, SCHEDULES

CASES = [optimizer for row in OPTIMIZER_ROWS.values() for optimizer in row.examples]
every_optimizer = pytest.mark.parametrize("optimizer", CASES, ids=str)
STEPS = 6


def run(
    optimizer: Optimizer, params: Array, gradients: Array
) -> tuple[Array, OptimizerState, list[OptimizerState]]:
    state, states = optimizer.start(params), []
    for gradient in gradients:
        states.append(state)
        params, state = optimizer.step(params, state, gradient)
    return params, state, states


def concrete_optimizers() -> set[type[Optimizer]]:
    found = set()
    package = clearprop.engine.optimizers
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        members = vars(importlib.import_module(module.name)).values()
        found |= {
            member
            for member in members
            if inspect.isclass(member)
            and issubclass(member, Optimizer)
            and not inspect.isabstract(member)
        }
    return found


def test_every_optimizer_class_is_in_the_catalogue() -> None:
    assert concrete_optimizers() == set(OPTIMIZER_ROWS) == set(OPTIMIZERS.values())
    assert all(name == kind.__name__ for name, kind in OPTIMIZERS.items())
    for kind, row in OPTIMIZER_ROWS.items():
        assert row.examples
        assert all(type(example) is kind for example in row.examples)


@every_optimizer
def test_stacked_networks_are_what_each_is_alone(optimizer: Optimizer) -> None:
    generator = np.random.default_rng(0)
    # Of several sizes, so that one network's norm would clip another.
    sizes = np.array([0.1, 1, 10])[:, None]
    params, gradients = generator.normal(size=(3, 5)), generator.normal(size=(STEPS, 3, 5)) * sizes
    together, state, _ = run(optimizer, params, gradients)
    for k in range(3):
        alone, own, _ = run(optimizer, params[k], gradients[:, k])
        np.testing.assert_array_equal(together[k], alone)
        assert set(own.slots) == set(state.slots)
        for name, array in own.slots.items():
            np.testing.assert_array_equal(state.slots[name][k], array)


@every_optimizer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (0,)])
def test_slots_have_the_parameters_shape_and_dtype(
    optimizer: Optimizer, dtype: str, shape: tuple[int, ...]
) -> None:
    generator = np.random.default_rng(0)
    gradients = generator.normal(size=(3, *shape)).astype(dtype)
    params, state, states = run(optimizer, np.ones(shape, dtype), gradients)
    assert params.dtype == dtype
    assert state.step == 3
    for each in (*states, state):
        assert set(each.slots) == set(state.slots)
        assert {a.shape for a in each.slots.values()} <= {shape}
        assert {a.dtype for a in each.slots.values()} <= {np.dtype(dtype)}


@every_optimizer
def test_a_step_edits_nothing_and_its_memory_is_read_only(optimizer: Optimizer) -> None:
    params, gradient = np.ones(4), np.arange(4.0)
    state = optimizer.start(params)
    for _ in range(3):
        before = params.copy(), gradient.copy(), {n: a.copy() for n, a in state.slots.items()}
        after, new = optimizer.step(params, state, gradient)
        np.testing.assert_array_equal(params, before[0])
        np.testing.assert_array_equal(gradient, before[1])
        for name, array in state.slots.items():
            np.testing.assert_array_equal(array, before[2][name])
            assert not array.flags.writeable
            assert not np.shares_memory(array, gradient)
        assert after.flags.writeable
        assert gradient.flags.writeable
        assert not np.shares_memory(after, params)
        params, state = after, new


@every_optimizer
def test_the_same_steps_from_a_state_that_was_kept(optimizer: Optimizer) -> None:
    gradients = np.random.default_rng(0).normal(size=(STEPS, 5))
    whole, _, states = run(optimizer, np.ones(5), gradients)
    middle, _, _ = run(optimizer, np.ones(5), gradients[:3])
    state = pickle.loads(pickle.dumps(states[3]))
    for gradient in gradients[3:]:
        middle, state = optimizer.step(middle, state, gradient)
    np.testing.assert_array_equal(middle, whole)


@every_optimizer
def test_it_goes_downhill(optimizer: Optimizer) -> None:
    # Half the squared length, whose gradient is θ itself.
    params = np.array([1.0, -2.0, 0.5])
    state = optimizer.start(params)
    for _ in range(100):
        params, state = optimizer.step(params, state, params)
    assert params @ params < 0.99 * 5.25


@every_optimizer
def test_settings_make_an_equal_optimizer_again_through_json(optimizer: Optimizer) -> None:
    again = decode(json.loads(json.dumps(encode(optimizer))), {**OPTIMIZERS, **SCHEDULES})
    assert again == optimizer
    assert type(again) is type(optimizer)
    assert hash(again) == hash(optimizer)


@every_optimizer
@pytest.mark.parametrize("shape", [(1,), (5,), (2, 4), ()])
def test_a_gradient_of_another_shape_or_dtype_is_refused(
    optimizer: Optimizer, shape: tuple[int, ...]
) -> None:
    params = np.zeros(4)
    state = optimizer.start(params)
    with pytest.raises(ShapeError, match=r"the parameters are \(4,\)"):
        optimizer.step(params, state, np.zeros(shape))
    with pytest.raises(DtypeError, match="gradient is float32 and the parameters are float64"):
        optimizer.step(params, state, np.zeros(4, "float32"))


@every_optimizer
def test_a_state_of_another_optimizer_or_network_is_refused(optimizer: Optimizer) -> None:
    params = np.zeros(4)
    if not optimizer.start(params).slots:
        return
    for state in (OptimizerState(), optimizer.start(np.zeros(3))):
        with pytest.raises(ContractError, match=r"has no memory '\w+' .* start\(params\)"):
            optimizer.step(params, state, params)


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adagrad, Adam, AdamW])
@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "0.1", None, True, SGD(1.0)])
def test_a_learning_rate_is_a_number_above_0_or_a_schedule(kind: Any, rate: Any) -> None:
    sentence = "learning rate must be a finite number above 0 or a schedule"
    with pytest.raises(ConfigurationError, match=sentence):
        kind(rate)
    assert kind(CosineDecay(0.1, 5)).learning_rate == CosineDecay(0.1, 5)


@pytest.mark.parametrize(
    ("kind", "name", "condition"),
    [
        (SGD, "momentum", "momentum >= 0"),
        (SGD, "dampening", "dampening >= 0"),
        (SGD, "weight_decay", "weight_decay >= 0"),
        (RMSprop, "alpha", "0 <= alpha < 1"),
        (RMSprop, "eps", "eps >= 0"),
        (RMSprop, "weight_decay", "weight_decay >= 0"),
        (RMSprop, "momentum", "momentum >= 0"),
        (Adagrad, "lr_decay", "lr_decay >= 0"),
        (Adagrad, "weight_decay", "weight_decay >= 0"),
        (Adagrad, "initial_accumulator_value", "initial_accumulator_value >= 0"),
        (Adagrad, "eps", "eps >= 0"),
        (Adam, "eps", "eps >= 0"),
        (Adam, "weight_decay", "weight_decay >= 0"),
        (AdamW, "weight_decay", "weight_decay >= 0"),
    ],
)
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "0", None, False])
def test_settings_that_cannot_be(kind: Any, name: str, condition: str, value: Any) -> None:
    sentence = f"^{kind.__name__}: {name} must be a finite number with {condition}, and "
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        kind(0.1, **{name: value})
    assert re.search("[\u4e00-\u9fff]", caught.value.message("zh-TW"))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RMSprop(alpha=1), "0 <= alpha < 1"),
        (lambda: Adam(betas=(0.9, 1.0)), "0 <= betas < 1"),
        (lambda: Adam(betas=(0.9,)), "betas must be a sequence of 2"),  # type: ignore[arg-type]
        (lambda: Adam(betas=0.9), "betas must be a sequence of 2"),  # type: ignore[arg-type]
        (lambda: Adam(amsgrad=1), "amsgrad must be True or False"),  # type: ignore[arg-type]
        (lambda: RMSprop(centered="yes"), "True or False"),  # type: ignore[arg-type]
        (lambda: SGD(0.1, nesterov=True), "momentum above 0 and no dampening"),
        (lambda: SGD(0.1, 0.9, 0.1, nesterov=True), "momentum above 0 and no dampening"),
        (lambda: Clipped(SGD(0.1)), "one of the two; it was given norm=None and value=None"),
        (lambda: Clipped(SGD(0.1), 1, 2), "one of the two; it was given norm=1 and value=2"),
        (lambda: Clipped(SGD(0.1), norm=0), "Clipped: norm must be .* norm > 0"),
        (lambda: Clipped(SGD(0.1), value=-1), "Clipped: value must be .* value > 0"),
        (lambda: Clipped(SGD, norm=1), "takes an optimizer, such as"),  # type: ignore[arg-type]
    ],
)
def test_combinations_that_cannot_be(make: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        make()
    assert re.search("[\u4e00-\u9fff]", caught.value.message("zh-TW"))


def test_settings_of_numpys_become_pythons() -> None:
    many: Any = np.array([0.5, 0.9], "f4")
    number: Any = np.float32(0.5)
    adam = Adam(number, many, eps=number)
    assert {type(item) for item in (adam.learning_rate, adam.eps, *adam.betas)} == {float}
    ones = np.ones(3, "f4")
    assert adam.step(ones, adam.start(ones), ones)[0].dtype == np.float32
