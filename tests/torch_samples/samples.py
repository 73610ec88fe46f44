"""The module samples of PyTorch's own tests, as this folder's tests read them.

`torch.testing._internal.common_modules` has a table of modules, and for each a function that makes
samples: what the module is constructed with and what its forward is given. The module is internal
to PyTorch, which is pinned to one version here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from clearprop.base.arrays import Array


class Sample(NamedTuple):
    """One sample: the module's class, what it is constructed with, and what forward takes, of which
    `named` are handed over by their names."""

    kind: str
    description: str
    args: tuple[Any, ...]
    settings: Mapping[str, Any]
    inputs: tuple[Any, ...]
    named: Mapping[str, Any] = MappingProxyType({})

    @property
    def name(self) -> str:
        return f"{self.kind} {self.description.strip('_')}".strip()

    def module(self, torch: Any) -> Any:
        """The module in float64, with weights of a loss made positive: ours refuses others."""
        settings = dict(self.settings)
        if settings.get("weight") is not None:
            settings["weight"] = settings["weight"].abs()
        return getattr(torch.nn, self.kind)(*self.args, **settings).to(torch.float64)


def collect(torch: Any, kind: str, *, training: bool = True) -> list[Sample]:
    """The samples of one class of module, drawn anew but always the same."""
    from torch.testing._internal.common_modules import module_db

    (table,) = [one for one in module_db if one.module_cls is getattr(torch.nn, kind)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = table.module_inputs_func(
            table, device="cpu", dtype=torch.float64, requires_grad=False, training=training
        )
        return [_sample(kind, one) for one in drawn]


def _sample(kind: str, drawn: Any) -> Sample:
    made, given = drawn.constructor_input, drawn.forward_input
    inputs = (*given.args, *given.kwargs.values())
    return Sample(kind, drawn.desc, made.args, made.kwargs, inputs, given.kwargs)


def sequences(tensor: Any, turned: bool) -> Array:
    """(N, T, D) of what PyTorch takes: without samples, or `turned` with the times first."""
    array: Array = tensor.detach().numpy()
    if array.ndim == 2:
        return array[None]
    return array.swapaxes(0, 1) if turned else array
