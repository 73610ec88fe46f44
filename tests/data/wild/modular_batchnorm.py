# check: batchnorm_forward
import numpy as np

rng = np.random.default_rng(2)
x, gamma, beta = rng.normal(size=(7, 3)), rng.normal(size=3), rng.normal(size=3)
bn_param = {"mode": "train", "eps": 1e-5, "momentum": 0.9}
inputs = (x, gamma, beta, bn_param)


def batchnorm_forward(x, gamma, beta, bn_param):
    eps = bn_param.get("eps", 1e-5)
    momentum = bn_param.get("momentum", 0.9)
    D = x.shape[1]
    running_mean = bn_param.get("running_mean", np.zeros(D, dtype=x.dtype))
    if bn_param["mode"] == "train":
        mu = x.mean(axis=0)
        var = x.var(axis=0)
        std = np.sqrt(var + eps)
        xhat = (x - mu) / std
        running_mean = momentum * running_mean + (1 - momentum) * mu
    else:
        raise ValueError("train only")
    bn_param["running_mean"] = running_mean
    return gamma * xhat + beta, (xhat, gamma, std)


def batchnorm_backward(dout, cache):
    xhat, gamma, std = cache
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    m = dout.shape[0]
    dx = (m * dxhat - dxhat.sum(0) - xhat * (dxhat * xhat).sum(0)) / (m * std)  # wrong: dx = (m * dxhat - dxhat.sum(0)) / (m * std)
    return dx, dgamma, dbeta
