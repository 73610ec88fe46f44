"""Trying a person's code without a trace: what its functions keep of their own is put back."""

import dis
import random
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY
from clearprop.checking.subjects.randomness import kept_state

# How far the functions that a function calls are followed.
CALLS = 4


@contextmanager
def undisturbed(functions: Sequence[Any]) -> Iterator[None]:
    """Puts back the arrays, lists and dictionaries that functions keep in their closures and in
    their module, and the random generators."""
    restore: list[Callable[[], None]] = []
    for function in functions:
        restore += _closures(function)
        restore += _of_module(function)
    with kept_state():
        try:
            yield
        finally:
            for action in restore:
                action()


def _closures(function: Any) -> list[Callable[[], None]]:
    plain = getattr(function, "__func__", function)
    found = []
    for cell in getattr(plain, "__closure__", None) or ():
        try:
            value = cell.cell_contents
        except ValueError:  # a cell that nothing was put into
            continue

        def put_back(cell: Any = cell, value: Any = value) -> None:
            cell.cell_contents = value

        found += [put_back, *_content(value)]
    return found


def _of_module(function: Any) -> list[Callable[[], None]]:
    plain = getattr(function, "__func__", function)
    names = getattr(plain, "__globals__", None)
    if not isinstance(names, dict):
        return []
    found = []
    for name in dict.fromkeys(read_names(function, names)):
        if name in names and not isinstance(names[name], types.ModuleType | types.FunctionType):

            def put_back(name: str = name, value: Any = names[name]) -> None:
                names[name] = value

            found += [put_back, *_content(names[name])]
    return found


def _content(value: Any) -> list[Callable[[], None]]:
    """What puts back what stands in an array, a list or a dictionary."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        before = value.copy()

        def put_back() -> None:
            if value.flags.writeable:
                value[...] = before

        return [put_back]
    if isinstance(value, list):
        items = list(value)
        inside = [action for item in items for action in _content(item)]
        return [lambda: value.__setitem__(slice(None), items), *inside]
    if isinstance(value, dict):
        pairs = dict(value)

        def refill() -> None:
            value.clear()
            value.update(pairs)

        return [refill, *(action for item in pairs.values() for action in _content(item))]
    if isinstance(value, np.random.Generator):
        state = value.bit_generator.state

        def rewind() -> None:
            value.bit_generator.state = state

        return [rewind]
    return []


def read_names(function: Any, names: Mapping[str, Any], depth: int = CALLS) -> Iterator[str]:
    """The names of its module that a function uses, and those that functions it calls use."""
    plain = getattr(function, "__func__", function)
    code = getattr(plain, "__code__", None)
    for name in _globals_in(code) if code is not None else ():
        value = names.get(name, EMPTY)
        if isinstance(value, types.FunctionType):
            if depth and value is not function:
                yield from read_names(value, names, depth - 1)
        else:
            yield name


@lru_cache(maxsize=1024)
def _globals_in(code: types.CodeType) -> tuple[str, ...]:
    """The names of the module in a function's code, and in functions written inside it."""
    own = [one.argval for one in dis.get_instructions(code) if one.opname.endswith("_GLOBAL")]
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return tuple(dict.fromkeys([*own, *(name for one in inner for name in _globals_in(one))]))


# A random generator of somebody's own.
OwnGenerator = np.random.Generator | np.random.RandomState | random.Random


def generators(functions: Sequence[Any]) -> list[OwnGenerator]:
    """The random generators of their own that functions draw from, or may draw from: those of
    their module, which methods of other objects there may use as well."""
    found: list[Any] = []
    for function in functions:
        plain = getattr(function, "__func__", function)
        found += getattr(plain, "__globals__", {}).values()
        found += [cell.cell_contents for cell in getattr(plain, "__closure__", None) or ()]
        found += getattr(plain, "__defaults__", None) or ()
    return list({id(one): one for one in found if isinstance(one, OwnGenerator)}.values())


def state_of(generator: OwnGenerator) -> Any:
    """Where it stands."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, random.Random):
        return generator.getstate()
    return generator.get_state()


def _put_back(generator: OwnGenerator, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.set_state(state)


@contextmanager
def rewound(drawn_from: Sequence[tuple[OwnGenerator, Any]]) -> Iterator[None]:
    """Runs with generators in a state of theirs, and puts them back to it."""
    for generator, state in drawn_from:
        _put_back(generator, state)
    try:
        yield
    finally:
        for generator, state in drawn_from:
            _put_back(generator, state)
