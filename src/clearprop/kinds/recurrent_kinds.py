"""RNN, GRU and LSTM over time, and one time of a sequence."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.gru import GRU
from clearprop.engine.layers.lengths import LENGTHS
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.layers.rnn import RNN
from clearprop.engine.layers.time_step import TimeStep
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.kernels import Kernel, NoKernel, kernel
from clearprop.kinds.lstm_inside import LSTM_INSIDE
from clearprop.kinds.lstm_program import lstm_passes
from clearprop.kinds.onnx_terms import Beside, OnnxForm, OnnxPlace, ReadLayer, Slot, X, op
from clearprop.kinds.own_modules import own_module
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.recurrent_in_jax import gru, lstm, rnn
from clearprop.kinds.recurrent_in_onnx import recurrent_forms
from clearprop.kinds.recurrent_in_torch import recurrent_twin
from clearprop.kinds.recurrent_inside import GRU_INSIDE, RNN_INSIDE, worked_state
from clearprop.kinds.recurrent_programs import gru_passes, rnn_passes
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    LayerExample,
    LayerRow,
    OneEntry,
    ParameterSymbols,
)

WEIGHTS = {
    "weight_ih": ParameterSymbols("W", Symbol("W", "W")),
    "weight_hh": ParameterSymbols("U", Symbol("U", "U")),
    "bias_ih": ParameterSymbols("b", Symbol("b", "b")),
    "bias_hh": ParameterSymbols("b′", Symbol("d", "b′")),
}
_OF_LSTM = {
    **WEIGHTS,
    "weight_hr": ParameterSymbols("P", Symbol("P", "P")),
    "peephole": ParameterSymbols("p", Symbol("p", "p")),
}
_SUMS = "∂L/∂W = Σₜ xₜᵀ·∂C/∂aₜ,  ∂L/∂U = Σₜ hₜ₋₁ᵀ·∂C/∂aₜ,  ∂L/∂b = Σₜ Σₙ ∂C/∂aₜ"
_X_BACK = "∂C/∂xₜ = ∂C/∂aₜ · Wᵀ"


def _recurrent_kernel(one: Any) -> Kernel | NoKernel:
    """Its settings: whether it goes backwards, and whether φ is max(0, ·)."""
    if getattr(one, "projection", 0):
        return NoKernel("projection")
    if getattr(one, "peepholes", False):
        return NoKernel("peepholes")
    if not getattr(one, "reset_after", True):
        return NoKernel("reset_before")
    is_rectified = getattr(one, "nonlinearity", "tanh") == "relu"
    settings = (float(one.reverse), float(is_rectified))
    return Kernel(type(one).__name__, settings, gates=len(one.gates))


def _step_passes(site: Site) -> Passes:
    """One time of the sequence."""
    x, y, dx, dy, index = site.x, site.y, site.dx, site.dy, site.layer.index
    told, place = (f"{index}", f"{index}") if index >= 0 else (f"T − {-index}", f"{index}")
    place = f":, {place}"
    if index < 0 and LENGTHS in site.beside:
        lengths = site.beside[LENGTHS].symbol
        told, place = f"{lengths:math} − {-index}", f"np.arange(len({x})), {lengths} - {-index}"
    backward: tuple[Line, ...] = ()
    if dx is not None:
        backward = (
            Line(f"{dx} = np.zeros_like({x})", f"{dx:math} = 0"),
            Line(f"{dx}[{place}] = {dy}", f"{dx:math}ₜ = {dy:math} where t = {told}"),
        )
    return Passes((Line(f"{y} = {x}[{place}]", f"{y:math} = {x:math}ₜ, t = {told}"),), backward)


def _step_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    taken = int(entry.cache.taken[entry.sample])
    x = float(entry.input[(taken, *entry.place)])
    return (Arithmetic("y", (brief(x),), entry.y),)


def _step_of_onnx(found: Any, _: object) -> ReadLayer | None:
    index = np.asarray(found["index"])
    if index.ndim or index.dtype.kind != "i":
        return None
    # From the front it is the same one, whatever the lengths.
    return ReadLayer(TimeStep(int(index)), indifferent=(LENGTHS,) if index >= 0 else ())


def _step_in_onnx(at: OnnxPlace) -> Mapping[str, Any] | None:
    if at.stacked or (LENGTHS in at.beside and at.layer.index < 0):
        return None
    return {"index": np.array(at.layer.index)}


def _step_from_end_in_onnx(at: OnnxPlace) -> Mapping[str, Any] | None:
    if at.stacked or LENGTHS not in at.beside or at.layer.index >= 0:
        return None
    return {"index": np.array([at.layer.index]), "axis": np.array([1])}


def _step_from_end_of_onnx(found: Any, _: object) -> ReadLayer | None:
    index, axis = np.asarray(found["index"]), np.asarray(found["axis"])
    if index.size != 1 or index.dtype.kind != "i" or index >= 0 or axis.tolist() != [1]:
        return None
    return ReadLayer(TimeStep(int(index.reshape(()))))


RECURRENT = (
    LayerRow(
        kind=RNN,
        examples=(
            LayerExample(RNN(3, 3), (4, 3)),
            LayerExample(RNN(2, 3, bias=False, reverse=True), (3, 2)),
            LayerExample(RNN(3, 3, nonlinearity="relu"), (3, 3)),
        ),
        equations=Equations(
            ("aₜ = xₜ·W + b + hₜ₋₁·U + b′", "hₜ = φ(aₜ),  yₜ = hₜ"),
            (
                "∂C/∂hₜ = ∂C/∂yₜ + ∂C/∂aₜ₊₁ · Uᵀ,  ∂C/∂aₜ = φ'(aₜ) · ∂C/∂hₜ",
                _SUMS,
                _X_BACK,
            ),
        ),
        worked=worked_state(RNN_INSIDE),
        passes=rnn_passes,
        output=Symbol("y", "y"),
        opens=True,
        parameters=WEIGHTS,
        torch=recurrent_twin(RNN),
        jax=rnn,
        onnx=OnnxOperator("RNN"),
        onnx_forms=recurrent_forms(RNN),
        compiled=_recurrent_kernel,
        inside=RNN_INSIDE,
        told_features=True,
    ),
    LayerRow(
        kind=GRU,
        examples=(
            LayerExample(GRU(3, 3), (4, 3)),
            LayerExample(GRU(2, 3, bias=False, reverse=True), (3, 2)),
            LayerExample(GRU(2, 3, reset_after=False), (3, 2)),
        ),
        equations=Equations(
            (
                "aₜ = xₜ·W + b,  qₜ = hₜ₋₁·U + b′,  gates r z n",
                "r = σ(a_r + q_r),  z = σ(a_z + q_z),  n = tanh(a_n + r ⊙ q_n)",
                "hₜ = (1 − z) ⊙ n + z ⊙ hₜ₋₁,  yₜ = hₜ",
            ),
            (
                "∂C/∂hₜ = ∂C/∂yₜ + z ⊙ ∂C/∂hₜ₊₁ + ∂C/∂qₜ₊₁ · Uᵀ",
                "∂C/∂a_n = (1 − z)(1 − n²) ⊙ ∂C/∂hₜ,  ∂C/∂a_z = (hₜ₋₁ − n) z (1 − z) ⊙ ∂C/∂hₜ",
                "∂C/∂a_r = q_n r (1 − r) ⊙ ∂C/∂a_n,  ∂C/∂q = ∂C/∂a, of n with the factor r",
                "∂L/∂W = Σₜ xₜᵀ·∂C/∂aₜ,  ∂L/∂U = Σₜ hₜ₋₁ᵀ·∂C/∂qₜ",
                _X_BACK,
            ),
        ),
        worked=worked_state(GRU_INSIDE),
        passes=gru_passes,
        output=Symbol("y", "y"),
        opens=True,
        parameters=WEIGHTS,
        torch=recurrent_twin(GRU),
        jax=gru,
        onnx=OnnxOperator("GRU"),
        onnx_forms=recurrent_forms(GRU),
        compiled=_recurrent_kernel,
        inside=GRU_INSIDE,
        told_features=True,
    ),
    LayerRow(
        kind=LSTM,
        examples=(
            LayerExample(LSTM(3, 3), (4, 3)),
            LayerExample(LSTM(2, 3, bias=False, reverse=True), (3, 2)),
            LayerExample(LSTM(2, 3, projection=2), (3, 2)),
            LayerExample(LSTM(2, 2, peepholes=True), (3, 2)),
            LayerExample(LSTM(2, 3, reverse=True, projection=1, peepholes=True), (3, 2)),
        ),
        equations=Equations(
            (
                "aₜ = xₜ·W + b + hₜ₋₁·U + b′,  gates i f g o",
                "i = σ(a_i),  f = σ(a_f),  g = tanh(a_g),  o = σ(a_o)",
                "cₜ = f ⊙ cₜ₋₁ + i ⊙ g,  hₜ = o ⊙ tanh(cₜ),  yₜ = hₜ",
            ),
            (
                "∂C/∂hₜ = ∂C/∂yₜ + ∂C/∂aₜ₊₁ · Uᵀ",
                "∂C/∂cₜ = fₜ₊₁ ⊙ ∂C/∂cₜ₊₁ + o (1 − tanh²(cₜ)) ⊙ ∂C/∂hₜ",
                "∂C/∂a_i = g i (1 − i) ⊙ ∂C/∂cₜ,  ∂C/∂a_f = cₜ₋₁ f (1 − f) ⊙ ∂C/∂cₜ",
                "∂C/∂a_g = i (1 − g²) ⊙ ∂C/∂cₜ,  ∂C/∂a_o = tanh(cₜ) o (1 − o) ⊙ ∂C/∂hₜ",
                _SUMS,
                _X_BACK,
            ),
        ),
        worked=worked_state(LSTM_INSIDE),
        passes=lstm_passes,
        output=Symbol("y", "y"),
        opens=True,
        parameters=_OF_LSTM,
        torch=recurrent_twin(LSTM),
        jax=lstm,
        onnx=OnnxOperator("LSTM"),
        onnx_forms=recurrent_forms(LSTM),
        compiled=_recurrent_kernel,
        inside=LSTM_INSIDE,
        told_features=True,
    ),
    LayerRow(
        kind=TimeStep,
        examples=(
            LayerExample(TimeStep(), (4, 3)),
            LayerExample(TimeStep(1), (3, 2)),
        ),
        equations=Equations(("y = xₜ, one t",), ("∂C/∂xₜ = ∂C/∂y at that t, else 0",)),
        worked=_step_worked,
        passes=_step_passes,
        output=Symbol("y", "y"),
        torch=TorchTwin(lambda nn, one: own_module(nn, one, lambda _, x: x[:, one.index])),
        jax=lambda at, x: x[:, at.layer.index],
        onnx=None,
        onnx_forms=(
            OnnxForm(
                op("Gather", X, Slot("index"), axis=1),
                _step_in_onnx,
                _step_of_onnx,
                11,
            ),
            OnnxForm(
                op(
                    "GatherND",
                    X,
                    op("Unsqueeze", op("Add", Beside(LENGTHS), Slot("index")), Slot("axis")),
                    batch_dims=1,
                ),
                _step_from_end_in_onnx,
                _step_from_end_of_onnx,
                13,
            ),
        ),
        compiled=kernel("TIMES", "index"),
    ),
)
