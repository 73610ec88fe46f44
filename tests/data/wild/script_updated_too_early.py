# check:
import numpy as np

rng = np.random.default_rng(6)
inputs, targets = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
weights_1, weights_2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
for _ in range(100):
    hidden = np.tanh(inputs @ weights_1)
    outputs = hidden @ weights_2
    loss = np.mean((outputs - targets) ** 2)
    d_outputs = 2 * (outputs - targets) / len(targets)
    d_weights_2 = hidden.T @ d_outputs
    d_hidden = d_outputs @ weights_2.T  # wrong: weights_2 -= 0.5 * d_weights_2; d_hidden = d_outputs @ weights_2.T
    d_weights_1 = inputs.T @ (d_hidden * (1 - hidden**2))
    weights_1 -= 0.5 * d_weights_1
    weights_2 -= 0.5 * d_weights_2
