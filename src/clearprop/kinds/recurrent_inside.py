"""What is inside RNN and GRU, entry by entry with its numbers: how a gate or a state is made at one
time, and how ∂C/∂(it) adds up from what takes it. An LSTM's is in `lstm_inside`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief, product_text
from clearprop.kinds.row import Arithmetic, InnerEntry, Inside, OneEntry

# The gates that see the cell, and where their weights stand; the last of them sees the new one.
OUTPUT = 3
PEEPING = {0: 0, 1: 1, OUTPUT: 2}


class UnitAtTime:
    """One unit of a recurrent layer at one time of one sample."""

    def __init__(self, entry: InnerEntry) -> None:
        self.entry, self.layer = entry, entry.layer
        self.time, self.unit = entry.place
        self.size = int(self.layer.hidden)
        lengths = entry.cache.lengths
        times = len(entry.input) if lengths is None else int(lengths[entry.sample])
        step = -1 if self.layer.reverse else 1
        before, later = self.time - step, self.time + step
        # None before the first step and behind the last one.
        self.before = before if 0 <= before < times else None
        self.later = later if 0 <= later < times else None
        self.is_there = self.time < times

    def value(self, name: str, time: int | None = None) -> float:
        """An intermediate of this unit, at this time unless told otherwise."""
        at = self.time if time is None else time
        return float(self.entry.values[name][at, self.unit])

    def gradient(self, name: str) -> float:
        """∂C/∂(it)."""
        return float(self.entry.gradients[name][self.time, self.unit])

    def states(self, name: str) -> Array:
        """All units of a state before this time."""
        if self.before is not None:
            found: Array = self.entry.values[name][self.before]
            return found
        start: Array = getattr(self.entry.cache.steps, name)[0][self.entry.sample]
        return start

    def state(self, name: str) -> float:
        """The state of the unit before its time."""
        return float(self.states(name)[self.unit])

    def columns(self, name: str, gate: int) -> Array:
        """A parameter's column of this unit, in the part of a gate."""
        column: Array = self.entry.params[name][:, gate * self.size + self.unit]
        return column

    def bias(self, name: str, gate: int) -> float:
        """The unit's bias in a gate; 0 without biases."""
        return float(self.columns(name, gate)[0]) if self.layer.bias else 0.0

    def parts(self, gate: int) -> tuple[Array, Array]:
        """The products of a gate's sum: x and h before, beside their weights."""
        factors = [self.entry.input[self.time], self.states("hidden")]
        weights = [self.columns("weight_ih", gate), self.columns("weight_hh", gate)]
        if getattr(self.layer, "peepholes", False) and gate in PEEPING:
            seen = self.value("cell") if gate == OUTPUT else self.state("cell")
            factors.append(np.array([seen]))
            weights.append(np.array([self.peephole(gate)]))
        return np.concatenate(factors).astype(float), np.concatenate(weights)

    def peephole(self, gate: int) -> float:
        """The weight that this unit's cell has in a gate."""
        row: Array = self.entry.params["peephole"][0]
        return float(row[PEEPING[gate] * self.size + self.unit])

    def sum_of(self, symbol: str, gate: int) -> Arithmetic:
        """The sum that a gate's function is applied to."""
        factors, weights = self.parts(gate)
        biases = [self.bias(name, gate) for name in ("bias_ih", "bias_hh")]
        value = float(factors @ weights) + sum(biases)
        told = tuple(map(brief, biases)) if self.layer.bias else ()
        return Arithmetic(symbol, told, value, (factors, weights))

    def taken_later(self, signals: Mapping[int, Array]) -> tuple[Array, Array]:
        """What of a state comes back from the sums of the time behind: their signals beside the
        weights that this unit met there; `signals` by gate, of all units."""
        row = self.entry.params["weight_hh"][self.unit]
        return (
            np.concatenate(list(signals.values())).astype(float),
            np.concatenate([row[g * self.size : (g + 1) * self.size] for g in signals]),
        )

    def later_values(self, name: str) -> Array:
        """All units of an intermediate at the time behind."""
        found: Array = self.entry.values[name][self.later]
        return found

    def later_gradients(self, name: str) -> Array:
        """∂C/∂(them)."""
        found: Array = self.entry.gradients[name][self.later]
        return found


Lines = Callable[[UnitAtTime], tuple[Arithmetic, ...]]


def inside_of(symbol: str, forward: Lines, backward: Lines) -> Inside:
    """An intermediate of a recurrent layer, from the lines of both passes."""
    # Behind the end of a sample there is nothing.
    nothing = (Arithmetic(symbol, ("0",), 0.0),)

    def told(lines: Lines) -> Callable[[InnerEntry], tuple[Arithmetic, ...]]:
        def of(entry: InnerEntry) -> tuple[Arithmetic, ...]:
            at = UnitAtTime(entry)
            return lines(at) if at.is_there else nothing

        return of

    return Inside(symbol, told(forward), told(backward))


def gate_inside(name: str, symbol: str, place: int, function: str, backward: Lines) -> Inside:
    """A gate: a function of a sum, of which `place` says where its columns stand."""

    def forward(at: UnitAtTime) -> tuple[Arithmetic, ...]:
        total = at.sum_of(f"a_{symbol}", place)
        applied = Arithmetic(symbol, (f"{function}({brief(total.value)})",), at.value(name))
        return total, applied

    return inside_of(symbol, forward, backward)


def product_lines(name: str, symbol: str, *factors: Callable[[UnitAtTime], float]) -> Lines:
    """∂C/∂(it) as a product of numbers."""

    def lines(at: UnitAtTime) -> tuple[Arithmetic, ...]:
        told = product_text(*(factor(at) for factor in factors))
        return (Arithmetic(f"∂C/∂{symbol}", (told,), at.gradient(name)),)

    return lines


def hidden_back(signals: Callable[[UnitAtTime], Mapping[int, Array]], direct: Any = None) -> Lines:
    """∂C/∂h = ∂C/∂y + what comes back from the time behind."""

    def lines(at: UnitAtTime) -> tuple[Arithmetic, ...]:
        own = float(at.entry.output_gradient[at.time, at.unit])
        told = [brief(own)]
        products = None
        if at.later is not None:
            products = at.taken_later(signals(at))
            if direct is not None:
                told.append(product_text(*direct(at)))
        return (Arithmetic("∂C/∂h", tuple(told), at.gradient("hidden"), products),)

    return lines


def _rnn_hidden(at: UnitAtTime) -> tuple[Arithmetic, ...]:
    total = at.sum_of("a", 0)
    told = brief(total.value)
    name = f"tanh({told})" if at.layer.nonlinearity == "tanh" else f"max(0, {told})"
    return total, Arithmetic("h", (name,), at.value("hidden"))


def rnn_signals(at: UnitAtTime) -> dict[int, Array]:
    """∂C/∂a of the time behind, by gate."""
    h = at.later_values("hidden")
    slope = 1 - h * h if at.layer.nonlinearity == "tanh" else h > 0
    return {0: at.later_gradients("hidden") * slope}


RNN_INSIDE: Mapping[str, Inside] = {"hidden": inside_of("h", _rnn_hidden, hidden_back(rnn_signals))}


def _candidate(at: UnitAtTime) -> tuple[Arithmetic, ...]:
    size, biases = at.layer.inputs, [at.bias(name, 2) for name in ("bias_ih", "bias_hh")]
    told = tuple(map(brief, biases)) if at.layer.bias else ()
    lines: list[Arithmetic] = []
    if at.layer.reset_after:
        factors, weights = at.states("hidden").astype(float), at.columns("weight_hh", 2)
        q = float(factors @ weights) + biases[1]
        lines.append(Arithmetic("q", told[1:], q, (factors, weights)))
        x, w = at.entry.input[at.time].astype(float), at.columns("weight_ih", 2)
        inner = float(x @ w) + biases[0] + at.value("reset") * q
        more = (product_text(at.value("reset"), q), *told[:1])
        lines.append(Arithmetic("a_n", more, inner, (x, w)))
    else:
        factors, weights = at.parts(2)
        factors[size:] *= at.entry.values["reset"][at.time]
        inner = float(factors @ weights) + sum(biases)
        lines.append(Arithmetic("a_n", told, inner, (factors, weights)))
    return *lines, Arithmetic("n", (f"tanh({brief(inner)})",), at.value("candidate"))


def _reset_back(at: UnitAtTime) -> tuple[Arithmetic, ...]:
    n = at.entry.values["candidate"][at.time]
    da_n = (at.entry.gradients["candidate"][at.time] * (1 - n * n)).astype(float)
    if at.layer.reset_after:
        q = float(at.states("hidden") @ at.columns("weight_hh", 2)) + at.bias("bias_hh", 2)
        told = (product_text(float(da_n[at.unit]), q),)
        return (Arithmetic("∂C/∂r", told, at.gradient("reset")),)
    row = at.entry.params["weight_hh"][at.unit, 2 * at.size :]
    factors = da_n * at.state("hidden")
    return (Arithmetic("∂C/∂r", (), at.gradient("reset"), (factors, row)),)


def _gru_hidden(at: UnitAtTime) -> tuple[Arithmetic, ...]:
    z, n, h = at.value("update"), at.value("candidate"), at.state("hidden")
    told = (product_text(1 - z, n), product_text(z, h))
    return (Arithmetic("h", told, at.value("hidden")),)


def gru_signals(at: UnitAtTime) -> dict[int, Array]:
    """∂C/∂(what U made) of the time behind, by gate."""
    r, z, n = (at.later_values(name) for name in at.layer.gates)
    da_n = at.later_gradients("candidate") * (1 - n * n)
    da_r = at.later_gradients("reset") * r * (1 - r)
    da_z = at.later_gradients("update") * z * (1 - z)
    if at.layer.reset_after:
        return {0: da_r, 1: da_z, 2: da_n * r}
    # r of this unit alone met its state there.
    return {0: da_r, 1: da_z, 2: da_n * r[at.unit]}


def kept(at: UnitAtTime) -> tuple[float, float]:
    """What of a GRU's state goes on as it is."""
    gradient, share = at.later_gradients("hidden"), at.later_values("update")
    return float(gradient[at.unit]), float(share[at.unit])


GRU_INSIDE: Mapping[str, Inside] = {
    "reset": gate_inside("reset", "r", 0, "σ", _reset_back),
    "update": gate_inside(
        "update",
        "z",
        1,
        "σ",
        product_lines(
            "update",
            "z",
            lambda at: at.gradient("hidden"),
            lambda at: at.state("hidden") - at.value("candidate"),
        ),
    ),
    "candidate": inside_of(
        "n",
        _candidate,
        product_lines(
            "candidate", "n", lambda at: at.gradient("hidden"), lambda at: 1 - at.value("update")
        ),
    ),
    "hidden": inside_of("h", _gru_hidden, hidden_back(gru_signals, kept)),
}


def worked_state(inside: Mapping[str, Inside]) -> Callable[[OneEntry], tuple[Arithmetic, ...]]:
    """One entry of the output, which is a state, as it is made."""
    return lambda entry: worked_in(inside, "hidden", entry)


def worked_in(inside: Mapping[str, Inside], name: str, entry: OneEntry) -> tuple[Arithmetic, ...]:
    """An entry of the output that is one of an intermediate, as that is made."""
    found = entry.layer.intermediates(entry.params, entry.cache)
    values = {one: made.values[entry.sample] for one, made in found.items()}
    nothing = {one: np.zeros_like(value) for one, value in values.items()}
    inner = InnerEntry(
        entry.layer,
        entry.params,
        entry.input,
        entry.output,
        np.zeros_like(entry.output),
        values,
        nothing,
        entry.cache,
        entry.sample,
        entry.place,
    )
    return inside[name].forward(inner)
