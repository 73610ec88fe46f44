# check: model
import numpy as np

class Layer:
    def __init__(self):
        self.input = None
        self.output = None
    def forward(self, input): raise NotImplementedError
    def backward(self, output_error, learning_rate): raise NotImplementedError

class FCLayer(Layer):
    def __init__(self, input_size, output_size):
        super().__init__()
        rng = np.random.default_rng(input_size)
        self.weights = rng.random((input_size, output_size)) - 0.5
        self.bias = rng.random((1, output_size)) - 0.5
    def forward(self, input_data):
        self.input = input_data
        self.output = np.dot(self.input, self.weights) + self.bias
        return self.output
    def backward(self, output_error, learning_rate):
        input_error = np.dot(output_error, self.weights.T)
        weights_error = np.dot(self.input.T, output_error)
        self.weights -= learning_rate * weights_error
        self.bias -= learning_rate * output_error  # wrong: self.bias -= learning_rate * output_error * 2
        return input_error

model = FCLayer(3, 2)
learning_rate = 0.1
inputs = (np.array([[0.4, -1.0, 2.0]]), 0.1)
