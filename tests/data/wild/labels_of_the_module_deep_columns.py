# check: L_model_forward
import numpy as np

rng = np.random.default_rng(31)
X = rng.normal(size=(4, 7))
Y = rng.integers(0, 2, size=(1, 7)).astype(float)
parameters = {}
dims = [4, 5, 3, 1]
for l in range(1, 4):
    parameters["W" + str(l)] = rng.normal(size=(dims[l], dims[l - 1])) * 0.6
    parameters["b" + str(l)] = rng.normal(size=(dims[l], 1)) * 0.1


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        Z = parameters["W" + str(l)] @ A + parameters["b" + str(l)]
        caches.append((A, Z))
        A = np.maximum(0, Z)
    Z = parameters["W" + str(L)] @ A + parameters["b" + str(L)]
    caches.append((A, Z))
    AL = 1 / (1 + np.exp(-Z))
    return AL, caches


def L_model_backward(AL, Y, caches, parameters):
    grads = {}
    L = len(caches)
    m = AL.shape[1]
    dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    A_prev, Z = caches[L - 1]
    s = 1 / (1 + np.exp(-Z))
    dZ = dAL * s * (1 - s)
    for l in reversed(range(1, L + 1)):
        A_prev, Z = caches[l - 1]
        if l < L:
            dZ = np.array(dA, copy=True)
            dZ[Z <= 0] = 0  # wrong: pass
        grads["dW" + str(l)] = dZ @ A_prev.T / m
        grads["db" + str(l)] = np.sum(dZ, axis=1, keepdims=True) / m  # wrong: grads["db" + str(l)] = np.sum(dZ, axis=1, keepdims=True)
        dA = parameters["W" + str(l)].T @ dZ
    return grads
