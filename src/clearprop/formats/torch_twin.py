"""A network's twin in PyTorch: the same layers, started from the same parameters.

torch keeps a Linear weight as (out, in), so ours is transposed on the way in and out; a row (1, D)
of ours is a vector (D,) there. Every array is copied: `torch.from_numpy` shares memory, and one
side's update would reach the other.

Dropout's twin draws from torch's own generator: the two agree in use, not in training.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require
from clearprop.base.errors import ContractError
from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.graph import join_path
from clearprop.engine.layers.activations import Identity, ReLU, Sigmoid, Tanh
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.engine.layers.rectifiers import ELU, SELU, Hardtanh, LeakyReLU, PReLU
from clearprop.engine.layers.smooth_activations import GELU, SiLU, Softplus
from clearprop.engine.layers.softmax import LogSoftmax, Softmax
from clearprop.engine.network import Network

if TYPE_CHECKING:
    import torch


class TwinTraining(NamedTuple):
    """A training that PyTorch ran: every step's loss from before its update, (steps,), and the
    parameters after the last one as our flat array (P,)."""

    losses: Array
    params: Array


def version() -> str:
    """PyTorch's version."""
    return str(_torch().__version__)


def module(network: Network, params: Array, *, state: Tree | None = None) -> "torch.nn.Module":
    """The twin of `network` with copies of `params` (P,), in their dtype, and of the layers' state
    (the initial one unless told otherwise) in its buffers. It is in training mode; `.eval()` is
    our training=False.

    Raises ContractError for a layer that has no twin, MissingDependencyError without PyTorch.
    """
    twin = _module(network.layer, "")
    twin.to(dtype=getattr(_torch(), params.dtype.name))
    _write(network, twin, params)
    if state is not None:
        _write_state(twin, state)
    return twin


def default_start(network: Network, seed: int, dtype: str = "float64") -> Array:
    """The parameters (P,) that torch gives the twin after `torch.manual_seed(seed)`.

    Drawn in float32, torch's default, and then cast. torch's own generator is left as it was.
    """
    torch = _torch()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        twin = _module(network.layer, "")
    return _read(network, twin, np.dtype(dtype))


def train_by_hand(
    network: Network, params: Array, x: Array, target: Array, *, learning_rate: float, steps: int
) -> TwinTraining:
    """Train the twin with autograd's gradients and the update θ − η·grad written out."""
    torch = _torch()

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
        optimizer = _torch().optim.SGD(twin.parameters(), lr=learning_rate)

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
    torch = _torch()
    twin = module(network, params)
    update = make_update(twin)
    features, targets = torch.tensor(x), torch.tensor(target)
    criterion = torch.nn.MSELoss()
    losses = np.empty(steps, params.dtype)
    for step in range(steps):
        loss = criterion(twin(features), targets)
        loss.backward()
        losses[step] = loss.item()
        update(twin)
    return TwinTraining(losses, _read(network, twin, params.dtype))


def _torch() -> Any:
    require("torch")
    import torch

    return torch


def _module(layer: Layer, path: str) -> "torch.nn.Module":
    nn = _torch().nn
    makers: Mapping[type[Layer], Callable[[Any], Any]] = {
        Linear: lambda one: nn.Linear(one.inputs, one.outputs, bias=one.bias),
        ReLU: lambda _: nn.ReLU(),
        Tanh: lambda _: nn.Tanh(),
        Sigmoid: lambda _: nn.Sigmoid(),
        Identity: lambda _: nn.Identity(),
        LeakyReLU: lambda one: nn.LeakyReLU(one.slope),
        PReLU: lambda one: nn.PReLU(one.features),
        ELU: lambda one: nn.ELU(one.alpha),
        SELU: lambda _: nn.SELU(),
        Hardtanh: lambda one: nn.Hardtanh(one.low, one.high),
        GELU: lambda one: nn.GELU(one.approximate),
        SiLU: lambda _: nn.SiLU(),
        Softplus: lambda one: nn.Softplus(one.beta, one.threshold),
        Softmax: lambda one: nn.Softmax(one.axis),
        LogSoftmax: lambda one: nn.LogSoftmax(one.axis),
        BatchNorm: lambda one: nn.BatchNorm1d(
            one.features, one.epsilon, one.momentum, one.affine, one.running_statistics
        ),
        LayerNorm: lambda one: nn.LayerNorm(one.features, one.epsilon, one.affine, one.bias),
        RMSNorm: lambda one: nn.RMSNorm(one.features, one.epsilon, one.affine),
        Dropout: lambda one: nn.Dropout(one.probability),
        Embedding: lambda one: nn.Embedding(one.entries, one.features),
        Sequential: lambda one: nn.Sequential(
            *(_module(child, join_path(path, f"layers[{i}]")) for i, child in enumerate(one.layers))
        ),
        Residual: lambda one: _residual(_module(one.branch, join_path(path, "branch"))),
    }
    if type(layer) not in makers:
        raise ContractError("torch_twin_missing", path=path, layer=type(layer).__name__)
    twin: torch.nn.Module = makers[type(layer)](layer)
    return twin


def _residual(branch: "torch.nn.Module") -> "torch.nn.Module":
    class Residual(_torch().nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.branch = branch

        def forward(self, x: Any) -> Any:
            return x + self.branch(x)

    return Residual()


class _Pair(NamedTuple):
    """One parameter on both sides: our path, torch's tensor, and whether that is transposed."""

    path: str
    tensor: Any
    transposed: bool


def _pairs(network: Network, twin: "torch.nn.Module") -> list[_Pair]:
    """Every parameter; both sides list them in the same order."""
    ours = [
        (slot.path, isinstance(node.layer, Linear) and name == "weight")
        for node in network.graph.nodes.values()
        for name, slot in node.parameters.items()
    ]
    tensors = list(twin.parameters())
    return [_Pair(path, t, turned) for (path, turned), t in zip(ours, tensors, strict=True)]


def _write(network: Network, twin: "torch.nn.Module", params: Array) -> None:
    torch = _torch()
    views = network.named(params)
    with torch.no_grad():
        for path, tensor, transposed in _pairs(network, twin):
            array = views[path].T if transposed else views[path]
            tensor.copy_(torch.tensor(array.copy()).reshape(tensor.shape))


def _write_state(twin: "torch.nn.Module", state: Tree) -> None:
    torch = _torch()
    # A layer's arrays stand in the order of torch's buffers, and so do the layers.
    for buffer, array in zip(twin.buffers(), _arrays(state), strict=True):
        buffer.copy_(torch.tensor(array.copy()).reshape(buffer.shape))


def _arrays(state: Tree) -> list[Array]:
    if not isinstance(state, Mapping):
        return [state]
    return [array for part in state.values() for array in _arrays(part)]


def _read(network: Network, twin: "torch.nn.Module", dtype: Any) -> Array:
    values = {}
    for path, tensor, transposed in _pairs(network, twin):
        array = tensor.detach().numpy().astype(dtype)
        values[path] = (array.T if transposed else array).reshape(network.layout.slot(path).shape)
    return network.replace(np.zeros(network.size, dtype), values)
