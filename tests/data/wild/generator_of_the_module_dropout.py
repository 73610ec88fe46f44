# check: fc act drop
import numpy as np

rng = np.random.RandomState(3)


class FullyConnected:
    def __init__(self, n_in, n_out):
        self.weights = rng.randn(n_in, n_out) * 0.4
        self.biases = np.zeros((1, n_out))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases
        return self.output

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)  # wrong: self.dweights = np.dot(self.inputs.T, dvalues) / len(dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)  # wrong: self.dbiases = dvalues[:1]
        self.dinputs = np.dot(dvalues, self.weights.T)  # wrong: self.dinputs = -np.dot(dvalues, self.weights.T)


class ActivationSigmoid:
    def forward(self, inputs):
        self.output = 1 / (1 + np.exp(-inputs))

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output) * self.output


class Dropout:
    def __init__(self, rate):
        self.rate = 1 - rate

    def forward(self, inputs):
        self.inputs = inputs
        self.binary_mask = rng.binomial(1, self.rate, size=inputs.shape) / self.rate
        self.output = inputs * self.binary_mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.binary_mask


fc, act, drop = FullyConnected(4, 3), ActivationSigmoid(), Dropout(0.4)
inputs = rng.randn(6, 4)
