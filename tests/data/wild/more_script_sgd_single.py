# check:
import numpy as np

x = np.array([1.0, 2.0, 3.0, 4.0])
y = np.array([2.0, 4.1, 5.9, 8.2])
w = 0.0
b = 0.0

def predict(v):
    return w * v + b

for epoch in range(100):
    pred = predict(x)
    cost = np.mean((pred - y) ** 2) / 2
    dw = np.mean((pred - y) * x)
    db = np.mean(pred - y)  # wrong: db = np.sum(pred - y)
    w = w - 0.01 * dw
    b = b - 0.01 * db
