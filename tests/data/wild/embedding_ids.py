# check: Embedding
import numpy as np


class Embedding:
    def __init__(self, W=None):
        self.W = np.arange(12.0).reshape(4, 3) / 7 if W is None else W
        self.idx = None

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.idx, dout)  # wrong: self.dW[self.idx] = dout
        return None


inputs = (np.array([1, 3, 1, 0]),)
