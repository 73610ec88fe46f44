"""Sequential and Residual: layers made of layers, each with its own wiring."""

from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.layers.activations import ReLU, Sigmoid, Tanh
from clearprop.engine.layers.linear import Linear
from clearprop.kinds.row import CombinatorRow, LayerExample

COMBINATORS = (
    CombinatorRow(
        kind=Sequential,
        examples=(
            LayerExample(Sequential(Linear(2, 3), ReLU(), Linear(3, 1)), (2,)),
            LayerExample(Sequential(Sequential(Linear(2, 2), Tanh()), Sigmoid()), (2,)),
        ),
    ),
    CombinatorRow(
        kind=Residual,
        examples=(
            LayerExample(Residual(Tanh()), (4,)),
            LayerExample(Residual(Sequential(Linear(3, 5), Sigmoid(), Linear(5, 3))), (3,)),
        ),
        ways={"branch": "f"},
    ),
)
