# check: MSELoss BCE
import numpy as np

class MSELoss:
    def __call__(self, pred, target):
        self.pred, self.target = pred, target
        return ((pred - target) ** 2).mean()
    def backward(self):
        return 2 * (self.pred - self.target) / self.pred.size  # wrong: return (self.pred - self.target) / self.pred.size

class BCE:
    def loss(self, y, p):
        return -y * np.log(p) - (1 - y) * np.log(1 - p)
    def gradient(self, y, p):
        return -(y / p) + (1 - y) / (1 - p)  # wrong: return (y / p) - (1 - y) / (1 - p)

r = np.random.default_rng(13)
MSELoss_inputs = (r.normal(size=(4, 2)), r.normal(size=(4, 2)))
BCE_inputs = (np.array([[1.0], [0.0], [1.0]]), np.array([[0.2], [0.6], [0.7]]))
