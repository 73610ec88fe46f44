# check: squared_error
import numpy as np

y_true = np.array([1.0, -2.0, 0.5])
y_pred = np.array([0.8, -1.5, 1.5])


def squared_error(y_true, y_pred):
    return np.mean(np.power(y_true - y_pred, 2))


def squared_error_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / np.size(y_true)  # wrong: return 2 * (y_true - y_pred) / np.size(y_true)
