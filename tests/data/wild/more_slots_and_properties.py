# check: unit
import numpy as np

class Dense:
    __slots__ = ("_w", "_x", "grads", "train")
    def __init__(self, w):
        self._w, self.grads, self.train = w, {}, True
    @property
    def params(self):
        return {"w": self._w}
    def __call__(self, x):
        self._x = x
        return x @ self._w
    def backward(self, dy):
        self.grads["w"] = self._x.T @ dy  # wrong: self.grads["w"] = self._x.T @ dy / 2
        return dy @ self._w.T

unit = Dense(np.random.default_rng(11).normal(size=(3, 2)))
inputs = np.random.default_rng(12).normal(size=(4, 3))
