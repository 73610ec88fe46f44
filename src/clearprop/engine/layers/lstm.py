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

Projection   With projection=R the state is a product behind the cell, P (H, R), so that a wide cell
             has a narrow state and U is (R, 4H):

             mₜ = o ⊙ tanh(cₜ),  hₜ = mₜ P             dmₜ = dhₜ Pᵀ,  ∂C/∂P = Σₜ mₜᵀ dhₜ

             and dmₜ stands for dhₜ in da_o and dcₜ. It is the layer without one whose U is P U, and
             whose output is multiplied by P: so it is written in ONNX, which has no projection.

Peepholes    With peepholes=True the gates i, f and o see the cell, entry by entry; p (1, 3H) has
             their weights in this order. o sees the new one:

             a_i += p_i ⊙ cₜ₋₁   a_f += p_f ⊙ cₜ₋₁   a_o += p_o ⊙ cₜ

             dcₜ += da_o ⊙ p_o + (da_i ⊙ p_i + da_f ⊙ p_f) of time t + 1
             ∂C/∂p_i = Σₜ Σₙ da_i ⊙ cₜ₋₁,  ∂C/∂p_f = Σₜ Σₙ da_f ⊙ cₜ₋₁,  ∂C/∂p_o = Σₜ Σₙ da_o ⊙ cₜ

Cached       The gates i f g o, c and h with the states before, and tanh(c).

Lengths, start, reverse: `recurrent`. Sources: Hochreiter and Schmidhuber, "Long short-term
memory", 1997; the forget gate: Gers, Schmidhuber and Cummins, "Learning to forget", 2000;
peepholes: Gers and Schmidhuber, "Recurrent nets that time and count", 2000; the projection: Sak,
Senior and Beaufays, "Long short-term memory based recurrent neural network architectures", 2014.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, matrix_product
from clearprop.base.errors import ConfigurationError
from clearprop.base.settings import settle_flag, settle_whole
from clearprop.engine.layers.layer import Tree
from clearprop.engine.layers.recurrent import Recurrent, RecurrentCache, StepSignals
from clearprop.engine.layers.recurrent_arrays import parts, rows_of, states_from, turned_over


class LSTMSteps(NamedTuple):
    """What the cell keeps of every time: `gates` (T, …, N, 4H) as i f g o; `hidden` and `cell`
    (T + 1, …, N, H), the states before the first time in front; `squashed`, tanh(c) (T, …, N, H).
    Behind a projection `hidden` has R features.
    """

    gates: Array
    hidden: Array
    cell: Array
    squashed: Array


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Long short-term memory over time: (N, T, inputs) to (N, T, hidden).

    bias        False leaves both biases out
    reverse     from the last time to the first
    projection  how many features the state has, made of the cell's by a product: y is then
                (N, T, projection), fewer than hidden; 0 for none (PyTorch's `proj_size`)
    peepholes   True lets the gates see the cell, as ONNX's LSTM can

    Raises what `Recurrent` raises, and ConfigurationError unless projection is a whole number from
    0 to below hidden.
    """

    projection: int = 0
    peepholes: bool = False

    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    states: ClassVar[tuple[str, ...]] = ("hidden", "cell")

    def __post_init__(self) -> None:
        super().__post_init__()
        settle_whole(self, "projection", 0)
        settle_flag(self, "peepholes")
        if self.projection >= self.hidden:
            raise ConfigurationError(
                "projection_wide", projection=self.projection, hidden=self.hidden
            )

    def width(self, state: str) -> int:
        return self.projection or self.hidden if state == "hidden" else self.hidden

    def more_parameters(self) -> Mapping[str, tuple[int, int]]:
        found = {"weight_hr": (self.hidden, self.projection)} if self.projection else {}
        return found | ({"peephole": (1, 3 * self.hidden)} if self.peepholes else {})

    def run(
        self, params: Tree, given: Array, start: Mapping[str, Array], added: Mapping[str, Array]
    ) -> LSTMSteps:
        size = self.hidden
        gates = given
        hidden, cell = (states_from(given, start[name]) for name in self.states)
        squashed = np.empty_like(cell[1:])
        # σ(a) = ½ + ½ tanh(½a): all four gates are one tanh, of which g takes all; with peepholes
        # the last of them waits for the cell. Shares of every row: NumPy takes twice as long to
        # repeat one.
        share = _share_of_tanh(size, given.dtype)
        half, rest = (np.broadcast_to(one, gates[0].shape).copy() for one in (share, 1 - share))
        at_once = slice(3 * size) if self.peepholes else slice(None)
        recurrent = params["weight_hh"] * share
        gates *= share
        peephole = params["peephole"] * share[0] if self.peepholes else None
        through, taken_in = np.empty_like(gates[0]), np.empty_like(squashed[0])
        timed = (gates, *parts(gates, size), hidden, cell, squashed, hidden[1:], cell[1:])
        every = zip(*timed, strict=False)
        for time, (gate, i, f, g, o, h, c, tanh_c, new_h, new_c) in enumerate(every):
            gate += matrix_product(h, recurrent, through)
            if peephole is not None:
                i += peephole[..., :size] * c
                f += peephole[..., size : 2 * size] * c
            _squash(gate[..., at_once], half[..., at_once], rest[..., at_once])
            if added:
                for name, part in zip(self.gates[:3], (i, f, g), strict=True):
                    part += added[name][time]
            np.multiply(f, c, new_c)
            new_c += np.multiply(i, g, taken_in)
            if added:
                new_c += added["cell"][time]
            if peephole is not None:
                o += peephole[..., 2 * size :] * new_c
                _squash(o, half[..., :size], rest[..., :size])
            if added:
                o += added["output"][time]
            np.tanh(new_c, tanh_c)
            if self.projection:
                matrix_product(np.multiply(o, tanh_c, taken_in), params["weight_hr"], new_h)
            else:
                np.multiply(o, tanh_c, new_h)
            if added:
                new_h += added["hidden"][time]
        return LSTMSteps(gates, hidden, cell, squashed)

    def run_back(
        self, params: Tree, steps: LSTMSteps, dy: Array, dc_end: Array | None = None
    ) -> StepSignals:
        """`dc_end` is ∂C/∂(the cell after the last time) (…, N, H) of what takes it there, None for
        0."""
        size, back = self.hidden, turned_over(params["weight_hh"])
        gates, hidden, cell, squashed = steps
        i, f, g, o = parts(gates, size)
        # What does not wait for a signal is computed for all times at once: ∂cₜ/∂a of the first
        # three gates, ∂mₜ/∂a_o and ∂mₜ/∂cₜ.
        da = 1 - gates
        da *= gates
        da_i, da_f, da_g, da_o = parts(da, size)
        da_i *= g
        da_f *= cell[:-1]
        np.multiply(i, 1 - g * g, da_g)
        da_o *= squashed
        through_cell = o * (1 - squashed * squashed)
        dh, dc = np.empty_like(dy), np.empty_like(through_cell)
        later = np.zeros_like(dh[0])
        kept = np.zeros_like(dc[0]) if dc_end is None else dc_end.copy()
        by_gate = da.reshape(*da.shape[:-1], 4, size)[..., :3, :]
        timed = (dy, dh, dc, through_cell, f, da, by_gate, da_o)
        every = zip(*(one[::-1] for one in timed), strict=True)
        for dy_t, dh_t, dc_t, through_t, f_t, da_t, first_three, last in every:
            np.add(dy_t, later, dh_t)
            dm_t = self._before_projection(params, dh_t)
            last *= dm_t
            np.multiply(dm_t, through_t, dc_t)
            dc_t += kept
            if self.peepholes:
                dc_t += last * params["peephole"][..., 2 * size :]
            first_three *= dc_t[..., None, :]
            np.multiply(dc_t, f_t, kept)
            if self.peepholes:
                seen = da_t[..., : 2 * size] * params["peephole"][..., : 2 * size]
                kept += seen[..., :size] + seen[..., size:]
            matrix_product(da_t, back, later)
        met = ((hidden[:-1], slice(None)),)
        signals, start = {"hidden": dh, "cell": dc}, {"hidden": later, "cell": kept}
        return StepSignals(da, da, met, signals, start)

    def _before_projection(self, params: Tree, dh: Array) -> Array:
        """∂C/∂m, from ∂C/∂h."""
        return matrix_product(dh, params["weight_hr"].mT) if self.projection else dh

    def more_gradients(self, cache: RecurrentCache, signals: StepSignals) -> Mapping[str, Array]:
        steps, found = cache.steps, {}
        if self.projection:
            made = parts(steps.gates, self.hidden)[3] * steps.squashed
            found["weight_hr"] = matrix_product(rows_of(made).mT, rows_of(signals.states["hidden"]))
        if self.peepholes:
            da_i, da_f, _, da_o = parts(signals.by_input, self.hidden)
            seen = (da_i * steps.cell[:-1], da_f * steps.cell[:-1], da_o * steps.cell[1:])
            found["peephole"] = rows_of(np.concatenate(seen, axis=-1)).sum(axis=-2, keepdims=True)
        return found

    def enters(self, name: str, index: tuple[int, int]) -> tuple[str, int]:
        if name == "weight_hr":
            return "hidden", index[1]
        # A peephole's gates are i f o, of i f g o.
        last = name == "peephole" and index[1] >= 2 * self.hidden
        return "", index[1] + self.hidden * last

    def met(self, cache: RecurrentCache, name: str, index: tuple[int, int]) -> Array:
        steps, (gate, unit) = cache.steps, divmod(index[1], self.hidden)
        if name == "weight_hr":
            o = parts(steps.gates, self.hidden)[3]
            made: Array = o[..., index[0]] * steps.squashed[..., index[0]]
            return made
        if name == "peephole":
            seen: Array = steps.cell[1:] if gate == 2 else steps.cell[:-1]
            return seen[..., unit]
        return super().met(cache, name, index)

    def arrived(
        self, params: Tree, cache: RecurrentCache, dy: Array, signals: StepSignals
    ) -> list[Array]:
        dh, dc = signals.states["hidden"], signals.states["cell"]
        o, squashed = parts(cache.steps.gates, self.hidden)[3], cache.steps.squashed
        own = self._before_projection(params, dh) * o * (1 - squashed * squashed)
        if self.peepholes:
            da_o = parts(signals.by_input, self.hidden)[3]
            own += da_o * params["peephole"][..., 2 * self.hidden :]
        return [dh - dy, dc - own]

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
            "output": self._before_projection(params, dh) * steps.squashed,
            "cell": dc,
            "hidden": dh,
        }


def _squash(sums: Array, half: Array, rest: Array) -> None:
    """The gates of their sums, which are halved already, in place."""
    np.tanh(sums, sums)
    sums *= half
    sums += rest


def _share_of_tanh(size: int, dtype: np.dtype[Any]) -> Array:
    """½ ½ 1 ½ for the columns of the four gates."""
    half = np.full(4 * size, 0.5, dtype)
    half[2 * size : 3 * size] = 1
    return half
