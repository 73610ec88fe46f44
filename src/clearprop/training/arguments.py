"""What people hand to a training, made into what it needs, or refused in a sentence."""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, fields
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from clearprop.base.arrays import Array, freeze, frozen, shape_text
from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError, ContractError, ShapeError
from clearprop.engine import losses, optimizers
from clearprop.engine.losses import MSE, Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD, Optimizer

# What each of K networks may have of its own, along a leading axis K.
OWN = ("x", "target", "sample_weight")

# A descent that was not told a learning rate.
USUAL_OPTIMIZER = SGD(0.01)

Kind = TypeVar("Kind", bound=Configurable)


def _plain(name: str) -> str:
    """A name as people may write it: "CrossEntropy", "cross-entropy", "crossentropy"."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _by_name(package: ModuleType, kind: type[Kind]) -> dict[str, Kind]:
    """What a package exports of a kind, where every setting has a default: by the class's name,
    spelled plainly."""
    exported = [getattr(package, name) for name in package.__all__]
    return {
        _plain(one.__name__): one()
        for one in exported
        if isinstance(one, type) and issubclass(one, kind) and one is not kind
        if _has_defaults(one)
    }


def _has_defaults(kind: Any) -> bool:
    """Whether one of the kind can be made without a word."""
    return not any(field.default is field.default_factory is MISSING for field in fields(kind))


LOSSES_BY_NAME = _by_name(losses, Loss)  # type: ignore[type-abstract]
OPTIMIZERS_BY_NAME = {
    _plain(SGD.__name__): USUAL_OPTIMIZER,
    **_by_name(optimizers, Optimizer),  # type: ignore[type-abstract]
}


def loss_of(given: Any) -> Loss:
    """A loss itself, or by its name or class; MSE for None. Raises ConfigurationError."""
    return _made(given, Loss, LOSSES_BY_NAME, MSE(), "loss_unknown")  # type: ignore[type-abstract]


def optimizer_of(given: Any) -> Optimizer:
    """An optimizer itself, or by its name or class; SGD(0.01) for None. Raises
    ConfigurationError."""
    return _made(given, Optimizer, OPTIMIZERS_BY_NAME, USUAL_OPTIMIZER, "optimizer_unknown")  # type: ignore[type-abstract]


def _made(
    given: Any, kind: type[Kind], known: Mapping[str, Kind], default: Kind, refusal: str
) -> Kind:
    if given is None:
        return default
    if isinstance(given, kind):
        return given
    if isinstance(given, type) and issubclass(given, kind):
        return given()
    if isinstance(given, str) and _plain(given) in known:
        return known[_plain(given)]
    raise ConfigurationError(
        refusal, value=repr(given), known=", ".join(f'"{name}"' for name in known)
    )


def params_of(given: Any) -> Array:
    """Parameters as an array. Raises ContractError for a training's state in their place."""
    if hasattr(given, "params") and hasattr(given, "optimizer"):
        raise ContractError("state_for_params")
    return np.asarray(given)


@dataclass(frozen=True, eq=False)
class Samples:
    """Data, and whether each network has its own: then the samples' axis is the second."""

    array: Array
    own: bool = False

    @property
    def count(self) -> int:
        return int(self.array.shape[int(self.own)])

    def of(self, network: int) -> Array:
        """One network's samples."""
        return self.array[network] if self.own else self.array

    def take(self, rows: Array | None) -> Array:
        """The samples of these numbers; all of them for None."""
        if rows is None:
            return self.array
        return freeze(self.array.take(rows, int(self.own)))


class Data(NamedTuple):
    """What a training learns from."""

    x: Samples
    target: Samples
    sample_weight: Samples | None

    @property
    def own(self) -> tuple[str, ...]:
        """Which of the three each of K networks has of its own."""
        held = zip(self._fields, self, strict=True)
        return tuple(name for name, samples in held if samples is not None and samples.own)

    def of(self, network: int) -> tuple[Array, Array, Array | None]:
        """x, target and sample_weight of one network."""
        weights = self.sample_weight
        return (
            self.x.of(network),
            self.target.of(network),
            None if weights is None else weights.of(network),
        )

    def take(self, rows: Array | None) -> tuple[Array, Array, Array | None]:
        """x, target and sample_weight of these samples; of all of them for None."""
        weights = self.sample_weight
        return (
            self.x.take(rows),
            self.target.take(rows),
            None if weights is None else weights.take(rows),
        )


def data_of(
    network: Network,
    params: Array,
    x: Array,
    target: Array,
    sample_weight: Array | None,
    own: Collection[str],
) -> Data:
    """What `train` was handed as data. Raises ConfigurationError, ShapeError and DtypeError."""
    networks = len(params) if params.ndim == 2 else None
    for name in own:
        if name not in OWN or isinstance(own, str):
            raise ConfigurationError("own_unknown", value=own, known=", ".join(OWN))
    given = {"x": x, "target": target, "sample_weight": sample_weight}
    found: dict[str, Samples] = {}
    for name, value in given.items():
        if value is None:
            continue
        array, is_own = frozen(np.asarray(value)), name in own
        if array.ndim < 1 + is_own or (is_own and len(array) != networks):
            raise ShapeError(
                "own_shape" if is_own else "no_samples_axis",
                name=name,
                networks=networks or 1,
                came=shape_text(array.shape),
            )
        found[name] = Samples(array, is_own)
    network.require_input(params, found["x"].array, own_input="x" in own)
    samples, targets = found["x"].count, found["target"].count
    if samples != targets:
        raise ShapeError("samples_differ", x=samples, target=targets)
    if samples == 0:
        raise ShapeError("no_samples", name="x", came=shape_text(found["x"].array.shape))
    weights = found.get("sample_weight")
    if weights is not None and (weights.count != samples or weights.array.ndim != 1 + weights.own):
        raise ShapeError(
            "sample_weight_shape",
            came=shape_text(weights.array.shape),
            expected=shape_text((samples,)),
        )
    return Data(found["x"], found["target"], weights)
