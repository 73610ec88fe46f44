# check:
import numpy as np

rng = np.random.default_rng(9)
W1, b1, W2, b2 = rng.normal(size=(2, 3)), np.zeros((1, 3)), rng.normal(size=(3, 1)), np.zeros((1, 1))
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([[0], [1], [1], [0]])
for epoch in range(5000):
    # forward
    z1 = X @ W1 + b1
    a1 = 1 / (1 + np.exp(-z1))
    z2 = a1 @ W2 + b2
    a2 = 1 / (1 + np.exp(-z2))
    # backward
    error = a2 - Y
    d2 = error * a2 * (1 - a2)
    d1 = d2 @ W2.T * a1 * (1 - a1)  # wrong: d1 = d2 @ W2.T * z1 * (1 - z1)
    for param, grad in [(W1, X.T @ d1), (b1, d1.sum(0, keepdims=True)), (W2, a1.T @ d2), (b2, d2.sum(0, keepdims=True))]:
        param -= 0.5 * grad
    if epoch % 1000 == 0:
        print(np.mean(error ** 2))
