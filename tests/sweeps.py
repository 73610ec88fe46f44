"""Sweeps of which the quick tests run a part and the thorough ones the rest."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet


def quick_where(cases: Iterable[Any], is_quick: Callable[[int, Any], bool]) -> "list[ParameterSet]":
    """Cases for `parametrize`, a tuple for several arguments; those for which (place, case) is not
    quick are thorough."""
    return [
        pytest.param(
            *(case if type(case) is tuple else (case,)),
            marks=() if is_quick(place, case) else pytest.mark.thorough,
        )
        for place, case in enumerate(cases)
    ]


def first_of(options: Iterable[Any]) -> "list[ParameterSet]":
    """Options for `parametrize`, of which the first is quick."""
    return quick_where(options, lambda place, _: place == 0)


def paired(*options: Sequence[Any]) -> "list[ParameterSet]":
    """Every combination of options for `parametrize`. Quick are so many of them that any two
    options meet in one; all the others are thorough."""
    every = list(product(*(range(len(one)) for one in options)))
    pairs = [set(combinations(enumerate(one), 2)) for one in every]
    waiting, quick = set().union(*pairs), set()
    while waiting:
        best = max(range(len(every)), key=lambda place: len(pairs[place] & waiting))
        waiting -= pairs[best]
        quick.add(best)
    cases = (tuple(option[at] for option, at in zip(options, one, strict=True)) for one in every)
    return quick_where(cases, lambda place, _: place in quick)
