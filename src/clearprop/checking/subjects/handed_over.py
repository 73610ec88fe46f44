"""What a person handed over: arrays, settings, dictionaries, objects; and every number in it that a
gradient may be claimed for.
"""

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.checking.subjects.calling import GLOBALS, Callee
from clearprop.checking.subjects.gradient_places import Spot, Variable
from clearprop.checking.subjects.narrow_dtypes import refuse_narrow
from clearprop.checking.subjects.plain_functions import argument_names, function_name
from clearprop.checking.subjects.structures import (
    Copying,
    as_numbers,
    copying,
    fresh,
    is_container,
    is_floating,
    is_object,
    is_stateful,
    leaves,
)
from clearprop.checking.subjects.undisturbed import read_names
from clearprop.checking.subjects.written_names import (
    is_cache,
    is_rate,
    is_upstream,
    positional,
    returned_names,
    shown,
)

SELF, OTHER = "self", "its_owner"


@dataclass(frozen=True, eq=False)
class Handed:
    """What was handed over, by name.

    roots      arguments by name, the objects whose methods are called, the module's own arrays
    names      forward's arguments, in its order
    extra      what only backward takes
    variables  every floating number and array, by what it is called
    """

    roots: Mapping[str, Any]
    names: tuple[str, ...]
    extra: tuple[str, ...]
    variables: Mapping[str, Variable]

    @cached_property
    def is_stateful(self) -> bool:
        """Whether a run leaves something behind in what was handed over."""
        return any(is_stateful(root) for root in self.roots.values())

    @property
    def arrays(self) -> dict[str, Array]:
        """The arguments that are arrays themselves."""
        kinds = {n: self.roots[n] for n in (*self.names, *self.extra)}
        return {name: value for name, value in kinds.items() if isinstance(value, np.ndarray)}

    def filled(self, arrays: Mapping[str, Array]) -> dict[str, Any]:
        """A copy of everything with these arrays in their places. What an object keeps is copied
        once more, for it may be edited: a training step is no fault of a backward."""
        if not self._is_deep:
            made = {name: arrays.get(name, value) for name, value in self.roots.items()}
            made.update({root: arrays[name] for name, root in self._elsewhere if name in arrays})
            return made
        places: dict[tuple[str, Any], Any] = {}
        for name, array in arrays.items():
            if name not in self.variables:
                continue
            kept = array if self.variables[name].is_argument else array.copy()
            for spot in self.variables[name].spots:
                places[(spot.root, spot.path)] = kept
        made = fresh(self.roots, places, self._copying)
        constants = {n: a for n, a in arrays.items() if n in self.roots and n not in self.variables}
        return {**made, **constants}

    @cached_property
    def _copying(self) -> Copying:
        return copying(self.roots)

    @cached_property
    def _is_deep(self) -> bool:
        return any(is_container(root) or is_object(root) for root in self.roots.values())

    @cached_property
    def _elsewhere(self) -> list[tuple[str, str]]:
        """(name, root) wherever a variable is found under another name than its own."""
        return [
            (name, spot.root)
            for name, variable in self.variables.items()
            for spot in variable.spots
            if spot.root != name
        ]

    def only_globals(self, names: Sequence[str]) -> "Handed":
        """Without the module's arrays that none of these variables is in."""
        if GLOBALS not in self.roots:
            return self
        used = {
            spot.path[0]
            for name in names
            for spot in self.variables[name].spots
            if spot.root == GLOBALS
        }
        kept = {name: value for name, value in self.roots[GLOBALS].items() if name in used}
        roots = {**self.roots, GLOBALS: kept} if kept else _without(self.roots, GLOBALS)
        variables = {}
        for name, variable in self.variables.items():
            spots = [s for s in variable.spots if s.root != GLOBALS or s.path[0] in used]
            if spots:
                variables[name] = variable._replace(spots=tuple(spots))
        return replace(self, roots=roots, variables=variables)


def _without(roots: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in roots.items() if key != name}


def hand_over(
    forward: Callable[..., Any], backward: Any, values: Sequence[Any], extra: Mapping[str, Any]
) -> tuple[Handed, Callee, Callee | None]:
    """Everything by name, and the two functions as they are found in copies of it.

    Raises ConfigurationError for more values than forward takes, unless its backward takes them,
    and for numbers of too few digits.
    """
    takes = positional(forward)
    most = len(values) if takes is None else len(takes)
    surplus: list[str] = []
    if len(values) > most:
        surplus = _only_in_backward(takes or [], backward, forward, values[most:])
        if len(surplus) < len(values) - most:
            raise ConfigurationError(
                "check_arguments", function=function_name(forward), takes=most, came=len(values)
            )
    names = tuple(argument_names(forward, len(values) - len(surplus)))
    roots: dict[str, Any] = {
        name: _root(value) for name, value in zip((*names, *surplus), values, strict=True)
    }
    roots.update({name: _root(value) for name, value in extra.items()})
    there, back = _callee(forward, roots, SELF), None
    if backward is not None:
        back = _callee(backward, roots, OTHER)
    module = _module_arrays([one for one in (there, back) if one is not None])
    if module:
        roots[GLOBALS] = module
    refuse_narrow(roots)
    return Handed(roots, names, (*surplus, *extra), _variables(roots)), there, back


def _root(value: Any) -> Any:
    """A list of numbers as an array; one plain number stays what it is: it may be a setting."""
    found = as_numbers(value)
    if found is None or isinstance(value, bool | int | float):
        return value
    return found


def _only_in_backward(
    takes: Sequence[Any], backward: Any, forward: Any, values: Sequence[Any]
) -> list[str]:
    """What backward calls the values that forward does not take: a single number as a learning
    rate is called, and anything else in its order."""
    known = {one.name for one in takes} | set(returned_names(forward))
    open_ones = [
        one.name
        for one in positional(backward) or ()
        if one.name not in known and not is_cache(one.name) and not is_upstream(one.name)
    ]
    found = []
    for value in values:
        single = isinstance(value, float | int)
        alike = [name for name in open_ones if is_rate(name) == single] or open_ones
        if alike:
            found.append(alike[0])
            open_ones.remove(alike[0])
    return found


def _callee(function: Any, roots: dict[str, Any], name: str) -> Callee:
    """A method by the object it is of, so that it is called on a copy."""
    if isinstance(function, types.MethodType) and not isinstance(function.__self__, type):
        owner, method = function.__self__, function.__func__.__name__
    elif is_object(function):
        owner, method = function, "__call__"
    else:
        return Callee(function)
    root = next((key for key, value in roots.items() if value is owner), name)
    roots[root] = owner
    return Callee(function, root, method)


def _module_arrays(callees: Sequence[Callee]) -> dict[str, Any]:
    """Arrays of the module that the functions read without being handed them."""
    found: dict[str, Any] = {}
    for callee in callees:
        names = callee.module_globals
        for name in read_names(callee.function, names):
            value = names.get(name)
            one = is_floating(value) and isinstance(value, np.ndarray)
            if one or (is_container(value) and any(is_floating(leaf[1]) for leaf in leaves(value))):
                found[name] = value
    return found


def _variables(roots: Mapping[str, Any]) -> dict[str, Variable]:
    """Every floating number, one that stands in several places once."""
    spots: dict[Any, tuple[list[Spot], Any]] = {}
    for root, value in roots.items():
        for leaf in leaves(value):
            if not is_floating(leaf.value):
                continue
            array = isinstance(leaf.value, np.ndarray)
            key = id(leaf.value) if array else (root, leaf.path)
            spots.setdefault(key, ([], leaf.value))[0].append(Spot(root, leaf.path))
    found: dict[str, Variable] = {}
    short = [_called(one[0], short=True) for one in spots.values()]
    for (places, value), name in zip(spots.values(), short, strict=True):
        own = name if short.count(name) == 1 else _called(places, short=False)
        found[own] = Variable(own, tuple(places), value)
    return found


def _called(places: Sequence[Spot], *, short: bool) -> str:
    first = min(places, key=lambda spot: len(spot.path))
    root = SELF if first.root == GLOBALS else first.root
    return shown(root, first.path, short=short)
