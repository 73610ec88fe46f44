"""Subjects from plain NumPy functions.

    forward(x, *params) → y                  backward(dy, x, *params) → gradients
    forward(x, *params) → (y, cache)         backward(dy, cache) → gradients

`order` names the arguments of backward where they stand otherwise: of "dy", "y", "cache", "params"
(all arrays but the first) and the arrays' own names. The arrays' names are those of forward's
parameters. Gradients are one array, a tuple in the order of the arrays that they are for, or a
dictionary by the arrays' names, which may have a d or grad_ before them: W, dW, d_W, grad_W.
"""

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.checking.subjects.narrow_dtypes import refuse_narrow
from clearprop.checking.subjects.subject import Subject

PREFIXES = ("", "d", "d_", "grad_", "g")


def function_subject(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    arrays: Sequence[Any],
    *,
    order: Sequence[str] | None = None,
    wrt: Sequence[str] | None = None,
    dy: Array | None = None,
    names: Sequence[str] | None = None,
) -> Subject:
    """A pair of functions at the point `arrays`.

    Raises ContractError where one of them raises or returns something that is no gradient, and
    ConfigurationError for an order or a `wrt` with a name that does not exist.
    """
    names = tuple(names or argument_names(forward, len(arrays)))
    point = {name: as_array(name, value) for name, value in zip(names, arrays, strict=True)}
    variables = variables_of(point, wrt)
    title = function_name(forward)
    _, cached = _run(forward, point, title)
    if order is None:
        order = ("dy", "cache") if cached is not None else ("dy", *names)
    arguments = _arguments(order, names, cached is not None)

    def run(given: Mapping[str, Array]) -> tuple[Array, Any]:
        y, cache = _run(forward, given, title)
        return y, (y, cache)

    def back(dy: Array, given: Mapping[str, Array], cache: Any) -> Mapping[str, Any]:
        y, saved = cache
        # An array of the person's own may be called y.
        known = {"dy": dy, "y": y, "cache": saved, **given}
        returned = call(backward, [known[name] for name in arguments])
        return named(returned, variables, names, function_name(backward))

    return Subject(name=title, arrays=point, variables=variables, run=run, back=back, dy=dy)


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of the first `count` positional parameters: x, then p1, p2 … where they have
    none of their own. Raises ConfigurationError where the function takes fewer."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = [one.name for one in parameters if one.kind in kinds]
    star = any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters)
    if parameters and not star and len(own) < count:
        raise ConfigurationError(
            "check_arguments", function=function_name(function), takes=len(own), came=count
        )
    # One name is one array: a number that stands for itself is left to it.
    numbered = ("x" if not index else f"p{index}" for index in itertools.count(len(own)))
    free = (name for name in numbered if name not in own)
    return [*own, *itertools.islice(free, max(0, count - len(own)))][:count]


def function_name(function: Any) -> str:
    """What a function is called."""
    return str(getattr(function, "__name__", type(function).__name__))


def as_array(name: str, value: Any) -> Array:
    """`value` as an array of numbers; Python floats and lists of them are float64.

    Raises ContractError for anything else, and ConfigurationError for numbers of too few digits.
    """
    refuse_narrow({name: value})
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise ContractError("check_not_array", name=name, came=described(value))
    return array


def call(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """The person's function; what it raises becomes one sentence. Raises ContractError."""
    return guarded(function_name(function), lambda: function(*arguments))


def guarded(title: str, action: Callable[[], Any], *, but: tuple[type[Exception], ...] = ()) -> Any:
    """What the person's code called `title` returns; what it raises becomes one sentence, `but`
    what is one already. Raises ContractError."""
    try:
        with np.errstate(all="ignore"):
            return action()
    except (Exception, SystemExit) as problem:
        if isinstance(problem, but):
            raise
        if isinstance(problem, NotImplementedError):
            told = raised(problem).rstrip(": ")
            raise ContractError("check_left_open", function=title, problem=told) from problem
        raise ContractError("check_raised", function=title, problem=raised(problem)) from problem


def raised(problem: BaseException) -> str:
    """What was raised, in one line: `TypeError: float32 only`."""
    first, _, _ = str(problem).partition("\n")
    return f"{type(problem).__name__}: {first}"


def first_raised(problem: BaseException) -> str:
    """The same of what a sentence of ours was made of, without its full stop."""
    return raised(problem.__cause__ or problem).rstrip(".")


def named(
    returned: Any, variables: Sequence[str], names: Sequence[str], function: str
) -> dict[str, Any]:
    """The gradients that a backward returned, by name; one for an array that is not asked for is
    left out. Raises ContractError where they are something else or not as many."""
    if isinstance(returned, Mapping):
        found = {
            name: returned[prefix + name]
            for name in variables
            for prefix in reversed(PREFIXES)
            if prefix + name in returned
        }
        missing = [name for name in variables if name not in found]
        if missing:
            raise ContractError(
                "check_gradient_missing",
                function=function,
                missing=", ".join(missing),
                came=", ".join(map(str, returned)) or "{}",
            )
    elif isinstance(returned, tuple):
        if len(returned) not in (len(variables), len(names)):
            raise ContractError(
                "check_gradient_count",
                function=function,
                expected=len(variables),
                names=", ".join(variables),
                came=len(returned),
            )
        keys = variables if len(returned) == len(variables) else names
        found = {
            name: value for name, value in zip(keys, returned, strict=True) if name in variables
        }
    elif len(variables) == 1:
        found = {variables[0]: returned}
    else:
        raise ContractError(
            "check_gradient_count_one",
            function=function,
            expected=len(variables),
            names=", ".join(variables),
            came=described(returned),
        )
    for name, value in found.items():
        if not _is_numeric(value):
            raise ContractError(
                "check_gradient_kind", function=function, name=name, came=described(value)
            )
    return found


def variables_of(point: Mapping[str, Array], wrt: Sequence[str] | None) -> tuple[str, ...]:
    """The names that are differentiated by: `wrt`, or every floating array of `point`.

    Raises ConfigurationError for a name that is not one of the floating arrays, and for none.
    """
    floating = tuple(name for name, array in point.items() if array.dtype.kind == "f")
    variables = floating if wrt is None else tuple(wrt)
    for name in variables:
        if name not in floating:
            raise ConfigurationError("check_name", name=name, known=", ".join(floating))
    if not variables:
        raise ConfigurationError("check_no_variables")
    return variables


def described(value: Any) -> str:
    """What came, in a few words: `None`, `str 'abc'`, `list of 3`."""
    if value is None:
        return "None"
    if isinstance(value, list | tuple | dict):
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, np.ndarray):
        return f"one array {value.shape} of {value.dtype}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"


def _run(function: Callable[..., Any], given: Mapping[str, Array], title: str) -> tuple[Array, Any]:
    returned = call(function, list(given.values()))
    cache = None
    if isinstance(returned, tuple) and len(returned) == 2:
        returned, cache = returned
    if not _is_numeric(returned):
        raise ContractError("check_output_kind", function=title, came=described(returned))
    return np.asarray(returned), cache


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.number | float | int) and (
        np.asarray(value).dtype.kind in "fiubc"
    )


def _arguments(order: Sequence[str], names: Sequence[str], cached: bool) -> list[str]:
    arguments: list[str] = []
    for item in order:
        arguments += names[1:] if item == "params" and "params" not in names else [item]
    known = {*names, "dy", "y", *(["cache"] if cached else [])}
    for name in arguments:
        if name not in known:
            raise ConfigurationError("check_order", name=name, known=", ".join(sorted(known)))
    return arguments
