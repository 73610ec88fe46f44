# check: Noisy
import numpy as np


class Noisy:
    def __init__(self):
        self.rng = np.random.default_rng(51)
        self.training = True

    def forward(self, x):
        self.mask = self.rng.random(x.shape) < 0.6
        return x * self.mask / 0.6

    def backward(self, dout):
        return dout * self.mask / 0.6  # wrong: return dout * self.mask


inputs = np.random.default_rng(52).normal(size=(5, 3))
