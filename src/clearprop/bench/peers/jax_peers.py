"""JAX: all steps as one compiled scan, and many networks by vmap of it."""

from functools import partial
from typing import Any

import numpy as np

from clearprop.base.dependencies import require
from clearprop.bench.peers.bare_numpy import BETAS, EPS
from clearprop.bench.peers.peer import Peer, Run
from clearprop.bench.workloads import Workload


def _ready(workload: Workload) -> Run:
    require("jax")
    import jax

    with jax.enable_x64(workload.dtype == "float64"):
        given = [(jax.numpy.array(w), jax.numpy.array(b)) for w, b in workload.parameters()]
        batches = _batches(jax, workload)
    train = jax.jit(partial(_train, jax, workload), static_argnums=2)
    if workload.networks is not None:

        def all_networks(given: Any, batches: Any, steps: int) -> Any:
            return jax.vmap(lambda one: _train(jax, workload, one, batches, steps))(given)

        train = jax.jit(all_networks, static_argnums=2)

    def run(steps: int) -> float:
        with jax.enable_x64(workload.dtype == "float64"):
            return float(train(given, batches, steps).mean())

    return run


def _batches(jax: Any, workload: Workload) -> Any:
    """X and target; and where they are shuffled the samples of every step with their weights: the
    last batch of an epoch is filled up with samples that count nothing."""
    x, target = jax.numpy.array(workload.x), jax.numpy.array(workload.target)
    if workload.order is None:
        return x, target, None
    missing = workload.steps_per_epoch * workload.batch - workload.samples
    order = np.pad(workload.order, ((0, 0), (0, missing)))
    weight = np.pad(np.ones_like(workload.order, workload.dtype), ((0, 0), (0, missing)))
    rows = jax.numpy.array(order.reshape(-1, workload.batch).astype(np.int32))
    return x, target, (rows, jax.numpy.array(weight.reshape(-1, workload.batch)))


def _train(jax: Any, workload: Workload, given: Any, batches: Any, steps: int) -> Any:
    """The last loss after so many steps."""
    numpy, tree = jax.numpy, jax.tree.map
    x, target, shuffled = batches

    def loss_of(given: Any, x: Any, target: Any, weight: Any) -> Any:
        for layer, (w, b) in enumerate(given):
            x = x @ w + b
            if layer < len(given) - 1:
                x = jax.nn.relu(x)
        if not workload.classes:
            return numpy.mean((x - target) ** 2)
        costs = -numpy.take_along_axis(jax.nn.log_softmax(x), target[:, None], 1)[:, 0]
        return numpy.mean(costs) if weight is None else (costs * weight).sum() / weight.sum()

    with_gradient = jax.value_and_grad(loss_of)

    def step(carried: Any, batch: Any) -> Any:
        given, first, second, number = carried
        if batch is None:
            loss, gradients = with_gradient(given, x, target, None)
        else:
            rows, weight = batch
            loss, gradients = with_gradient(given, x[rows], target[rows], weight)
        if not workload.adam:
            rate = workload.learning_rate
            given = tree(lambda one, gradient: one - rate * gradient, given, gradients)
            return (given, first, second, number), loss
        first = tree(lambda m, g: BETAS[0] * m + (1 - BETAS[0]) * g, first, gradients)
        second = tree(lambda v, g: BETAS[1] * v + (1 - BETAS[1]) * g * g, second, gradients)
        scale = workload.learning_rate / (1 - BETAS[0] ** (number + 1))
        root = 1 / numpy.sqrt(1 - BETAS[1] ** (number + 1))
        given = tree(
            lambda one, m, v: one - scale * m / (numpy.sqrt(v) * root + EPS), given, first, second
        )
        return (given, first, second, number + 1), loss

    zeros = tree(numpy.zeros_like, given) if workload.adam else None
    carried = given, zeros, zeros, numpy.zeros((), workload.dtype)
    taken = None if shuffled is None else tree(lambda one: one[:steps], shuffled)
    return jax.lax.scan(step, carried, taken, length=steps)[1][-1]


SCAN = Peer("jax", ("jax",), _ready, takes=None)
