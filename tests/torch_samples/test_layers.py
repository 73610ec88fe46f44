"""Our layers on the samples of their twins in PyTorch's own tests: output, gradients and state.

How many ran is printed at the end of a run. Identity, Dropout and Sequential have no samples there.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

from clearprop import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    Context,
    Embedding,
    Hardtanh,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.kinds.kind_tables import LAYER_ROWS
from tests.torch_samples.samples import Sample, collect

Rows = Callable[[Array], Array]


class Twin(NamedTuple):
    """Our layer for a module, and how an array of the module's shape stands in rows here."""

    layer: Layer
    rows: Rows


def as_one_sample(array: Array) -> Array:
    """For functions of one entry: a number and a vector have no axis of samples."""
    return array.reshape(1, -1) if array.ndim < 2 else array


def channels_last(array: Array) -> Array:
    """(N, C, ...) to (N·..., C); a vector or a number is one feature's."""
    if array.ndim < 2:
        return array.reshape(-1, 1)
    return np.moveaxis(array, 1, -1).reshape(-1, array.shape[1])


def vectors(features: int) -> Rows:
    return lambda array: array.reshape(-1, features)


def elementwise(kind: Callable[..., Layer]) -> Callable[[Any, Sample], Twin]:
    """The settings of these have the same order on both sides."""
    return lambda module, sample: Twin(kind(*sample.args, **sample.settings), as_one_sample)


def linear(module: Any, sample: Sample) -> Twin:
    layer = Linear(module.in_features, module.out_features, bias=module.bias is not None)
    return Twin(layer, as_one_sample)


def embedding(module: Any, sample: Sample) -> Twin:
    return Twin(Embedding(module.num_embeddings, module.embedding_dim), lambda array: array)


def prelu(module: Any, sample: Sample) -> Twin:
    features = module.num_parameters
    return Twin(PReLU(features), channels_last if features > 1 else as_one_sample)


def softmax(kind: Callable[..., Layer]) -> Callable[[Any, Sample], Twin]:
    def make(module: Any, sample: Sample) -> Twin:
        axes = sample.inputs[0].dim()
        axis = -1 if axes == 0 or module.dim < 0 else module.dim - axes
        # Any axis of torch's may be the one; here the first is the samples'.
        return Twin(kind(axis=axis), lambda array: array.reshape(1, *(array.shape or (1,))))

    return make


def batch_norm(module: Any, sample: Sample) -> Twin:
    settings = module.eps, module.momentum, module.affine, module.track_running_stats
    return Twin(BatchNorm(module.num_features, *settings), channels_last)


def layer_norm(module: Any, sample: Sample) -> Twin:
    """Over several axes together, which are the features then."""
    features = int(np.prod(module.normalized_shape))
    affine = module.elementwise_affine
    layer = LayerNorm(features, module.eps, affine, affine and module.bias is not None)
    return Twin(layer, vectors(features))


def rms_norm(module: Any, sample: Sample) -> Twin:
    features = int(np.prod(module.normalized_shape))
    return Twin(RMSNorm(features, module.eps, module.elementwise_affine), vectors(features))


OF_IMAGES = (
    "Conv1d",
    "Conv2d",
    "MaxPool1d",
    "MaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ZeroPad2d",
    "GroupNorm",
)


def of_images(module: Any, sample: Sample) -> Twin:
    """What the layer's row reads the module as; a single image has no axis of samples there."""
    kinds = {name: read for row in LAYER_ROWS.values() for name, read in row.torch.reads.items()}
    layer = kinds[sample.kind](module)
    assert layer is not None, sample.name
    axes = 2 + int(sample.kind[-2]) if sample.kind[-1] == "d" else 0
    return Twin(layer, lambda array: array[None] if array.ndim < axes else array)


TWINS: Mapping[str, Callable[[Any, Sample], Twin]] = {
    "Linear": linear,
    "Embedding": embedding,
    "ReLU": elementwise(ReLU),
    "LeakyReLU": elementwise(LeakyReLU),
    "PReLU": prelu,
    "ELU": elementwise(ELU),
    "SELU": elementwise(SELU),
    "GELU": elementwise(GELU),
    "SiLU": elementwise(SiLU),
    "Softplus": elementwise(Softplus),
    "Mish": elementwise(Mish),
    "Hardtanh": elementwise(Hardtanh),
    "Tanh": elementwise(Tanh),
    "Sigmoid": elementwise(Sigmoid),
    "Softmax": softmax(Softmax),
    "LogSoftmax": softmax(LogSoftmax),
    "BatchNorm1d": batch_norm,
    "BatchNorm2d": batch_norm,
    "BatchNorm3d": batch_norm,
    "LayerNorm": layer_norm,
    "RMSNorm": rms_norm,
    **dict.fromkeys(OF_IMAGES, of_images),
}

# How many samples of each run, in each of the two modes.
RUN = {
    "Linear": 3,
    "Embedding": 2,
    "ReLU": 4,
    "LeakyReLU": 5,
    "PReLU": 8,
    "ELU": 4,
    "SELU": 3,
    "GELU": 3,
    "SiLU": 3,
    "Softplus": 5,
    "Mish": 3,
    "Hardtanh": 3,
    "Tanh": 3,
    "Sigmoid": 4,
    "Softmax": 3,
    "LogSoftmax": 4,
    "BatchNorm1d": 6,
    "BatchNorm2d": 5,
    "BatchNorm3d": 5,
    "LayerNorm": 7,
    "RMSNorm": 6,
    "Conv1d": 4,
    "Conv2d": 4,
    "MaxPool1d": 2,
    "MaxPool2d": 2,
    "AvgPool1d": 4,
    "AvgPool2d": 4,
    "AdaptiveMaxPool1d": 2,
    "AdaptiveMaxPool2d": 4,
    "AdaptiveAvgPool1d": 3,
    "AdaptiveAvgPool2d": 5,
    "ConstantPad1d": 2,
    "ConstantPad2d": 2,
    "ZeroPad2d": 2,
    "GroupNorm": 10,
}

NO_SAMPLES = "no samples at all: BatchNorm refuses a batch that has no variance"
BIAS_ALONE = "γ without β: BatchNorm has both or neither"
PLACES_TOLD = "the module returns the places of the largest numbers too"
DIVISOR = "the sum is divided by another number than that of what is summed"
LEFT_OUT = {
    "MaxPool1d return_indices": PLACES_TOLD,
    "MaxPool2d return_indices": PLACES_TOLD,
    "AvgPool2d divisor": DIVISOR,
    "AvgPool2d divisor_stride": DIVISOR,
    "AvgPool2d divisor_stride_pad": DIVISOR,
    "BatchNorm1d zero_batch": NO_SAMPLES,
    "BatchNorm2d zero_batch": NO_SAMPLES,
    "BatchNorm3d zero_batch": NO_SAMPLES,
    "BatchNorm1d affine_not_bias": BIAS_ALONE,
    "BatchNorm2d affine_not_bias": BIAS_ALONE,
    "BatchNorm3d affine_not_bias": BIAS_ALONE,
}

# Both in float64; what differs is the order of sums, of up to 3,584 terms.
TOLERANCE: Any = {"rtol": 1e-10, "atol": 1e-12}


@pytest.mark.parametrize("kind", TWINS)
def test_samples(torch: Any, kind: str, record_property: Any) -> None:
    pairs = zip(*(collect(torch, kind, training=mode) for mode in (True, False)), strict=True)
    taken = [pair for pair in pairs if pair[0].name not in LEFT_OUT]
    for trained, used in taken:
        module = trained.module(torch)
        state = compare(torch, trained, module, None)
        compare(torch, used, module.eval(), state)
    record_property("torch module samples run", len(taken))
    assert len(taken) == RUN[kind]


def test_what_is_left_out_exists(torch: Any) -> None:
    names = [sample.name for kind in TWINS for sample in collect(torch, kind)]
    assert set(names) >= LEFT_OUT.keys()
    assert len(names) == sum(RUN.values()) + len(LEFT_OUT)


def compare(torch: Any, sample: Sample, module: Any, state: Any) -> Any:
    """Compare output, gradients and new state; returns our new state."""
    layer, rows = TWINS[sample.kind](module, sample)
    (x,) = sample.inputs
    measured = x.dtype.is_floating_point
    x = x.detach().clone().requires_grad_(measured)
    y = module(x)
    dy = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    module.zero_grad()
    y.backward(dy)

    params = {name: ours(layer, name, tensor) for name, tensor in module.named_parameters()}
    before = layer.state() if state is None else state
    context = Context(training=module.training, state=before)
    value, cache, after = layer.forward(params, rows(array_of(x)), context)
    dx, gradients = layer.backward(params, cache, rows(array_of(dy)))

    np.testing.assert_allclose(value, rows(array_of(y)), **TOLERANCE, err_msg=sample.name)
    if measured:
        assert dx is not None
        np.testing.assert_allclose(dx, rows(array_of(x.grad)), **TOLERANCE, err_msg=sample.name)
    assert gradients.keys() == params.keys() == layer.parameters().keys()
    for name, tensor in module.named_parameters():
        expected = ours(layer, name, tensor.grad)
        np.testing.assert_allclose(gradients[name], expected, **TOLERANCE, err_msg=sample.name)
    for ours_after, buffer in zip(after.values(), module.buffers(), strict=True):
        there = array_of(buffer).reshape(ours_after.shape)
        np.testing.assert_allclose(ours_after, there, **TOLERANCE, err_msg=sample.name)
    return after


def array_of(tensor: Any) -> Array:
    array: Array = tensor.detach().numpy()
    return array


def ours(layer: Layer, name: str, tensor: Any) -> Array:
    """A parameter of torch's, or its gradient, in our layout."""
    array = array_of(tensor)
    if isinstance(layer, Linear) and name == "weight":
        return array.T
    return array.reshape(layer.parameters()[name].shape)
