"""Moving entries together gives what moving them one by one gives."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    GELU,
    MSE,
    BatchNorm,
    Context,
    CrossEntropy,
    LayerNorm,
    Linear,
    Network,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Tanh,
)
from clearprop.checking.request import Request, of_example, subject_of
from clearprop.checking.subjects.own_kinds import layer_subject, network_subject
from clearprop.engine.layers.layer import Layer
from clearprop.kinds.kind_tables import LAYER_EXAMPLES
from tests.own_combinators import Added, Concatenated
from tests.sweeps import quick_where

NETWORKS = {
    "one layer": Linear(3, 4),
    "relu": Sequential(Linear(3, 4), ReLU(), Linear(4, 2)),
    "two activations": Sequential(Linear(3, 4), Tanh(), GELU(), Linear(4, 2), Tanh()),
    "nested": Sequential(Sequential(Linear(3, 4), Tanh()), Sequential(Linear(4, 4), ReLU())),
    "no bias": Sequential(Linear(3, 4, bias=False), Linear(4, 2)),
    "residual": Sequential(Linear(3, 4), Residual(Sequential(Linear(4, 4), Tanh())), Linear(4, 2)),
    "batch": Sequential(Linear(3, 4), BatchNorm(4), ReLU(), Linear(4, 2)),
    "added": Sequential(
        Linear(3, 3), Added(Sequential(Linear(3, 3), Tanh()), Linear(3, 3)), ReLU()
    ),
    "concatenated": Sequential(
        Concatenated(Sequential(Linear(3, 2), Tanh()), ReLU()), Linear(8, 2)
    ),
    "a wire taken by both": Added(Linear(3, 3), Residual(Sequential(Linear(3, 3), GELU()))),
    "norms": Sequential(LayerNorm(3), Linear(3, 4), PReLU(4), Softmax()),
}


def assert_same(subject: Any) -> None:
    assert subject.is_structured
    for name in subject.variables:
        size = subject.arrays[name].size
        indices = np.arange(size)
        for moves in (1e-3 * (1 + indices), np.full(size, 1e-20j)):
            if moves.dtype.kind == "c":
                wide = {
                    one: values.astype(complex) if one in subject.variables else values
                    for one, values in subject.arrays.items()
                }
                there = subject.at(wide, None)
            else:
                there = subject
            together = there.mover(name, indices, moves)
            alone = there._one_by_one(name, indices, moves)
            assert together.shape == alone.shape
            np.testing.assert_allclose(together.real, alone.real, rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(together.imag, alone.imag, rtol=1e-9, atol=1e-32)


@pytest.mark.parametrize("layer", NETWORKS.values(), ids=list(NETWORKS))
@pytest.mark.parametrize("with_loss", [False, True])
def test_networks(layer: Layer, with_loss: bool) -> None:
    network = Network(layer)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(5, 3))
    params = generator.normal(size=network.size)
    t = generator.normal(size=network.forward(params, x).output.shape)
    loss = MSE() if with_loss else None
    target = t if with_loss else None
    assert_same(network_subject(network, x, target, loss, params, None, Context(), 0))


def test_class_targets() -> None:
    network = Network(Sequential(Linear(3, 4), ReLU(), Linear(4, 3)))
    x, t = np.random.default_rng(0).normal(size=(5, 3)), np.array([0, 2, 1, 1, 0])
    assert_same(network_subject(network, x, t, CrossEntropy(), None, None, Context(), 0))


EXAMPLES = [example for group in LAYER_EXAMPLES.values() for example in group]


@pytest.mark.parametrize(
    "example",
    quick_where(EXAMPLES, lambda _, one: one is LAYER_EXAMPLES[type(one.layer)][0]),
    ids=lambda e: repr(e.layer),
)
def test_every_layer_of_the_catalogue(example: Any) -> None:
    assert_same(subject_of(of_example(Request(None), example)))


def test_rows_with_an_axis_between() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    assert_same(layer_subject(Sequential(LayerNorm(4), Tanh()), x, None, None, Context(), 0))


def test_tied_parameters_are_moved_in_both_places() -> None:
    layer = Sequential(Linear(3, 3), Tanh(), Linear(3, 3))
    network = Network(layer, {"layers[2].weight": "layers[0].weight"})
    x = np.random.default_rng(0).normal(size=(2, 3))
    subject = network_subject(network, x, x, MSE(), None, None, Context(), 0)
    assert_same(subject)


class Alone(Tanh):
    """Cannot be run as K networks at once."""

    stackable = False


def test_a_layer_that_cannot_be_stacked_is_moved_one_by_one() -> None:
    subject = layer_subject(
        Sequential(Linear(3, 2), Alone()), np.ones((2, 3)), None, None, Context(), 0
    )
    assert not subject.is_structured
