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

import clearprop.engine
from clearprop import BatchNorm, Context, Dropout, Layer, Network
from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable, decode, encode
from clearprop.kinds.kind_tables import INITIALIZERS, LAYER_EXAMPLES, LAYERS
from clearprop.kinds.row import LayerExample
from tests.gradient_checks import (
    Point,
    assert_complex_step_agrees,
    assert_gradients_right,
    draw_point,
    own_gradient,
    present,
)
from tests.sweeps import quick_where

CASES = [example for examples in LAYER_EXAMPLES.values() for example in examples]
KINDS = sorted(LAYERS.values(), key=lambda kind: kind.__name__)


def can_stack(example: LayerExample, own_x: bool) -> bool:
    """Whether K networks can run at such an x as one, and be told apart."""
    if not own_x:
        # An x (N, T, D) would be taken as K networks' own, and without parameters of their own
        # nothing tells the networks apart.
        few_axes = example.ids is not None or len(example.input_shape) == 1
        return few_axes and Network(example.layer).size > 0
    # Ids of one and of two axes are shared by all; only ids (K, N, T) are each network's own.
    return example.ids is None or len(example.input_shape) == 1


STACKS = [(e, own_x) for e in CASES for own_x in (True, False) if can_stack(e, own_x)]


def name_of(example: LayerExample) -> str:
    return repr(example.layer) if example.training else f"{example.layer} in use"


every_example = pytest.mark.parametrize("example", CASES, ids=map(name_of, CASES))
every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])


def how(example: LayerExample) -> dict[str, Any]:
    """What `draw_point` is told of an example beside its layer and shape."""
    return {"ids": example.ids, "training": example.training}


def point_of(example: LayerExample, **more: Any) -> Point:
    return draw_point(example.layer, example.input_shape, **how(example), **more)


def mixes_samples(example: LayerExample) -> bool:
    """Whether a sample's output depends on the other samples."""
    layer = example.layer
    return isinstance(layer, BatchNorm) and (example.training or not layer.running_statistics)


def draws(example: LayerExample) -> bool:
    """Whether chance decides what is left out."""
    return isinstance(example.layer, Dropout) or getattr(example.layer, "dropout", 0) > 0


UNMIXED = [example for example in CASES if not mixes_samples(example)]
# A sample that is alone is the first, and has the first one's mask of dropout.
SHARES = [(e, s) for e in UNMIXED for s in (0, 3) if not (draws(e) and s)]


def context_of(point: Point) -> Context:
    """The context of the layer's own forward, where no network makes one."""
    state = point.network.initial_state(point.params)
    # A layer that is a network of its own has the path "".
    beside = dict(point.states)
    return Context(training=point.training, state=state.get("", state), side_inputs=beside)


def concrete_layers() -> set[type[Layer]]:
    """Every Layer that can be made, defined in a module under clearprop.engine."""
    found = set()
    for module in pkgutil.walk_packages(clearprop.engine.__path__, "clearprop.engine."):
        members = vars(importlib.import_module(module.name)).values()
        found |= {
            member
            for member in members
            if inspect.isclass(member)
            and issubclass(member, Layer)
            and not inspect.isabstract(member)
            and member.__module__.startswith("clearprop.engine.")
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
    assert concrete_layers() == set(LAYER_EXAMPLES)
    assert set(LAYERS.values()) == set(LAYER_EXAMPLES)
    assert all(name == kind.__name__ for name, kind in LAYERS.items())


@every_kind
def test_every_layer_class_has_an_example_of_itself(kind: type[Layer]) -> None:
    assert LAYER_EXAMPLES[kind]
    assert all(type(example.layer) is kind for example in LAYER_EXAMPLES[kind])


@every_kind
def test_the_module_says_what_forward_and_backward_do_and_what_is_cached(kind: type[Layer]) -> None:
    text = sys.modules[kind.__module__].__doc__ or ""
    assert "Backward" in text
    assert "Cached" in text
    # Combinators write y = f(x) in place of the word.
    assert "Forward" in text or "y = " in text
    assert kind.__doc__


@every_example
@pytest.mark.parametrize("seed", quick_where(range(3), lambda _, seed: seed == 0))
def test_gradients_against_central_differences(example: LayerExample, seed: int) -> None:
    assert_gradients_right(example.layer, example.input_shape, seed=seed, **how(example))


@every_example
def test_gradients_against_the_complex_step(example: LayerExample) -> None:
    assert_complex_step_agrees(example.layer, example.input_shape, **how(example))


@every_example
def test_backward_is_linear_in_the_upstream_gradient(example: LayerExample) -> None:
    point = point_of(example)
    other = point._replace(dy=np.random.default_rng(1).normal(size=point.dy.shape))
    together = own_gradient(point._replace(dy=2 * point.dy - 3 * other.dy))
    apart = 2 * own_gradient(point) - 3 * own_gradient(other)
    # Rounding of sums of a few terms of size 1 to 10.
    np.testing.assert_allclose(together, apart, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("example", "sample"),
    SHARES,
    ids=[f"{name_of(example)}-{sample}" for example, sample in SHARES],
)
def test_masking_the_upstream_gradient_to_a_sample_gives_that_samples_share(
    example: LayerExample, sample: int
) -> None:
    # A layer that mixes samples has another output for one alone.
    point = point_of(example)
    mask = np.zeros_like(point.dy)
    mask[sample] = point.dy[sample]
    masked = point.network.backward(point.forward(), mask)
    one = slice(sample, sample + 1)
    states = {name: state[one] for name, state in point.states.items()}
    first = point._replace(x=point.x[one], dy=point.dy[one], states=states)
    alone = point.network.backward(first.forward(), first.dy)
    # BLAS may add zeros in another order than it adds nothing: the last digit.
    np.testing.assert_allclose(masked.gradient, alone.gradient, rtol=1e-14, atol=1e-15)


@every_example
@pytest.mark.parametrize("samples", [1, 5])
def test_output_has_the_shape_that_was_announced(example: LayerExample, samples: int) -> None:
    if mixes_samples(example):
        samples += 1  # one alone has no variance
    announced = example.layer.output_shape(example.input_shape)
    assert announced is not None
    output = point_of(example, samples=samples).forward().output
    assert output.shape == (samples, *announced)


@every_example
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(example: LayerExample, dtype: str) -> None:
    point = point_of(example)
    network, params, x, dy, *_ = point
    if example.ids is None:
        x = x.astype(dtype)
    forward = point.at(params.astype(dtype), x)
    backward = network.backward(forward, dy.astype(dtype))
    arrays = [forward.output, backward.gradient]
    if example.ids is None:
        arrays.append(present(backward.input_gradient))
    arrays += [array for array in arrays_in(forward.state) if array.dtype.kind == "f"]
    arrays += [record.output for record in forward.records]
    arrays += [g for record in backward.records for g in record.gradients.values()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@every_example
def test_nothing_that_was_handed_over_is_edited(example: LayerExample) -> None:
    # The layer's own functions with arrays that can be written to: no read-only flag protects them.
    point = point_of(example)
    context = context_of(point)
    state = {name: array.copy() for name, array in context.state.items()}
    handed_over = (point.params, point.x, point.dy, state)
    before = copies(handed_over)
    tree = point.network.named(point.params)
    _, cache, _ = example.layer.forward(tree, point.x, context._replace(state=state))
    cached = copies(cache)
    example.layer.backward(tree, cache, point.dy)
    assert_same_arrays(before, list(arrays_in(handed_over)))
    assert_same_arrays(cached, list(arrays_in(cache)))


@every_example
def test_two_interleaved_passes_do_not_disturb_each_other(example: LayerExample) -> None:
    point, other = point_of(example, seed=0), point_of(example, seed=9)
    network = point.network
    alone = network.backward(point.forward(), point.dy)
    first = point.forward()
    second = other.forward()
    network.backward(second, other.dy)
    again = network.backward(first, point.dy)
    np.testing.assert_array_equal(again.gradient, alone.gradient)
    if example.ids is None:
        np.testing.assert_array_equal(present(again.input_gradient), present(alone.input_gradient))


@every_example
def test_the_same_call_gives_the_same_numbers(example: LayerExample) -> None:
    point = point_of(example)
    np.testing.assert_array_equal(own_gradient(point), own_gradient(point))


@pytest.mark.parametrize(
    ("example", "own_x"),
    STACKS,
    ids=[f"{name_of(e)}-{'own' if o else 'shared'} x" for e, o in STACKS],
)
def test_stacked_networks_are_what_each_is_alone(example: LayerExample, own_x: bool) -> None:
    points = [point_of(example, seed=seed) for seed in range(3)]
    network = points[0].network
    params, xs, dy = map(np.stack, zip(*((p.params, p.x, p.dy) for p in points), strict=True))
    x = xs if own_x else xs[0]
    forward = points[0].at(params, x, own_input=own_x)
    backward = network.backward(forward, dy)
    for index in range(3):
        own = xs[index] if own_x else x
        alone = points[0].at(params[index], own)
        back = network.backward(alone, dy[index])
        pairs = [(forward.output, alone.output), (backward.gradient, back.gradient)]
        if example.ids is None:
            pairs.append((present(backward.input_gradient), present(back.input_gradient)))
        stacked_state, state = list(arrays_in(forward.state)), list(arrays_in(alone.state))
        pairs += zip(stacked_state, state, strict=True)
        for stacked, single in pairs:
            # dot and matmul may add up in another order: a few units in the last place.
            np.testing.assert_allclose(stacked[index], single, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("example", UNMIXED, ids=map(name_of, UNMIXED))
def test_an_empty_batch_gives_empty_arrays_and_a_gradient_of_zero(example: LayerExample) -> None:
    point = point_of(example, samples=0)
    forward = point.forward()
    backward = point.network.backward(forward, point.dy)
    assert len(forward.output) == 0
    if example.ids is None:
        assert present(backward.input_gradient).shape == (0, *example.input_shape)
    np.testing.assert_array_equal(backward.gradient, np.zeros(point.network.size))


@every_example
def test_settings_make_an_equal_layer_again_through_json(example: LayerExample) -> None:
    known: dict[str, type[Configurable]] = {**LAYERS, **INITIALIZERS}
    again = decode(json.loads(json.dumps(encode(example.layer))), known)
    assert again == example.layer
    assert type(again) is type(example.layer)


@every_example
def test_a_layer_is_immutable_and_its_state_is_returned(example: LayerExample) -> None:
    before = dict(vars(example.layer))
    point = point_of(example)
    tree = point.network.named(point.params)
    _, _, state = example.layer.forward(tree, point.x, context_of(point))
    assert vars(example.layer) == before
    assert set(state) == set(context_of(point).state)
    name = next(iter(example.layer.settings()), "anything")
    with pytest.raises(AttributeError):
        setattr(example.layer, name, None)


@every_example
def test_a_pass_without_records_has_the_same_numbers(example: LayerExample) -> None:
    point = point_of(example)
    network, dy = point.network, point.dy
    forward = point.at(point.params, point.x, records=False)
    backward = network.backward(forward, dy)
    with_records = point.forward()
    np.testing.assert_array_equal(backward.gradient, network.backward(with_records, dy).gradient)
    assert_same_arrays(list(arrays_in(forward.state)), list(arrays_in(with_records.state)))


@every_example
def test_a_network_starts_and_trains_with_the_example(example: LayerExample) -> None:
    network = Network(example.layer)
    for dtype in ("float32", "float64"):
        params = network.initialize(seed=5, dtype=dtype)
        assert params.shape == (network.size,)
        assert params.dtype == dtype
        assert np.isfinite(params).all()
