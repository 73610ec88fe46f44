# check: criterion
import numpy as np

class CrossEntropy:
    def forward(self, logits, labels):
        z = logits - logits.max(axis=1, keepdims=True)
        self.p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        self.labels = labels
        return -np.log(self.p[np.arange(len(labels)), labels])

    def backward(self, dlosses):
        g = self.p.copy()
        g[np.arange(len(self.labels)), self.labels] -= 1
        return g * dlosses[:, None]  # wrong: return g

criterion = CrossEntropy()
inputs = (np.random.default_rng(4).normal(size=(5, 3)), np.array([0, 1, 2, 2, 0]))
