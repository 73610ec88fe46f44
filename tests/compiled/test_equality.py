"""The kernels train as the NumPy engine does: over layers, losses, optimizers, dtypes, batches."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    GELU,
    MSE,
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Clipped,
    CosineDecay,
    CrossEntropy,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    RMSprop,
    Sequential,
    Softplus,
    Tanh,
    Warmup,
)
from clearprop.engine.layers.layer import Layer
from clearprop.kinds.kernels import NoKernel
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS, OPTIMIZER_ROWS
from tests.compiled.both_engines import (
    Library,
    Task,
    assert_same,
    compiled,
    difference,
    in_numpy,
)
from tests.own_combinators import Added, AsItIs, Concatenated

DTYPES = ("float64", "float32")
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(23, 5))
Y = GENERATOR.normal(size=(23, 3))
IDS = GENERATOR.integers(0, 3, 23)
WEIGHTS = GENERATOR.uniform(0.1, 2, 23)


def network_around(layer: Layer, features: int) -> Network:
    """The layer between two linear ones, whose gradients pass through it."""
    outputs = layer.output_shape((features,))
    assert outputs is not None
    return Network(Sequential(Linear(5, features), layer, Linear(outputs[-1], 3)))


LAYER_CASES = [
    (example.layer, example.input_shape[0])
    for row in LAYER_ROWS.values()
    for example in row.examples
    if len(example.input_shape) == 1
    and example.training
    and not example.ids
    and not isinstance(row.compiled(example.layer), NoKernel)
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize(("layer", "features"), LAYER_CASES)
def test_every_layer(
    layer: Layer, features: int, batch_size: int | None, dtype: str, kernels: Library
) -> None:
    network = network_around(layer, features)
    task = Task(network, MSE(), SGD(0.01), X, Y, batch_size=batch_size)
    assert_same(task, dtype, kernels)


# Wider than a panel, and no multiple of one.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm", "BatchNorm", "PReLU", "Softmax"])
def test_layers_that_see_more_than_one_entry_over_several_panels(
    name: str, dtype: str, kernels: Library
) -> None:
    import clearprop

    layer = getattr(clearprop, name)(*(() if name == "Softmax" else (37,)))
    task = Task(network_around(layer, 37), CrossEntropy(), SGD(0.05), X, IDS, batch_size=7)
    assert_same(task, dtype, kernels)


LOSS_CASES = [
    (example, weights)
    for row in LOSS_ROWS.values()
    for example in row.examples
    if example.loss.reduction != "none" and not isinstance(row.compiled(example.loss), NoKernel)
    for weights in (None, WEIGHTS)
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("example", "weights"), LOSS_CASES)
def test_every_loss(example: Any, weights: Any, dtype: str, kernels: Library) -> None:
    _, target = example.draw(np.random.default_rng(3), 23)
    # Rates of a Poisson distribution are above 0.
    end = Softplus() if getattr(example.loss, "log_input", True) is False else Tanh()
    network = Network(Sequential(Linear(5, 9), Tanh(), Linear(9, example.outputs), end))
    rate = 0.001 if example.loss.reduction == "sum" else 0.05
    task = Task(network, example.loss, SGD(rate), X, target, weights, batch_size=10)
    assert_same(task, dtype, kernels)


OPTIMIZER_CASES = [
    *(one for row in OPTIMIZER_ROWS.values() for one in row.examples),
    SGD(CosineDecay(0.1, t_max=7)),
    Adam(Warmup(0.02)),
    Clipped(Clipped(AdamW(0.01), value=0.02), norm=0.3),
    Clipped(SGD(0.1, weight_decay=0.1), norm=1e9),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES)
def test_every_optimizer(optimizer: Any, dtype: str, kernels: Library) -> None:
    network = Network(Sequential(Linear(5, 18), ReLU(), Linear(18, 18), ReLU(), Linear(18, 3)))
    task = Task(network, CrossEntropy(), optimizer, X, IDS, batch_size=8)
    assert_same(task, dtype, kernels)


STRUCTURES = [
    Sequential(
        Linear(5, 8), Residual(Sequential(Linear(8, 4), ReLU(), Linear(4, 8))), Linear(8, 3)
    ),
    Sequential(Linear(5, 8), Residual(Residual(Tanh())), Linear(8, 3)),
    Sequential(Residual(Sequential(Linear(5, 5), ReLU())), Linear(5, 3)),
    Sequential(Sequential(Linear(5, 8), ReLU()), Sequential(ReLU(), Linear(8, 3)), Tanh()),
    Sequential(Linear(5, 3), ReLU()),
    Sequential(Concatenated(Linear(5, 3), Sequential(Linear(5, 7), ReLU())), Linear(15, 3)),
    Sequential(Concatenated(Residual(Linear(5, 5)), ReLU()), Linear(15, 3)),
    Sequential(Linear(5, 19), AsItIs(), Concatenated(Tanh(), ReLU()), Linear(57, 3)),
    Sequential(Linear(5, 8), Added(ReLU(), Linear(8, 8)), Added(Tanh(), AsItIs()), Linear(8, 3)),
    Sequential(LayerNorm(5), Linear(5, 20), GELU("tanh"), Dropout(0.2), Linear(20, 3)),
    Sequential(Dropout(0.2), Linear(5, 20), ReLU(), Dropout(0.5), Softplus(), Linear(20, 3)),
    Sequential(Linear(5, 20, bias=False), BatchNorm(20), ReLU(), Linear(20, 3, bias=False)),
    Linear(5, 3),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_size", [None, 6])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure(
    structure: Layer, batch_size: int | None, dtype: str, kernels: Library
) -> None:
    for optimizer in (SGD(0.02), Adam(0.01)):
        task = Task(Network(structure), MSE(), optimizer, X, Y, batch_size=batch_size)
        assert_same(task, dtype, kernels)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tied_weights_share_their_gradient(dtype: str, kernels: Library) -> None:
    structure = Sequential(Linear(5, 5), ReLU(), Linear(5, 5), Tanh(), Linear(5, 3))
    tied = {"layers[2].weight": "layers[0].weight", "layers[2].bias": "layers[0].bias"}
    for optimizer in (SGD(0.05), Adam(0.01), RMSprop(0.001, momentum=0.5)):
        task = Task(Network(structure, tied), MSE(), optimizer, X, Y)
        assert_same(task, dtype, kernels)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", [SGD(0.02, weight_decay=0.01), Adam(0.003, eps=1e-3)])
def test_sums_that_are_longer_than_a_part(optimizer: Any, dtype: str, kernels: Library) -> None:
    generator = np.random.default_rng(1)
    # Among so many units of a rectifier one may lie so close to 0 that float32 cannot say on which
    # side.
    kink = ReLU() if dtype == "float64" else Tanh()
    layers = (Linear(300, 530), kink, Linear(530, 280), kink, Linear(280, 4))
    network = Network(Sequential(*layers))
    x, target = generator.normal(size=(301, 300)), generator.integers(0, 4, 301)
    task = Task(network, CrossEntropy(), optimizer, x, target, epochs=3)
    assert_same(task, dtype, kernels)


@pytest.mark.parametrize("chunk", [1, 3, 4, 7])
def test_calls_of_any_length_are_the_same_training(chunk: int, kernels: Library) -> None:
    structure = Sequential(Linear(5, 9), BatchNorm(9), Dropout(0.3), ReLU(), Linear(9, 3))
    task = Task(Network(structure), CrossEntropy(), Adam(0.01), X, IDS, WEIGHTS, batch_size=6)
    whole, parts = (compiled(task, "float64", kernels, chunk=each) for each in (None, chunk))
    assert difference(whole, parts) == 0


def test_a_planted_error_is_seen(kernels: Library) -> None:
    task = Task(Network(Linear(5, 3)), MSE(), SGD(0.05), X, Y)
    other = Task(Network(Linear(5, 3)), MSE(), SGD(0.05 * (1 + 1e-8)), X, Y)
    assert difference(compiled(task, "float64", kernels), in_numpy(other, "float64")) > 1e-10
