"""The kernels' tables, field by field and name by name as in `source/tables.h` and `source/run.h`.

A test reads those files and compares, so that the two can never drift apart.
"""

import ctypes
from enum import IntEnum

import numpy as np

# No such place, or no such array.
NONE = -1

# A panel of a weight is as many numbers as 64 bytes hold, whatever the processor.
PANEL_BYTES = 64

# The longest sum that a tile makes in one go; what it packs is no longer, but for Adam.
PART = 256

# Threads share a batch by so many samples, which have one sum of losses: two numbers.
SAMPLES_OF_PART = 8
MOST_THREADS = 64


class ActivationKind(IntEnum):
    """The elementwise activations."""

    IDENTITY = 0
    RELU = 1
    TANH = 2
    SIGMOID = 3
    LEAKY_RELU = 4
    ELU = 5
    SELU = 6
    HARDTANH = 7
    GELU = 8
    GELU_TANH = 9
    SILU = 10
    SOFTPLUS = 11
    MISH = 12
    SOFT_CLIP = 13


# Those whose derivative is taken from their output, so that their input need not be kept.
FROM_OUTPUT = (ActivationKind.RELU, ActivationKind.TANH, ActivationKind.SIGMOID)


class OperationKind(IntEnum):
    """What an operation computes."""

    LINEAR = 0
    ACTIVATION = 1
    PRELU = 2
    DROPOUT = 3
    LAYER_NORM = 4
    RMS_NORM = 5
    BATCH_NORM = 6
    SOFTMAX = 7
    LOG_SOFTMAX = 8
    FEATURE_SCALE = 9
    PIECEWISE_LINEAR = 10
    MOVE = 11
    TURN = 12
    CONVOLUTION = 13
    MAX_POOL = 14
    MEAN_POOL = 15
    PAD = 16
    GROUP_NORM = 17
    RNN = 18
    GRU = 19
    LSTM = 20
    TIMES = 21
    EMBEDDING = 22


class LossKind(IntEnum):
    """The losses."""

    MSE = 0
    MAE = 1
    HUBER = 2
    BINARY_CROSS_ENTROPY = 3
    POISSON = 4
    CROSS_ENTROPY = 5
    PINBALL = 6


class OptimizerKind(IntEnum):
    """The optimizers."""

    SGD = 0
    RMSPROP = 1
    ADAGRAD = 2
    ADAM = 3


class Stop(IntEnum):
    """Why a run ended."""

    DONE = 0
    NOT_FINITE = 1
    WEIGHTS_ZERO = 2


def _whole(*names: str) -> "np.dtype[np.void]":
    return np.dtype([(name, np.int64) for name in names])


OPERATION = _whole(
    *("kind", "activation", "inputs", "outputs", "x_places", "y_places"),
    *("x", "x_stride", "y", "y_stride", "dx", "dy"),
    *("y_adds", "dx_adds", "weight", "bias", "weight_gradient", "bias_gradient"),
    *("weight_adds", "bias_adds", "panel", "row", "rectified", "gated", "done"),
    *("own", "own_stride", "state", "setting", "shape", "mask"),
    *("hidden_weight", "hidden_bias", "hidden_weight_gradient", "hidden_bias_gradient"),
    *("hidden_weight_adds", "hidden_bias_adds"),
)
BLOCK = _whole("parameter", "gradient", "entries", "penalised")
LOSS = _whole(
    *("kind", "outputs", "is_mean", "places", "y", "y_stride", "dy", "weight", "other_weight"),
    *("setting", "ignored"),
)
OPTIMIZER = _whole("kind", "slot", "setting", "clips", "clip_setting")


def _fields(names: str, kind: type) -> list[tuple[str, type]]:
    return [(name, kind) for name in names.split()]


class LossFields(ctypes.Structure):
    """`struct Loss`."""

    _fields_ = _fields(" ".join(LOSS.names or ()), ctypes.c_int64)


class OptimizerFields(ctypes.Structure):
    """`struct Optimizer`."""

    _fields_ = _fields(" ".join(OPTIMIZER.names or ()), ctypes.c_int64)


class RunFields(ctypes.Structure):
    """`struct Run`."""

    _fields_ = (
        *_fields("operations", ctypes.c_void_p),
        *_fields("operation_count", ctypes.c_int64),
        *_fields("blocks", ctypes.c_void_p),
        *_fields("block_count", ctypes.c_int64),
        *_fields("settings shapes arena", ctypes.c_void_p),
        *_fields("input input_stride features places target_rows weight_row", ctypes.c_int64),
        *_fields("is_columns pack pack_entries threads spins", ctypes.c_int64),
        *_fields("parts", ctypes.c_void_p),
        *_fields("gemm", ctypes.c_void_p),
        *_fields("large", ctypes.c_double),
        *_fields("x", ctypes.c_void_p),
        *_fields("x_stride", ctypes.c_int64),
        *_fields("x_ids", ctypes.c_void_p),
        *_fields("target ids sample_weight order masks", ctypes.c_void_p),
        *_fields("mask_bytes", ctypes.c_int64),
        *_fields("rates", ctypes.c_void_p),
        *_fields("samples batch first step steps stops_at_nonfinite", ctypes.c_int64),
        *_fields("penalty", ctypes.c_double),
        *_fields("totals weights penalties stopped", ctypes.c_void_p),
        ("loss", LossFields),
        ("optimizer", OptimizerFields),
    )


class LaneFields(ctypes.Structure):
    """`struct Lanes`."""

    _fields_ = (
        *_fields("networks begin end size slots", ctypes.c_int64),
        *_fields("state", ctypes.c_void_p),
        *_fields("own_x own_target own_weight x target weight gradient", ctypes.c_int64),
        *_fields("rates decays totals weights", ctypes.c_void_p),
    )
