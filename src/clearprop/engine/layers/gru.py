"""The gated recurrent unit: a state that is partly kept and partly made anew.

Forward      The three gates stand side by side in W (in, 3H), U (H, 3H) and both biases (1, 3H), in
             PyTorch's order r z n. With a = xₜ W + b and q = hₜ₋₁ U + b′:

             r = σ(a_r + q_r)   z = σ(a_z + q_z)   n = tanh(a_n + r ⊙ q_n)
             hₜ = (1 − z) ⊙ n + z ⊙ hₜ₋₁,  yₜ = hₜ

             So it is in PyTorch and cuDNN. The paper lets r meet the state before the product, as
             ONNX does unless told otherwise: with reset_after=False,

             n = tanh(a_n + (r ⊙ hₜ₋₁) U_n + b′_n)

             Here z is the share of the old state; in the paper, and in some books, of the new.

Backward     With dh = ∂C/∂hₜ, from the last time on; σ' = σ(1 − σ), tanh' = 1 − tanh²:

             da_n = dh ⊙ (1 − z) ⊙ (1 − n²)        da_z = dh ⊙ (hₜ₋₁ − n) ⊙ z(1 − z)
             da_r = da_n ⊙ q_n ⊙ r(1 − r)          and of q:  dq_r = da_r, dq_z = da_z,
                                                              dq_n = da_n ⊙ r
             dhₜ₋₁ = dyₜ₋₁ + dh ⊙ z + dq Uᵀ

             ∂C/∂W = Σₜ xₜᵀ da,  ∂C/∂b = Σₜ Σₙ da,  ∂C/∂U = Σₜ hₜ₋₁ᵀ dq,  ∂C/∂b′ = Σₜ Σₙ dq
             ∂C/∂xₜ = da Wᵀ

             With reset_after=False, s = r ⊙ hₜ₋₁ meets U_n: dq_n = da_n, ds = da_n U_nᵀ,
             da_r = ds ⊙ hₜ₋₁ ⊙ r(1 − r), dhₜ₋₁ has ds ⊙ r in the place of dq_n U_nᵀ, and
             ∂C/∂U_n = Σₜ sᵀ da_n.

Cached       The gates r z n, h with the state before, and q_n (or s).

Lengths, start, reverse: `recurrent`. Source: Cho and others, "Learning phrase representations using
RNN encoder–decoder", 2014.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, matrix_product
from clearprop.base.settings import settle_flag
from clearprop.engine.layers.layer import Tree
from clearprop.engine.layers.recurrent import Recurrent, RecurrentCache, StepSignals
from clearprop.engine.layers.recurrent_arrays import parts, states_from, turned_over
from clearprop.engine.layers.special import logistic


class GRUSteps(NamedTuple):
    """What the cell keeps of every time: `gates` (T, …, N, 3H) as r z n; `hidden` (T + 1, …, N, H),
    the state before the first time in front; `reset`, what r is multiplied by or has multiplied:
    q_n, or with reset_after=False r ⊙ hₜ₋₁ (T, …, N, H)."""

    gates: Array
    hidden: Array
    reset: Array


@dataclass(frozen=True)
class GRU(Recurrent):
    """Gated recurrent units over time: (N, T, inputs) to (N, T, hidden).

    bias         False leaves both biases out
    reverse      from the last time to the first
    reset_after  whether the reset gate meets what the state's weights made of the state (PyTorch),
                 or the state itself (the paper)

    Raises what `Recurrent` raises.
    """

    reset_after: bool = True

    gates: ClassVar[tuple[str, ...]] = ("reset", "update", "candidate")

    def __post_init__(self) -> None:
        super().__post_init__()
        settle_flag(self, "reset_after")

    def bias_of_x(self, params: Tree) -> Array:
        # That of h goes through the reset gate with it.
        own: Array = params["bias_ih"]
        return own

    def run(
        self, params: Tree, given: Array, start: Mapping[str, Array], added: Mapping[str, Array]
    ) -> GRUSteps:
        size, recurrent = self.hidden, params["weight_hh"]
        of_gates, of_candidate = recurrent[..., : 2 * size], recurrent[..., 2 * size :]
        bias = params["bias_hh"] if self.bias else np.zeros((1, 3 * size), given.dtype)
        gates, hidden = given, states_from(given, start["hidden"])
        reset = np.empty_like(hidden[1:])
        for time, (a, h, new_h) in enumerate(zip(gates, hidden, hidden[1:], strict=False)):
            a[..., : 2 * size] += matrix_product(h, of_gates) + bias[..., : 2 * size]
            a[..., : 2 * size] = logistic(a[..., : 2 * size])
            r, z, n = parts(a, size)
            if added:
                r += added["reset"][time]
                z += added["update"][time]
            if self.reset_after:
                reset[time] = matrix_product(h, of_candidate) + bias[..., 2 * size :]
                n += r * reset[time]
            else:
                reset[time] = r * h
                n += matrix_product(reset[time], of_candidate) + bias[..., 2 * size :]
            np.tanh(n, n)
            if added:
                n += added["candidate"][time]
            np.add(n, z * (h - n), new_h)
            if added:
                new_h += added["hidden"][time]
        return GRUSteps(gates, hidden, reset)

    def run_back(self, params: Tree, steps: GRUSteps, dy: Array) -> StepSignals:
        size, recurrent = self.hidden, params["weight_hh"]
        gates, hidden, reset = steps
        before = hidden[:-1]
        r, z, n = parts(gates, size)
        # What the signals are multiplied by, for all times at once.
        to_candidate = (1 - z) * (1 - n * n)
        to_update = (before - n) * z * (1 - z)
        to_reset = (reset if self.reset_after else before) * r * (1 - r)
        da, dh = np.empty(gates.shape, dy.dtype), np.empty_like(dy)
        da_r, da_z, da_n = parts(da, size)
        dq = np.empty_like(da) if self.reset_after else da
        back, later = turned_over(recurrent), np.zeros_like(dy[0])
        of_gates, of_candidate = back[..., : 2 * size, :], back[..., 2 * size :, :]
        for time in reversed(range(len(dy))):
            np.add(dy[time], later, dh[time])
            np.multiply(dh[time], to_candidate[time], da_n[time])
            np.multiply(dh[time], to_update[time], da_z[time])
            if self.reset_after:
                np.multiply(da_n[time], to_reset[time], da_r[time])
                dq[time] = da[time]
                dq[time][..., 2 * size :] *= r[time]
                through = matrix_product(dq[time], back)
            else:
                ds = matrix_product(da_n[time], of_candidate)
                np.multiply(ds, to_reset[time], da_r[time])
                through = matrix_product(da[time][..., : 2 * size], of_gates) + ds * r[time]
            later = dh[time] * z[time] + through
        met: tuple[tuple[Array, slice], ...] = ((before, slice(None)),)
        if not self.reset_after:
            met = ((before, slice(2 * size)), (reset, slice(2 * size, None)))
        return StepSignals(da, dq, met, {"hidden": dh}, {"hidden": later})

    def met(self, cache: RecurrentCache, name: str, index: tuple[int, int]) -> Array:
        found, unit = super().met(cache, name, index), index[1] - 2 * self.hidden
        if unit < 0 or name in ("weight_ih", "bias_ih"):
            return found
        # Of the candidate: r comes behind the product, or before it.
        if self.reset_after:
            r: Array = cache.steps.gates[..., unit]
            return found * r
        behind: Array = cache.steps.reset[..., index[0]]
        return behind if name == "weight_hh" else found

    def on_the_way(self, steps: GRUSteps) -> Mapping[str, Array]:
        gates = dict(zip(self.gates, parts(steps.gates, self.hidden), strict=True))
        return {**gates, "hidden": steps.hidden[1:]}

    def on_the_way_back(
        self, params: Tree, steps: GRUSteps, signals: StepSignals
    ) -> Mapping[str, Array]:
        _, z, n = parts(steps.gates, self.hidden)
        dh, before = signals.states["hidden"], steps.hidden[:-1]
        da_n = parts(signals.by_input, self.hidden)[2]
        if self.reset_after:
            dr = da_n * steps.reset
        else:
            back = params["weight_hh"][..., 2 * self.hidden :].mT
            dr = matrix_product(da_n, back) * before
        return {"reset": dr, "update": dh * (before - n), "candidate": dh * (1 - z), "hidden": dh}
