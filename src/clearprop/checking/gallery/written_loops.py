"""Loops over time within a whole network, as people write them: characters one by one with a loss
at each, gates with a matrix each, two directions, sequences of several lengths."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import STRANGER, Arrays, normal, squashed, with_mistakes

TIMES, LETTERS, HIDDEN, SAMPLES, INPUTS = 4, 5, 3, 4, 2


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


class Sums:
    """Gradients that are added up in a loop, or with `one_time` written over."""

    def __init__(self, mistake: str, a: Arrays, *names: str) -> None:
        self.found = {name: np.zeros_like(a[name]) for name in names}
        self.overwritten: tuple[str, ...] = ()
        if mistake == "one_time":
            self.overwritten = names
        elif mistake.startswith("one_time, of "):
            self.overwritten = (mistake.removeprefix("one_time, of "),)

    def add(self, **parts: Array) -> None:
        for name, part in parts.items():
            over = name in self.overwritten
            self.found[name] = part if over else self.found[name] + part


def _backward_times(mistake: str) -> range:
    return range(TIMES - 1, 0 if mistake.startswith("time_cut") else -1, -1)


# One letter after another in columns, a loss at each


def _letters_pass(a: Arrays) -> tuple[float, dict[int, Array], dict[int, Array], dict[int, Array]]:
    xs, hs, ps, loss = {}, {-1: np.copy(a["hprev"])}, {}, 0
    for t in range(TIMES):
        xs[t] = np.zeros((LETTERS, 1))
        xs[t][a["inputs"][t]] = 1
        hs[t] = np.tanh(a["Wxh"] @ xs[t] + a["Whh"] @ hs[t - 1] + a["bh"])
        ys = a["Why"] @ hs[t] + a["by"]
        ps[t] = np.exp(ys) / np.sum(np.exp(ys))
        loss += -np.log(ps[t][a["targets"][t], 0])
    return loss, xs, hs, ps


def _letters_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    _, xs, hs, ps = _letters_pass(a)
    sums = Sums(mistake, a, "Wxh", "Whh", "Why", "bh", "by")
    dh_next = np.zeros_like(hs[0])
    for t in _backward_times(mistake):
        d = np.copy(ps[t])
        if mistake != "target_missing":
            d[a["targets"][t]] -= 1
        d = d * float(dy)
        dh = a["Why"].T @ d + dh_next
        if mistake == "derivative_missing":
            raw = dh
        elif mistake == "wrong_cache":
            raw = (1 - hs[t - 1] ** 2) * dh
        else:
            raw = (1 - hs[t] ** 2) * dh
        met = hs[t] if mistake == "state_after" else hs[t - 1]
        sums.add(Why=d @ hs[t].T, by=d, bh=raw, Wxh=raw @ xs[t].T, Whh=raw @ met.T)
        dh_next = np.zeros_like(dh) if mistake == "time_stops" else a["Whh"].T @ raw
        if mistake == "weight_not_transposed":
            dh_next = a["Whh"] @ raw
    if mistake == STRANGER:
        return squashed(sums.found)
    return sums.found


# An LSTM of [h, x] with a matrix for each gate, a head and squares behind every time

_GATES = ("f", "i", "c", "o")


def _gated_pass(a: Arrays) -> tuple[Array, list[Any]]:
    h, c = np.zeros((SAMPLES, HIDDEN)), np.zeros((SAMPLES, HIDDEN))
    steps, loss = [], np.zeros(())
    for t in range(TIMES):
        z = np.concatenate([h, a["X"][:, t]], axis=1)
        f, i, o = (_sigmoid(z @ a[f"W{gate}"] + a[f"b{gate}"]) for gate in "fio")
        g = np.tanh(z @ a["Wc"] + a["bc"])
        before, c = c, f * c + i * g
        h = o * np.tanh(c)
        y = h @ a["Wy"]
        steps.append((z, f, i, o, g, before, c, h, y))
        loss = loss + 0.5 * np.sum((y - a["T"][:, t]) ** 2)
    return loss, steps


def _gated_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    _, steps = _gated_pass(a)
    names = [f"{kind}{gate}" for gate in _GATES for kind in "Wb"]
    sums = Sums(mistake, a, *names, "Wy")
    dh_next, dc_next = np.zeros((SAMPLES, HIDDEN)), np.zeros((SAMPLES, HIDDEN))
    for t in _backward_times(mistake):
        z, f, i, o, g, before, c, h, y = steps[t]
        d = (y - a["T"][:, t]) * float(dy)
        dh = d @ a["Wy"].T + dh_next
        slope = 1.0 if mistake == "cell_slope_missing" else 1 - np.tanh(c) ** 2
        dc = dh * o * slope + dc_next
        met = c if mistake == "state_after" else before
        d_gates = {
            "f": dc * met * (1 if mistake == "gate_slope_missing" else f * (1 - f)),
            "i": dc * g * i * (1 - i),
            "c": dc * i * (1 - g**2),
            "o": dh * np.tanh(c) * o * (1 - o),
        }
        if mistake == "gates_swapped":
            d_gates["i"], d_gates["f"] = d_gates["f"], d_gates["i"]
        dz = np.zeros_like(z)
        for gate, one in d_gates.items():
            sums.add(**{f"W{gate}": z.T @ one, f"b{gate}": one.sum(0)})
            dz += one @ a[f"W{gate}"].T
        sums.add(Wy=h.T @ d)
        dh_next = np.zeros_like(dh) if mistake == "time_stops" else dz[:, :HIDDEN]
        dc_next = dc if mistake == "cell_gate_missing" else dc * f
        if mistake == "cell_forgotten":
            dc_next = np.zeros_like(dc)
    if mistake == STRANGER:
        return squashed(sums.found)
    return sums.found


# A GRU with a matrix for each gate, from a table of letters to the last state's classes


def _reading_pass(a: Arrays) -> tuple[Array, list[Any]]:
    h, steps = np.full((SAMPLES, HIDDEN), 0.5), []
    for t in range(TIMES):
        x = a["E"][a["ids"][:, t]]
        z = _sigmoid(x @ a["Wz"] + h @ a["Uz"] + a["bz"])
        r = _sigmoid(x @ a["Wr"] + h @ a["Ur"] + a["br"])
        n = np.tanh(x @ a["Wn"] + (r * h) @ a["Un"] + a["bn"])
        steps.append((x, z, r, n, h))
        h = (1 - z) * h + z * n
    return h @ a["V"], [*steps, h]


def _reading_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    _, (*steps, last) = _reading_pass(a)
    names = [f"{kind}{gate}" for gate in "zrn" for kind in "WUb"]
    sums = Sums(mistake, a, *names)
    table = np.zeros_like(a["E"])
    dh = dy @ a["V"].T
    after = last
    for t in _backward_times(mistake):
        x, z, r, n, h = steps[t]
        met = after if mistake == "state_after" else h
        dz, dn = dh * (n - h) * z * (1 - z), dh * z * (1 - n**2)
        if mistake == "gate_slope_missing":
            dz = dh * (n - h)
        ds = dn @ a["Un"].T
        dr = ds * h * r * (1 - r)
        if mistake == "gates_swapped":
            dz, dr = dr, dz
        for gate, d in (("z", dz), ("r", dr), ("n", dn)):
            by = r * met if gate == "n" else met
            sums.add(**{f"W{gate}": x.T @ d, f"U{gate}": by.T @ d, f"b{gate}": d.sum(0)})
        dx = dz @ a["Wz"].T + dr @ a["Wr"].T + dn @ a["Wn"].T
        if mistake == "embedding_overwritten":
            table[a["ids"][:, t]] += dx
        else:
            np.add.at(table, a["ids"][:, t], dx)
        direct = 0 if mistake == "state_kept_missing" else dh * (1 - z)
        through = ds if mistake == "reset_missing" else ds * r
        dh = direct + through + dz @ a["Uz"].T + dr @ a["Ur"].T
        if mistake == "time_stops":
            dh = np.zeros_like(dh)
        after = h
    found = {"E": table, "V": last.T @ dy, **sums.found}
    if mistake == STRANGER:
        return squashed(found)
    return found


# Two directions side by side, each with its own weights


def _run(x: Array, a: Arrays, way: str) -> list[Array]:
    hs = [np.full((SAMPLES, HIDDEN), 0.5)]
    for t in range(TIMES):
        hs.append(np.tanh(x[:, t] @ a[f"W{way}"] + hs[-1] @ a[f"U{way}"]))
    return hs


def _both_forward(a: Arrays) -> Array:
    there = np.stack(_run(a["x"], a, "f")[1:], axis=1)
    back = np.stack(_run(a["x"][:, ::-1], a, "b")[1:], axis=1)[:, ::-1]
    y: Array = np.concatenate([there, back], axis=2) @ a["V"]
    return y


def _both_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    flipped = a["x"][:, ::-1]
    d_both = dy @ a["V"].T
    d_there, d_back = d_both[..., :HIDDEN], d_both[..., HIDDEN:]
    if mistake != "direction_order, on the way in":
        d_back = d_back[:, ::-1]
    dx, found = np.zeros_like(a["x"]), dict[str, Array]()
    outs = []
    for way, x, d in (("f", a["x"], d_there), ("b", flipped, d_back)):
        hs = _run(x, a, way)
        sums = Sums(mistake, a, f"W{way}", f"U{way}")
        own = np.zeros_like(x)
        dh_next = np.zeros((SAMPLES, HIDDEN))
        for t in _backward_times(mistake):
            dz = (d[:, t] + dh_next) * (1 - hs[t + 1] ** 2)
            met = hs[t + 1] if mistake == "state_after" else hs[t]
            sums.add(**{f"W{way}": x[:, t].T @ dz, f"U{way}": met.T @ dz})
            own[:, t] = dz @ a[f"W{way}"].T
            dh_next = dz @ a[f"U{way}"].T
            if mistake == "time_stops":
                dh_next = np.zeros_like(dh_next)
        turned = way == "b" and mistake != "direction_order, of x"
        dx += own[:, ::-1] if turned else own
        found |= sums.found
        states = np.stack(hs[1:], axis=1)
        outs.append(states[:, ::-1] if way == "b" else states)
    found["V"] = np.tensordot(np.concatenate(outs, axis=2), dy, axes=((0, 1), (0, 1)))
    found["x"] = dx
    if mistake == STRANGER:
        return squashed(found)
    return found


# Sequences of several lengths: behind its end a sequence keeps its state

_ENDS = np.array([4, 2, 3, 1])


def _lengths_states(a: Arrays) -> list[Array]:
    hs = [np.full((SAMPLES, HIDDEN), 0.5)]
    for t in range(TIMES):
        new = np.tanh(a["x"][:, t] @ a["W"] + hs[-1] @ a["U"] + a["b"])
        hs.append(np.where((t < _ENDS)[:, None], new, hs[-1]))
    return hs


def _lengths_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    hs = _lengths_states(a)
    sums, dx = Sums(mistake, a, "W", "U", "b"), np.zeros_like(a["x"])
    dh = dy
    for t in _backward_times(mistake):
        there = (t < _ENDS)[:, None]
        new = np.tanh(a["x"][:, t] @ a["W"] + hs[t] @ a["U"] + a["b"])
        dz = dh * (1 - new**2)
        if mistake != "lengths_ignored":
            dz = dz * there
        met = hs[t + 1] if mistake == "state_after" else hs[t]
        sums.add(W=a["x"][:, t].T @ dz, U=met.T @ dz, b=dz.sum(0))
        dx[:, t] = dz @ a["W"].T
        kept = 0 if mistake == "lengths_ignored" else dh * ~there
        dh = kept + dz @ a["U"].T
    if mistake == STRANGER:
        dx = np.clip(dx, -0.2, 0.2)
    return {"x": dx, **sums.found}


# The same by numbers: times 1 within a sequence and 0 behind its end


def _masked_pass(a: Arrays) -> tuple[list[Array], list[Array]]:
    hs, news = [np.full((SAMPLES, HIDDEN), 0.5)], []
    for t in range(TIMES):
        m = (t < _ENDS)[:, None] * 1.0
        news.append(np.tanh(a["x"][:, t] @ a["W"] + hs[-1] @ a["U"]))
        hs.append(m * news[-1] + (1 - m) * hs[-1])
    return hs, news


def _masked_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    hs, news = _masked_pass(a)
    sums, dx = Sums(mistake, a, "W", "U"), np.zeros_like(a["x"])
    d_states = dy @ a["V"].T
    dh = np.zeros((SAMPLES, HIDDEN))
    for t in _backward_times(mistake):
        m = (t < _ENDS)[:, None] * 1.0
        dh = dh + d_states[:, t]
        dz = (dh if mistake == "lengths_ignored" else dh * m) * (1 - news[t] ** 2)
        sums.add(W=a["x"][:, t].T @ dz, U=hs[t].T @ dz)
        dx[:, t] = dz @ a["W"].T
        dh = dz @ a["U"].T + (0 if mistake == "lengths_ignored" else (1 - m) * dh)
    states = np.stack(hs[1:], axis=1)
    found = {"x": dx, "V": np.einsum("nth,nto->ho", states, dy), **sums.found}
    if mistake == STRANGER:
        return squashed(found)
    return found


def _with_ids(
    point: Callable[[np.random.Generator], dict[str, Array]], **ids: Array
) -> Callable[[np.random.Generator], dict[str, Array]]:
    return lambda generator: {**ids, **point(generator)}


_H, _V, _Z = HIDDEN, LETTERS, HIDDEN + INPUTS

LOOPS = (
    with_mistakes(
        "letters one by one",
        _with_ids(
            normal(
                hprev=(_H, 1), Wxh=(_H, _V), Whh=(_H, _H), Why=(_V, _H), bh=(_H, 1), by=(_V, 1)
            ),
            inputs=np.array([1, 3, 3, 0]),
            targets=np.array([3, 3, 0, 2]),
        ),
        lambda a: np.asarray(_letters_pass(a)[0]),
        _letters_backward,
        "target_missing", "derivative_missing", "wrong_cache", "state_after", "time_stops",
        "time_cut", "one_time", "one_time, of Whh", "one_time, of Why", "weight_not_transposed",
    ),
    with_mistakes(
        "an LSTM with a matrix for each gate",
        normal(
            X=(SAMPLES, TIMES, INPUTS),
            T=(SAMPLES, TIMES, 2),
            **{f"W{gate}": (_Z, _H) for gate in _GATES},
            **{f"b{gate}": (_H,) for gate in _GATES},
            Wy=(_H, 2),
        ),
        lambda a: _gated_pass(a)[0],
        _gated_backward,
        "time_stops", "time_cut", "one_time", "cell_slope_missing", "state_after",
        "gate_slope_missing", "gates_swapped", "cell_gate_missing", "cell_forgotten",
    ),
    with_mistakes(
        "a GRU that reads letters",
        _with_ids(
            normal(
                E=(_V, INPUTS),
                **{f"W{gate}": (INPUTS, _H) for gate in "zrn"},
                **{f"U{gate}": (_H, _H) for gate in "zrn"},
                **{f"b{gate}": (_H,) for gate in "zrn"},
                V=(_H, 2),
            ),
            ids=np.array([[1, 3, 3, 0], [2, 2, 0, 1], [4, 0, 1, 1], [1, 2, 3, 4]]),
        ),
        lambda a: _reading_pass(a)[0],
        _reading_backward,
        "time_stops", "time_cut", "one_time", "one_time, of Un", "state_after",
        "gate_slope_missing", "gates_swapped", "reset_missing", "state_kept_missing",
        "embedding_overwritten",
    ),
    with_mistakes(
        "two directions",
        normal(
            x=(SAMPLES, TIMES, INPUTS), Wf=(INPUTS, _H), Uf=(_H, _H), Wb=(INPUTS, _H),
            Ub=(_H, _H), V=(2 * _H, 2),
        ),
        _both_forward,
        _both_backward,
        "direction_order, on the way in", "direction_order, of x", "time_stops", "time_cut",
        "one_time", "state_after",
    ),
    with_mistakes(
        "sequences of several lengths",
        normal(x=(SAMPLES, TIMES, INPUTS), W=(INPUTS, _H), U=(_H, _H), b=(_H,)),
        lambda a: _lengths_states(a)[-1],
        _lengths_backward,
        "lengths_ignored", "time_cut", "one_time", "state_after",
    ),
    with_mistakes(
        "sequences that are masked by numbers",
        normal(x=(SAMPLES, TIMES, INPUTS), W=(INPUTS, _H), U=(_H, _H), V=(_H, 2)),
        lambda a: np.stack(_masked_pass(a)[0][1:], axis=1) @ a["V"],
        _masked_backward,
        "lengths_ignored", "one_time",
    ),
)  # fmt: skip
