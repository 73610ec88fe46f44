"""How a forward's result is to be read, and in which ways its backward can be called.

Names decide where they say it; where they do not, every way that runs is a candidate, and what it
computes decides between them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.checking.subjects.plain_functions import function_name
from clearprop.checking.subjects.structures import as_numbers, at, is_number
from clearprop.checking.subjects.written_names import (
    returned_names,
)

GLOBALS = "globals"
# What objects call the result that they keep.
KEPT_OUTPUTS = ("output", "out", "y", "y_hat", "yhat", "y_pred", "a", "A", "result", "loss")


@dataclass(frozen=True, eq=False)
class Callee:
    """Something to call: a function, or a method of an object, which is found in every copy of it.

    root, method   where it is found among the copies; None for a function
    """

    function: Any
    root: str | None = None
    method: str = "__call__"

    def within(self, roots: Mapping[str, Any]) -> Any:
        """What to call in a copy of what was handed over."""
        return self.function if self.root is None else getattr(roots[self.root], self.method)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return function_name(self.function)

    @property
    def title(self) -> str:
        """What is checked: a function, an object by its class, or one of its other methods."""
        if self.root is None:
            return self.name
        owner = getattr(self.function, "__self__", self.function)
        kind = function_name(owner)
        return kind if self.method in ("forward", "__call__") else f"{kind}.{self.method}"

    @property
    def module_globals(self) -> dict[str, Any]:
        """The names that a function of the person's reads without being handed them."""
        plain = getattr(self.function, "__func__", self.function)
        found = getattr(plain, "__globals__", None)
        if found is None:
            found = getattr(type(self.function).__call__, "__globals__", None)
        return found if isinstance(found, dict) else {}


@contextmanager
def patched(names: dict[str, Any], values: Mapping[str, Any]) -> Iterator[None]:
    """Other values for some names of a module, while its function runs."""
    before = {name: names[name] for name in values if name in names}
    names.update(values)
    try:
        yield
    finally:
        names.update(before)


@dataclass(frozen=True)
class Split:
    """Which parts of a forward's result are outputs, and which are for backward.

    outputs   their positions; None where the whole result is the output
    saved     the positions of what is saved
    kept      the attribute that holds the output of an object whose forward returns nothing
    """

    outputs: tuple[int, ...] | None = None
    saved: tuple[int, ...] = ()
    kept: str | None = None

    def parts(self, result: Any, roots: Mapping[str, Any]) -> tuple[list[Any], Any]:
        """(outputs, what is saved, None for nothing)."""
        if self.kept is not None:
            return [getattr(roots["self"], self.kept)], None
        if self.outputs is None:
            return [result], None
        saved: Any = None
        if len(self.saved) == 1:
            saved = result[self.saved[0]]
        elif self.saved:
            saved = tuple(result[index] for index in self.saved)
        return [result[index] for index in self.outputs], saved


def output_array(value: Any) -> Array | None:
    """An output as an array: numbers, a list of them, or an object that keeps them in `.data`."""
    found = as_numbers(value)
    if found is None and is_engine(value):
        found = as_numbers(value.data)
    if found is None and isinstance(value, list | tuple) and value and all(map(is_engine, value)):
        found = as_numbers([one.data for one in value])
    return found


def is_engine(value: Any) -> bool:
    """Whether it is a number that knows how to go back, as micrograd's Value does."""
    return (
        not is_number(value)
        and callable(getattr(value, "backward", None))
        and hasattr(value, "grad")
        and as_numbers(getattr(value, "data", None)) is not None
    )


def splits(result: Any, roots: Mapping[str, Any], upstreams: int) -> list[Split]:
    """How a result can be read, the likely one first; empty where there is no output in it.

    upstreams   how many of backward's arguments are named as an upstream gradient is
    """
    if result is None and "self" in roots:
        own = roots["self"]
        kept = [n for n in KEPT_OUTPUTS if output_array(getattr(own, n, None)) is not None]
        return [Split(kept=name) for name in kept[:2]]
    whole = output_array(result)
    if not isinstance(result, tuple | list):
        return [] if whole is None else [Split()]
    if isinstance(result, list) and whole is not None and whole.ndim and is_number(result[0]):
        return [Split()]
    if isinstance(result, list) and result and is_engine(result[0]):
        return [Split()]
    count = 0
    while count < len(result) and output_array(result[count]) is not None:
        count += 1
    likely = sorted(range(1, count + 1), key=lambda k: (k != max(upstreams, 1), k))
    found = [Split(tuple(range(k)), tuple(range(k, len(result)))) for k in likely]
    last = len(result) - 1
    cost = None if count or not result else output_array(result[last])
    if cost is not None and cost.size == 1:
        # (gradients, cost)
        found.append(Split((last,), tuple(range(last))))
    if isinstance(result, list) and count == len(result):
        # A list of every layer's activations ends with the output.
        found.insert(0, Split((len(result) - 1,), tuple(range(len(result)))))
    return found


class Item(NamedTuple):
    """One argument of a backward: ("dy", number), ("y", number), ("cache", path), ("given", name),
    or ("kept", attribute of the object); None in place of a number or a path is the whole."""

    kind: str
    key: Any = None


@dataclass(frozen=True)
class Way:
    """A way to call a backward: its arguments by position.

    certain   whether the names say it, so that no other way is meant
    instead   the position of what is called an upstream gradient and is handed something else
    named     whether its arguments' names say enough, so that what is wrong is not the way
    """

    items: tuple[Item, ...]
    certain: bool = False
    named: bool = True
    instead: int | None = None

    @property
    def takes_dy(self) -> bool:
        """Whether it is handed the upstream gradient."""
        return any(item.kind == "dy" for item in self.items)

    def arguments(
        self, dys: Sequence[Any], ys: Sequence[Any], cache: Any, given: Mapping[str, Any]
    ) -> list[Any]:
        """What to call the backward with."""
        known = {"dy": _one_or_all(dys), "y": _one_or_all(ys), "cache": cache}
        several = {"dy": dys, "y": ys}
        found = []
        for item in self.items:
            if item.kind == "given":
                found.append(given[item.key])
            elif item.kind == "kept":
                found.append(getattr(given["self"], item.key))
            elif item.key is None:
                found.append(known[item.kind])
            elif item.kind == "cache":
                found.append(at(cache, item.key))
            else:
                found.append(several[item.kind][item.key])
        return found


def _one_or_all(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def ordered_way(order: Sequence[str], names: Sequence[str], *, cached: bool) -> Way:
    """The way that a person says. Raises ConfigurationError for a name that there is not."""
    known = {*names, "dy", "y", *(["cache"] if cached else [])}
    items: list[Item] = []
    for name in order:
        if name == "params" and "params" not in names:
            items += [Item("given", one) for one in names[1:]]
        elif name not in known:
            raise ConfigurationError("check_order", name=name, known=", ".join(sorted(known)))
        # An array of the person's own may be called y.
        elif name in names:
            items.append(Item("given", name))
        else:
            items.append(Item(name))
    return Way(tuple(items), certain=True)


def result_names(function: Any, result: Any) -> tuple[str, ...]:
    """The names of what a forward returns, where its code says them."""
    found = returned_names(function)
    if isinstance(result, tuple) and len(found) != len(result):
        return ()
    return found
