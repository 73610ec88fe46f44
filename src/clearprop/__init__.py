"""clearprop: backpropagation you can see, check and use.

One small engine whose forward and backward pass are written out by hand. A pass is data: every
number of it can be looked at, checked and trained with.

    from clearprop import MSE, SGD, Linear, Network, ReLU, Sequential

    network = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))
    params = network.initialize(seed=0)
    forward = network.forward(params, x)
    loss = MSE().evaluate(forward.output, target)
    backward = network.backward(forward, loss.gradient)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearprop.checking import check
    from clearprop.engine import training as training
    from clearprop.engine.combinators import Residual, Sequential
    from clearprop.engine.initializers import (
        Constant,
        FanInUniform,
        Initializer,
        KaimingNormal,
        KaimingUniform,
        Normal,
        Uniform,
        XavierNormal,
        XavierUniform,
        Zeros,
    )
    from clearprop.engine.layers.activations import Activation, Identity, ReLU, Sigmoid, Tanh
    from clearprop.engine.layers.dropout import Dropout
    from clearprop.engine.layers.embedding import Embedding
    from clearprop.engine.layers.layer import Context, Layer, Parameter
    from clearprop.engine.layers.linear import Linear
    from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
    from clearprop.engine.layers.rectifiers import ELU, SELU, Hardtanh, LeakyReLU, PReLU
    from clearprop.engine.layers.smooth_activations import GELU, Mish, SiLU, Softplus
    from clearprop.engine.layers.softmax import LogSoftmax, Softmax
    from clearprop.engine.losses import (
        MAE,
        MSE,
        BinaryCrossEntropy,
        CrossEntropy,
        Huber,
        Loss,
        LossResult,
        PoissonNLL,
    )
    from clearprop.engine.network import BackwardPass, ForwardPass, Network
    from clearprop.engine.optimizers import (
        SGD,
        Adagrad,
        Adam,
        AdamW,
        Clipped,
        Optimizer,
        OptimizerState,
        RMSprop,
    )
    from clearprop.engine.records import BackwardRecord, ForwardRecord
    from clearprop.engine.schedules import (
        ConstantRate,
        CosineDecay,
        ExponentialDecay,
        Schedule,
        StepDecay,
        Warmup,
    )
    from clearprop.engine.step import Step, take_step
    from clearprop.engine.training import (
        EpochEvent,
        StepEvent,
        Training,
        TrainingState,
        fit,
        start,
        train,
    )
    from clearprop.formats.checkpoints import load_checkpoint, save_checkpoint
    from clearprop.formats.network_file import load, save
    from clearprop.reading import explanation as explanation
    from clearprop.reading import health as health
    from clearprop.reading import programs as programs
    from clearprop.reading import walk as walk
    from clearprop.teaching import exercises as exercises
    from clearprop.teaching import grading as grading

__version__ = "0.1.0"

# Where the public names stand. A name is loaded when it is first asked for, so that `import
# clearprop` costs nothing; the imports above say the same to a type checker.
_HOMES = {
    "clearprop.checking": ["check"],
    "clearprop.engine.combinators": ["Residual", "Sequential"],
    "clearprop.engine.initializers": [
        "Constant",
        "FanInUniform",
        "Initializer",
        "KaimingNormal",
        "KaimingUniform",
        "Normal",
        "Uniform",
        "XavierNormal",
        "XavierUniform",
        "Zeros",
    ],
    "clearprop.engine.layers.activations": ["Activation", "Identity", "ReLU", "Sigmoid", "Tanh"],
    "clearprop.engine.layers.dropout": ["Dropout"],
    "clearprop.engine.layers.embedding": ["Embedding"],
    "clearprop.engine.layers.layer": ["Context", "Layer", "Parameter"],
    "clearprop.engine.layers.linear": ["Linear"],
    "clearprop.engine.layers.normalization": ["BatchNorm", "LayerNorm", "RMSNorm"],
    "clearprop.engine.layers.rectifiers": ["ELU", "SELU", "Hardtanh", "LeakyReLU", "PReLU"],
    "clearprop.engine.layers.smooth_activations": ["GELU", "Mish", "SiLU", "Softplus"],
    "clearprop.engine.layers.softmax": ["LogSoftmax", "Softmax"],
    "clearprop.engine.losses": [
        "MAE",
        "MSE",
        "BinaryCrossEntropy",
        "CrossEntropy",
        "Huber",
        "Loss",
        "LossResult",
        "PoissonNLL",
    ],
    "clearprop.engine.network": ["BackwardPass", "ForwardPass", "Network"],
    "clearprop.engine.optimizers": [
        "SGD",
        "Adagrad",
        "Adam",
        "AdamW",
        "Clipped",
        "Optimizer",
        "OptimizerState",
        "RMSprop",
    ],
    "clearprop.engine.records": ["BackwardRecord", "ForwardRecord"],
    "clearprop.engine.schedules": [
        "ConstantRate",
        "CosineDecay",
        "ExponentialDecay",
        "Schedule",
        "StepDecay",
        "Warmup",
    ],
    "clearprop.engine.step": ["Step", "take_step"],
    "clearprop.engine.training": [
        "EpochEvent",
        "StepEvent",
        "Training",
        "TrainingState",
        "fit",
        "start",
        "train",
    ],
    "clearprop.formats.checkpoints": ["load_checkpoint", "save_checkpoint"],
    "clearprop.formats.network_file": ["load", "save"],
}
_NAMES = {name: home for home, names in _HOMES.items() for name in names}

# The rooms, and those within them that the README names, as attributes.
_ROOMS = {
    "base": "clearprop.base",
    "checking": "clearprop.checking",
    "cli": "clearprop.cli",
    "drawing": "clearprop.drawing",
    "engine": "clearprop.engine",
    "exercises": "clearprop.teaching.exercises",
    "explanation": "clearprop.reading.explanation",
    "formats": "clearprop.formats",
    "grading": "clearprop.teaching.grading",
    "health": "clearprop.reading.health",
    "kinds": "clearprop.kinds",
    "programs": "clearprop.reading.programs",
    "reading": "clearprop.reading",
    "teaching": "clearprop.teaching",
    "testing": "clearprop.testing",
    "training": "clearprop.engine.training",
    "walk": "clearprop.reading.walk",
}

__all__ = [
    "ELU",
    "GELU",
    "MAE",
    "MSE",
    "SELU",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BackwardPass",
    "BackwardRecord",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Clipped",
    "Constant",
    "ConstantRate",
    "Context",
    "CosineDecay",
    "CrossEntropy",
    "Dropout",
    "Embedding",
    "EpochEvent",
    "ExponentialDecay",
    "FanInUniform",
    "ForwardPass",
    "ForwardRecord",
    "Hardtanh",
    "Huber",
    "Identity",
    "Initializer",
    "KaimingNormal",
    "KaimingUniform",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Loss",
    "LossResult",
    "Mish",
    "Network",
    "Normal",
    "Optimizer",
    "OptimizerState",
    "PReLU",
    "Parameter",
    "PoissonNLL",
    "RMSNorm",
    "RMSprop",
    "ReLU",
    "Residual",
    "Schedule",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Step",
    "StepDecay",
    "StepEvent",
    "Tanh",
    "Training",
    "TrainingState",
    "Uniform",
    "Warmup",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "check",
    "fit",
    "load",
    "load_checkpoint",
    "save",
    "save_checkpoint",
    "start",
    "take_step",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(import_module(_NAMES[name]), name)
    elif name in _ROOMS:
        value = import_module(_ROOMS[name])
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    globals()[name] = value  # found there from now on, without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
