"""A network's twin in PyTorch: the same layers, started from the same parameters.

torch keeps a Linear weight as (out, in), so ours is transposed on the way in and out; a row (1, D)
of ours is a vector (D,) there. Every array is copied: `torch.from_numpy` shares memory, and one
side's update would reach the other.

Dropout's twin draws from torch's own generator: the two agree in use, not in training.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require
from clearprop.base.errors import ContractError
from clearprop.engine.graph import Node, propagate
from clearprop.engine.layers.layer import Tree
from clearprop.engine.network import Network
from clearprop.engine.state import state_of
from clearprop.kinds.kind_tables import LAYER_ROWS

if TYPE_CHECKING:
    import torch


class TwinTraining(NamedTuple):
    """A training that PyTorch ran: every step's loss from before its update, (steps,), and the
    parameters after the last one as our flat array (P,)."""

    losses: Array
    params: Array


def pytorch() -> Any:
    """PyTorch itself. Raises MissingDependencyError where it is not installed."""
    require("torch")
    import torch

    return torch


def version() -> str:
    """PyTorch's version."""
    return str(pytorch().__version__)


def module(network: Network, params: Array, *, state: Tree | None = None) -> "torch.nn.Module":
    """The twin of `network` with copies of `params` (P,), in their dtype, and of the layers' state
    in its buffers. It is in training mode; `.eval()` is our training=False, for which a network
    with running statistics needs them: `state` is what a training or a pass left.

    Raises ContractError for a layer that has no twin, ConfigurationError for running statistics
    that are missing, MissingDependencyError without PyTorch.
    """
    state = state_of(network.graph, params, network.start_state, state, training=False)
    twin = _twin(network)
    twin.to(dtype=getattr(pytorch(), params.dtype.name))
    _write(network, twin, params)
    if network.start_state:
        _write_state(network, twin, state)
    return twin


def default_start(network: Network, seed: int, dtype: str = "float64") -> Array:
    """The parameters (P,) that torch gives the twin after `torch.manual_seed(seed)`.

    Drawn in float32, torch's default, and then cast. torch's own generator is left as it was.
    """
    torch = pytorch()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        twin = _twin(network)
    return read_parameters(network, twin, np.dtype(dtype))


def train_by_hand(
    network: Network, params: Array, x: Array, target: Array, *, learning_rate: float, steps: int
) -> TwinTraining:
    """Train the twin with autograd's gradients and the update θ − η·grad written out."""
    torch = pytorch()

    def update(twin: Any) -> None:
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter -= learning_rate * parameter.grad
                parameter.grad = None

    return _train(network, params, x, target, steps, lambda _: update)


def train_with_sgd(
    network: Network, params: Array, x: Array, target: Array, *, learning_rate: float, steps: int
) -> TwinTraining:
    """Train the twin with torch.optim.SGD."""

    def make_update(twin: "torch.nn.Module") -> Callable[["torch.nn.Module"], None]:
        optimizer = pytorch().optim.SGD(twin.parameters(), lr=learning_rate)

        def update(_: "torch.nn.Module") -> None:
            optimizer.step()
            optimizer.zero_grad()

        return update

    return _train(network, params, x, target, steps, make_update)


def _train(
    network: Network,
    params: Array,
    x: Array,
    target: Array,
    steps: int,
    make_update: Callable[["torch.nn.Module"], Callable[["torch.nn.Module"], None]],
) -> TwinTraining:
    torch = pytorch()
    twin = module(network, params, state=network.initial_state(params))
    update = make_update(twin)
    features, targets = torch.tensor(x), torch.tensor(target)
    criterion = torch.nn.MSELoss()
    losses = np.empty(steps, params.dtype)
    for step in range(steps):
        loss = criterion(twin(features), targets)
        loss.backward()
        losses[step] = loss.item()
        update(twin)
    return TwinTraining(losses, read_parameters(network, twin, params.dtype))


def _twin(network: Network) -> "torch.nn.Module":
    nn, graph = pytorch().nn, network.graph
    concatenate = pytorch().cat
    places = {path: number for number, path in enumerate(graph.nodes)}
    modules = [_module(node) for node in graph.nodes.values()]

    class Twin(nn.Module):  # type: ignore[misc, name-defined]
        """A network's layers, wired as its graph says."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(modules)

        def forward(self, x: Any) -> Any:
            def through(node: Node, value: Any) -> Any:
                return self.layers[places[node.path]](value)

            return propagate(graph, x, through, concatenate=concatenate)[graph.output]

    made: torch.nn.Module = Twin()
    return made


def _module(node: Node) -> Any:
    kind = type(node.layer)
    if kind not in LAYER_ROWS:
        raise ContractError("torch_twin_missing", path=node.path, layer=kind.__name__)
    return LAYER_ROWS[kind].torch.module(pytorch().nn, node.layer)


class _Pair(NamedTuple):
    """One parameter on both sides: our path, torch's tensor, and whether that is transposed."""

    path: str
    tensor: Any
    transposed: bool


def _pairs(network: Network, twin: "torch.nn.Module") -> list[_Pair]:
    """Every parameter; both sides list them in the same order."""
    ours = [
        (slot.path, name in LAYER_ROWS[type(node.layer)].torch.transposed)
        for node in network.graph.nodes.values()
        for name, slot in node.parameters.items()
    ]
    tensors = list(twin.parameters())
    return [_Pair(path, t, turned) for (path, turned), t in zip(ours, tensors, strict=True)]


def _write(network: Network, twin: "torch.nn.Module", params: Array) -> None:
    torch = pytorch()
    views = network.named(params)
    with torch.no_grad():
        for path, tensor, transposed in _pairs(network, twin):
            array = views[path].T if transposed else views[path]
            tensor.copy_(torch.tensor(array.copy()).reshape(tensor.shape))


def _write_state(network: Network, twin: "torch.nn.Module", state: Tree) -> None:
    torch = pytorch()
    # A layer declares its arrays in the order of torch's buffers, and so stand the layers; a state
    # out of a file has another order.
    arrays = [state[path][name] for path, own in network.start_state.items() for name in own]
    for buffer, array in zip(twin.buffers(), arrays, strict=True):
        buffer.copy_(torch.tensor(array.copy()).reshape(buffer.shape))


def read_parameters(network: Network, twin: "torch.nn.Module", dtype: Any) -> Array:
    """The twin's parameters as our flat array (P,), copied."""
    values = {}
    for path, tensor, transposed in _pairs(network, twin):
        array = tensor.detach().numpy().astype(dtype)
        values[path] = (array.T if transposed else array).reshape(network.layout.slot(path).shape)
    return network.replace(np.zeros(network.size, dtype), values)
