"""The simple recurrent layer (Elman's): the state is an activation of x and the state before.

Forward      aₜ = xₜ W + b + hₜ₋₁ U + b′     W (in, H), U (H, H), both biases (1, H)
             hₜ = φ(aₜ),  yₜ = hₜ            φ = tanh, or max(0, ·)

Backward     From the last time on, with daₜ = ∂C/∂aₜ:

             dhₜ = dyₜ + daₜ₊₁ Uᵀ
             daₜ = dhₜ ⊙ φ'(aₜ)               tanh' = 1 − hₜ²;  max(0, ·)' = 1 where hₜ > 0, else 0

             ∂C/∂W = Σₜ xₜᵀ daₜ,  ∂C/∂U = Σₜ hₜ₋₁ᵀ daₜ,  ∂C/∂b = ∂C/∂b′ = Σₜ Σₙ daₜ
             ∂C/∂xₜ = daₜ Wᵀ

             From one time to the one before the signal is multiplied by φ'(aₜ) and by Uᵀ, again and
             again: it vanishes or explodes as the powers of a matrix do.

Cached       h with the state before the first time.

Lengths, start, reverse: `recurrent`. Sources: Elman, "Finding structure in time", 1990; Pascanu,
Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, matrix_product, zero_of
from clearprop.base.settings import settle_choice
from clearprop.engine.layers.activations import ReLU
from clearprop.engine.layers.layer import Tree
from clearprop.engine.layers.recurrent import Recurrent, StepSignals
from clearprop.engine.layers.recurrent_arrays import states_from, turned_over

RELU = ReLU()


class RNNSteps(NamedTuple):
    """`hidden`: the states (T + 1, …, N, H), that before the first time in front."""

    hidden: Array


@dataclass(frozen=True)
class RNN(Recurrent):
    """The simple recurrent layer over time: (N, T, inputs) to (N, T, hidden).

    bias          False leaves both biases out
    reverse       from the last time to the first
    nonlinearity  "tanh" or "relu", whose derivative at 0 is 0

    Raises what `Recurrent` raises.
    """

    nonlinearity: str = "tanh"

    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    def __post_init__(self) -> None:
        super().__post_init__()
        settle_choice(self, "nonlinearity", ("tanh", "relu"))

    def run(
        self, params: Tree, given: Array, start: Mapping[str, Array], added: Mapping[str, Array]
    ) -> RNNSteps:
        hidden, recurrent = states_from(given, start["hidden"]), params["weight_hh"]
        for time, (a, h, new_h) in enumerate(zip(given, hidden, hidden[1:], strict=False)):
            a += matrix_product(h, recurrent)
            new_h[...] = np.tanh(a) if self.nonlinearity == "tanh" else RELU.value(a)
            if added:
                new_h += added["hidden"][time]
        return RNNSteps(hidden)

    def run_back(self, params: Tree, steps: RNNSteps, dy: Array) -> StepSignals:
        h = steps.hidden[1:]
        slope = 1 - h * h if self.nonlinearity == "tanh" else h.real > zero_of(h.real.dtype)
        da, dh = np.empty_like(dy), np.empty_like(dy)
        back, later = turned_over(params["weight_hh"]), np.zeros_like(dy[0])
        for dy_t, dh_t, da_t, slope_t in zip(
            dy[::-1], dh[::-1], da[::-1], slope[::-1], strict=True
        ):
            np.add(dy_t, later, dh_t)
            np.multiply(dh_t, slope_t, da_t)
            matrix_product(da_t, back, later)
        met = ((steps.hidden[:-1], slice(None)),)
        return StepSignals(da, da, met, {"hidden": dh}, {"hidden": later})

    def on_the_way(self, steps: RNNSteps) -> Mapping[str, Array]:
        return {"hidden": steps.hidden[1:]}

    def on_the_way_back(
        self, params: Tree, steps: RNNSteps, signals: StepSignals
    ) -> Mapping[str, Array]:
        return signals.states
