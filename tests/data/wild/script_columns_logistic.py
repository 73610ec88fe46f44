# check:
import numpy as np

rng = np.random.default_rng(4)
X = rng.normal(size=(3, 20))
Y = (X.sum(axis=0, keepdims=True) > 0) * 1.0
m = X.shape[1]
W1, b1 = 0.5 * rng.normal(size=(4, 3)), np.zeros((4, 1))
W2, b2 = 0.5 * rng.normal(size=(1, 4)), np.zeros((1, 1))
alpha = 0.3
costs = []
i = 0
while i < 200:
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = 1 / (1 + np.exp(-Z2))
    cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    dZ2 = A2 - Y
    dW2 = dZ2 @ A1.T / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = W2.T @ dZ2 * (1 - A1**2)
    dW1 = dZ1 @ X.T / m  # wrong: dW1 = dZ1 @ X.T
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    W1 = W1 - alpha * dW1
    b1 = b1 - alpha * db1
    W2 = W2 - alpha * dW2
    b2 = b2 - alpha * db2
    costs.append(cost)
    i += 1
