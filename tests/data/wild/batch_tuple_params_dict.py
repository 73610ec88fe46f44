# check: loss_fn
import numpy as np

rng = np.random.default_rng(53)
params = {"w": rng.normal(size=(4, 2)), "b": rng.normal(size=2)}
batch = (rng.normal(size=(6, 4)), rng.normal(size=(6, 2)))


def loss_fn(params, batch):
    x, y = batch
    pred = x @ params["w"] + params["b"]
    return np.mean((pred - y) ** 2)


def grad_loss_fn(params, batch):
    x, y = batch
    pred = x @ params["w"] + params["b"]
    g = 2 * (pred - y) / pred.size  # wrong: g = 4 * (pred - y) / pred.size
    return {"w": x.T @ g, "b": g.sum(0)}  # wrong: return {"w": x.T @ g, "b": g.mean(0)}


inputs = (params, batch)
