# check: dense Activation_ReLU
import numpy as np


class Layer_Dense:
    def __init__(self, n_inputs, n_neurons):
        rng = np.random.default_rng(20)
        self.weights = 0.1 * rng.normal(size=(n_inputs, n_neurons))
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)  # wrong: self.dinputs = np.dot(dvalues, self.weights.T) * 2


class Activation_ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0  # wrong: self.dinputs[self.inputs <= -1] = 0


dense = Layer_Dense(4, 3)
inputs = np.random.default_rng(21).normal(size=(5, 4)) + 0.1
