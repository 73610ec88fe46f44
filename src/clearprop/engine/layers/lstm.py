"""The long short-term memory: a cell that keeps what its gates let it keep.

Forward      a = xₜ W + b + hₜ₋₁ U + b′      W (in, 4H), U (H, 4H), both biases (1, 4H); the four
                                             gates stand side by side, in PyTorch's order i f g o

             i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)
             cₜ = f ⊙ cₜ₋₁ + i ⊙ g
             hₜ = o ⊙ tanh(cₜ)                yₜ = hₜ

Backward     With dh = ∂C/∂hₜ and dc = ∂C/∂cₜ, from the last time on. cₜ goes to hₜ and into the
             next time, where ∂cₜ₊₁/∂cₜ = fₜ₊₁ beside what goes through the gates:

             dhₜ = dyₜ + daₜ₊₁ Uᵀ
             dcₜ = dcₜ₊₁ ⊙ fₜ₊₁ + dhₜ ⊙ o ⊙ (1 − tanh²(cₜ))

             From hₜ = o tanh(cₜ) and cₜ = f cₜ₋₁ + i g, with σ' = σ(1 − σ) and tanh' = 1 − tanh²:

             da_i = dcₜ ⊙ g ⊙ i(1 − i)             da_g = dcₜ ⊙ i ⊙ (1 − g²)
             da_f = dcₜ ⊙ cₜ₋₁ ⊙ f(1 − f)          da_o = dhₜ ⊙ tanh(cₜ) ⊙ o(1 − o)

             ∂C/∂W = Σₜ xₜᵀ daₜ,  ∂C/∂U = Σₜ hₜ₋₁ᵀ daₜ,  ∂C/∂b = ∂C/∂b′ = Σₜ Σₙ daₜ
             ∂C/∂xₜ = daₜ Wᵀ

             Along the cell alone the signal is multiplied by f at every time: where f is near 1 it
             comes back from far away.

Cached       The gates i f g o, c and h with the states before, and tanh(c).

Lengths, start, reverse: `recurrent`. Sources: Hochreiter and Schmidhuber, "Long short-term
memory", 1997; the forget gate: Gers, Schmidhuber and Cummins, "Learning to forget", 2000.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, matrix_product
from clearprop.engine.layers.layer import Tree
from clearprop.engine.layers.recurrent import (
    Recurrent,
    RecurrentCache,
    StepSignals,
    parts,
    states_from,
)


class LSTMSteps(NamedTuple):
    """What the cell keeps of every time: `gates` (T, …, N, 4H) as i f g o; `hidden` and `cell`
    (T + 1, …, N, H), the states before the first time in front; `squashed`, tanh(c) (T, …, N, H).
    """

    gates: Array
    hidden: Array
    cell: Array
    squashed: Array


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Long short-term memory over time: (N, T, inputs) to (N, T, hidden).

    bias     False leaves both biases out
    reverse  from the last time to the first

    Raises what `Recurrent` raises.
    """

    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    states: ClassVar[tuple[str, ...]] = ("hidden", "cell")

    def run(
        self, params: Tree, given: Array, start: Mapping[str, Array], added: Mapping[str, Array]
    ) -> LSTMSteps:
        size = self.hidden
        gates = given
        hidden, cell = (states_from(given, start[name]) for name in self.states)
        squashed = np.empty_like(cell[1:])
        # σ(a) = ½ + ½ tanh(½a): all four gates are one tanh, of which g takes all.
        half, rest = _shares(size, given.dtype)
        recurrent = params["weight_hh"] * half
        gates *= half
        through, taken_in = np.empty_like(gates[0]), np.empty_like(squashed[0])
        timed = (gates, *parts(gates, size), hidden, cell, squashed, hidden[1:], cell[1:])
        every = zip(*timed, strict=False)
        for time, (gate, i, f, g, o, h, c, tanh_c, new_h, new_c) in enumerate(every):
            gate += matrix_product(h, recurrent, through)
            np.tanh(gate, gate)
            gate *= half
            gate += rest
            if added:
                for name, part in zip(self.gates, (i, f, g, o), strict=True):
                    part += added[name][time]
            np.multiply(f, c, new_c)
            new_c += np.multiply(i, g, taken_in)
            if added:
                new_c += added["cell"][time]
            np.tanh(new_c, tanh_c)
            np.multiply(o, tanh_c, new_h)
            if added:
                new_h += added["hidden"][time]
        return LSTMSteps(gates, hidden, cell, squashed)

    def run_back(self, params: Tree, steps: LSTMSteps, dy: Array) -> StepSignals:
        size, back = self.hidden, params["weight_hh"].mT
        gates, hidden, cell, squashed = steps
        i, f, g, o = parts(gates, size)
        # What does not wait for a signal is computed for all times at once: ∂cₜ/∂a of the first
        # three gates, ∂hₜ/∂a_o and ∂hₜ/∂cₜ.
        da = 1 - gates
        da *= gates
        da_i, da_f, da_g, da_o = parts(da, size)
        da_i *= g
        da_f *= cell[:-1]
        np.multiply(i, 1 - g * g, da_g)
        da_o *= squashed
        through_cell = o * (1 - squashed * squashed)
        dh, dc = np.empty_like(through_cell), np.empty_like(through_cell)
        later, kept = np.zeros_like(dh[0]), np.zeros_like(dc[0])
        by_gate = da.reshape(*da.shape[:-1], 4, size)[..., :3, :]
        timed = (dy, dh, dc, through_cell, f, da, by_gate, da_o)
        every = zip(*(one[::-1] for one in timed), strict=True)
        for dy_t, dh_t, dc_t, through_t, f_t, da_t, first_three, last in every:
            np.add(dy_t, later, dh_t)
            np.multiply(dh_t, through_t, dc_t)
            dc_t += kept
            first_three *= dc_t[..., None, :]
            last *= dh_t
            np.multiply(dc_t, f_t, kept)
            matrix_product(da_t, back, later)
        return StepSignals(da, da, ((hidden[:-1], slice(None)),), {"hidden": dh, "cell": dc})

    def arrived(self, cache: RecurrentCache, dy: Array, signals: StepSignals) -> list[Array]:
        dh, dc = signals.states["hidden"], signals.states["cell"]
        o, squashed = parts(cache.steps.gates, self.hidden)[3], cache.steps.squashed
        return [dh - dy, dc - dh * o * (1 - squashed * squashed)]

    def on_the_way(self, steps: LSTMSteps) -> Mapping[str, Array]:
        gates = dict(zip(self.gates, parts(steps.gates, self.hidden), strict=True))
        return {**gates, "cell": steps.cell[1:], "hidden": steps.hidden[1:]}

    def on_the_way_back(
        self, params: Tree, steps: LSTMSteps, signals: StepSignals
    ) -> Mapping[str, Array]:
        i, _, g, _ = parts(steps.gates, self.hidden)
        dc, dh = signals.states["cell"], signals.states["hidden"]
        return {
            "input": dc * g,
            "forget": dc * steps.cell[:-1],
            "candidate": dc * i,
            "output": dh * steps.squashed,
            "cell": dc,
            "hidden": dh,
        }


def _shares(size: int, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """½ ½ 1 ½ and ½ ½ 0 ½ for the columns of the four gates."""
    half = np.full(4 * size, 0.5, dtype)
    half[2 * size : 3 * size] = 1
    return half, 1 - half
