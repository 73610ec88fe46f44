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
from clearprop.engine.layers.combinators import Residual, Sequential
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.network import Network
from clearprop.engine.parameters import join, leaves
from clearprop.kinds.kind_tables import LAYER_ROWS

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
    if isinstance(layer, Sequential):
        children = (_module(child, join(path, name)) for name, child in layer.children())
        chain: torch.nn.Module = nn.Sequential(*children)
        return chain
    if isinstance(layer, Residual):
        return _residual(_module(layer.branch, join(path, "branch")))
    row = LAYER_ROWS.get(type(layer))
    if row is None:
        raise ContractError("torch_twin_missing", path=path, layer=type(layer).__name__)
    twin: torch.nn.Module = row.torch.module(nn, layer)
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
        (join(path, name), name in LAYER_ROWS[type(layer)].torch.transposed)
        for path, layer in leaves(network.layer)
        for name in layer.parameters()
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
