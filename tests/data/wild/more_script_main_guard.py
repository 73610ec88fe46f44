# check:
import sys
import numpy as np

def relu(z): return np.maximum(z, 0)

if __name__ == "__main__":
    rng = np.random.RandomState(42)
    X = rng.randn(10, 4)
    T = np.eye(3)[rng.randint(0, 3, 10)]
    W1 = rng.randn(4, 5) * 0.1
    W2 = rng.randn(5, 3) * 0.1
    n_epochs, step = 50, 0.1
    for e in range(n_epochs):
        Z1 = X @ W1
        A1 = relu(Z1)
        Z2 = A1 @ W2
        E = np.exp(Z2 - Z2.max(1, keepdims=True))
        P = E / E.sum(1, keepdims=True)
        delta2 = (P - T) / len(X)
        delta1 = delta2 @ W2.T * (Z1 > 0)
        W2 -= step * A1.T @ delta2
        W1 -= step * X.T @ delta1  # wrong: W1 -= step * X.T @ (delta1 * 0.5)
    sys.exit(0)
