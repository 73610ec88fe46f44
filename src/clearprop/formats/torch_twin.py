"""A network's twin in PyTorch: the same layers, started from the same parameters.

torch keeps a Linear weight as (out, in), so ours is transposed on the way in and out; a row (1, D)
of ours is a vector (D,) there. Every array is copied: `torch.from_numpy` shares memory, and one
side's update would reach the other.

Dropout's twin draws from torch's own generator: the two agree in use, not in training.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import require
from clearprop.base.errors import ContractError
from clearprop.engine.layers.layer import Tree
from clearprop.engine.network import Network
from clearprop.formats.torch_arrays import from_torch_arrays, to_torch_arrays, torch_name, twin_of

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


def to_torch(
    network: Network, params: Array, *, state: Tree | None = None, masks: bool = False
) -> "torch.nn.Module":
    """The twin of `network` with copies of `params` (P,), in their dtype, and of the layers' state
    in its buffers: an `nn.Sequential`, or, where wires are added or with `masks`, a module that is
    wired as the network's graph says. Tied parameters are one parameter there. Such a module's
    forward takes `key_padding_mask` and `attn_mask` beside x, as ours as side inputs.

    It is in training mode; `.eval()` is our training=False, for which a network with running
    statistics needs them: `state` is what a training or a pass left.

    Raises ContractError for a layer that has no twin and for several networks as one,
    ConfigurationError for running statistics that are missing, MissingDependencyError without
    PyTorch.
    """
    tensor = pytorch().tensor
    arrays = to_torch_arrays(network, params, state=state)
    twin: torch.nn.Module = _twin(network, masks=masks)
    twin.to(dtype=getattr(pytorch(), params.dtype.name))
    twin.load_state_dict({name: tensor(array) for name, array in arrays.items()})
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
    network: Network,
    params: Array,
    x: Array,
    target: Array,
    *,
    learning_rate: float,
    steps: int,
    criterion: Callable[..., Any] | None = None,
) -> TwinTraining:
    """Train the twin with torch.optim.SGD, on the mean squared error unless told otherwise."""

    def make_update(twin: "torch.nn.Module") -> Callable[["torch.nn.Module"], None]:
        optimizer = pytorch().optim.SGD(twin.parameters(), lr=learning_rate)

        def update(_: "torch.nn.Module") -> None:
            optimizer.step()
            optimizer.zero_grad()

        return update

    return _train(network, params, x, target, steps, make_update, criterion)


def _train(
    network: Network,
    params: Array,
    x: Array,
    target: Array,
    steps: int,
    make_update: Callable[["torch.nn.Module"], Callable[["torch.nn.Module"], None]],
    criterion: Callable[..., Any] | None = None,
) -> TwinTraining:
    torch = pytorch()
    twin = to_torch(network, params, state=network.initial_state(params))
    update = make_update(twin)
    features, targets = torch.tensor(x), torch.tensor(target)
    criterion = torch.nn.MSELoss() if criterion is None else criterion
    losses = np.empty(steps, params.dtype)
    for step in range(steps):
        loss = criterion(twin(features), targets)
        loss.backward()
        losses[step] = loss.item()
        update(twin)
    return TwinTraining(losses, read_parameters(network, twin, params.dtype))


def _twin(network: Network, *, masks: bool = False) -> Any:
    nn, graph = pytorch().nn, network.graph
    modules = {
        torch_name(path): twin_of(node).module(nn, node.layer) for path, node in graph.nodes.items()
    }
    _tie(network, modules)
    if "" in modules:
        return modules[""]
    if graph.joins or masks:
        from clearprop.formats.wired_module import Wired

        return Wired(graph, _nested(nn.ModuleDict, modules))
    return nn.Sequential(OrderedDict(_nested(_sequential, modules)))


def _sequential(modules: Mapping[str, Any]) -> Any:
    return pytorch().nn.Sequential(OrderedDict(modules))


def _nested(container: Callable[..., Any], modules: Mapping[str, Any]) -> dict[str, Any]:
    """Modules by names with dots, as containers in containers."""
    inside: dict[str, dict[str, Any]] = {}
    for name, module in modules.items():
        first, _, rest = name.partition(".")
        inside.setdefault(first, {})[rest] = module
    return {
        name: own[""] if "" in own else container(_nested(container, own))
        for name, own in inside.items()
    }


def _tie(network: Network, modules: Mapping[str, Any]) -> None:
    """Make tied parameters one. Raises ContractError where PyTorch keeps one of them transposed."""
    for path in network.tied:
        (first, ours), *others = network.graph.users(path)
        for node, name in others:
            if (name in twin_of(node).transposed) != (ours in twin_of(first).transposed):
                raise ContractError("torch_tied_transposed", path=path, other=first.path)
            shared = getattr(modules[torch_name(first.path)], ours)
            setattr(modules[torch_name(node.path)], name, shared)


def read_parameters(network: Network, twin: "torch.nn.Module", dtype: Any) -> Array:
    """The twin's parameters as our flat array (P,), copied."""
    arrays = {name: tensor.detach().numpy() for name, tensor in twin.state_dict().items()}
    return from_torch_arrays(network, arrays)[0].astype(dtype)
