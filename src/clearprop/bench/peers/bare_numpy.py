"""A script in NumPy, written with care for one network: everything is allocated before the first
step, every operation works in place, and the gradient of the data is left out."""

from collections.abc import Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.bench.peers.peer import Peer, Run
from clearprop.bench.workloads import Workload

BETAS, EPS = (0.9, 0.999), 1e-8


class _Script:
    """The arrays of a training."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        widths, batch, dtype = workload.widths, workload.batch, workload.dtype
        self.weights, self.biases = map(list, zip(*workload.parameters(), strict=True))
        self.a = [np.empty((batch, width), dtype) for width in widths]
        self.da = [np.empty((batch, width), dtype) for width in widths]
        self.target = np.empty((batch, *workload.target.shape[1:]), workload.target.dtype)
        self.flat = [*self.weights, *self.biases]
        self.gradients = [np.empty_like(one) for one in self.flat]
        self.ones = np.ones(batch, dtype)
        self.first = [np.zeros_like(one) for one in self.flat]
        self.second = [np.zeros_like(one) for one in self.flat]
        self.free = [np.empty_like(one) for one in self.flat]

    def forward(self, size: int) -> None:
        depth = len(self.weights)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = self.a[layer + 1][:size]
            np.dot(self.a[layer][:size], weight, out=z)
            z += bias
            if layer < depth - 1:
                np.maximum(z, 0, out=z)

    def loss(self, size: int) -> float:
        z, dz = self.a[-1][:size], self.da[-1][:size]
        if not self.workload.classes:
            np.subtract(z, self.target[:size], out=dz)
            flat = dz.reshape(-1)
            loss = float(np.dot(flat, flat)) / flat.size
            dz *= 2 / flat.size
            return loss
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=dz)
        sums = dz.sum(axis=1, keepdims=True)
        rows, ids = np.arange(size), self.target[:size]
        loss = float(np.log(sums).mean() - z[rows, ids].mean())
        dz /= sums
        dz[rows, ids] -= 1
        dz *= 1 / size
        return loss

    def backward(self, size: int) -> None:
        depth = len(self.weights)
        for layer in reversed(range(depth)):
            dz = self.da[layer + 1][:size]
            np.dot(self.a[layer][:size].T, dz, out=self.gradients[layer])
            np.dot(self.ones[:size], dz, out=self.gradients[depth + layer])
            if layer > 0:
                da = self.da[layer][:size]
                np.dot(dz, self.weights[layer].T, out=da)
                da *= self.a[layer][:size] > 0

    def descend(self) -> None:
        for parameter, gradient in zip(self.flat, self.gradients, strict=True):
            gradient *= self.workload.learning_rate
            parameter -= gradient

    def adam(self, step: int) -> None:
        scale = self.workload.learning_rate / (1 - BETAS[0] ** (step + 1))
        root = (1 - BETAS[1] ** (step + 1)) ** -0.5
        arrays = self.flat, self.gradients, self.first, self.second, self.free
        for parameter, gradient, first, second, free in zip(*arrays, strict=True):
            first *= BETAS[0]
            np.multiply(gradient, 1 - BETAS[0], out=free)
            first += free
            second *= BETAS[1]
            gradient *= gradient
            gradient *= 1 - BETAS[1]
            second += gradient
            np.sqrt(second, out=free)
            free *= root
            free += EPS
            np.divide(first, free, out=free)
            free *= scale
            parameter -= free


def _ready(workload: Workload) -> Run:
    def run(steps: int) -> float:
        script, loss = _Script(workload), 0.0
        for step, rows in zip(range(steps), batches(workload), strict=False):
            size = len(workload.x) if rows is None else len(rows)
            if rows is None:
                script.a[0], script.target = workload.x, workload.target
            else:
                np.take(workload.x, rows, axis=0, out=script.a[0][:size], mode="clip")
                np.take(workload.target, rows, axis=0, out=script.target[:size], mode="clip")
            script.forward(size)
            loss = script.loss(size)
            script.backward(size)
            if workload.adam:
                script.adam(step)
            else:
                script.descend()
        return loss

    return run


def batches(workload: Workload) -> Iterator[Array | None]:
    """The samples of every step: None for all as they are."""
    if workload.order is None:
        while True:
            yield None
    for order in workload.order:
        for first in range(0, workload.samples, workload.batch):
            yield order[first : first + workload.batch]


def _products(workload: Workload) -> Run:
    script = _Script(workload)
    script.a[0][...] = workload.x[: workload.batch]
    for array in (*script.a[1:], *script.da):
        array[...] = 0.5
    depth = len(script.weights)

    def run(steps: int) -> float:
        for _ in range(steps):
            for layer in range(depth):
                np.dot(script.a[layer], script.weights[layer], out=script.a[layer + 1])
            for layer in reversed(range(depth)):
                np.dot(script.a[layer].T, script.da[layer + 1], out=script.gradients[layer])
                if layer > 0:
                    np.dot(script.da[layer + 1], script.weights[layer].T, out=script.da[layer])
        return float("nan")

    return run


BARE = Peer("numpy", (), _ready)
PRODUCTS = Peer("products-numpy", (), _products, trains=False)
