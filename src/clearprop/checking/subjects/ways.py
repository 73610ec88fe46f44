"""The ways in which a backward can be called: by the names of its arguments where they say it, and
in the orders that people use where they do not."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any, NamedTuple

from clearprop.checking.subjects.calling import Item, Split, Way
from clearprop.checking.subjects.written_names import (
    canonical,
    is_cache,
    is_output,
    is_upstream,
    positional,
)

# Ways to fill what no name explains.
MOST_WAYS = 24
# One argument whose name says nothing can be filled in every way; with two, one may be missed.
MOST_NAMELESS = 2


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
    nameless = sum(_by_name(one.name, sources) is None for one in required)
    seen: set[tuple[Item, ...]] = set()
    for way in _all_ways(parameters, required, sources):
        if way.items not in seen:
            seen.add(way.items)
            yield replace(way, named=nameless < MOST_NAMELESS)
        if way.certain:
            if sources.loss and len(sources.names) > 1:
                yield from _with_predictions(way, sources)
            return


def _all_ways(parameters: Any, required: Any, sources: Sources) -> Iterator[Way]:
    named: list[tuple[Any, Item | None]] = []
    optional: list[tuple[Any, Item | None]] = []
    for one in parameters:
        item = _by_name(one.name, sources)
        (named if one.default is one.empty else optional).append((one, item))
    # A default is left as it is, unless the name is one that forward was handed.
    tail: list[Item] = []
    has_dy = any(item is not None and item.kind == "dy" for _, item in named)
    for _, item in optional:
        if item is None or item.kind == "y" or (item.kind == "dy" and has_dy):
            break
        tail.append(item)
    items = _numbered([item for _, item in named], sources)
    known = [item for item in items if item is not None]
    if len(known) == len(items):
        way = Way((*known, *tail), certain=_is_certain([*known, *tail]))
        if len(set(way.items)) == len(way.items):
            yield way
            if tail:
                yield Way(tuple(known))
    conventional = list(_conventional(sources, (len(required), len(parameters))))
    yield from conventional
    yield from _filled(items, tail, _fillers(items, sources))
    if sources.loss and len(sources.names) > 1:
        # What a loss's backward calls dvalues may be the predictions.
        without = [None if item is not None and item.kind == "dy" else item for item in items]
        predictions = [Item("given", name) for name in sources.names]
        predictions += [Item("kept", name) for name in sources.kept]
        for way in _filled(without, tail, [*predictions, Item("y")]):
            yield replace(way, instead=_first_dy(items))


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


def _first_dy(items: Sequence[Item | None]) -> int | None:
    kinds = [item.kind if item is not None else "" for item in items]
    return kinds.index("dy") if "dy" in kinds else None


def _with_predictions(way: Way, sources: Sources) -> Iterator[Way]:
    """What a loss's backward calls dvalues may be the predictions."""
    kept = [Item("kept", name) for name in sources.kept]
    for instead in (Item("given", sources.names[0]), *kept, Item("y")):
        items = tuple(instead if i.kind == "dy" else i for i in way.items)
        if len(set(items)) == len(items):
            yield Way(items, instead=_first_dy(way.items))


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
