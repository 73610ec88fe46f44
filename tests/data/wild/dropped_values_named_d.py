# check: Net
import numpy as np


class Net:
    def __init__(self):
        r = np.random.default_rng(32)
        self.W1, self.W2 = r.normal(size=(5, 6)), r.normal(size=(6, 2))
        self.p = 0.5
        self.mask = r.random((4, 6)) < self.p

    def forward(self, X):
        self.X = X
        self.H = np.tanh(X @ self.W1)
        self.D = self.H * self.mask / self.p
        return self.D @ self.W2

    def backward(self, dout):
        self.dW2 = self.D.T @ dout  # wrong: self.dW2 = self.H.T @ dout
        dD = dout @ self.W2.T
        dH = dD * self.mask / self.p  # wrong: dH = dD * self.mask
        dZ = dH * (1 - self.H**2)
        self.dW1 = self.X.T @ dZ  # wrong: self.dW1 = self.X.T @ dH
        return dZ @ self.W1.T


inputs = np.random.default_rng(2).normal(size=(4, 5))
