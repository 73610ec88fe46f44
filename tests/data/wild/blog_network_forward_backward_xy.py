# check: net
import numpy as np


class Neural_Network:
    def __init__(self):
        rng = np.random.default_rng(27)
        self.W1 = rng.normal(size=(2, 3))
        self.W2 = rng.normal(size=(3, 1))

    def sigmoid(self, s):
        return 1 / (1 + np.exp(-s))

    def sigmoidPrime(self, s):
        return s * (1 - s)

    def forward(self, X):
        self.z = np.dot(X, self.W1)
        self.z2 = self.sigmoid(self.z)
        self.z3 = np.dot(self.z2, self.W2)
        o = self.sigmoid(self.z3)
        return o

    def backward(self, X, y, o):
        self.o_error = y - o
        self.o_delta = self.o_error * self.sigmoidPrime(o)
        self.z2_error = self.o_delta.dot(self.W2.T)
        self.z2_delta = self.z2_error * self.sigmoidPrime(self.z2)  # wrong: self.z2_delta = self.z2_error * self.z2
        self.W1 += X.T.dot(self.z2_delta)
        self.W2 += self.z2.T.dot(self.o_delta)


net = Neural_Network()
inputs = (np.array([[0.7, 0.9], [0.2, 0.5], [1.0, 0.6]]), np.array([[0.92], [0.86], [0.89]]))
