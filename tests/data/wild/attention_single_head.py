# check: attention
import numpy as np

rng = np.random.default_rng(43)
q, k, v = (rng.normal(size=(5, 4)) for _ in range(3))


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(q, k, v):
    scale = 1 / np.sqrt(q.shape[-1])
    p = softmax(q @ k.T * scale)
    return p @ v, (q, k, v, p, scale)


def attention_bwd(cache, dout):
    q, k, v, p, scale = cache
    dv = p.T @ dout
    dp = dout @ v.T
    ds = p * (dp - (dp * p).sum(-1, keepdims=True))  # wrong: ds = p * (1 - p) * dp
    dq = ds @ k * scale
    dk = ds.T @ q * scale
    return dq, dk, dv
