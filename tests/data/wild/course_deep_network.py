# check: L_model_forward
import numpy as np

rng = np.random.default_rng(12)
layers = [3, 4, 2, 1]
parameters = {}
for l in range(1, len(layers)):
    parameters[f"W{l}"] = 0.7 * rng.normal(size=(layers[l], layers[l - 1]))
    parameters[f"b{l}"] = 0.1 * rng.normal(size=(layers[l], 1))
X = rng.normal(size=(3, 6))
Y = (rng.random((1, 6)) > 0.4).astype(float)
inputs = {"X": X, "parameters": parameters, "Y": Y}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L + 1):
        A_prev = A
        W, b = parameters[f"W{l}"], parameters[f"b{l}"]
        Z = W @ A_prev + b
        A = sigmoid(Z) if l == L else np.tanh(Z)
        caches.append((A_prev, W, b, Z))
    AL = A
    return AL, caches


def compute_cost(AL, Y):
    m = Y.shape[1]
    return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m


def L_model_backward(AL, Y, caches):
    grads = {}
    L = len(caches)
    m = AL.shape[1]
    dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    dA = dAL
    for l in reversed(range(L)):
        A_prev, W, b, Z = caches[l]
        slope = sigmoid(Z) * (1 - sigmoid(Z)) if l == L - 1 else 1 - np.tanh(Z) ** 2  # wrong: slope = sigmoid(Z) * (1 - sigmoid(Z)) if l == L - 1 else 1
        dZ = dA * slope
        grads[f"dW{l + 1}"] = dZ @ A_prev.T / m
        grads[f"db{l + 1}"] = dZ.sum(axis=1, keepdims=True) / m
        dA = W.T @ dZ
        grads[f"dA{l}"] = dA
    return grads
