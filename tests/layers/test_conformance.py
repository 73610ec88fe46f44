"""Every layer of the catalogue keeps the contract; a layer that is not in it fails here."""

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import clearprop.layers
from clearprop import Context, Layer, Network
from clearprop.arrays import EMPTY, Array
from clearprop.configuration import Configurable, decode, encode
from clearprop.initializers import INITIALIZERS
from clearprop.layers.catalog import EXAMPLES, LAYERS, Example
from tests.gradient_checks import (
    assert_complex_step_agrees,
    assert_gradients_right,
    draw_point,
    own_gradient,
    present,
)

CASES = [example for examples in EXAMPLES.values() for example in examples]
KINDS = sorted(LAYERS.values(), key=lambda kind: kind.__name__)

# Where there are no parameters, only an x of its own can tell one network from the next.
STACKS = [(e, own_x) for e in CASES for own_x in (True, False) if own_x or Network(e.layer).size]

every_example = pytest.mark.parametrize("example", CASES, ids=[repr(case.layer) for case in CASES])
every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])


def concrete_layers() -> set[type[Layer]]:
    """Every Layer that can be made, defined in a module under clearprop.layers."""
    found = set()
    for module in pkgutil.walk_packages(clearprop.layers.__path__, "clearprop.layers."):
        members = vars(importlib.import_module(module.name)).values()
        found |= {
            member
            for member in members
            if inspect.isclass(member)
            and issubclass(member, Layer)
            and not inspect.isabstract(member)
            and member.__module__.startswith("clearprop.layers")
        }
    return found


def arrays_in(value: Any) -> Iterator[Array]:
    """Every array in a cache, a gradient or a tree of parameters."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from arrays_in(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from arrays_in(item)


def copies(value: Any) -> list[Array]:
    return [array.copy() for array in arrays_in(value)]


def assert_same_arrays(before: list[Array], after: list[Array]) -> None:
    assert len(before) == len(after)
    for first, second in zip(before, after, strict=True):
        np.testing.assert_array_equal(first, second)


def test_every_layer_class_is_in_the_catalogue() -> None:
    assert concrete_layers() == set(EXAMPLES)
    assert set(LAYERS.values()) == set(EXAMPLES)
    assert all(name == kind.__name__ for name, kind in LAYERS.items())


@every_kind
def test_every_layer_class_has_an_example_of_itself(kind: type[Layer]) -> None:
    assert EXAMPLES[kind]
    assert all(type(example.layer) is kind for example in EXAMPLES[kind])


@every_kind
def test_the_module_says_what_forward_and_backward_do_and_what_is_cached(kind: type[Layer]) -> None:
    text = sys.modules[kind.__module__].__doc__ or ""
    assert "Backward" in text
    assert "Cached" in text
    # Combinators write y = f(x) in place of the word.
    assert "Forward" in text or "y = " in text
    assert kind.__doc__


@every_example
@pytest.mark.parametrize("seed", range(3))
def test_gradients_against_central_differences(example: Example, seed: int) -> None:
    assert_gradients_right(example.layer, example.input_shape, seed=seed)


@every_example
def test_gradients_against_the_complex_step(example: Example) -> None:
    assert_complex_step_agrees(example.layer, example.input_shape)


@every_example
def test_backward_is_linear_in_the_upstream_gradient(example: Example) -> None:
    network, params, x, dy = draw_point(example.layer, example.input_shape)
    other = np.random.default_rng(1).normal(size=dy.shape)
    together = own_gradient(network, params, x, 2 * dy - 3 * other)
    apart = 2 * own_gradient(network, params, x, dy) - 3 * own_gradient(network, params, x, other)
    # Rounding of sums of a few terms of size 1 to 10.
    np.testing.assert_allclose(together, apart, rtol=1e-12, atol=1e-13)


@every_example
@pytest.mark.parametrize("sample", [0, 3])
def test_masking_the_upstream_gradient_to_a_sample_gives_that_samples_share(
    example: Example, sample: int
) -> None:
    network, params, x, dy = draw_point(example.layer, example.input_shape)
    mask = np.zeros_like(dy)
    mask[sample] = dy[sample]
    masked = network.backward(network.forward(params, x), mask)
    one = slice(sample, sample + 1)
    alone = network.backward(network.forward(params, x[one]), dy[one])
    # BLAS may add zeros in another order than it adds nothing: the last digit.
    np.testing.assert_allclose(masked.gradient, alone.gradient, rtol=1e-14, atol=1e-15)


@every_example
@pytest.mark.parametrize("samples", [1, 5])
def test_output_has_the_shape_that_was_announced(example: Example, samples: int) -> None:
    network, params, x, _ = draw_point(example.layer, example.input_shape, samples=samples)
    announced = example.layer.output_shape(example.input_shape)
    assert announced is not None
    assert network.forward(params, x).output.shape == (samples, *announced)


@every_example
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(example: Example, dtype: str) -> None:
    network, params, x, dy = draw_point(example.layer, example.input_shape)
    forward = network.forward(params.astype(dtype), x.astype(dtype))
    backward = network.backward(forward, dy.astype(dtype))
    arrays = [forward.output, present(backward.input_gradient), backward.gradient]
    arrays += [record.output for record in forward.records]
    arrays += [g for record in backward.records for g in record.gradients.values()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@every_example
def test_nothing_that_was_handed_over_is_edited(example: Example) -> None:
    # The layer's own functions with arrays that can be written to: no read-only flag protects them.
    network, params, x, dy = draw_point(example.layer, example.input_shape)
    tree = network.layout.tree(params)
    before = copies((params, x, dy))
    _, cache, _ = example.layer.forward(tree, x, Context())
    cached = copies(cache)
    example.layer.backward(tree, cache, dy)
    assert_same_arrays(before, [params, x, dy])
    assert_same_arrays(cached, list(arrays_in(cache)))


@every_example
def test_two_interleaved_passes_do_not_disturb_each_other(example: Example) -> None:
    network, params, x, dy = draw_point(example.layer, example.input_shape, seed=0)
    _, params_2, x_2, dy_2 = draw_point(example.layer, example.input_shape, seed=9)
    alone = own_gradient(network, params, x, dy)
    first = network.forward(params, x)
    second = network.forward(params_2, x_2)
    network.backward(second, dy_2)
    backward = network.backward(first, dy)
    again = np.concatenate([present(backward.input_gradient).ravel(), backward.gradient])
    np.testing.assert_array_equal(again, alone)


@every_example
def test_the_same_call_gives_the_same_numbers(example: Example) -> None:
    point = draw_point(example.layer, example.input_shape)
    np.testing.assert_array_equal(own_gradient(*point), own_gradient(*point))


@pytest.mark.parametrize(
    ("example", "own_x"), STACKS, ids=[f"{e.layer}-{'own' if o else 'shared'} x" for e, o in STACKS]
)
def test_stacked_networks_are_what_each_is_alone(example: Example, own_x: bool) -> None:
    points = [draw_point(example.layer, example.input_shape, seed=seed) for seed in range(3)]
    network = points[0][0]
    params, xs, dy = map(np.stack, zip(*(point[1:] for point in points), strict=True))
    x = xs if own_x else xs[0]
    forward = network.forward(params, x)
    backward = network.backward(forward, dy)
    for index in range(3):
        alone = network.forward(params[index], xs[index] if own_x else x)
        back = network.backward(alone, dy[index])
        for stacked, single in (
            (forward.output, alone.output),
            (backward.gradient, back.gradient),
            (present(backward.input_gradient), present(back.input_gradient)),
        ):
            # dot and matmul may add up in another order: a few units in the last place.
            np.testing.assert_allclose(stacked[index], single, rtol=1e-14, atol=1e-14)


@every_example
def test_an_empty_batch_gives_empty_arrays_and_a_gradient_of_zero(example: Example) -> None:
    network, params, _, _ = draw_point(example.layer, example.input_shape)
    forward = network.forward(params, np.empty((0, *example.input_shape)))
    backward = network.backward(forward, np.empty(forward.output.shape))
    assert len(forward.output) == 0
    assert present(backward.input_gradient).shape == (0, *example.input_shape)
    np.testing.assert_array_equal(backward.gradient, np.zeros(network.size))


@every_example
def test_settings_make_an_equal_layer_again_through_json(example: Example) -> None:
    known: dict[str, type[Configurable]] = {**LAYERS, **INITIALIZERS}
    again = decode(json.loads(json.dumps(encode(example.layer))), known)
    assert again == example.layer
    assert type(again) is type(example.layer)


@every_example
def test_a_layer_is_immutable_and_its_state_is_returned(example: Example) -> None:
    before = dict(vars(example.layer))
    network, params, x, _ = draw_point(example.layer, example.input_shape)
    _, _, state = example.layer.forward(network.layout.tree(params), x, Context())
    assert vars(example.layer) == before
    assert set(state) == set(network.start_state)
    name = next(iter(example.layer.settings()), "anything")
    with pytest.raises(AttributeError):
        setattr(example.layer, name, None)


@every_example
def test_a_pass_without_records_has_the_same_numbers(example: Example) -> None:
    network, params, x, dy = draw_point(example.layer, example.input_shape)
    forward = network.forward(params, x, records=False)
    backward = network.backward(forward, dy)
    with_records = network.backward(network.forward(params, x), dy)
    np.testing.assert_array_equal(backward.gradient, with_records.gradient)
    assert forward.state == EMPTY


@every_example
def test_a_network_starts_and_trains_with_the_example(example: Example) -> None:
    network = Network(example.layer)
    for dtype in ("float32", "float64"):
        params = network.initialize(seed=5, dtype=dtype)
        assert params.shape == (network.size,)
        assert params.dtype == dtype
        assert np.isfinite(params).all()
