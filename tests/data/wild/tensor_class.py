# check: f
import numpy as np


class Tensor:
    def __init__(self, data, parents=()):
        self.data = np.asarray(data, dtype=float)
        self.grad = np.zeros_like(self.data)
        self.parents = parents

    def __matmul__(self, other):
        out = Tensor(self.data @ other.data)
        out.parents = (
            (self, lambda g: g @ other.data.T),
            (other, lambda g: self.data.T @ g),  # wrong: (other, lambda g: (g.T @ self.data).T * 2),
        )
        return out

    def sigmoid(self):
        s = 1 / (1 + np.exp(-self.data))
        return Tensor(s, ((self, lambda g: g * s * (1 - s)),))

    def sum(self):
        return Tensor(self.data.sum(), ((self, lambda g: g * np.ones_like(self.data)),))

    def backward(self, grad=1.0):
        self.grad = self.grad + grad
        for parent, push in self.parents:
            parent.backward(push(grad))


def f(x, w):
    return (x @ w).sigmoid().sum()


rng = np.random.default_rng(41)
f_inputs = (Tensor(rng.normal(size=(4, 3))), Tensor(rng.normal(size=(3, 2))))
