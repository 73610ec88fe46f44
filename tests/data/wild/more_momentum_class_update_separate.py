# check: net
import numpy as np

class Net:
    def __init__(self, n_in, n_hid, n_out):
        r = np.random.default_rng(1)
        self.lr = 0.01
        self.p = {"wi": r.normal(size=(n_hid, n_in)), "wo": r.normal(size=(n_out, n_hid))}
        self.v = {k: np.zeros_like(w) for k, w in self.p.items()}
        self.history = []

    def forward(self, x):
        self.x = x
        self.h = np.maximum(0.01 * (self.p["wi"] @ x), self.p["wi"] @ x)
        self.o = self.p["wo"] @ self.h
        return self.o

    def backward(self, d):
        dh = self.p["wo"].T @ d
        dh = dh * np.where(self.h > 0, 1, 0.01)  # wrong: dh = dh * np.where(self.h > 0, 1, 0.0)
        self.g = {"wi": dh @ self.x.T, "wo": d @ self.h.T}
        return self.p["wi"].T @ dh

net = Net(3, 4, 2)
inputs = np.random.default_rng(2).normal(size=(3, 5))
