"""Layers of images in machine code: every option, shapes of every kind, several threads."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    AvgPool2d,
    ChannelBatchNorm,
    Concatenate,
    Conv1d,
    Conv2d,
    CrossEntropy,
    Dropout,
    Flatten,
    GlobalAverage,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Network,
    Pad,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    fit,
    fit_many,
)
from clearprop.compiled.kernel_matrix import KernelShape
from clearprop.engine.layers.layer import Layer
from clearprop.kinds.kernels import BORDER, NoKernel
from clearprop.kinds.kind_tables import LAYER_ROWS, OPTIMIZER_ROWS
from clearprop.kinds.window_kernels import convolution_kernel
from clearprop.teaching.showpieces.digits_training import lenet
from clearprop.training.divergence import DivergenceWarning
from tests.compiled.both_engines import (
    Library,
    Task,
    assert_same,
    compiled,
    difference,
    in_numpy,
)
from tests.compiled.test_threads import assert_same_bits

SAMPLES = 19


def behind_a_convolution(layer: Layer, shape: tuple[int, ...]) -> Network:
    """The layer between what learns from its signal and what makes the signal."""
    channels = shape[0]
    before = (Conv1d if len(shape) == 2 else Conv2d)(channels, channels, 1)
    after = layer.output_shape(shape)
    assert after is not None
    return Network(Sequential(before, layer, Flatten(), Linear(int(np.prod(after)), 3)))


def task_of(
    network: Network, shape: tuple[int, ...], seed: int = 0, optimizer: Any = None, **how: Any
) -> Task:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(SAMPLES, *shape))
    target = generator.normal(size=(SAMPLES, 3))
    told = {"batch_size": 7, "epochs": 2, **how}
    return Task(network, MSE(), optimizer or SGD(0.01), x, target, **told)


# A layer over the last axis alone stands in test_axes.
EXAMPLES = [
    (example.layer, example.input_shape)
    for row in LAYER_ROWS.values()
    for example in row.examples
    if len(example.input_shape) in (2, 3)
    and example.training
    and not isinstance(row.compiled(example.layer), NoKernel)
    and (example.layer.images or isinstance(example.layer, Pad))
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("layer", "shape"), EXAMPLES)
def test_every_layer(layer: Layer, shape: tuple[int, ...], dtype: str, kernels: Library) -> None:
    task = task_of(behind_a_convolution(layer, shape), shape)
    assert_same(task, dtype, kernels)
    assert_same_bits(task, dtype, kernels)


def drawn(seed: int) -> tuple[Layer, tuple[int, ...]]:
    """A layer with settings of any kind, and images that it takes."""
    generator = np.random.default_rng(seed)

    def one(low: int, high: int) -> int:
        return int(generator.integers(low, high + 1))

    axes = one(1, 2)
    size = tuple(one(5, 9) for _ in range(axes))
    groups = int(generator.choice([1, 1, 2, 3]))
    channels, outputs = groups * one(1, 12), groups * one(1, 12)
    sides: dict[str, Any] = {
        "kernel": tuple(one(1, 3) for _ in range(axes)),
        "stride": tuple(one(1, 3) for _ in range(axes)),
        "dilation": tuple(one(1, 2) for _ in range(axes)),
    }
    words = ("same", "same_lower", tuple((one(0, 2), one(0, 2)) for _ in range(axes)))
    padding: Any = words[one(0, 2)]
    if one(0, 2):
        convolution = Conv1d if axes == 1 else Conv2d
        rest = {"groups": groups, "bias": bool(one(0, 1)), "padding": padding}
        return convolution(channels, outputs, **sides, **rest), (channels, *size)
    pool = MaxPool1d if axes == 1 else (MaxPool2d, AvgPool2d)[one(0, 1)]
    # A border is narrower than the window.
    spans = [d * (k - 1) + 1 for k, d in zip(sides["kernel"], sides["dilation"], strict=True)]
    if not isinstance(padding, str):
        padding = tuple((one(0, span - 1), one(0, span - 1)) for span in spans)
    return pool(**sides, padding=padding), (channels, *size)


@pytest.mark.parametrize("seed", range(60))
def test_shapes_and_settings_of_every_kind(seed: int, kernels: Library) -> None:
    layer, shape = drawn(seed)
    network = behind_a_convolution(layer, shape)
    assert_same(task_of(network, shape, seed, epochs=1), "float64", kernels)


X = np.random.default_rng(5).normal(size=(SAMPLES, 2, 6, 6))
IDS = np.arange(SAMPLES) % 3

# Images that go on in two ways, meet again, and are flattened; with other axes joined and padded.
STRUCTURES = {
    "residual": Sequential(
        Conv2d(2, 5, 3, padding=1), Residual(Sequential(ReLU(), Conv2d(5, 5, 3, padding=1))),
        ChannelBatchNorm(5), ReLU(), GlobalAverage(), Linear(5, 3),
    ),
    "branches": Sequential(
        Conv2d(2, 4, 1, bias=False),
        Concatenate(MaxPool2d(2), AvgPool2d(2), Conv2d(4, 3, 2, stride=2), axis=-3),
        Tanh(), Conv2d(11, 4, 2), Dropout(0.3), Flatten(), Linear(16, 3),
    ),
    "features of places": Sequential(
        Linear(6, 4), Conv2d(2, 3, 3), Linear(2, 7), ReLU(), Flatten(), Linear(84, 3),
    ),
    "input in two ways": Sequential(
        Concatenate(Conv2d(2, 3, 3, padding="same"), Tanh(), axis=-3), MaxPool2d(3), Flatten(),
        Linear(20, 3),
    ),
    "borders": Sequential(
        Pad((1, 2), mode="reflect"), Conv2d(2, 3, 2), ReLU(), Pad((0, 1, 2, 0), value=0.5),
        MaxPool2d(2, stride=1), Flatten(), Linear(144, 3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure(name: str, dtype: str, kernels: Library) -> None:
    for optimizer, batch_size in ((SGD(0.02), None), (Adam(0.01, eps=1e-3), 6)):
        network = Network(STRUCTURES[name])
        told: Any = {"batch_size": batch_size, "epochs": 3}
        task = Task(network, CrossEntropy(), optimizer, X, IDS, **told)
        assert_same(task, dtype, kernels)
        assert_same_bits(task, dtype, kernels)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "optimizer", [one for row in OPTIMIZER_ROWS.values() for one in row.examples]
)
def test_every_optimizer(optimizer: Any, dtype: str, kernels: Library) -> None:
    layers = (Conv2d(2, 6, 3, groups=2), Tanh(), MaxPool2d(2), Flatten(), Linear(24, 3))
    told: Any = {"batch_size": 8, "epochs": 3}
    task = Task(Network(Sequential(*layers)), CrossEntropy(), optimizer, X, IDS, **told)
    assert_same(task, dtype, kernels)


def test_the_lenet_of_the_showpiece(kernels: Library) -> None:
    x = np.random.default_rng(6).uniform(size=(150, 1, 8, 8))
    task = Task(lenet(), CrossEntropy(), Adam(3e-3), x, np.arange(150) % 10, batch_size=64)
    assert_same(task, "float64", kernels)
    assert_same_bits(task, "float32", kernels)
    whole, parts = (compiled(task, "float32", kernels, chunk=each) for each in (None, 4))
    assert difference(whole, parts) == 0


def test_tied_kernels_share_their_gradient(kernels: Library) -> None:
    layers = Sequential(
        Conv2d(2, 2, 3, padding=1), Tanh(), Conv2d(2, 2, 3, padding=1), Flatten(), Linear(72, 3)
    )
    tied = {"layers[2].weight": "layers[0].weight", "layers[2].bias": "layers[0].bias"}
    task = Task(Network(layers, tied), CrossEntropy(), SGD(0.05, momentum=0.5), X, IDS)
    assert_same(task, "float64", kernels)


@pytest.mark.parametrize("pool", [MaxPool2d(2), MaxPool2d(3, stride=1, padding=1)])
def test_of_several_largest_the_first_gets_the_signal(pool: Any, kernels: Library) -> None:
    x = np.random.default_rng(7).integers(-1, 2, size=(SAMPLES, 2, 6, 6)).astype(float)
    layers = (Conv2d(2, 2, 1), ReLU(), pool, Flatten())
    width = int(np.prod(pool.output_shape((2, 6, 6))))
    task = Task(Network(Sequential(*layers, Linear(width, 3))), CrossEntropy(), SGD(0.1), x, IDS)
    assert_same(task, "float64", kernels)


def test_what_is_no_number_stays_none(kernels: Library) -> None:
    x = X.copy()
    x[3, 1, 2, 2] = np.nan
    layers = (Conv2d(2, 2, 1), MaxPool2d(2), Flatten(), Linear(18, 3))
    task = Task(Network(Sequential(*layers)), CrossEntropy(), SGD(0.1), x, IDS, epochs=1)
    assert np.isnan(compiled(task, "float64", kernels).losses).all()
    with pytest.warns(DivergenceWarning):
        assert np.isnan(in_numpy(task, "float64").losses).all()


def test_many_networks_of_images(kernels: Library) -> None:
    kernels("float64")
    network = Network(Sequential(Conv2d(2, 3, 3), ReLU(), GlobalAverage(), Linear(3, 3)))
    told: Any = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "epochs": 3, "engine": "compiled"}
    many = fit_many(network, range(3), X, IDS, **told)
    assert many.engine.name == "compiled"
    alone = fit(network, network.initialize(seed=2), X, IDS, **told)
    assert np.array_equal(many.params[2], alone.params)


def test_a_weight_as_a_matrix_and_back() -> None:
    shape = KernelShape(outputs=4, channels=1, entries=2, groups=2)
    flat = np.arange(1.0, 9.0)  # (4 outputs, 1 channel of the group, 2 entries)
    # Entry 0 of channels 0 and 1, then entry 1; outputs 0 and 1 see channel 0 alone.
    expected = [[1, 3, 0, 0], [0, 0, 5, 7], [2, 4, 0, 0], [0, 0, 6, 8]]
    assert np.array_equal(shape.to_matrix(flat), expected)
    assert np.array_equal(shape.to_flat(np.array(expected)), flat)


def test_what_lies_under_a_kernel() -> None:
    taps: Any = convolution_kernel(Conv1d(1, 1, 2, stride=2, padding=1, dilation=2)).taps
    # Numbers −1 and 1, then 1 and 3, of 4 in a border of one zero.
    assert taps((4,)).under.tolist() == [[BORDER, 1], [1, 3]]
    assert not taps((4,)).is_once((4,))
    side_by_side: Any = convolution_kernel(Conv2d(1, 1, 2, stride=2)).taps
    assert side_by_side((2, 4)).under.tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert side_by_side((2, 4)).is_once((2, 4))


def test_a_planted_error_is_seen(kernels: Library) -> None:
    layers = (Conv2d(2, 3, 3), MaxPool2d(2), Flatten(), Linear(12, 3))
    task = Task(Network(Sequential(*layers)), CrossEntropy(), SGD(0.05), X, IDS)
    turned = Task(task.network, task.loss, task.optimizer, X[:, :, ::-1], IDS)
    assert difference(compiled(task, "float64", kernels), in_numpy(turned, "float64")) > 1e-6
