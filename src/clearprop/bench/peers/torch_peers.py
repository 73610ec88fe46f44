"""PyTorch, eager and compiled; and its matrix products alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from clearprop.base.dependencies import require
from clearprop.base.errors import KernelsError
from clearprop.bench.peers.bare_numpy import BETAS, EPS, batches
from clearprop.bench.peers.peer import Peer, Run
from clearprop.bench.workloads import Workload


def _torch() -> Any:
    require("torch")
    import torch

    return torch


def _eager(workload: Workload) -> Run:
    torch = _torch()
    criterion = torch.nn.CrossEntropyLoss() if workload.classes else torch.nn.MSELoss()
    x, target = torch.tensor(workload.x), torch.tensor(workload.target)

    def run(steps: int) -> float:
        module = _module(torch, workload)
        kind = torch.optim.Adam if workload.adam else torch.optim.SGD
        optimizer = kind(module.parameters(), lr=workload.learning_rate)
        loss = None
        for _, rows in zip(range(steps), batches(workload), strict=False):
            picked = slice(None) if rows is None else torch.from_numpy(rows)
            loss = criterion(module(x[picked]), target[picked])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.item())  # type: ignore[union-attr]

    return run


def _module(torch: Any, workload: Workload) -> Any:
    layers: list[Any] = []
    for weight, bias in workload.parameters():
        linear = torch.nn.Linear(*weight.shape, dtype=getattr(torch, workload.dtype))
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight.T.copy()))
            linear.bias.copy_(torch.from_numpy(bias))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def _compiled(workload: Workload) -> Run:
    """The whole step, gradient and update, as one compiled graph; weights are (in, out)."""
    torch = _torch()
    x, target = torch.tensor(workload.x), torch.tensor(workload.target)
    with _compiler_works():
        step = torch.compile(_step(torch, workload), fullgraph=True, dynamic=None)

    def run(steps: int) -> float:
        with torch.no_grad(), _compiler_works():
            given = [torch.from_numpy(one) for pair in workload.parameters() for one in pair]
            first, second = ([torch.zeros_like(one) for one in given] for _ in range(2))
            loss = None
            for number, rows in zip(range(steps), batches(workload), strict=False):
                picked = slice(None) if rows is None else torch.from_numpy(rows)
                scale = workload.learning_rate / (1 - BETAS[0] ** (number + 1))
                root = (1 - BETAS[1] ** (number + 1)) ** -0.5
                # As tensors: a number that changes would be compiled anew.
                changing = torch.tensor(scale), torch.tensor(root)
                loss = step(given, first, second, *changing, x[picked], target[picked])
        return float(loss.item())  # type: ignore[union-attr]

    return run


@contextmanager
def _compiler_works() -> Iterator[None]:
    """It asks for a C++ compiler when the first step is taken, and for a Python that it knows."""
    try:
        yield
    except RuntimeError as problem:
        why = str(problem).strip().partition("\n")[0]
        raise KernelsError("bench_compiler_fails", name=COMPILED.name, problem=why) from problem


def _step(torch: Any, workload: Workload) -> Callable[..., Any]:
    functional, depth = torch.nn.functional, len(workload.widths) - 1

    def loss_of(given: Any, x: Any, target: Any) -> Any:
        for layer in range(depth):
            x = torch.addmm(given[2 * layer + 1], x, given[2 * layer])
            if layer < depth - 1:
                x = torch.relu(x)
        if workload.classes:
            return functional.cross_entropy(x, target)
        return functional.mse_loss(x, target)

    with_gradient = torch.func.grad_and_value(loss_of)

    def step(
        given: Any, first: Any, second: Any, scale: Any, root: Any, x: Any, target: Any
    ) -> Any:
        gradients, loss = with_gradient(given, x, target)
        for one, gradient, m, v in zip(given, gradients, first, second, strict=True):
            if workload.adam:
                m.mul_(BETAS[0]).add_(gradient, alpha=1 - BETAS[0])
                v.mul_(BETAS[1]).add_(gradient * gradient, alpha=1 - BETAS[1])
                one.sub_(scale * m / (v.sqrt() * root + EPS))
            else:
                one.sub_(gradient, alpha=workload.learning_rate)
        return loss

    return step


def _products(workload: Workload) -> Run:
    torch = _torch()
    dtype, depth = getattr(torch, workload.dtype), len(workload.widths) - 1
    weights = [torch.from_numpy(weight) for weight, _ in workload.parameters()]
    a = [torch.rand(workload.batch, width, dtype=dtype) for width in workload.widths]
    da = [torch.rand_like(one) for one in a]
    gradients = [torch.empty_like(one) for one in weights]

    def run(steps: int) -> float:
        with torch.no_grad():
            for _ in range(steps):
                for layer in range(depth):
                    torch.mm(a[layer], weights[layer], out=a[layer + 1])
                for layer in reversed(range(depth)):
                    torch.mm(a[layer].t(), da[layer + 1], out=gradients[layer])
                    if layer > 0:
                        torch.mm(da[layer + 1], weights[layer].t(), out=da[layer])
        return float("nan")

    return run


EAGER = Peer("torch", ("torch",), _eager)
COMPILED = Peer("torch-compiled", ("torch",), _compiled)
PRODUCTS = Peer("products-torch", ("torch",), _products, trains=False)
