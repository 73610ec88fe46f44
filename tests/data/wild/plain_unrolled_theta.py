# check: nn_cost
import numpy as np

rng = np.random.default_rng(33)
X, Y = rng.normal(size=(6, 3)), np.eye(2)[rng.integers(2, size=6)]
thetas = rng.normal(size=3 * 4 + 4 * 2)
nn_cost_inputs = (thetas, 3, 4, 2, X, Y)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def nn_cost(params, input_size, hidden_size, num_labels, X, Y):
    cut = input_size * hidden_size
    T1 = params[:cut].reshape(input_size, hidden_size)
    T2 = params[cut:].reshape(hidden_size, num_labels)
    m = len(X)
    A = sigmoid(X @ T1)
    H = sigmoid(A @ T2)
    J = np.sum(-Y * np.log(H) - (1 - Y) * np.log(1 - H)) / m
    d3 = H - Y
    d2 = d3 @ T2.T * A * (1 - A)  # wrong: d2 = d3 @ T2.T * A
    grad = np.concatenate([(X.T @ d2 / m).ravel(), (A.T @ d3 / m).ravel()])
    return J, grad
