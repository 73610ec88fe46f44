"""Mistakes in a backward pass through time: of our RNN, GRU and LSTM, of their cells, which are one
step, and of what people write.

The pass is gone through once more, step by step, with one thing left out or put in the place of
another.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.altered_pass import Alteration, Altered, AlteredStep
from clearprop.checking.diagnosis.written_recurrence import WrittenRecurrence
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.engine.layers.gru import GRU
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_arrays import RecurrentCache, in_order, in_place, parts
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.engine.layers.rnn import RNN

# What is added up over the times line by line, and overwritten line by line.
_PARTS = (("weight_ih",), ("weight_hh",), ("bias_ih", "bias_hh"))


class TimeSlip(NamedTuple):
    """What is otherwise than it should be; without any the pass is right.

    carry       whether ∂C/∂h goes on to the time before
    carry_cell  whether ∂C/∂c does
    forget      whether it is multiplied by f on the way
    keep        whether a GRU's direct way z ⊙ ∂C/∂h is taken
    reset       whether r stands in what goes to a GRU's h
    squash      whether 1 − tanh²(c) stands in ∂C/∂c
    first       times at the beginning that nothing comes back to
    only        the only time whose part of the weights' gradients is kept
    of          the parameters that `only` is said of; none for all of them
    after       whether ∂C/∂U is made with the state after the step
    cell_after  whether a forget gate gets the cell after the step
    slope       of an RNN's tanh: "before" for 1 − hₜ₋₁², "plain" for 1 − hₜ
    straight    whether ∂C/∂h goes on to the time before as it is, without the slope
    swapped     two gates whose gradients change places
    bare        a gate whose own slope is left out
    """

    carry: bool = True
    carry_cell: bool = True
    forget: bool = True
    keep: bool = True
    reset: bool = True
    squash: bool = True
    first: int = 0
    only: int | None = None
    of: tuple[str, ...] = ()
    after: bool = False
    cell_after: bool = False
    slope: str = ""
    straight: bool = False
    swapped: tuple[int, int] | None = None
    bare: int | None = None


def time_slips(step: AlteredStep) -> Iterator[tuple[MistakeKind, dict[str, object], Alteration]]:
    """The mistakes that can be made in one recurrent layer, or one step of it."""
    layer = step.layer.layer if isinstance(step.layer, WrittenRecurrence) else step.layer
    is_cell = isinstance(layer, RecurrentCell)
    if isinstance(layer, RecurrentCell):
        layer = layer.over_time
    if not isinstance(layer, Recurrent):
        return
    if isinstance(layer, LSTM) and (layer.projection or layer.peepholes):
        return  # `through_time` is that of the usual cell
    axis = 0 if isinstance(step.layer, WrittenRecurrence) and step.layer.form.times_first else 1
    times = 1 if is_cell else step.input.shape[axis]
    yield MistakeKind.TIME_STOPS, {}, _slipped(TimeSlip(carry=False))
    yield MistakeKind.STATE_AFTER, {}, _slipped(TimeSlip(after=True))
    if times > 1:
        yield MistakeKind.TIME_CUT, {"count": 1}, _slipped(TimeSlip(first=1))
        for only in (0, times - 1):
            for of in ((), *_PARTS):
                slip = TimeSlip(only=only, of=of)
                yield MistakeKind.ONE_TIME, {"index": only}, _slipped(slip)
    if isinstance(layer, RNN):
        yield from _slopes(layer)
    if isinstance(layer, LSTM):
        yield MistakeKind.CELL_FORGOTTEN, {}, _slipped(TimeSlip(carry_cell=False))
        yield MistakeKind.TIME_STOPS, {}, _slipped(TimeSlip(carry=False, carry_cell=False))
        yield MistakeKind.CELL_GATE_MISSING, {}, _slipped(TimeSlip(forget=False))
        yield MistakeKind.CELL_SLOPE_MISSING, {}, _slipped(TimeSlip(squash=False))
        yield MistakeKind.CELL_AFTER, {}, _slipped(TimeSlip(cell_after=True))
    if isinstance(layer, GRU):
        yield MistakeKind.STATE_KEPT_MISSING, {}, _slipped(TimeSlip(keep=False))
        yield MistakeKind.RESET_MISSING, {}, _slipped(TimeSlip(reset=False))
    for one, other in combinations(range(len(layer.gates)), 2):
        values: dict[str, object] = {"one": layer.gates[one], "other": layer.gates[other]}
        yield MistakeKind.GATES_SWAPPED, values, _slipped(TimeSlip(swapped=(one, other)))
    for gate, name in enumerate(layer.gates):
        yield MistakeKind.GATE_SLOPE_MISSING, {"gate": name}, _slipped(TimeSlip(bare=gate))


def _slopes(layer: RNN) -> Iterator[tuple[MistakeKind, dict[str, object], Alteration]]:
    """An RNN's slope taken of another number, or left out of what goes on in time."""
    yield MistakeKind.SLOPE_ON_THE_WAY, {}, _slipped(TimeSlip(straight=True))
    if layer.nonlinearity == "tanh":
        for slope, said in (("before", "1 − hₜ₋₁²"), ("plain", "1 − hₜ")):
            yield MistakeKind.STATE_SLOPE, {"slope": said}, _slipped(TimeSlip(slope=slope))


def _slipped(slip: TimeSlip) -> Alteration:
    def changed(step: AlteredStep) -> Altered:
        written, cache = step.layer, step.cache
        if isinstance(written, WrittenRecurrence):
            dy = written.inside(step.dy, cache.times)
            found = through_time(written.layer, cache.params, cache.cache, dy, slip)
            return written.theirs(found.dx, found.gradients)
        if isinstance(written, RecurrentCell):
            return _through_step(written, step, slip)
        assert isinstance(written, Recurrent)
        found = through_time(written, step.params, cache, step.dy, slip)
        return found.dx, found.gradients

    return changed


def _through_step(cell: RecurrentCell, step: AlteredStep, slip: TimeSlip) -> Altered:
    """The same of a cell, with ∂C/∂(the states that it started from)."""
    dh, dc = step.dy, np.zeros_like(step.dy)
    if cell.outputs > cell.hidden:
        dh, dc = np.split(step.dy, 2, axis=-1)
    found = through_time(cell.over_time, step.params, step.cache, dh[:, None], slip, dc)
    return found.dx[:, 0], {**found.gradients, **found.start}


class WayBack(NamedTuple):
    """∂C/∂x, the parameters' gradients, and ∂C/∂(every state before the first time)."""

    dx: Array
    gradients: Mapping[str, Array]
    start: Mapping[str, Array]


def through_time(
    layer: Recurrent,
    params: Mapping[str, Array],
    cache: RecurrentCache,
    dy: Array,
    slip: TimeSlip,
    later_cell: Array | None = None,
) -> WayBack:
    """The pass back with a slip, from ∂C/∂y and of an LSTM ∂C/∂(the cell after the last time)."""
    timed = in_order(dy, cache.lengths, reverse=layer.reverse)
    times, size = len(timed), layer.hidden
    states, u = cache.steps.hidden, params["weight_hh"]
    by_x = np.zeros((*timed.shape[:2], len(layer.gates) * size), dy.dtype)
    by_h = np.zeros_like(by_x)
    nothing = np.zeros_like(timed[0])
    later = {"h": nothing, "c": nothing if later_cell is None else later_cell}
    for time in reversed(range(slip.first, times)):
        dh = timed[time] + (later["h"] if slip.carry else 0)
        by_x[time], by_h[time], later = _one_step(layer, u, cache.steps, time, dh, later, slip)
    kept = np.ones((times, 1, 1))
    if slip.only is not None:
        own = times - 1 - slip.only if layer.reverse else slip.only
        kept = (np.arange(times) == own).reshape(-1, 1, 1) * 1.0
    met = states[1:] if slip.after else states[:-1]

    def of(name: str, signals: Array) -> Array:
        return signals * kept if name in slip.of or not slip.of else signals

    gradients = {
        "weight_ih": np.einsum("tni,tnj->ij", cache.x, of("weight_ih", by_x)),
        "weight_hh": _by_state(layer, cache.steps, met, of("weight_hh", by_h)),
    }
    if layer.bias:
        gradients["bias_ih"] = of("bias_ih", by_x).sum((0, 1))[None]
        gradients["bias_hh"] = of("bias_hh", by_h).sum((0, 1))[None]
    dx = in_place(by_x @ params["weight_ih"].T, cache.lengths, reverse=layer.reverse)
    return WayBack(dx, gradients, {name: later[name[0]] for name in layer.states})


def _by_state(layer: Recurrent, steps: Any, met: Array, by_h: Array) -> Array:
    found: Array = np.einsum("tni,tnj->ij", met, by_h)
    if isinstance(layer, GRU) and not layer.reset_after:
        last = slice(2 * layer.hidden, None)
        found[:, last] = np.einsum("tni,tnj->ij", steps.reset, by_h[..., last])
    return found


def _one_step(
    layer: Recurrent,
    u: Array,
    steps: Any,
    time: int,
    dh: Array,
    later: Mapping[str, Array],
    slip: TimeSlip,
) -> tuple[Array, Array, dict[str, Array]]:
    """∂C/∂a as x and as h meet it at one time, and what goes on to the time before."""
    after, size = steps.hidden[time + 1], layer.hidden
    back: dict[str, Array] = {"c": later["c"]}
    if isinstance(layer, LSTM):
        i, f, g, o = parts(steps.gates[time], size)
        squashed = steps.squashed[time]
        dc = dh * o * ((1 - squashed * squashed) if slip.squash else 1)
        dc = dc + (later["c"] if slip.carry_cell else 0)
        met = steps.cell[time + 1 if slip.cell_after else time]
        signals = [dc * g, dc * met, dc * i, dh * squashed]
        slopes = [i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o)]
        back["c"] = dc * f if slip.forget else dc
        da = _gates(signals, slopes, slip)
        back["h"] = da @ u.T
        return da, da, back
    if isinstance(layer, GRU):
        return _gru_step(layer, u, steps, time, dh, slip)
    slope = 1 - after * after
    if getattr(layer, "nonlinearity", "tanh") == "relu":
        slope = (after > 0) * 1.0
    elif slip.slope == "before":
        slope = 1 - steps.hidden[time] * steps.hidden[time]
    elif slip.slope == "plain":
        slope = 1 - after
    da = _gates([dh], [slope], slip)
    return da, da, {**back, "h": (dh if slip.straight else da) @ u.T}


def _gru_step(
    layer: GRU, u: Array, steps: Any, time: int, dh: Array, slip: TimeSlip
) -> tuple[Array, Array, dict[str, Array]]:
    size, before = layer.hidden, steps.hidden[time]
    r, z, n = parts(steps.gates[time], size)
    slopes = [r * (1 - r), z * (1 - z), 1 - n * n]
    of_gates, of_candidate = u[:, : 2 * size], u[:, 2 * size :]
    dn = dh * (1 - z)
    da_n = dn if slip.bare == 2 else dn * slopes[2]
    direct = dh * z if slip.keep else 0
    if layer.reset_after:
        dr = da_n * steps.reset[time]
        da = _gates([dr, dh * (before - n), dn], slopes, slip)
        by_h = da.copy()
        by_h[..., 2 * size :] *= r if slip.reset else 1
        return da, by_h, {"c": dh, "h": direct + by_h @ u.T}
    ds = da_n @ of_candidate.T
    da = _gates([ds * before, dh * (before - n), dn], slopes, slip)
    through = da[..., : 2 * size] @ of_gates.T + ds * (r if slip.reset else 1)
    return da, da, {"c": dh, "h": direct + through}


def _gates(signals: list[Array], slopes: list[Array], slip: TimeSlip) -> Array:
    """∂C/∂a of all gates, side by side."""
    found = [
        signal if slip.bare == gate else signal * slope
        for gate, (signal, slope) in enumerate(zip(signals, slopes, strict=True))
    ]
    if slip.swapped is not None:
        one, other = slip.swapped
        found[one], found[other] = found[other], found[one]
    return np.concatenate(found, axis=-1)
