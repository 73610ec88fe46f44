# check: forward
from dataclasses import dataclass

import numpy as np


@dataclass
class Params:
    w: np.ndarray
    b: np.ndarray


rng = np.random.default_rng(37)
layers = [
    Params(rng.normal(size=(3, 4)), rng.normal(size=4)),
    Params(rng.normal(size=(4, 2)), rng.normal(size=2)),
]
x = rng.normal(size=(5, 3))


def forward(x, layers):
    tape = []
    for p in layers:
        z = x @ p.w + p.b
        tape.append((x, z))
        x = np.sin(z)
    return x, tape


def backward(dy, tape, layers):
    grads = []
    for p, (x, z) in zip(reversed(layers), reversed(tape)):
        dz = dy * np.cos(z)  # wrong: dz = dy * np.sin(z)
        grads.append(Params(x.T @ dz, dz.sum(0)))
        dy = dz @ p.w.T
    return grads[::-1]
