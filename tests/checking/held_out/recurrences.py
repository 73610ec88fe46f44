"""Loops over time that are given their first state and hand its gradient back: letters in columns,
an LSTM of one matrix, a GRU as in the paper."""

from typing import Any

import numpy as np

from .case import Case, family, normal, sigmoid

TIMES, INPUTS, HIDDEN = 3, 3, 2
TARGETS = (1, 2, 0)


def letters(xs: Any, Wxh: Any, Whh: Any, Why: Any, bh: Any, h0: Any) -> Any:
    hs, ps, loss = {-1: h0}, {}, 0.0
    for t in range(TIMES):
        hs[t] = np.tanh(Wxh @ xs[t][:, None] + Whh @ hs[t - 1] + bh)
        y = Why @ hs[t]
        ps[t] = np.exp(y - y.max()) / np.sum(np.exp(y - y.max()))
        loss = loss - np.log(ps[t][TARGETS[t], 0])
    return loss, (hs, ps)


def letters_back(
    slip: str, dl: Any, cache: Any, xs: Any, Wxh: Any, Whh: Any, Why: Any, bh: Any, h0: Any
) -> Any:
    hs, ps = cache
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dxs, dh_next = np.zeros_like(bh), np.zeros_like(xs), np.zeros_like(h0)
    for t in range(TIMES - 1, 0 if slip == "one time early" else -1, -1):
        dy = np.copy(ps[t])
        dy[TARGETS[t]] -= 1
        dy = dy * dl
        dWhy += dy @ hs[t].T
        dh = Why.T @ dy + dh_next
        da = (1 - hs[t] * hs[t]) * dh
        dbh += da
        dWxh += da @ xs[t][None]
        dWhh += da @ hs[t if slip == "this state" else t - 1].T
        dxs[t] = (Wxh.T @ da)[:, 0]
        back = Whh if slip == "no transpose" else Whh.T
        dh_next = back @ (dh if slip == "no slope on the way" else da)
    return dxs, dWxh, dWhh, dWhy, dbh, dh_next


LETTERS = family(
    "letters in columns",
    letters,
    letters_back,
    {
        "xs": normal(1, TIMES, 4),
        "Wxh": normal(2, HIDDEN, 4),
        "Whh": normal(3, HIDDEN, HIDDEN),
        "Why": normal(4, INPUTS, HIDDEN),
        "bh": normal(5, HIDDEN, 1),
        "h0": normal(6, HIDDEN, 1),
    },
    {
        "one time early": "time_cut",
        "this state": "state_after",
        "no transpose": "weight_not_transposed",
        "no slope on the way": "slope_on_the_way",
    },
    is_scalar=False,
)


def lstm(X: Any, W: Any, b: Any, h: Any, c: Any) -> Any:
    tape, out = [], []
    for t in range(TIMES):
        hx = np.concatenate([h, X[t]], axis=1)
        i, f, o, g = np.split(hx @ W + b, 4, axis=1)
        i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
        before = c
        c = f * c + i * g
        h = o * np.tanh(c)
        tape.append((hx, i, f, o, g, before, np.tanh(c)))
        out.append(h)
    return np.stack(out), tape


def lstm_back(slip: str, dout: Any, tape: Any, X: Any, W: Any, b: Any, h: Any, c: Any) -> Any:
    dW, db, dX = np.zeros_like(W), np.zeros_like(b), []
    dh_next, dc_next = np.zeros_like(h), np.zeros_like(c)
    for t in reversed(range(TIMES)):
        hx, i, f, o, g, before, squashed = tape[t]
        dh = dout[t] + dh_next
        dc = dc_next + dh * o * (1 - squashed**2)
        do = dh * squashed * o * (1 - o)
        di = dc * g * i * (1 - i)
        df = dc * (squashed if slip == "tanh of this cell" else before) * f * (1 - f)
        dg = dc * i * (g * (1 - g) if slip == "slope of a sigmoid" else 1 - g**2)
        da = np.hstack([di, df, do, dg])
        dW += hx.T @ da
        db += da.sum(0)
        dhx = da @ W.T
        dh_next, dx = dhx[:, :HIDDEN], dhx[:, HIDDEN:]
        if slip == "cut the other way round":
            dx, dh_next = dhx[:, :INPUTS], dhx[:, INPUTS:]
        dX.append(dx)
        dc_next = dc * {"no forget gate": 1.0, "by the input gate": i}.get(slip, f)
    return np.stack(dX if slip == "not turned round" else dX[::-1]), dW, db, dh_next, dc_next


LSTM = family(
    "an LSTM of one matrix",
    lstm,
    lstm_back,
    {
        "X": normal(7, TIMES, 2, INPUTS),
        "W": normal(8, HIDDEN + INPUTS, 4 * HIDDEN) * 0.7,
        "b": normal(9, 4 * HIDDEN),
        "h": normal(10, 2, HIDDEN),
        "c": normal(11, 2, HIDDEN),
    },
    {
        "tanh of this cell": "wrong_cache",
        "slope of a sigmoid": "other_function",
        "cut the other way round": "wrong_signal",
        "no forget gate": "cell_gate_missing",
        "by the input gate": "wrong_cache",
        "not turned round": "direction_order",
    },
    is_scalar=False,
)


def gru(x: Any, Wz: Any, Uz: Any, Wr: Any, Ur: Any, Wn: Any, Un: Any) -> Any:
    h, tape = np.zeros((len(x), HIDDEN)), []
    for t in range(TIMES):
        z = sigmoid(x[:, t] @ Wz + h @ Uz)
        r = sigmoid(x[:, t] @ Wr + h @ Ur)
        n = np.tanh(x[:, t] @ Wn + (r * h) @ Un)
        tape.append((h, z, r, n))
        h = (1 - z) * h + z * n
    return h, tape


def gru_back(
    slip: str, dy: Any, tape: Any, x: Any, Wz: Any, Uz: Any, Wr: Any, Ur: Any, Wn: Any, Un: Any
) -> Any:
    dWz, dUz, dWr, dUr, dWn, dUn = (np.zeros_like(one) for one in (Wz, Uz, Wr, Ur, Wn, Un))
    dx, dh = np.zeros_like(x), dy
    for t in reversed(range(TIMES)):
        h, z, r, n = tape[t]
        da_n = dh * z * (1 - n * n)
        da_z = dh * (h - n if slip == "turned round" else n - h) * z * (1 - z)
        of_candidate = da_n @ Un.T
        da_r = of_candidate * h * (1 - r * r if slip == "slope of tanh" else r * (1 - r))
        before = dh * (z if slip == "z for 1 − z" else 1 - z)
        if slip != "nothing through the reset gate":
            before = before + of_candidate * r
        if slip != "nothing through the gates":
            before = before + da_z @ Uz.T + da_r @ Ur.T
        dWz += x[:, t].T @ da_z
        dWr += x[:, t].T @ da_r
        dWn += x[:, t].T @ da_n
        dUz += h.T @ da_z
        dUr += h.T @ da_r
        dUn += (h if slip == "no reset gate in ∂U" else r * h).T @ da_n
        dx[:, t] = da_z @ Wz.T + da_r @ Wr.T + da_n @ Wn.T
        dh = before
    return dx, dWz, dUz, dWr, dUr, dWn, dUn


GRU = family(
    "a GRU as in the paper",
    gru,
    gru_back,
    {
        "x": normal(12, 2, TIMES, INPUTS),
        **{
            f"{letter}{gate}": normal(13 + 2 * place + (letter == "U"), rows, HIDDEN)
            for place, gate in enumerate("zrn")
            for letter, rows in (("W", INPUTS), ("U", HIDDEN))
        },
    },
    {
        "turned round": "factor_handed_on",
        "slope of tanh": "other_function",
        "z for 1 − z": "wrong_cache",
        "nothing through the reset gate": "path_forgotten",
        "nothing through the gates": "path_forgotten",
        "no reset gate in ∂U": "wrong_cache",
    },
    is_scalar=False,
)

CASES: tuple[Case, ...] = (*LETTERS, *LSTM, *GRU)
