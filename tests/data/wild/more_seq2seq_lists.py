# check: rnn_forward
import numpy as np

r = np.random.default_rng(6)
T = 4
xs = [r.normal(size=(2, 3)) for _ in range(T)]
h0, Wx, Wh, b = np.zeros((2, 4)), 0.5 * r.normal(size=(3, 4)), 0.5 * r.normal(size=(4, 4)), np.zeros(4)

def rnn_forward(xs, h0, Wx, Wh, b):
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(x @ Wx + hs[-1] @ Wh + b))
    return np.stack(hs[1:]), (xs, hs, Wx, Wh)

def rnn_backward(dhs, cache):
    xs, hs, Wx, Wh = cache
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(Wx.shape[1])
    dxs, dh = [None] * len(xs), np.zeros_like(hs[0])
    for t in reversed(range(len(xs))):
        dz = (dhs[t] + dh) * (1 - hs[t + 1] ** 2)
        dxs[t] = dz @ Wx.T
        dWx += xs[t].T @ dz
        dWh += hs[t].T @ dz  # wrong: dWh += hs[t + 1].T @ dz
        db += dz.sum(0)
        dh = dz @ Wh.T
    return dxs, dh, dWx, dWh, db
