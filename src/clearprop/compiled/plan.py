"""Lower a training to tables of numbers: what the kernels read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer


class Refusal(NamedTuple):
    """Why a training cannot be compiled: the key of a sentence and the values in it."""

    key: str
    values: Mapping[str, Any] = {}

    def message(self, language: str = "en") -> str:
        """The sentence."""
        return messages.text(language, f"compiled.{self.key}", **self.values)


@dataclass(frozen=True, eq=False)
class Plan:
    """A training as tables. `dtype` is "float32" or "float64"."""

    network: Network
    loss: Loss
    optimizer: Optimizer
    dtype: str
    samples: int
    batch_size: int


def plan_of(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    target: Array,
    sample_weight: Array | None = None,
    *,
    dtype: str,
    batch_size: int | None = None,
) -> Plan | Refusal:
    """The plan of a training, or why there is none.

    Raises the same errors as the loss in NumPy for targets and weights that cannot be: they are
    checked here, before machine code reads them.
    """
    raise NotImplementedError
