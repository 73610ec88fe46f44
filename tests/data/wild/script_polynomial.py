# check:
import math

import numpy as np

x = np.linspace(-math.pi, math.pi, 50)
y = np.sin(x)
rng = np.random.default_rng(3)
a, b, c, d = rng.normal(size=4)
learning_rate = 1e-6
for t in range(2000):
    y_pred = a + b * x + c * x**2 + d * x**3
    loss = np.square(y_pred - y).sum()
    grad_y_pred = 2.0 * (y_pred - y)
    grad_a = grad_y_pred.sum()
    grad_b = (grad_y_pred * x).sum()
    grad_c = (grad_y_pred * x**2).sum()
    grad_d = (grad_y_pred * x**3).sum()  # wrong: grad_d = (grad_y_pred * 3 * x**2).sum()
    a -= learning_rate * grad_a
    b -= learning_rate * grad_b
    c -= learning_rate * grad_c
    d -= learning_rate * grad_d
print(f"y = {a} + {b} x + {c} x^2 + {d} x^3")
