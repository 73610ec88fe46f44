# check: Dense
import numpy as np


class Dense:
    def __init__(self, input_units=3, output_units=2, learning_rate=0.1):
        rng = np.random.default_rng(47)
        self.learning_rate = learning_rate
        self.weights = rng.normal(size=(input_units, output_units))
        self.biases = np.zeros(output_units)

    def forward(self, input):
        self.input = input
        return np.dot(input, self.weights) + self.biases

    def backward(self, grad_output):
        grad_input = np.dot(grad_output, self.weights.T)
        grad_weights = np.dot(self.input.T, grad_output)
        grad_biases = grad_output.sum(axis=0)  # wrong: grad_biases = grad_output.mean(axis=0)
        self.weights = self.weights - self.learning_rate * grad_weights
        self.biases = self.biases - self.learning_rate * grad_biases
        return grad_input


inputs = np.random.default_rng(48).normal(size=(5, 3))
