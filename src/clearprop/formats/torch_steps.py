"""A training step of a PyTorch module, captured: what `explain`, `step` and `health` look at, with
PyTorch's own `.grad` as the witness of every gradient.

    loss = criterion(module(x), target)
    loss.backward()
    captured = from_torch_step(module, x, target, loss=criterion)
    print(captured)
    print(explain_weight(captured.step, "layers[0].weight[0,3]"))
    captured.save("step.safetensors")
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError, ShapeError
from clearprop.base.numbers import number
from clearprop.engine.addresses import Address
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.engine.step import Step, take_step
from clearprop.formats import network_file as files
from clearprop.formats.torch_arrays import array_of
from clearprop.formats.torch_functions import is_module, loss_function
from clearprop.formats.torch_modules import from_torch, traced_module
from clearprop.formats.torch_twin import pytorch
from clearprop.kinds.kind_tables import LOSS_ROWS
from clearprop.training.arguments import loss_of, optimizer_of

if TYPE_CHECKING:
    import torch

# How far two gradients may be apart, relative to the largest entry of their array; one that is
# nothing beside the other arrays' is rounding, and is measured by so much of the largest of all.
CLOSE = {"float64": 1e-9, "float32": 1e-4}
NOTHING = {"float64": 1e-6, "float32": 1e-2}
WITNESS = "torch.gradient"


class _ReadLoss(NamedTuple):
    """A loss of PyTorch's: its class's name, and from such a module to ours."""

    name: str
    read: Callable[[Any], Loss | None]


def _key(name: str) -> str:
    """A loss's name as its module and its function have it in common: `bce_with_logits` is
    BCEWithLogitsLoss's function, and so is `binary_cross_entropy_with_logits`."""
    plain = name.lower().replace("_", "").removesuffix("loss")
    return plain.replace("binarycrossentropy", "bce")


_READS = {
    _key(name): _ReadLoss(name, read)
    for row in LOSS_ROWS.values()
    for name, read in row.reads.items()
}


class GradientDifference(NamedTuple):
    """Where PyTorch's gradient is furthest from ours in one parameter array: the address, both
    values, and how far that is of the array's largest entry, or of what is above rounding."""

    address: str
    ours: float
    theirs: float
    distance: float


@dataclass(frozen=True, eq=False)
class TorchStep:
    """A module's step, as the record that is explained and examined.

    step      both passes, the loss and the targets, of our layers with the module's parameters
    gradient  PyTorch's gradients, (P,) in the order of our parameters
    loss      PyTorch's loss
    """

    step: Step
    gradient: Array
    loss: float

    @property
    def network(self) -> Network:
        """The network that the module is here."""
        return self.step.forward.network

    @property
    def differences(self) -> tuple[GradientDifference, ...]:
        """The furthest entry of every parameter array, in order."""
        ours, theirs = self.step.backward.named(), self.network.named(self.gradient)
        whole = np.abs(self.step.backward.gradient).max(initial=0)
        least = float(NOTHING[self.gradient.dtype.name] * whole)
        return tuple(_furthest(path, array, theirs[path], least) for path, array in ours.items())

    @property
    def agrees(self) -> bool:
        """Whether PyTorch's gradients are ours, up to rounding."""
        close = CLOSE[self.gradient.dtype.name]
        return all(one.distance <= close for one in self.differences)

    def text(self, language: str = "en") -> str:
        """What the witness says."""
        if not self.differences:
            return messages.text(language, "formats.torch_step.nothing")
        worst = max(self.differences, key=lambda one: one.distance)
        return messages.text(
            language,
            f"formats.torch_step.{'agrees' if self.agrees else 'differs'}",
            count=self.gradient.size,
            address=worst.address,
            ours=number(worst.ours, 12),
            theirs=number(worst.theirs, 12),
            distance=number(worst.distance, 2),
            loss=number(self.loss, 12),
            our_loss=number(self.step.value, 12),
        )

    def __str__(self) -> str:
        return self.text()

    def save(self, path: str | Path) -> None:
        """Write a file that `clearprop explain`, `step` and `health` open; PyTorch's gradients
        stand in it as `torch.gradient`. Raises FileError where the path cannot be written."""
        forward = self.step.forward
        files.save(
            path,
            self.network,
            forward.params,
            x=forward.input,
            target=self.step.target,
            loss=self.step.loss,
            optimizer=self.step.optimizer,
            state=forward.state if self.network.start_state else None,
            classes=self.step.classes,
            arrays={WITNESS: self.gradient},
        )


def from_torch_step(
    module: "torch.nn.Module",
    x: "torch.Tensor",
    target: "torch.Tensor",
    *,
    loss: Any,
    optimizer: Optimizer | str | None = None,
    classes: tuple[str, ...] = (),
) -> TorchStep:
    """The step that a module is in: its parameters, these samples, and the gradients in `.grad`.

    x, target  what the module and the loss were called with
    loss       the loss: PyTorch's module (`nn.CrossEntropyLoss()`), its function, or one of ours
    optimizer  one of ours, where the update is to be shown as well
    classes    what the classes are called

    Where no parameter has a gradient, a copy of the module is run back for them; it is in the mode
    that the module is in. Raises ContractError for a loss that is none here, for gradients of some
    parameters alone and for dropout in training, whose draws nobody has kept; and what `from_torch`
    raises.
    """
    saved = from_torch(module)
    given: Any = module
    network, params = saved.network, saved.params
    settled = _loss(loss)
    training = bool(given.training)
    for path, node in network.graph.nodes.items():
        if training and isinstance(node.layer, Dropout) and node.layer.probability > 0:
            raise ContractError("torch_step_dropout", path=path)
    samples = _samples(network, array_of(x), params.dtype)
    wanted = array_of(target)
    wanted = wanted.astype(params.dtype) if wanted.dtype.kind == "f" else wanted
    step = take_step(
        network,
        params,
        samples,
        wanted,
        loss=settled,
        optimizer=None if optimizer is None else optimizer_of(optimizer),
        training=training,
        layer_state=saved.state or None,
        classes=classes,
    )
    theirs = _ran_back(given, x, target, loss, settled)
    return TorchStep(step, theirs.gradient, theirs.loss)


class _RanBack(NamedTuple):
    gradient: Array
    loss: float


def _ran_back(module: Any, x: Any, target: Any, loss: Any, ours: Loss) -> _RanBack:
    """PyTorch's loss, and its gradients as our flat array: those in `.grad`, or its own now."""
    criterion = loss if callable(loss) and not isinstance(loss, Loss) else loss_function(ours)
    ran = copy.deepcopy(module)
    parameters = dict(module.named_parameters())
    kept = {name: one.grad for name, one in parameters.items() if one.grad is not None}
    if kept and len(kept) < len(parameters):
        missing = next(name for name in parameters if name not in kept)
        raise ContractError("torch_step_gradients", name=missing)
    value = criterion(ran(x), target)
    if not kept:
        ran.zero_grad()
        value.backward()
        kept = {name: one.grad for name, one in ran.named_parameters()}
    for name, one in ran.named_parameters():
        gradient = kept.get(name)
        one.data = one.data * 0 if gradient is None else gradient.detach().clone()
    return _RanBack(traced_module(ran.cpu().eval()).params, float(value.detach()))


def _loss(loss: Any) -> Loss:
    """The loss here that PyTorch's computes: its module, or its function as it is by default."""
    if isinstance(loss, Loss | str):
        return loss_of(loss)
    called = type(loss).__name__ if is_module(loss) else getattr(loss, "__name__", "")
    found = _READS.get(_key(called))
    made = None
    if found is not None:
        settings = loss if is_module(loss) else getattr(pytorch().nn, found.name)()
        made = found.read(settings)
    if made is None:
        known = ", ".join(one.name for one in _READS.values())
        raise ContractError("torch_step_loss", came=called or type(loss).__name__, known=known)
    return made


def _samples(network: Network, x: Array, dtype: np.dtype[Any]) -> Array:
    """The samples, as rows where a module has made rows of them itself: where they are none that
    the network takes, and would be as rows."""
    x = x.astype(dtype) if x.dtype.kind == "f" else x
    try:
        network.graph.shapes(x.shape[1:])
    except ShapeError:
        return x.reshape(len(x), -1)
    return x


def _furthest(path: str, ours: Array, theirs: Array, least: float) -> GradientDifference:
    largest = float(max(np.abs(ours).max(initial=0), np.abs(theirs).max(initial=0), least))
    apart = np.abs(ours - theirs)
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(apart)), apart.shape))
    distance = float(apart[place]) / largest if largest else 0.0
    return GradientDifference(
        str(Address(path, place)), float(ours[place]), float(theirs[place]), distance
    )
