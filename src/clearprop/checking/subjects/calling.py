"""How a forward's result is to be read, and in which ways its backward can be called.

Names decide where they say it; where they do not, every way that runs is a candidate, and what it
computes decides between them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.checking.subjects.plain_functions import function_name
from clearprop.checking.subjects.structures import as_numbers, at, is_number
from clearprop.checking.subjects.written_names import (
    canonical,
    is_cache,
    is_output,
    is_upstream,
    positional,
    returned_names,
)

GLOBALS = "globals"
# What objects call the result that they keep.
KEPT_OUTPUTS = ("output", "out", "y", "y_hat", "yhat", "y_pred", "a", "A", "result", "loss")
# Ways to fill what no name explains.
MOST_WAYS = 24


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
        kind = type(owner).__name__
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
    if not count and np.size(output_array(result[last])) == 1:
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
    """

    items: tuple[Item, ...]
    certain: bool = False

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


def upstream_count(backward: Any) -> int:
    """How many of backward's arguments are named as an upstream gradient is."""
    return sum(is_upstream(one.name) for one in positional(backward) or ())


class Sources(NamedTuple):
    """What a backward can be handed.

    names    what forward takes, in its order, then what only backward does
    result   the names of forward's results, "" where they have none
    split    how the result is read
    cache    what forward saved; None for nothing
    loss     whether the output is a loss, whose backward need not take a dy
    kept     attributes of the object that may be the predictions that a loss was made of
    """

    names: Sequence[str]
    result: Sequence[str]
    split: Split
    cache: Any
    loss: bool
    kept: Sequence[str] = ()

    @property
    def outputs(self) -> int:
        """How many outputs there are."""
        return 1 if self.split.outputs is None else len(self.split.outputs)


def ways(backward: Any, sources: Sources) -> Iterator[Way]:
    """The ways to call a backward, the likely ones first."""
    parameters = positional(backward)
    if parameters is None:
        yield from _conventional(sources, None)
        return
    required = [one for one in parameters if one.default is one.empty]
    seen: set[tuple[Item, ...]] = set()
    for way in _all_ways(parameters, required, sources):
        if way.items not in seen:
            seen.add(way.items)
            yield way
        if way.certain:
            if sources.loss and len(sources.names) > 1:
                yield from _with_predictions(way, sources)
            return


def _all_ways(parameters: Any, required: Any, sources: Sources) -> Iterator[Way]:
    named, optional = [], []
    for one in parameters:
        known = _by_name(one.name, sources)
        (named if one.default is one.empty else optional).append((one, known))
    # A default is left as it is, unless the name is one that forward was handed.
    tail: list[Item] = []
    for _, known in optional:
        if (
            known is None
            or known.kind == "y"
            or (known.kind == "dy" and any(k is not None and k.kind == "dy" for _, k in named))
        ):
            break
        tail.append(known)
    items = _numbered([known for _, known in named], sources)
    if None not in items:
        way = Way((*items, *tail), certain=_is_certain([*items, *tail]))
        if len(set(way.items)) == len(way.items):
            yield way
            if tail:
                yield Way(tuple(items))
    conventional = list(_conventional(sources, (len(required), len(parameters))))
    yield from conventional
    yield from _filled(items, tail, _fillers(items, sources))
    if sources.loss and len(sources.names) > 1:
        # What a loss's backward calls dvalues may be the predictions.
        without = [None if item is not None and item.kind == "dy" else item for item in items]
        predictions = [Item("given", name) for name in sources.names]
        predictions += [Item("kept", name) for name in sources.kept]
        yield from _filled(without, tail, [*predictions, Item("y")])


def _filled(
    items: Sequence[Item | None], tail: Sequence[Item], fillers: Sequence[Item]
) -> Iterator[Way]:
    """Every way to fill what no name explains."""
    holes = [index for index, item in enumerate(items) if item is None]
    for chosen in islice(product(fillers, repeat=len(holes)), MOST_WAYS) if holes else ():
        filled = list(items)
        for index, item in zip(holes, chosen, strict=True):
            filled[index] = item
        whole = tuple(item for item in filled if item is not None)
        if len(set(whole)) == len(whole):
            yield Way((*whole, *tail))


def _with_predictions(way: Way, sources: Sources) -> Iterator[Way]:
    """What a loss's backward calls dvalues may be the predictions."""
    kept = [Item("kept", name) for name in sources.kept]
    for instead in (Item("given", sources.names[0]), *kept, Item("y")):
        items = tuple(instead if i.kind == "dy" else i for i in way.items)
        if len(set(items)) == len(items):
            yield Way(items)


def _is_certain(items: Sequence[Item | None]) -> bool:
    has_dy = any(item is not None and item.kind == "dy" for item in items)
    return has_dy and len(set(items)) == len(items)


def _by_name(name: str, sources: Sources) -> Item | None:
    if name in sources.names:
        return Item("given", name)
    named = list(sources.result)
    if name in named and sources.split.outputs is not None:
        position = named.index(name)
        if position in sources.split.outputs:
            return Item("y", position if sources.outputs > 1 else None)
        if position in sources.split.saved:
            single = len(sources.split.saved) == 1
            return Item("cache", None if single else (sources.split.saved.index(position),))
    if name in named and sources.split.outputs is None:
        return Item("y")
    if sources.cache is not None and is_cache(name):
        return Item("cache")
    if isinstance(sources.cache, dict) and name in sources.cache:
        return Item("cache", (name,))
    same = [one for one in sources.names if canonical(one) == canonical(name)]
    if len(same) == 1:
        return Item("given", same[0])
    if is_upstream(name):
        return Item("dy")
    return Item("y") if is_output(name) else None


def _numbered(items: list[Item | None], sources: Sources) -> list[Item | None]:
    """Several upstream gradients, one for each output in turn."""
    places = [index for index, item in enumerate(items) if item == Item("dy")]
    if sources.outputs > 1 and len(places) == sources.outputs:
        for number, index in enumerate(places):
            items[index] = Item("dy", number)
    return items


def _conventional(sources: Sources, counts: tuple[int, int] | None) -> Iterator[Way]:
    """The orders that people use, of those that a backward with so many arguments takes."""
    dy = [Item("dy", n) for n in range(sources.outputs)] if sources.outputs > 1 else [Item("dy")]
    whole_dy, cache, y = [Item("dy")], [Item("cache")], [Item("y")]
    given = [Item("given", name) for name in sources.names]
    pieces = _pieces(sources)
    orders: list[list[Item]] = []
    if sources.cache is not None:
        orders += [[*dy, *cache], [*cache, *dy], [*dy, *pieces], [*whole_dy, *cache]]
        orders += [[*dy, *cache, *given], [*dy, *given, *cache], [*dy, *y, *cache]]
    orders += [[*dy, *given], [*given, *dy]]
    if len(given) > 1:
        orders += [[*dy, *given[:1]], [*given[:1], *dy]]
    orders += [[*dy, *y], [*y, *dy], dy, whole_dy]
    without = [given, cache, y, given[:1], [*y, *given[1:]], [*given, *y], []]
    orders = (
        [*without, *orders]
        if sources.loss and not _one_more(sources, counts)
        else [
            *orders,
            *without,
        ]
    )
    for items in orders:
        if sources.cache is None and any(item.kind == "cache" for item in items):
            continue
        if counts is None or counts[0] <= len(items) <= counts[1]:
            yield Way(tuple(items))


def _fillers(items: Sequence[Item | None], sources: Sources) -> list[Item]:
    """What an argument may be whose name says nothing."""
    found: list[Item] = [] if Item("dy") in items else [Item("dy")]
    found.append(Item("y"))
    if sources.cache is not None:
        found.append(Item("cache"))
        found += _pieces(sources)
    return [*found, *(Item("given", name) for name in sources.names)]


def _pieces(sources: Sources) -> list[Item]:
    """What is saved, one by one, where forward returns it so."""
    count = len(sources.split.saved)
    return [Item("cache", (n,)) for n in range(count)] if count > 1 else []


def _one_more(sources: Sources, counts: tuple[int, int] | None) -> bool:
    """Whether a backward takes one argument more than a loss: its dy."""
    return counts is None or counts[0] > len(sources.names)


def result_names(function: Any, result: Any) -> tuple[str, ...]:
    """The names of what a forward returns, where its code says them."""
    found = returned_names(function)
    if isinstance(result, tuple) and len(found) != len(result):
        return ()
    return found
