# check: gelu swish
import numpy as np

x = np.linspace(-3, 3, 9).reshape(3, 3)

def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

def gelu_backward(dout, x):
    u = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    t = np.tanh(u)
    du = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
    return dout * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * du)  # wrong: return dout * (0.5 * (1 + t) + 0.5 * x * (1 - t**2))

def swish(x, beta=1.5):
    return x / (1 + np.exp(-beta * x))

def swish_deriv(x, beta=1.5):
    s = 1 / (1 + np.exp(-beta * x))
    return s + beta * x * s * (1 - s)  # wrong: return s + x * s * (1 - s)
