# check: gru_forward
import numpy as np

r = np.random.default_rng(4)
p = tuple(0.4 * r.normal(size=s) for s in [(3, 4), (4, 4), (4,), (3, 4), (4, 4), (4,)])
x, h = r.normal(size=(2, 3)), r.normal(size=(2, 4))
sig = lambda v: 1 / (1 + np.exp(-v))

def gru_forward(x, h, p):
    Wz, Uz, bz, Wh, Uh, bh = p
    z = sig(x @ Wz + h @ Uz + bz)
    c = np.tanh(x @ Wh + h @ Uh + bh)
    out = (1 - z) * h + z * c
    return out, (x, h, p, z, c)

def gru_backward(dout, cache):
    x, h, p, z, c = cache
    Wz, Uz, bz, Wh, Uh, bh = p
    dz = dout * (c - h) * z * (1 - z)
    dc = dout * z * (1 - c ** 2)
    dx = dz @ Wz.T + dc @ Wh.T
    dh = dout * (1 - z) + dz @ Uz.T + dc @ Uh.T  # wrong: dh = dout * (1 - z) + dc @ Uh.T
    dp = (x.T @ dz, h.T @ dz, dz.sum(0), x.T @ dc, h.T @ dc, dc.sum(0))
    return dx, dh, dp
