# check: mlp
import numpy as np

class MLP:
    def __init__(self, sizes, seed=0):
        rng = np.random.default_rng(seed)
        self.W = [rng.normal(size=(a, b)) for a, b in zip(sizes[:-1], sizes[1:])]
        self.b = [np.zeros(b) for b in sizes[1:]]
    def forward(self, X):
        self.a = [X]
        self.z = []
        for W, b in zip(self.W, self.b):
            self.z.append(self.a[-1] @ W + b)
            self.a.append(np.tanh(self.z[-1]))
        return self.a[-1]
    def backward(self, grad):
        self.dW, self.db = [None] * len(self.W), [None] * len(self.b)
        for i in range(len(self.W) - 1, -1, -1):
            grad = grad * (1 - self.a[i + 1] ** 2)
            self.dW[i] = self.a[i].T @ grad
            self.db[i] = grad.sum(0)
            grad = grad @ self.W[i].T  # wrong: grad = grad @ (self.W[i] - 0.1 * self.dW[i]).T
        return grad

mlp = MLP([3, 4, 2])
mlp_inputs = np.random.default_rng(1).normal(size=(5, 3))
