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

from clearprop.base.version import __version__ as __version__

if TYPE_CHECKING:
    from clearprop import base as base
    from clearprop import checking as checking
    from clearprop import compiled as compiled
    from clearprop import data as data
    from clearprop import drawing as drawing
    from clearprop import engine as engine
    from clearprop import estimators as estimators
    from clearprop import formats as formats
    from clearprop import kinds as kinds
    from clearprop import reading as reading
    from clearprop import teaching as teaching
    from clearprop import testing as testing
    from clearprop import training as training
    from clearprop.base.errors import ClearpropError as ClearpropError
    from clearprop.checking import check as check
    from clearprop.engine.carried_state import carried_state as carried_state
    from clearprop.engine.combinators import Add as Add
    from clearprop.engine.combinators import Concatenate as Concatenate
    from clearprop.engine.combinators import Residual as Residual
    from clearprop.engine.combinators import Sequential as Sequential
    from clearprop.engine.initializers import Constant as Constant
    from clearprop.engine.initializers import FanInUniform as FanInUniform
    from clearprop.engine.initializers import Initializer as Initializer
    from clearprop.engine.initializers import KaimingNormal as KaimingNormal
    from clearprop.engine.initializers import KaimingUniform as KaimingUniform
    from clearprop.engine.initializers import Normal as Normal
    from clearprop.engine.initializers import Uniform as Uniform
    from clearprop.engine.initializers import XavierNormal as XavierNormal
    from clearprop.engine.initializers import XavierUniform as XavierUniform
    from clearprop.engine.initializers import Zeros as Zeros
    from clearprop.engine.layers.activations import Activation as Activation
    from clearprop.engine.layers.activations import Identity as Identity
    from clearprop.engine.layers.activations import ReLU as ReLU
    from clearprop.engine.layers.activations import Sigmoid as Sigmoid
    from clearprop.engine.layers.activations import Tanh as Tanh
    from clearprop.engine.layers.adaptive_pooling import AdaptiveAvgPool1d as AdaptiveAvgPool1d
    from clearprop.engine.layers.adaptive_pooling import AdaptiveAvgPool2d as AdaptiveAvgPool2d
    from clearprop.engine.layers.adaptive_pooling import AdaptiveMaxPool1d as AdaptiveMaxPool1d
    from clearprop.engine.layers.adaptive_pooling import AdaptiveMaxPool2d as AdaptiveMaxPool2d
    from clearprop.engine.layers.attention import MultiheadAttention as MultiheadAttention
    from clearprop.engine.layers.channel_normalization import ChannelBatchNorm as ChannelBatchNorm
    from clearprop.engine.layers.channel_normalization import GroupNorm as GroupNorm
    from clearprop.engine.layers.convolution import Conv1d as Conv1d
    from clearprop.engine.layers.convolution import Conv2d as Conv2d
    from clearprop.engine.layers.dropout import Dropout as Dropout
    from clearprop.engine.layers.embedding import Embedding as Embedding
    from clearprop.engine.layers.gated import SwiGLU as SwiGLU
    from clearprop.engine.layers.gru import GRU as GRU
    from clearprop.engine.layers.layer import Context as Context
    from clearprop.engine.layers.layer import Intermediate as Intermediate
    from clearprop.engine.layers.layer import Layer as Layer
    from clearprop.engine.layers.layer import Parameter as Parameter
    from clearprop.engine.layers.linear import Linear as Linear
    from clearprop.engine.layers.lstm import LSTM as LSTM
    from clearprop.engine.layers.normalization import BatchNorm as BatchNorm
    from clearprop.engine.layers.normalization import LayerNorm as LayerNorm
    from clearprop.engine.layers.normalization import RMSNorm as RMSNorm
    from clearprop.engine.layers.pooling import AvgPool1d as AvgPool1d
    from clearprop.engine.layers.pooling import AvgPool2d as AvgPool2d
    from clearprop.engine.layers.pooling import GlobalAverage as GlobalAverage
    from clearprop.engine.layers.pooling import MaxPool1d as MaxPool1d
    from clearprop.engine.layers.pooling import MaxPool2d as MaxPool2d
    from clearprop.engine.layers.positions import LearnedPositions as LearnedPositions
    from clearprop.engine.layers.positions import RotaryPositions as RotaryPositions
    from clearprop.engine.layers.positions import SinusoidalPositions as SinusoidalPositions
    from clearprop.engine.layers.rectifiers import ELU as ELU
    from clearprop.engine.layers.rectifiers import SELU as SELU
    from clearprop.engine.layers.rectifiers import Hardtanh as Hardtanh
    from clearprop.engine.layers.rectifiers import LeakyReLU as LeakyReLU
    from clearprop.engine.layers.rectifiers import PReLU as PReLU
    from clearprop.engine.layers.recurrent_cells import GRUCell as GRUCell
    from clearprop.engine.layers.recurrent_cells import LSTMCell as LSTMCell
    from clearprop.engine.layers.recurrent_cells import RNNCell as RNNCell
    from clearprop.engine.layers.reshaping import Flatten as Flatten
    from clearprop.engine.layers.reshaping import Pad as Pad
    from clearprop.engine.layers.rnn import RNN as RNN
    from clearprop.engine.layers.smooth_activations import GELU as GELU
    from clearprop.engine.layers.smooth_activations import Mish as Mish
    from clearprop.engine.layers.smooth_activations import SiLU as SiLU
    from clearprop.engine.layers.smooth_activations import Softplus as Softplus
    from clearprop.engine.layers.softmax import LogSoftmax as LogSoftmax
    from clearprop.engine.layers.softmax import Softmax as Softmax
    from clearprop.engine.layers.table_inputs import FeatureScale as FeatureScale
    from clearprop.engine.layers.table_inputs import PiecewiseLinear as PiecewiseLinear
    from clearprop.engine.layers.table_inputs import SoftClip as SoftClip
    from clearprop.engine.layers.time_slice import TimeSlice as TimeSlice
    from clearprop.engine.layers.time_step import TimeStep as TimeStep
    from clearprop.engine.layers.unembedding import Unembedding as Unembedding
    from clearprop.engine.losses import MAE as MAE
    from clearprop.engine.losses import MSE as MSE
    from clearprop.engine.losses import BinaryCrossEntropy as BinaryCrossEntropy
    from clearprop.engine.losses import CrossEntropy as CrossEntropy
    from clearprop.engine.losses import Huber as Huber
    from clearprop.engine.losses import Loss as Loss
    from clearprop.engine.losses import LossResult as LossResult
    from clearprop.engine.losses import Pinball as Pinball
    from clearprop.engine.losses import PoissonNLL as PoissonNLL
    from clearprop.engine.network import BackwardPass as BackwardPass
    from clearprop.engine.network import ForwardPass as ForwardPass
    from clearprop.engine.network import Network as Network
    from clearprop.engine.optimizers import SGD as SGD
    from clearprop.engine.optimizers import Adagrad as Adagrad
    from clearprop.engine.optimizers import Adam as Adam
    from clearprop.engine.optimizers import AdamW as AdamW
    from clearprop.engine.optimizers import Clipped as Clipped
    from clearprop.engine.optimizers import Optimizer as Optimizer
    from clearprop.engine.optimizers import OptimizerState as OptimizerState
    from clearprop.engine.optimizers import RMSprop as RMSprop
    from clearprop.engine.records import BackwardRecord as BackwardRecord
    from clearprop.engine.records import ForwardRecord as ForwardRecord
    from clearprop.engine.recurrent_stack import recurrent_stack as recurrent_stack
    from clearprop.engine.schedules import ConstantRate as ConstantRate
    from clearprop.engine.schedules import CosineDecay as CosineDecay
    from clearprop.engine.schedules import ExponentialDecay as ExponentialDecay
    from clearprop.engine.schedules import Schedule as Schedule
    from clearprop.engine.schedules import StepDecay as StepDecay
    from clearprop.engine.schedules import Warmup as Warmup
    from clearprop.engine.step import Step as Step
    from clearprop.engine.step import take_step as take_step
    from clearprop.formats.checkpoints import load_checkpoint as load_checkpoint
    from clearprop.formats.checkpoints import save_checkpoint as save_checkpoint
    from clearprop.formats.network_file import load as load
    from clearprop.formats.network_file import save as save
    from clearprop.reading import explanation as explanation
    from clearprop.reading import health as health
    from clearprop.reading import programs as programs
    from clearprop.reading import walk as walk
    from clearprop.teaching import exercises as exercises
    from clearprop.teaching import grading as grading
    from clearprop.training import DivergenceEvent as DivergenceEvent
    from clearprop.training import DivergenceWarning as DivergenceWarning
    from clearprop.training import EngineChoice as EngineChoice
    from clearprop.training import EpochEvent as EpochEvent
    from clearprop.training import StepEvent as StepEvent
    from clearprop.training import Training as Training
    from clearprop.training import TrainingInterrupted as TrainingInterrupted
    from clearprop.training import TrainingState as TrainingState
    from clearprop.training import fit as fit
    from clearprop.training import fit_many as fit_many
    from clearprop.training import start as start
    from clearprop.training import train as train

# Where the public names stand. A name is loaded when it is first asked for, so that `import
# clearprop` costs nothing; the imports above say the same to a type checker. The kinds that are
# called by name where words are typed stand first, in the order in which `clearprop write` lists
# them: its help, too, must not wait for NumPy.
LAYER_HOMES = {
    "clearprop.engine.layers.activations": ["ReLU", "Tanh", "Sigmoid", "Identity"],
    "clearprop.engine.layers.rectifiers": ["LeakyReLU", "PReLU", "ELU", "SELU", "Hardtanh"],
    "clearprop.engine.layers.smooth_activations": ["GELU", "SiLU", "Softplus", "Mish"],
    "clearprop.engine.layers.softmax": ["Softmax", "LogSoftmax"],
    "clearprop.engine.layers.normalization": ["BatchNorm", "LayerNorm", "RMSNorm"],
    "clearprop.engine.layers.dropout": ["Dropout"],
    "clearprop.engine.layers.embedding": ["Embedding"],
    "clearprop.engine.layers.rnn": ["RNN"],
    "clearprop.engine.layers.gru": ["GRU"],
    "clearprop.engine.layers.lstm": ["LSTM"],
    "clearprop.engine.layers.time_step": ["TimeStep"],
    "clearprop.engine.layers.recurrent_cells": ["RNNCell", "GRUCell", "LSTMCell"],
    "clearprop.engine.layers.time_slice": ["TimeSlice"],
    "clearprop.engine.layers.unembedding": ["Unembedding"],
    "clearprop.engine.layers.positions": [
        "LearnedPositions",
        "SinusoidalPositions",
        "RotaryPositions",
    ],
    "clearprop.engine.layers.attention": ["MultiheadAttention"],
    "clearprop.engine.layers.gated": ["SwiGLU"],
    "clearprop.engine.layers.table_inputs": ["SoftClip", "PiecewiseLinear", "FeatureScale"],
    "clearprop.engine.layers.convolution": ["Conv1d", "Conv2d"],
    "clearprop.engine.layers.pooling": [
        "MaxPool1d",
        "MaxPool2d",
        "AvgPool1d",
        "AvgPool2d",
        "GlobalAverage",
    ],
    "clearprop.engine.layers.adaptive_pooling": [
        "AdaptiveMaxPool1d",
        "AdaptiveMaxPool2d",
        "AdaptiveAvgPool1d",
        "AdaptiveAvgPool2d",
    ],
    "clearprop.engine.layers.reshaping": ["Flatten", "Pad"],
    "clearprop.engine.layers.channel_normalization": ["ChannelBatchNorm", "GroupNorm"],
    "clearprop.engine.combinators": ["Residual", "Add", "Concatenate"],
}
LOSS_HOMES = {
    "clearprop.engine.losses": [
        "MSE",
        "MAE",
        "Huber",
        "Pinball",
        "BinaryCrossEntropy",
        "CrossEntropy",
        "PoissonNLL",
    ],
}
OPTIMIZER_HOMES = {
    "clearprop.engine.optimizers": ["SGD", "RMSprop", "Adagrad", "Adam", "AdamW", "Clipped"],
}
_OTHER_HOMES = {
    "clearprop.base.errors": ["ClearpropError"],
    "clearprop.checking": ["check"],
    "clearprop.engine.carried_state": ["carried_state"],
    "clearprop.engine.combinators": ["Sequential"],
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
    "clearprop.engine.layers.activations": ["Activation"],
    "clearprop.engine.layers.layer": ["Context", "Intermediate", "Layer", "Parameter"],
    "clearprop.engine.layers.linear": ["Linear"],
    "clearprop.engine.losses": ["Loss", "LossResult"],
    "clearprop.engine.network": ["BackwardPass", "ForwardPass", "Network"],
    "clearprop.engine.optimizers": ["Optimizer", "OptimizerState"],
    "clearprop.engine.records": ["BackwardRecord", "ForwardRecord"],
    "clearprop.engine.recurrent_stack": ["recurrent_stack"],
    "clearprop.engine.schedules": [
        "ConstantRate",
        "CosineDecay",
        "ExponentialDecay",
        "Schedule",
        "StepDecay",
        "Warmup",
    ],
    "clearprop.engine.step": ["Step", "take_step"],
    "clearprop.training": [
        "EngineChoice",
        "DivergenceEvent",
        "DivergenceWarning",
        "EpochEvent",
        "StepEvent",
        "Training",
        "TrainingInterrupted",
        "TrainingState",
        "fit",
        "fit_many",
        "start",
        "train",
    ],
    "clearprop.formats.checkpoints": ["load_checkpoint", "save_checkpoint"],
    "clearprop.formats.network_file": ["load", "save"],
}
_NAMES = {
    name: home
    for homes in (LAYER_HOMES, LOSS_HOMES, OPTIMIZER_HOMES, _OTHER_HOMES)
    for home, names in homes.items()
    for name in names
}
__all__ = sorted(_NAMES)

# The rooms, and those within them that the manual names, as attributes.
_ROOMS = {
    "base": "clearprop.base",
    "bench": "clearprop.bench",
    "checking": "clearprop.checking",
    "cli": "clearprop.cli",
    "compiled": "clearprop.compiled",
    "drawing": "clearprop.drawing",
    "distributed": "clearprop.distributed",
    "engine": "clearprop.engine",
    "exercises": "clearprop.teaching.exercises",
    "explanation": "clearprop.reading.explanation",
    "data": "clearprop.data",
    "estimators": "clearprop.estimators",
    "formats": "clearprop.formats",
    "grading": "clearprop.teaching.grading",
    "health": "clearprop.reading.health",
    "kinds": "clearprop.kinds",
    "lab": "clearprop.lab",
    "programs": "clearprop.reading.programs",
    "reading": "clearprop.reading",
    "runs": "clearprop.runs",
    "teaching": "clearprop.teaching",
    "testing": "clearprop.testing",
    "training": "clearprop.training",
    "walk": "clearprop.reading.walk",
}


if not TYPE_CHECKING:  # which would take any name for one that there is

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
