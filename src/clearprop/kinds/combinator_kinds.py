"""Sequential, Residual, Add and Concatenate: layers made of layers, each with its own wiring."""

from clearprop.engine.combinators import Add, Concatenate, Residual, Sequential
from clearprop.engine.layers.activations import ReLU, Sigmoid, Tanh
from clearprop.engine.layers.linear import Linear
from clearprop.kinds.program_lines import Symbol, subscript
from clearprop.kinds.row import CombinatorRow, LayerExample

# What is taken beside each other is f₁, f₂ … of x; of more branches than these by their paths.
_BRANCHES = {f"branches[{number}]": f"f{subscript(number + 1)}" for number in range(100)}

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
    CombinatorRow(
        kind=Add,
        examples=(
            LayerExample(Add(Linear(3, 2), Linear(3, 2, bias=False)), (3,)),
            LayerExample(Add(Tanh(), Sigmoid(), ReLU()), (2, 3)),
        ),
        ways=_BRANCHES,
        output=Symbol("sum", "S"),
    ),
    CombinatorRow(
        kind=Concatenate,
        examples=(
            LayerExample(Concatenate(Linear(3, 2), Tanh()), (3,)),
            LayerExample(Concatenate(Sequential(Tanh(), Linear(2, 1)), Sigmoid(), ReLU()), (2, 2)),
            LayerExample(Concatenate(Linear(2, 2), Tanh(), axis=-2), (3, 2)),
            LayerExample(Concatenate(Tanh(), Sigmoid(), axis=-3), (2, 3, 2)),
        ),
        ways=_BRANCHES,
        output=Symbol("joined", "J"),
    ),
)
