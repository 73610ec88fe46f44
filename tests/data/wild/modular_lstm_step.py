# check: lstm_step_forward
import numpy as np

rng = np.random.default_rng(7)
N, D, H = 3, 4, 5
inputs = (
    rng.normal(size=(N, D)),
    rng.normal(size=(N, H)),
    rng.normal(size=(N, H)),
    0.5 * rng.normal(size=(D, 4 * H)),
    0.5 * rng.normal(size=(H, 4 * H)),
    rng.normal(size=4 * H),
)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    a = x @ Wx + prev_h @ Wh + b
    ai, af, ao, ag = np.split(a, 4, axis=1)
    i, f, o, g = sigmoid(ai), sigmoid(af), sigmoid(ao), np.tanh(ag)
    next_c = f * prev_c + i * g
    t = np.tanh(next_c)
    next_h = o * t
    return next_h, next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, t)


def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, t = cache
    dc = dnext_c + dnext_h * o * (1 - t**2)  # wrong: dc = dnext_h * o * (1 - t**2)
    di, df, do, dg = dc * g, dc * prev_c, dnext_h * t, dc * i
    da = np.hstack([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)])
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, prev_h.T @ da, da.sum(axis=0)
