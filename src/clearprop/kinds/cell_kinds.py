"""RNNCell, GRUCell and LSTMCell: one step of a recurrence."""

from clearprop.engine.layers.recurrent_cells import GRUCell, LSTMCell, RNNCell
from clearprop.kinds.cell_inside import (
    GRU_CELL_INSIDE,
    LSTM_CELL_INSIDE,
    RNN_CELL_INSIDE,
    worked_step,
)
from clearprop.kinds.cell_programs import gru_cell_passes, lstm_cell_passes, rnn_cell_passes
from clearprop.kinds.cells_in_onnx import cell_forms
from clearprop.kinds.cells_in_torch import cell_twin
from clearprop.kinds.kernels import NoKernel
from clearprop.kinds.program_lines import Symbol
from clearprop.kinds.recurrent_in_jax import gru_cell, lstm_cell, rnn_cell
from clearprop.kinds.recurrent_kinds import WEIGHTS
from clearprop.kinds.row import Equations, LayerExample, LayerRow

_SUMS = "∂L/∂W = xᵀ·∂C/∂a,  ∂L/∂U = hᵀ·∂C/∂a,  ∂L/∂b = Σₙ ∂C/∂a"
_BACK = "∂C/∂x = ∂C/∂a · Wᵀ,  ∂C/∂h = ∂C/∂a · Uᵀ"


def _not_compiled(_: object) -> NoKernel:
    return NoKernel("one_step")


CELLS = (
    LayerRow(
        kind=RNNCell,
        examples=(
            LayerExample(RNNCell(3, 3), (3,)),
            LayerExample(RNNCell(2, 3, bias=False), (2,)),
            LayerExample(RNNCell(2, 4, nonlinearity="relu"), (2,)),
        ),
        equations=Equations(
            ("a = x·W + b + h·U + b′", "h′ = φ(a),  y = h′"),
            ("∂C/∂a = φ'(a) · ∂C/∂y", _SUMS, _BACK),
        ),
        worked=worked_step(RNN_CELL_INSIDE),
        passes=rnn_cell_passes,
        output=Symbol("y", "y"),
        opens=True,
        parameters=WEIGHTS,
        torch=cell_twin(RNNCell),
        jax=rnn_cell,
        onnx=None,
        onnx_forms=cell_forms(RNNCell),
        compiled=_not_compiled,
        inside=RNN_CELL_INSIDE,
        told_features=True,
    ),
    LayerRow(
        kind=GRUCell,
        examples=(
            LayerExample(GRUCell(3, 3), (3,)),
            LayerExample(GRUCell(2, 3, bias=False), (2,)),
            LayerExample(GRUCell(2, 3, reset_after=False), (2,)),
        ),
        equations=Equations(
            (
                "a = x·W + b,  q = h·U + b′,  gates r z n",
                "r = σ(a_r + q_r),  z = σ(a_z + q_z),  n = tanh(a_n + r ⊙ q_n)",
                "h′ = (1 − z) ⊙ n + z ⊙ h,  y = h′",
            ),
            (
                "∂C/∂a_n = (1 − z)(1 − n²) ⊙ ∂C/∂y,  ∂C/∂a_z = (h − n) z (1 − z) ⊙ ∂C/∂y",
                "∂C/∂a_r = q_n r (1 − r) ⊙ ∂C/∂a_n,  ∂C/∂q = ∂C/∂a, of n with the factor r",
                "∂L/∂W = xᵀ·∂C/∂a,  ∂L/∂U = hᵀ·∂C/∂q",
                "∂C/∂x = ∂C/∂a · Wᵀ,  ∂C/∂h = z ⊙ ∂C/∂y + ∂C/∂q · Uᵀ",
            ),
        ),
        worked=worked_step(GRU_CELL_INSIDE),
        passes=gru_cell_passes,
        output=Symbol("y", "y"),
        opens=True,
        parameters=WEIGHTS,
        torch=cell_twin(GRUCell),
        jax=gru_cell,
        onnx=None,
        onnx_forms=cell_forms(GRUCell),
        compiled=_not_compiled,
        inside=GRU_CELL_INSIDE,
        told_features=True,
    ),
    LayerRow(
        kind=LSTMCell,
        examples=(
            LayerExample(LSTMCell(3, 3), (3,)),
            LayerExample(LSTMCell(2, 3, bias=False), (2,)),
            LayerExample(LSTMCell(2, 2, cell_output=True), (2,)),
        ),
        equations=Equations(
            (
                "a = x·W + b + h·U + b′,  gates i f g o",
                "i = σ(a_i),  f = σ(a_f),  g = tanh(a_g),  o = σ(a_o)",
                "c′ = f ⊙ c + i ⊙ g,  h′ = o ⊙ tanh(c′),  y = h′, or h′ ‖ c′",
            ),
            (
                "∂C/∂c′ = o (1 − tanh²(c′)) ⊙ ∂C/∂h′, and what comes back to c′ itself",
                "∂C/∂a_i = g i (1 − i) ⊙ ∂C/∂c′,  ∂C/∂a_f = c f (1 − f) ⊙ ∂C/∂c′",
                "∂C/∂a_g = i (1 − g²) ⊙ ∂C/∂c′,  ∂C/∂a_o = tanh(c′) o (1 − o) ⊙ ∂C/∂h′",
                _SUMS,
                f"{_BACK},  ∂C/∂c = f ⊙ ∂C/∂c′",
            ),
        ),
        worked=worked_step(LSTM_CELL_INSIDE),
        passes=lstm_cell_passes,
        output=Symbol("y", "y"),
        opens=True,
        parameters=WEIGHTS,
        torch=cell_twin(LSTMCell),
        jax=lstm_cell,
        onnx=None,
        onnx_forms=cell_forms(LSTMCell),
        compiled=_not_compiled,
        inside=LSTM_CELL_INSIDE,
        told_features=True,
    ),
)
