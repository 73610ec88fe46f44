# check: layer
import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)  # wrong: self.dW = np.dot(self.x.T, dout) / len(dout)
        self.db = np.sum(dout, axis=0)
        return dx


rng = np.random.default_rng(14)
layer = Affine(rng.normal(size=(4, 3)), rng.normal(size=3))
inputs = rng.normal(size=(5, 4))
