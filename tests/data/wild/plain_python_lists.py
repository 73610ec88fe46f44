# check: neuron
import math


class Neuron:
    def __init__(self, weights, bias):
        self.weights = weights
        self.bias = bias

    def forward(self, inputs):
        self.inputs = inputs
        z = sum(w * x for w, x in zip(self.weights, inputs)) + self.bias
        self.out = 1 / (1 + math.exp(-z))
        return self.out

    def backward(self, d):
        dz = d * self.out * (1 - self.out)
        self.d_weights = [dz * x for x in self.inputs]
        self.d_bias = dz  # wrong: self.d_bias = d
        return [dz * w for w in self.weights]


neuron = Neuron([0.2, -0.4, 0.9], 0.1)
inputs = ([1.0, 2.0, -1.0],)
