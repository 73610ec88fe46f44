"""Recurrences as people write them, in plain NumPy with nothing of ours beside them, and the
mistakes that are made in their backward pass through time.

Each is written in a form of its own: samples first or times first, weights one way or the other, W
and U apart or one matrix, one bias or two, all states put out or the last one.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import STRANGER, Arrays, Code, Specimen, always, squashed

TIMES, SAMPLES, INPUTS, HIDDEN = 4, 3, 2, 3

# A backward with the mistake of that name in it, "" for none: (mistake, ∂C/∂y, arrays) → gradients.
Recurrence = Callable[[str, Array, Arrays], dict[str, Array]]


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every form, every mistake, every point."""
    for name, point, forward, backward, mistakes in FORMS:
        for mistake in ("", *mistakes, STRANGER):
            for seed in seeds:
                generator = np.random.default_rng([seed, 9])
                shapes = point()
                arrays = {one: generator.normal(size=shape) for one, shape in shapes.items()}
                dy = generator.normal(size=forward(arrays).shape)
                yield Specimen(
                    subject=name,
                    mistake=mistake,
                    arrays=arrays,
                    dy=dy,
                    forward=forward,
                    start=always(_code(backward, mistake)),
                )


def _code(backward: Recurrence, mistake: str) -> Code:
    """The backward with the mistake; with that of none of these, every gradient squashed."""
    if mistake != STRANGER:
        return partial(backward, mistake)
    return lambda dy, a: squashed(backward("", dy, a))


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _steps(mistake: str) -> range:
    """The times of a backward loop: one that stops too early leaves out the first."""
    return range(TIMES - 1, 0 if mistake == "time_cut" else -1, -1)


class _Sums:
    """Gradients that are added up over the times; with `one_time` the last one that is computed
    is written over the others."""

    def __init__(self, mistake: str, arrays: Arrays, *names: str) -> None:
        self.overwritten = mistake == "one_time"
        self.found = {name: np.zeros_like(arrays[name]) for name in names}

    def add(self, **parts: Array) -> None:
        for name, part in parts.items():
            self.found[name] = part if self.overwritten else self.found[name] + part


# A simple recurrence, samples first: h = tanh(x·W + h·U + b), all states put out


def _rnn_states(a: Arrays) -> list[Array]:
    hs = [np.zeros((SAMPLES, HIDDEN))]
    for t in range(TIMES):
        hs.append(np.tanh(a["x"][:, t] @ a["Wx"] + hs[-1] @ a["Wh"] + a["b"]))
    return hs


def _rnn_forward(a: Arrays) -> Array:
    return np.stack(_rnn_states(a)[1:], axis=1)


def _rnn_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    hs = _rnn_states(a)
    dx, sums = np.zeros_like(a["x"]), _Sums(mistake, a, "Wx", "Wh", "b")
    dh_next = np.zeros((SAMPLES, HIDDEN))
    for t in _steps(mistake):
        dh = dy[:, t] + dh_next
        dz = dh if mistake == "gate_slope_missing" else dh * (1 - hs[t + 1] ** 2)
        met = hs[t + 1] if mistake == "state_after" else hs[t]
        sums.add(Wx=a["x"][:, t].T @ dz, Wh=met.T @ dz, b=dz.sum(0))
        dx[:, t] = dz @ a["Wx"].T
        dh_next = np.zeros_like(dh) if mistake == "time_stops" else dz @ a["Wh"].T
    return {"x": dx, **sums.found}


# The same with the times first, the weights turned round, max(0, ·), and the last state alone


def _turned_states(a: Arrays) -> list[Array]:
    hs = [np.zeros((SAMPLES, HIDDEN))]
    for t in range(TIMES):
        hs.append(np.maximum(0, a["xs"][t] @ a["Wxh"].T + hs[-1] @ a["Whh"].T + a["bh"]))
    return hs


def _turned_forward(a: Arrays) -> Array:
    return _turned_states(a)[-1]


def _turned_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    hs = _turned_states(a)
    dx, sums = np.zeros_like(a["xs"]), _Sums(mistake, a, "Wxh", "Whh", "bh")
    dh = dy
    for t in _steps(mistake):
        dz = dh if mistake == "gate_slope_missing" else dh * (hs[t + 1] > 0)
        met = hs[t + 1] if mistake == "state_after" else hs[t]
        sums.add(Wxh=dz.T @ a["xs"][t], Whh=dz.T @ met, bh=dz.sum(0))
        dx[t] = dz @ a["Wxh"]
        dh = np.zeros_like(dh) if mistake == "time_stops" else dz @ a["Whh"]
    return {"xs": dx, **sums.found}


# An LSTM with its gates i f g o side by side, all states put out


def _lstm_steps(a: Arrays) -> tuple[list[Any], list[Array], list[Array]]:
    h, c = np.zeros((SAMPLES, HIDDEN)), np.zeros((SAMPLES, HIDDEN))
    gates, hs, cs = [], [h], [c]
    for t in range(TIMES):
        z = a["x"][:, t] @ a["W"] + h @ a["U"] + a["b"]
        i, f, g, o = np.split(z, 4, axis=1)
        i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        gates.append((i, f, g, o))
        hs.append(h)
        cs.append(c)
    return gates, hs, cs


def _lstm_forward(a: Arrays) -> Array:
    return np.stack(_lstm_steps(a)[1][1:], axis=1)


def _lstm_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    gates, hs, cs = _lstm_steps(a)
    dx, sums = np.zeros_like(a["x"]), _Sums(mistake, a, "W", "U", "b")
    dh_next, dc_next = np.zeros((SAMPLES, HIDDEN)), np.zeros((SAMPLES, HIDDEN))
    for t in _steps(mistake):
        dh = dy[:, t] + dh_next
        parts, dc = _lstm_gates(mistake, dh, dc_next, gates[t], cs[t], cs[t + 1])
        dz = np.concatenate(parts, axis=1)
        met = hs[t + 1] if mistake == "state_after" else hs[t]
        sums.add(W=a["x"][:, t].T @ dz, U=met.T @ dz, b=dz.sum(0))
        dx[:, t] = dz @ a["W"].T
        dh_next = np.zeros_like(dh) if mistake == "time_stops" else dz @ a["U"].T
        dc_next = _cell_before(mistake, dc, gates[t][1])
    return {"x": dx, **sums.found}


def _lstm_gates(
    mistake: str, dh: Array, dc_next: Array, gates: Any, c_before: Array, c: Array
) -> tuple[list[Array], Array]:
    """∂C/∂z of i f g o, and ∂C/∂c."""
    i, f, g, o = gates
    slope = 1.0 if mistake == "cell_slope_missing" else 1 - np.tanh(c) ** 2
    dc = dc_next + dh * o * slope
    di, df = dc * g * i * (1 - i), dc * c_before * f * (1 - f)
    dg, do = dc * i * (1 - g**2), dh * np.tanh(c) * o * (1 - o)
    if mistake == "gates_swapped":
        di, df = df, di
    if mistake == "gate_slope_missing":
        do = dh * np.tanh(c)
    return [di, df, dg, do], dc


def _cell_before(mistake: str, dc: Array, f: Array) -> Array:
    if mistake == "cell_forgotten":
        return np.zeros_like(dc)
    return dc if mistake == "cell_gate_missing" else dc * f


# An LSTM of [h, x]·W, gates f i o g, times first, the last state alone


def _joined_steps(a: Arrays) -> tuple[list[Any], list[Array], list[Array], list[Array]]:
    h, c = np.zeros((SAMPLES, HIDDEN)), np.zeros((SAMPLES, HIDDEN))
    gates, hs, cs, both = [], [h], [c], []
    for t in range(TIMES):
        both.append(np.hstack([h, a["inputs"][t]]))
        f, i, o, g = np.split(both[-1] @ a["W"] + a["b"], 4, axis=1)
        f, i, o, g = _sigmoid(f), _sigmoid(i), _sigmoid(o), np.tanh(g)
        c = f * c + i * g
        h = o * np.tanh(c)
        gates.append((i, f, g, o))
        hs.append(h)
        cs.append(c)
    return gates, hs, cs, both


def _joined_forward(a: Arrays) -> Array:
    return _joined_steps(a)[1][-1]


def _joined_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    gates, hs, cs, both = _joined_steps(a)
    dx, sums = np.zeros_like(a["inputs"]), _Sums(mistake, a, "W", "b")
    dh, dc_next = dy, np.zeros((SAMPLES, HIDDEN))
    for t in _steps(mistake):
        (di, df, dg, do), dc = _lstm_gates(mistake, dh, dc_next, gates[t], cs[t], cs[t + 1])
        dz = np.hstack([df, di, do, dg])
        met = both[t].copy()
        if mistake == "state_after":
            met[:, :HIDDEN] = hs[t + 1]
        sums.add(W=met.T @ dz, b=dz.sum(0))
        back = dz @ a["W"].T
        dx[t] = back[:, HIDDEN:]
        dh = np.zeros_like(dh) if mistake == "time_stops" else back[:, :HIDDEN]
        dc_next = _cell_before(mistake, dc, gates[t][1])
    return {"inputs": dx, **sums.found}


# A GRU as PyTorch has it: r z n, two biases, r behind the product


def _gru_steps(a: Arrays) -> tuple[list[Any], list[Array]]:
    h = np.zeros((SAMPLES, HIDDEN))
    gates, hs = [], [h]
    for t in range(TIMES):
        given, q = a["x"][:, t] @ a["Wi"] + a["bi"], h @ a["Wh"] + a["bh"]
        r = _sigmoid(given[:, :HIDDEN] + q[:, :HIDDEN])
        z = _sigmoid(given[:, HIDDEN : 2 * HIDDEN] + q[:, HIDDEN : 2 * HIDDEN])
        n = np.tanh(given[:, 2 * HIDDEN :] + r * q[:, 2 * HIDDEN :])
        h = (1 - z) * n + z * h
        gates.append((r, z, n, q[:, 2 * HIDDEN :]))
        hs.append(h)
    return gates, hs


def _gru_forward(a: Arrays) -> Array:
    return np.stack(_gru_steps(a)[1][1:], axis=1)


def _gru_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    gates, hs = _gru_steps(a)
    dx, sums = np.zeros_like(a["x"]), _Sums(mistake, a, "Wi", "Wh", "bi", "bh")
    dh_next = np.zeros((SAMPLES, HIDDEN))
    for t in _steps(mistake):
        r, z, n, q = gates[t]
        dh = dy[:, t] + dh_next
        dn, dz = dh * (1 - z) * (1 - n**2), dh * (hs[t] - n) * z * (1 - z)
        dr = dn * q * r * (1 - r)
        if mistake == "gates_swapped":
            dr, dz = dz, dr
        if mistake == "gate_slope_missing":
            dz = dh * (hs[t] - n)
        given = np.hstack([dr, dz, dn])
        of_h = np.hstack([dr, dz, dn if mistake == "reset_missing" else dn * r])
        met = hs[t + 1] if mistake == "state_after" else hs[t]
        sums.add(Wi=a["x"][:, t].T @ given, Wh=met.T @ of_h, bi=given.sum(0), bh=of_h.sum(0))
        dx[:, t] = given @ a["Wi"].T
        direct = 0 if mistake == "state_kept_missing" else dh * z
        dh_next = np.zeros_like(dh) if mistake == "time_stops" else direct + of_h @ a["Wh"].T
    return {"x": dx, **sums.found}


# The paper's GRU: z r n, one bias, r before the product, the last state alone


def _paper_steps(a: Arrays) -> tuple[list[Any], list[Array]]:
    h = np.zeros((SAMPLES, HIDDEN))
    gates, hs = [], [h]
    for t in range(TIMES):
        given = a["x"][:, t] @ a["W"] + a["b"]
        z = _sigmoid(given[:, :HIDDEN] + h @ a["U"][:, :HIDDEN])
        r = _sigmoid(given[:, HIDDEN : 2 * HIDDEN] + h @ a["U"][:, HIDDEN : 2 * HIDDEN])
        n = np.tanh(given[:, 2 * HIDDEN :] + (r * h) @ a["U"][:, 2 * HIDDEN :])
        h = (1 - z) * n + z * h
        gates.append((r, z, n))
        hs.append(h)
    return gates, hs


def _paper_forward(a: Arrays) -> Array:
    return _paper_steps(a)[1][-1]


def _paper_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    gates, hs = _paper_steps(a)
    dx, sums = np.zeros_like(a["x"]), _Sums(mistake, a, "W", "U", "b")
    last = slice(2 * HIDDEN, None)
    dh = dy
    for t in _steps(mistake):
        r, z, n = gates[t]
        dn, dz = dh * (1 - z) * (1 - n**2), dh * (hs[t] - n) * z * (1 - z)
        ds = dn @ a["U"][:, last].T
        dr = ds * hs[t] * r * (1 - r)
        if mistake == "gates_swapped":
            dr, dz = dz, dr
        if mistake == "gate_slope_missing":
            dz = dh * (hs[t] - n)
        given = np.hstack([dz, dr, dn])
        met = hs[t + 1] if mistake == "state_after" else hs[t]
        by_state = np.hstack([met.T @ given[:, : 2 * HIDDEN], (r * hs[t]).T @ dn])
        sums.add(W=a["x"][:, t].T @ given, U=by_state, b=given.sum(0))
        dx[:, t] = given @ a["W"].T
        direct = 0 if mistake == "state_kept_missing" else dh * z
        through = given[:, : 2 * HIDDEN] @ a["U"][:, : 2 * HIDDEN].T
        through = through + (ds if mistake == "reset_missing" else ds * r)
        dh = np.zeros_like(dh) if mistake == "time_stops" else direct + through
    return {"x": dx, **sums.found}


def _shapes(x: tuple[int, ...], **others: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {"x": x, **others}


_SAMPLES_FIRST, _TIMES_FIRST = (SAMPLES, TIMES, INPUTS), (TIMES, SAMPLES, INPUTS)
_OF_ALL = ("time_stops", "time_cut", "one_time", "state_after", "gate_slope_missing")
_OF_LSTM = (*_OF_ALL, "gates_swapped", "cell_forgotten", "cell_gate_missing", "cell_slope_missing")
_OF_GRU = (*_OF_ALL, "gates_swapped", "state_kept_missing", "reset_missing")

FORMS: tuple[tuple[str, Any, Any, Recurrence, tuple[str, ...]], ...] = (
    (
        "h = tanh(x·Wx + h·Wh + b)",
        lambda: _shapes(_SAMPLES_FIRST, Wx=(INPUTS, HIDDEN), Wh=(HIDDEN, HIDDEN), b=(HIDDEN,)),
        _rnn_forward,
        _rnn_backward,
        _OF_ALL,
    ),
    (
        "h = max(0, Wxh·x + Whh·h + bh), the last",
        lambda: {
            "xs": _TIMES_FIRST,
            "Wxh": (HIDDEN, INPUTS),
            "Whh": (HIDDEN, HIDDEN),
            "bh": (HIDDEN,),
        },
        _turned_forward,
        _turned_backward,
        _OF_ALL,
    ),
    (
        "LSTM of x·W + h·U + b",
        lambda: _shapes(
            _SAMPLES_FIRST, W=(INPUTS, 4 * HIDDEN), U=(HIDDEN, 4 * HIDDEN), b=(4 * HIDDEN,)
        ),
        _lstm_forward,
        _lstm_backward,
        _OF_LSTM,
    ),
    (
        "LSTM of [h, x]·W + b, the last",
        lambda: {
            "inputs": _TIMES_FIRST,
            "W": (HIDDEN + INPUTS, 4 * HIDDEN),
            "b": (4 * HIDDEN,),
        },
        _joined_forward,
        _joined_backward,
        _OF_LSTM,
    ),
    (
        "GRU of two biases",
        lambda: _shapes(
            _SAMPLES_FIRST,
            Wi=(INPUTS, 3 * HIDDEN),
            Wh=(HIDDEN, 3 * HIDDEN),
            bi=(3 * HIDDEN,),
            bh=(3 * HIDDEN,),
        ),
        _gru_forward,
        _gru_backward,
        _OF_GRU,
    ),
    (
        "the paper's GRU, the last",
        lambda: _shapes(
            _SAMPLES_FIRST, W=(INPUTS, 3 * HIDDEN), U=(HIDDEN, 3 * HIDDEN), b=(3 * HIDDEN,)
        ),
        _paper_forward,
        _paper_backward,
        _OF_GRU,
    ),
)
