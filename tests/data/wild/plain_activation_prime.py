# check: softplus elu tanh sigmoid
import numpy as np

inputs = np.linspace(-2, 2, 7)


def softplus(z):
    return np.log1p(np.exp(z))


def softplus_prime(z):
    return 1 / (1 + np.exp(-z))  # wrong: return 1 / (1 + np.exp(z))


def elu(z, alpha=1.5):
    return np.where(z > 0, z, alpha * (np.exp(z) - 1))


def d_elu(z, alpha=1.5):
    return np.where(z > 0, 1.0, alpha * np.exp(z))  # wrong: return np.where(z > 0, 1.0, np.exp(z))


def tanh(z):
    return np.tanh(z)


def tanh_derivative(a):
    return 1 - a**2  # wrong: return 1 - a


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_grad(upstream, z):
    s = sigmoid(z)
    return upstream * s * (1 - s)  # wrong: return upstream * s
