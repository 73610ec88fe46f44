"""What is inside RNN, GRU and LSTM, entry by entry with its numbers: how a gate, a cell or a state
is made at one time, and how ∂C/∂(it) adds up from what takes it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief, product_text
from clearprop.kinds.row import Arithmetic, InnerEntry, Inside, OneEntry


class _At:
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
        return (
            np.concatenate([self.entry.input[self.time], self.states("hidden")]).astype(float),
            np.concatenate([self.columns("weight_ih", gate), self.columns("weight_hh", gate)]),
        )

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


Lines = Callable[[_At], tuple[Arithmetic, ...]]


def _inside(symbol: str, forward: Lines, backward: Lines) -> Inside:
    # Behind the end of a sample there is nothing.
    nothing = (Arithmetic(symbol, ("0",), 0.0),)

    def told(lines: Lines) -> Callable[[InnerEntry], tuple[Arithmetic, ...]]:
        def of(entry: InnerEntry) -> tuple[Arithmetic, ...]:
            at = _At(entry)
            return lines(at) if at.is_there else nothing

        return of

    return Inside(symbol, told(forward), told(backward))


def _gate(name: str, symbol: str, place: int, function: str, backward: Lines) -> Inside:
    def forward(at: _At) -> tuple[Arithmetic, ...]:
        total = at.sum_of(f"a_{symbol}", place)
        applied = Arithmetic(symbol, (f"{function}({brief(total.value)})",), at.value(name))
        return total, applied

    return _inside(symbol, forward, backward)


def _product(name: str, symbol: str, *factors: Callable[[_At], float]) -> Lines:
    """∂C/∂(it) as a product of numbers."""

    def lines(at: _At) -> tuple[Arithmetic, ...]:
        told = product_text(*(factor(at) for factor in factors))
        return (Arithmetic(f"∂C/∂{symbol}", (told,), at.gradient(name)),)

    return lines


def _squashed(at: _At) -> float:
    return float(np.tanh(at.value("cell")))


def _hidden_back(signals: Callable[[_At], Mapping[int, Array]], direct: Any = None) -> Lines:
    """∂C/∂h = ∂C/∂y + what comes back from the time behind."""

    def lines(at: _At) -> tuple[Arithmetic, ...]:
        own = float(at.entry.output_gradient[at.time, at.unit])
        told = [brief(own)]
        products = None
        if at.later is not None:
            products = at.taken_later(signals(at))
            if direct is not None:
                told.append(product_text(*direct(at)))
        return (Arithmetic("∂C/∂h", tuple(told), at.gradient("hidden"), products),)

    return lines


def _lstm_signals(at: _At) -> dict[int, Array]:
    """∂C/∂a of the time behind, by gate."""
    found = {}
    for gate, name in enumerate(at.layer.gates):
        v = at.later_values(name)
        slope = 1 - v * v if name == "candidate" else v * (1 - v)
        found[gate] = at.later_gradients(name) * slope
    return found


def _cell(at: _At) -> tuple[Arithmetic, ...]:
    told = (
        product_text(at.value("forget"), at.state("cell")),
        product_text(at.value("input"), at.value("candidate")),
    )
    return (Arithmetic("c", told, at.value("cell")),)


def _cell_back(at: _At) -> tuple[Arithmetic, ...]:
    squashed = _squashed(at)
    told = [product_text(at.gradient("hidden"), at.value("output"), 1 - squashed * squashed)]
    if at.later is not None:
        later = (
            float(at.later_gradients("cell")[at.unit]),
            float(at.later_values("forget")[at.unit]),
        )
        told.append(product_text(*later))
    return (Arithmetic("∂C/∂c", tuple(told), at.gradient("cell")),)


def _lstm_hidden(at: _At) -> tuple[Arithmetic, ...]:
    told = (product_text(at.value("output"), _squashed(at)),)
    return *_cell(at), Arithmetic("h", told, at.value("hidden"))


LSTM_INSIDE: Mapping[str, Inside] = {
    "input": _gate(
        "input",
        "i",
        0,
        "σ",
        _product("input", "i", lambda at: at.gradient("cell"), lambda at: at.value("candidate")),
    ),
    "forget": _gate(
        "forget",
        "f",
        1,
        "σ",
        _product("forget", "f", lambda at: at.gradient("cell"), lambda at: at.state("cell")),
    ),
    "candidate": _gate(
        "candidate",
        "g",
        2,
        "tanh",
        _product("candidate", "g", lambda at: at.gradient("cell"), lambda at: at.value("input")),
    ),
    "output": _gate(
        "output",
        "o",
        3,
        "σ",
        _product("output", "o", lambda at: at.gradient("hidden"), _squashed),
    ),
    "cell": _inside("c", _cell, _cell_back),
    "hidden": _inside("h", _lstm_hidden, _hidden_back(_lstm_signals)),
}


def _rnn_hidden(at: _At) -> tuple[Arithmetic, ...]:
    total = at.sum_of("a", 0)
    told = brief(total.value)
    name = f"tanh({told})" if at.layer.nonlinearity == "tanh" else f"max(0, {told})"
    return total, Arithmetic("h", (name,), at.value("hidden"))


def _rnn_signals(at: _At) -> dict[int, Array]:
    h = at.later_values("hidden")
    slope = 1 - h * h if at.layer.nonlinearity == "tanh" else h > 0
    return {0: at.later_gradients("hidden") * slope}


RNN_INSIDE: Mapping[str, Inside] = {"hidden": _inside("h", _rnn_hidden, _hidden_back(_rnn_signals))}


def _candidate(at: _At) -> tuple[Arithmetic, ...]:
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


def _reset_back(at: _At) -> tuple[Arithmetic, ...]:
    n = at.entry.values["candidate"][at.time]
    da_n = (at.entry.gradients["candidate"][at.time] * (1 - n * n)).astype(float)
    if at.layer.reset_after:
        q = float(at.states("hidden") @ at.columns("weight_hh", 2)) + at.bias("bias_hh", 2)
        told = (product_text(float(da_n[at.unit]), q),)
        return (Arithmetic("∂C/∂r", told, at.gradient("reset")),)
    row = at.entry.params["weight_hh"][at.unit, 2 * at.size :]
    factors = da_n * at.state("hidden")
    return (Arithmetic("∂C/∂r", (), at.gradient("reset"), (factors, row)),)


def _gru_hidden(at: _At) -> tuple[Arithmetic, ...]:
    z, n, h = at.value("update"), at.value("candidate"), at.state("hidden")
    told = (product_text(1 - z, n), product_text(z, h))
    return (Arithmetic("h", told, at.value("hidden")),)


def _gru_signals(at: _At) -> dict[int, Array]:
    r, z, n = (at.later_values(name) for name in at.layer.gates)
    da_n = at.later_gradients("candidate") * (1 - n * n)
    da_r = at.later_gradients("reset") * r * (1 - r)
    da_z = at.later_gradients("update") * z * (1 - z)
    if at.layer.reset_after:
        return {0: da_r, 1: da_z, 2: da_n * r}
    # r of this unit alone met its state there.
    return {0: da_r, 1: da_z, 2: da_n * r[at.unit]}


def _kept(at: _At) -> tuple[float, float]:
    gradient, kept = at.later_gradients("hidden"), at.later_values("update")
    return float(gradient[at.unit]), float(kept[at.unit])


GRU_INSIDE: Mapping[str, Inside] = {
    "reset": _gate("reset", "r", 0, "σ", _reset_back),
    "update": _gate(
        "update",
        "z",
        1,
        "σ",
        _product(
            "update",
            "z",
            lambda at: at.gradient("hidden"),
            lambda at: at.state("hidden") - at.value("candidate"),
        ),
    ),
    "candidate": _inside(
        "n",
        _candidate,
        _product(
            "candidate", "n", lambda at: at.gradient("hidden"), lambda at: 1 - at.value("update")
        ),
    ),
    "hidden": _inside("h", _gru_hidden, _hidden_back(_gru_signals, _kept)),
}


def worked_state(inside: Mapping[str, Inside]) -> Callable[[OneEntry], tuple[Arithmetic, ...]]:
    """One entry of the output, which is a state, as it is made."""

    def worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
        found = entry.layer.intermediates(entry.params, entry.cache)
        values = {name: one.values[entry.sample] for name, one in found.items()}
        nothing = {name: np.zeros_like(value) for name, value in values.items()}
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
        return inside["hidden"].forward(inner)

    return worked
