# check:
import numpy as np

np.random.seed(8)
sizes = [3, 5, 4, 2]
weights = [np.random.randn(a, b) / np.sqrt(a) for a, b in zip(sizes, sizes[1:])]
biases = [np.zeros(b) for b in sizes[1:]]
X, T = np.random.randn(12, 3), np.random.rand(12, 2)
eta = 0.05
for epoch in range(20):
    acts = [X]
    for w, b in zip(weights, biases):
        acts.append(1 / (1 + np.exp(-(acts[-1] @ w + b))))
    y = acts[-1]
    error = y - T
    delta = error * y * (1 - y)
    for i in reversed(range(len(weights))):
        gw, gb = acts[i].T @ delta, delta.sum(axis=0)
        if i:
            delta = (delta @ weights[i].T) * acts[i] * (1 - acts[i])  # wrong: delta = (delta @ weights[i].T) * acts[i]
        weights[i] -= eta * gw
        biases[i] -= eta * gb
