# check: Dense
import numpy as np


class Dense:
    def __init__(self):
        rng = np.random.default_rng(49)
        self.weights = rng.normal(size=(3, 2))
        self.biases = np.zeros(2)

    def forward(self, input):
        return np.dot(input, self.weights) + self.biases

    def backward(self, input, grad_output):
        grad_input = np.dot(grad_output, self.weights.T)
        self.grad_weights = np.dot(input.T, grad_output)  # wrong: self.grad_weights = np.dot(input.T, grad_output) / len(input)
        self.grad_biases = grad_output.sum(axis=0)
        return grad_input


inputs = np.random.default_rng(50).normal(size=(5, 3))
