# check:
import numpy as np

np.random.seed(5)
data, labels = np.random.randn(40, 4), np.random.randint(0, 3, 40)
params = {
    "W1": 0.3 * np.random.randn(4, 6),
    "b1": np.zeros(6),
    "W2": 0.3 * np.random.randn(6, 3),
    "b2": np.zeros(3),
}
velocity = {k: np.zeros_like(v) for k, v in params.items()}
lr, reg, batch = 0.1, 1e-2, 10
for epoch in range(3):
    order = np.random.permutation(len(data))
    for start in range(0, len(data), batch):
        idx = order[start : start + batch]
        xb, yb = data[idx], labels[idx]
        h = np.maximum(0, xb @ params["W1"] + params["b1"])
        scores = h @ params["W2"] + params["b2"]
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        loss = -np.log(p[range(len(idx)), yb]).mean()
        loss += 0.5 * reg * sum((params[k] ** 2).sum() for k in ("W1", "W2"))
        grads = {}
        ds = p.copy()
        ds[range(len(idx)), yb] -= 1
        ds /= len(idx)
        grads["W2"] = h.T @ ds + reg * params["W2"]
        grads["b2"] = ds.sum(0)
        dh = ds @ params["W2"].T
        dh[h <= 0] = 0
        grads["W1"] = xb.T @ dh + reg * params["W1"]  # wrong: grads["W1"] = xb.T @ dh
        grads["b1"] = dh.sum(0)
        for k in params:
            velocity[k] = 0.9 * velocity[k] - lr * grads[k]
            params[k] += velocity[k]
    print("epoch", epoch, loss)
