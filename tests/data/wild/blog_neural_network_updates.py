# check: nn
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_derivative(x):
    return x * (1 - x)


class NeuralNetwork:
    def __init__(self, x, y):
        rng = np.random.default_rng(26)
        self.input = x
        self.weights1 = rng.random((x.shape[1], 4))
        self.weights2 = rng.random((4, 1))
        self.y = y
        self.output = np.zeros(y.shape)

    def feedforward(self):
        self.layer1 = sigmoid(np.dot(self.input, self.weights1))
        self.output = sigmoid(np.dot(self.layer1, self.weights2))

    def backprop(self):
        d = 2 * (self.y - self.output) * sigmoid_derivative(self.output)
        d_weights2 = np.dot(self.layer1.T, d)
        d_weights1 = np.dot(self.input.T, np.dot(d, self.weights2.T) * sigmoid_derivative(self.layer1))  # wrong: d_weights1 = np.dot(self.input.T, np.dot(d, self.weights2.T))
        self.weights1 += d_weights1
        self.weights2 += d_weights2


nn = NeuralNetwork(
    np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]), np.array([[0.0], [1], [1], [0]])
)
inputs = ()
