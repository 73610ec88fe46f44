# check: FCLayer
import numpy as np


class FCLayer:
    def __init__(self):
        r = np.random.default_rng(62)
        self.weights = r.random((3, 4)) - 0.5
        self.bias = r.random((1, 4)) - 0.5

    def forward_propagation(self, input_data):
        self.input = input_data
        self.output = np.dot(self.input, self.weights) + self.bias
        return self.output

    def backward_propagation(self, output_error, learning_rate=0.1):
        input_error = np.dot(output_error, self.weights.T)
        weights_error = np.dot(self.input.T, output_error)  # wrong: weights_error = 2 * np.dot(self.input.T, output_error)
        self.weights -= learning_rate * weights_error
        self.bias -= learning_rate * output_error  # wrong: self.bias += learning_rate * output_error
        return input_error


inputs = np.array([[0.3, -0.6, 1.2]])
