# check: make
import numpy as np

class Scale:
    def __init__(self, s):
        self.s = s
        self.ds = 0.0
    def forward(self, x):
        self._x = x
        return x * self.s
    def backward(self, dy):
        self.ds = float(np.sum(dy * self._x))  # wrong: self.ds = float(np.sum(dy))
        return dy * self.s

def make():
    return Scale(1.7)

inputs = np.random.default_rng(5).normal(size=(3, 2))
