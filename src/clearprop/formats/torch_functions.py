"""PyTorch as a witness: its gradients of functions, of our layers' twins and of its own losses.

Everything that goes in or comes out is copied, for `torch.from_numpy` shares memory.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ContractError
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.formats import torch_twin
from clearprop.formats.torch_in_numpy import run_in_numpy
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS


def is_function(target: object) -> bool:
    """Whether `target` is a subclass of torch.autograd.Function; torch is not imported for it."""
    return isinstance(target, type) and any(
        (base.__module__, base.__name__) == ("torch.autograd.function", "Function")
        for base in target.__mro__[1:]
    )


def is_module(target: object) -> bool:
    """Whether `target` is a torch.nn.Module; torch is not imported for it."""
    return any(
        (base.__module__, base.__name__) == ("torch.nn.modules.module", "Module")
        for base in type(target).__mro__
    )


def module_parameters(module: Any) -> dict[str, Array]:
    """A module's parameters that take a gradient, in float64, by its own names for them."""
    named = module.named_parameters()
    return {n: p.detach().double().numpy().copy() for n, p in named if p.requires_grad}


def module_function(module: Any, names: Sequence[str], *, double: bool) -> Callable[..., Any]:
    """A module as a function of tensors: of what it takes, then of the parameters of these names.
    It runs on a copy, in the mode that it is in, with random numbers of one seed."""
    torch = torch_twin.pytorch()

    def run(*tensors: Any) -> Any:
        twin = copy.deepcopy(module)
        twin = twin.double() if double else twin
        own = dict(zip(names, tensors[len(tensors) - len(names) :], strict=True))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return torch.func.functional_call(twin, own, tensors[: len(tensors) - len(names)])

    return run


def forward(function: Callable[..., Any], arrays: Sequence[Array]) -> tuple[Array, Any]:
    """Y of a function of tensors, and its graph for `backward`.

    Raises ContractError where it returns something else than one tensor.
    """
    torch = torch_twin.pytorch()
    tensors = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in arrays]
    with _one_thread(torch):
        y = function(*tensors)
    if not isinstance(y, torch.Tensor):
        raise ContractError("check_output_tensor", came=type(y).__name__)
    return y.detach().numpy().copy(), (tensors, y)


def repeated_forward(
    function: Callable[..., Any], _arrays: Sequence[Array]
) -> Callable[[Sequence[Array]], tuple[Array, Any]]:
    """`forward` of a function that is run many times, at arrays like these."""
    return partial(forward, function)


def forward_in_numpy(function: Callable[..., Any], arrays: Sequence[Array]) -> Any:
    """Y of a function of tensors, computed in NumPy, so that the arrays see what is done with them.

    Raises ContractError where that gives something else, or more than one tensor.
    """
    return run_in_numpy(function, arrays)


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """Small arrays in many runs: threads would wait for one another longer than they work."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)


def backward(graph: Any, dy: Array) -> list[Array | None]:
    """The gradients of every tensor of the graph; None for one that takes none. May be called
    again."""
    torch = torch_twin.pytorch()
    tensors, y = graph
    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    with _one_thread(torch):
        found = torch.autograd.grad(
            y, wanted, torch.tensor(dy), retain_graph=True, allow_unused=True
        )
    numbers = iter(
        np.zeros(tuple(t.shape), t.detach().numpy().dtype) if g is None else g.numpy().copy()
        for t, g in zip(wanted, found, strict=True)
    )
    return [next(numbers) if tensor.requires_grad else None for tensor in tensors]


def network_gradients(
    network: Network,
    params: Array,
    x: Array,
    dy: Array,
    *,
    training: bool = True,
    states: Mapping[str, Array] = EMPTY,
) -> tuple[Array, Array | None, Array, Mapping[str, Array]]:
    """(y, ∂C/∂x, ∂C/∂θ flat, ∂C/∂(each of `states`)) by the network's twin, in its first state; its
    cells start from `states`, by their names.

    Raises ContractError without a twin, and for one that draws its own random numbers.
    """
    torch = torch_twin.pytorch()
    state = network.initial_state(params)
    twin = torch_twin.to_torch(network, params, state=state, masks=bool(states)).train(training)
    for path, node in network.graph.nodes.items():
        kind = type(node.layer)
        if LAYER_ROWS[kind].torch.differs(node.layer, x.ndim, training):
            raise ContractError("torch_twin_missing", path=path, layer=kind.__name__)
    features = torch.tensor(x, requires_grad=x.dtype.kind == "f")
    starts = {name: torch.tensor(one, requires_grad=True) for name, one in states.items()}
    y = twin(features, **starts)
    y.backward(torch.tensor(dy))
    for parameter in twin.parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        parameter.data = gradient.clone()
    dx = features.grad.numpy().copy() if features.requires_grad else None
    gradient = torch_twin.read_parameters(network, twin, params.dtype)
    by_states = {name: one.grad.numpy().copy() for name, one in starts.items()}
    return y.detach().numpy().copy(), dx, gradient, by_states


def loss_function(loss: Loss) -> Callable[..., Any]:
    """Torch's own loss for one of ours. Raises ContractError for one that it lacks."""
    row = LOSS_ROWS.get(type(loss))
    if row is None:
        raise ContractError("torch_twin_missing", path="loss", layer=type(loss).__name__)
    made: Callable[..., Any] = row.torch(torch_twin.pytorch(), loss)
    return made
