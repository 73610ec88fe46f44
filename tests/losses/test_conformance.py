"""Every loss of the catalogue keeps the contract; a loss that is not in it fails here."""

import importlib
import inspect
import json
import pkgutil
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import clearprop.engine.losses
from clearprop import Linear, Loss, LossResult, Network, Sequential, Tanh
from clearprop.base.arrays import Array
from clearprop.base.configuration import decode, encode
from clearprop.checking.witnesses.finite_differences import central_differences, network_differences
from clearprop.kinds.kind_tables import LOSS_EXAMPLES, LOSSES
from clearprop.kinds.row import LossExample
from tests.sweeps import quick_where

SAMPLES = 5
CASES = [example for examples in LOSS_EXAMPLES.values() for example in examples]
every_example = pytest.mark.parametrize(
    "example", CASES, ids=[f"{case.loss}-{case.target.__name__}" for case in CASES]
)
# A weight of 0 leaves a sample out.
WEIGHTS = np.array([1.0, 0.25, 0.0, 3.0, 2.0])

# Central differences with h near 6e-6 are off by h²f'''/6 + ε|f|/h: about 1e-9 for these sizes.
DIFFERENCES: Any = {"rtol": 1e-7, "atol": 5e-9}


def drawn(example: LossExample, seed: int = 0) -> tuple[Array, Array]:
    return example.draw(np.random.default_rng(seed), SAMPLES)


def value_of(result: LossResult) -> float:
    return float(np.real(result.value))


def same(one: LossResult, other: LossResult) -> None:
    np.testing.assert_allclose(one.total, other.total, rtol=1e-14)
    np.testing.assert_allclose(one.weight, other.weight, rtol=1e-14)
    np.testing.assert_allclose(one.gradient, other.gradient, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(one.per_sample, other.per_sample, rtol=1e-13, atol=1e-16)


def concrete_losses() -> set[type[Loss]]:
    found = set()
    for module in pkgutil.walk_packages(
        clearprop.engine.losses.__path__, "clearprop.engine.losses."
    ):
        members = vars(importlib.import_module(module.name)).values()
        found |= {
            member
            for member in members
            if inspect.isclass(member)
            and issubclass(member, Loss)
            and not inspect.isabstract(member)
        }
    return found


def test_every_loss_class_is_in_the_catalogue() -> None:
    assert concrete_losses() == set(LOSS_EXAMPLES) == set(LOSSES.values())
    assert all(name == kind.__name__ for name, kind in LOSSES.items())
    for kind, examples in LOSS_EXAMPLES.items():
        assert examples
        assert all(type(example.loss) is kind for example in examples)


@pytest.mark.parametrize("kind", LOSSES.values(), ids=list(LOSSES))
def test_the_module_says_what_it_computes(kind: type[Loss]) -> None:
    text = sys.modules[kind.__module__].__doc__ or ""
    assert "Forward" in text
    assert "Backward" in text
    assert "Mean" in text
    assert kind.__doc__


@every_example
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("seed", quick_where(range(3), lambda _, seed: seed == 0))
def test_gradients_against_central_differences(
    example: LossExample, weights: Array | None, reduction: str, seed: int
) -> None:
    y, t = drawn(example, seed)
    loss: Any = replace(example.loss, reduction=reduction)  # type: ignore[type-var]

    def value(point: Array) -> float:
        return value_of(loss.evaluate(point.reshape(y.shape), t, sample_weight=weights))

    gradient = loss.evaluate(y, t, sample_weight=weights).gradient
    assert gradient.shape == y.shape
    witness = central_differences(value, y.ravel()).gradient
    np.testing.assert_allclose(gradient.ravel(), witness, **DIFFERENCES)


@every_example
def test_gradients_against_the_complex_step(example: LossExample) -> None:
    y, t = drawn(example)
    expected = example.loss.evaluate(y, t, sample_weight=WEIGHTS).gradient
    step = 1e-30
    for index in np.ndindex(y.shape):
        moved = y.astype(complex)
        moved[index] += 1j * step
        result = example.loss.evaluate(moved, t, sample_weight=WEIGHTS)
        assert result.value.imag / step == pytest.approx(expected[index], rel=1e-13, abs=1e-15)
        np.testing.assert_allclose(result.gradient.real, expected, rtol=1e-13, atol=1e-15)


@every_example
def test_a_mistake_of_a_thousandth_is_told_apart(example: LossExample) -> None:
    # The witness of the tests above has the power to reject.
    y, t = drawn(example)

    def value(point: Array) -> float:
        return value_of(example.loss.evaluate(point.reshape(y.shape), t))

    wrong = 1.001 * example.loss.evaluate(y, t).gradient.ravel()
    witness = central_differences(value, y.ravel()).gradient
    assert not np.allclose(wrong, witness, **DIFFERENCES)


@every_example
def test_the_gradient_of_a_network_that_ends_in_the_loss(example: LossExample) -> None:
    network = Network(Sequential(Linear(3, 4), Tanh(), Linear(4, example.outputs)))
    params = network.initialize(1)
    if example.output.__name__ == "rates":
        params = np.abs(params)
    generator = np.random.default_rng(0)
    x = np.abs(generator.normal(size=(SAMPLES, 3)))
    t = example.target(generator, SAMPLES, example.outputs)
    forward = network.forward(params, x)
    ours = network.backward(forward, example.loss.evaluate(forward.output, t).gradient).gradient
    witness = network_differences(network, params, x, t, example.loss).gradient
    np.testing.assert_allclose(ours, witness, **DIFFERENCES)


@every_example
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("own_target", [True, False])
@pytest.mark.parametrize("weights", ["none", "shared", "own"])
def test_stacked_networks_are_what_each_is_alone(
    example: LossExample, reduction: str, own_target: bool, weights: str
) -> None:
    loss: Any = replace(example.loss, reduction=reduction)  # type: ignore[type-var]
    pairs = [drawn(example, seed) for seed in range(3)]
    y = np.stack([pair[0] for pair in pairs])
    t = np.stack([pair[1] for pair in pairs]) if own_target else pairs[0][1]
    factors = np.stack([WEIGHTS, WEIGHTS + 1, WEIGHTS[::-1]])
    given = {"none": None, "shared": WEIGHTS, "own": factors}[weights]
    together = loss.evaluate(y, t, sample_weight=given, stacked=True)
    assert together.value.shape == together.total.shape == (3,)
    assert together.per_sample.shape == (3, SAMPLES)
    for k in range(3):
        target = t[k] if own_target else t
        alone = loss.evaluate(y[k], target, sample_weight=factors[k] if weights == "own" else given)
        weight = together.weight[k] if np.ndim(together.weight) else together.weight
        assert weight == pytest.approx(alone.weight, rel=1e-14)
        assert together.value[k] == pytest.approx(alone.value, rel=1e-14)
        np.testing.assert_allclose(together.gradient[k], alone.gradient, rtol=1e-14, atol=1e-17)
        np.testing.assert_allclose(together.per_sample[k], alone.per_sample, rtol=1e-14, atol=0)


@every_example
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_none_gives_the_entries_and_an_upstream_gradient_of_ones(
    example: LossExample, weights: Array | None
) -> None:
    y, t = drawn(example)
    none: Any = replace(example.loss, reduction="none")  # type: ignore[type-var]
    total: Any = replace(example.loss, reduction="sum")  # type: ignore[type-var]
    entries = none.evaluate(y, t, sample_weight=weights)
    summed = total.evaluate(y, t, sample_weight=weights)
    assert len(entries.value) == SAMPLES
    assert entries.value.sum() == pytest.approx(summed.value, rel=1e-14)
    same(entries, summed)


@every_example
def test_the_costs_of_the_samples_add_up_to_the_value(example: LossExample) -> None:
    y, t = drawn(example)
    for weights in (None, WEIGHTS):
        result = example.loss.evaluate(y, t, sample_weight=weights)
        assert result.per_sample.shape == (SAMPLES,)
        assert result.per_sample.sum() == pytest.approx(result.value, rel=1e-14)
    assert result.per_sample[2] == 0
    np.testing.assert_array_equal(result.gradient[2], 0)


@every_example
def test_equal_weights_change_no_mean_and_a_weight_of_2_counts_a_sample_twice(
    example: LossExample,
) -> None:
    y, t = drawn(example)
    mean: Any = replace(example.loss, reduction="mean")  # type: ignore[type-var]
    threes = mean.evaluate(y, t, sample_weight=np.full(SAMPLES, 3.0))
    plain = mean.evaluate(y, t)
    assert threes.value == pytest.approx(plain.value, rel=1e-14)
    np.testing.assert_allclose(threes.gradient, plain.gradient, rtol=1e-14)

    counts = np.array([1, 2, 0, 1, 3])
    weighted = example.loss.evaluate(y, t, sample_weight=counts)
    repeated = example.loss.evaluate(np.repeat(y, counts, axis=0), np.repeat(t, counts, axis=0))
    assert weighted.value == pytest.approx(repeated.value, rel=1e-14)


@every_example
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_parts_of_a_batch_add_up_to_the_whole(example: LossExample, weights: Array | None) -> None:
    y, t = drawn(example)
    whole = example.loss.evaluate(y, t, sample_weight=weights)
    parts = [
        example.loss.evaluate(
            y[rows],
            t[rows],
            sample_weight=None if weights is None else weights[rows],
            divisor=whole.weight,
        )
        for rows in (slice(0, 2), slice(2, 5))
    ]
    gradient = np.concatenate([part.gradient for part in parts])
    np.testing.assert_allclose(gradient, whole.gradient, rtol=1e-14)
    assert sum(part.total for part in parts) == pytest.approx(whole.total, rel=1e-14)
    if example.loss.reduction == "mean":
        assert sum(part.weight for part in parts) == pytest.approx(whole.weight, rel=1e-14)


@every_example
def test_each_stacked_network_may_have_a_divisor_of_its_own(example: LossExample) -> None:
    y = np.stack([drawn(example, seed)[0] for seed in range(3)])
    t = drawn(example)[1]
    divisor = np.array([1.0, 2.0, 5.0])
    together = example.loss.evaluate(y, t, divisor=divisor, stacked=True)
    for k in range(3):
        alone = example.loss.evaluate(y[k], t, divisor=divisor[k])
        np.testing.assert_allclose(together.gradient[k], alone.gradient, rtol=1e-15)


@every_example
@pytest.mark.parametrize("stacked", [False, True])
def test_float32_stays_float32(example: LossExample, stacked: bool) -> None:
    y, t = drawn(example)
    exact = example.loss.evaluate(y, t, sample_weight=WEIGHTS)
    single = t.astype("float32") if t.dtype.kind == "f" else t
    out, weights = y.astype("float32"), WEIGHTS.astype("float32")
    if stacked:
        out, weights = np.stack([out, out]), np.stack([weights, weights])
    result = example.loss.evaluate(out, single, sample_weight=weights, stacked=stacked)
    arrays = (result.gradient, result.entries, result.total, result.value, result.per_sample)
    assert {array.dtype for array in arrays if array is not None} == {np.dtype("float32")}
    # A few roundings of float32.
    np.testing.assert_allclose(result.value, exact.value, rtol=1e-5)
    gradient = np.broadcast_to(exact.gradient, out.shape)
    np.testing.assert_allclose(result.gradient, gradient, rtol=1e-5, atol=1e-6)


@every_example
def test_nothing_that_was_handed_over_is_edited_and_the_gradient_is_read_only(
    example: LossExample,
) -> None:
    handed = (*drawn(example), WEIGHTS.copy())
    before = [array.copy() for array in handed]
    result = example.loss.evaluate(handed[0], handed[1], sample_weight=handed[2])
    for array, copy in zip(handed, before, strict=True):
        assert array.flags.writeable
        np.testing.assert_array_equal(array, copy)
    assert not result.gradient.flags.writeable


@every_example
def test_settings_make_an_equal_loss_again_through_json(example: LossExample) -> None:
    again = decode(json.loads(json.dumps(encode(example.loss))), LOSSES)
    assert again == example.loss
    assert type(again) is type(example.loss)
    assert hash(again) == hash(example.loss)
    with pytest.raises(AttributeError):
        setattr(example.loss, "reduction", "sum")  # noqa: B010
