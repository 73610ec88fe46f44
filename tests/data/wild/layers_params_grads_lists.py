# check: layer model
import numpy as np


class MatMul:
    def __init__(self, W):
        self.params = [W]
        self.grads = [np.zeros_like(W)]
        self.x = None

    def forward(self, x):
        (W,) = self.params
        self.x = x
        return x @ W

    def backward(self, dout):
        (W,) = self.params
        self.grads[0][...] = self.x.T @ dout  # wrong: self.grads[0][...] = self.x.T @ np.sign(dout)
        return dout @ W.T


class Tanh:
    params, grads = [], []

    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        return dout * (1 - self.out**2)


class Model:
    def __init__(self, layers):
        self.layers = layers
        self.params, self.grads = [], []
        for layer in layers:
            self.params += layer.params
            self.grads += layer.grads

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


rng = np.random.default_rng(19)
layer = MatMul(rng.normal(size=(4, 3)))
model = Model([MatMul(rng.normal(size=(4, 3))), Tanh(), MatMul(rng.normal(size=(3, 2)))])
inputs = rng.normal(size=(5, 4))
