# check: block
import numpy as np

class P:
    def __init__(self, v): self.v, self.g = v, None

class Lin:
    def __init__(self, i, o, r): self.w, self.b = P(r.normal(size=(i, o)) * 0.5), P(np.zeros(o))
    def fwd(self, x):
        self.x = x
        return x @ self.w.v + self.b.v
    def bwd(self, d):
        x2, d2 = self.x.reshape(-1, self.x.shape[-1]), d.reshape(-1, d.shape[-1])
        self.w.g, self.b.g = x2.T @ d2, d2.sum(0)
        return d @ self.w.v.T

class FFN:
    def __init__(self, d, r): self.up, self.down = Lin(d, 2 * d, r), Lin(2 * d, d, r)
    def forward(self, x):
        self.a = np.maximum(self.up.fwd(x), 0)
        return x + self.down.fwd(self.a)
    def backward(self, dy):
        return dy + self.up.bwd(self.down.bwd(dy) * (self.a > 0))  # wrong: return dy + self.up.bwd(self.down.bwd(dy))

block = FFN(3, np.random.default_rng(10))
inputs = np.random.default_rng(11).normal(size=(5, 3))
