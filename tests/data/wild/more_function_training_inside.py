# check: forward_propagation
import numpy as np

r = np.random.default_rng(10)
X, Y = r.normal(size=(2, 6)), (r.random((1, 6)) > 0.5) * 1.0
parameters = {"W1": r.normal(size=(4, 2)), "b1": np.zeros((4, 1)), "W2": r.normal(size=(1, 4)), "b2": np.zeros((1, 1))}

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def forward_propagation(X, parameters):
    Z1 = parameters["W1"] @ X + parameters["b1"]
    A1 = np.tanh(Z1)
    Z2 = parameters["W2"] @ A1 + parameters["b2"]
    A2 = sigmoid(Z2)
    cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}
    return A2, cache

def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    A1, A2 = cache["A1"], cache["A2"]
    dZ2 = A2 - Y
    dW2 = dZ2 @ A1.T / m
    db2 = dZ2.sum(1, keepdims=True) / m
    dZ1 = parameters["W2"].T @ dZ2 * (1 - A1 ** 2)
    dW1 = dZ1 @ X.T / m  # wrong: dW1 = dZ1 @ X.T
    db1 = dZ1.sum(1, keepdims=True) / m
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}

forward_propagation_inputs = {"X": X, "parameters": parameters, "Y": Y}
