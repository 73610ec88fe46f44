"""The cells of PyTorch as a module's forward calls them: with the states before the step.

    h = self.cell(x, h)                       the side input hidden
    h, c = self.cell(x, (h, c))               of an LSTMCell hidden and cell; h goes on
    h = self.cell(x)                          from zeros

A state is an argument of forward that is handed on to cells alone.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from clearprop.base.errors import ContractError

CELLS = ("RNNCell", "GRUCell", "LSTMCell")
STATES = ("hidden", "cell")


def is_cell(called: Any) -> bool:
    """Whether a module is a cell, PyTorch's or a twin of ours."""
    return any(kind.__name__ in CELLS for kind in type(called).__mro__)


def is_state(node: Any, module: Any) -> bool:
    """Whether an argument of a module's forward is only handed on as a state of cells."""
    for user in node.users:
        if user.op != "call_module" or not is_cell(module.get_submodule(user.target)):
            return False
        if user.args[:1] == (node,) or user.kwargs.get("input") is node:
            return False
    return True


def states_of(node: Any, called: Any) -> Mapping[str, str]:
    """The names of the arguments that a call of a cell starts from, by those of the states. Raises
    ContractError for anything else than arguments of forward."""
    told = dict(
        inspect.signature(type(called).forward).bind(called, *node.args, **node.kwargs).arguments
    )
    own = {name: told[name] for name in STATES if told.get(name) is not None}
    start = told.get("hx")
    if start is not None:
        given = start if isinstance(start, tuple | list) else (start,)
        names = STATES if type(called).__name__ == "LSTMCell" else STATES[:1]
        if len(given) != len(names):
            raise _refused(node, called)
        own = dict(zip(names, given, strict=True))
    if any(getattr(one, "op", "") != "placeholder" for one in own.values()):
        raise _refused(node, called)
    return {name: str(one.target) for name, one in own.items()}


def agreed_states(calls: Iterable[Mapping[str, str]], module: str) -> Mapping[str, str]:
    """The arguments of all cells of a module. Raises ContractError where two start from different
    ones: a side input goes to all of them."""
    found: dict[str, str] = {}
    for states in calls:
        for name, argument in states.items():
            if found.setdefault(name, argument) != argument:
                raise ContractError("torch_states_differ", module=module)
    return found


def _refused(node: Any, called: Any) -> ContractError:
    return ContractError("torch_cell_state", path=str(node.target), module=type(called).__name__)
