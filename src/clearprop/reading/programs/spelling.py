"""Objects as people spell them on a command line: `adam`, `huber(0.5)`, `sgd(0.1, momentum=0.9)`.

A name of a table, upper and lower case alike, and its settings in brackets as a Python call has
them: numbers, names in quotes, true, false, none, tuples, and objects of the same table, as in
`clipped(adam(0.01), norm=1)`. Nothing is ever executed: the spelling is read as a tree.
"""

import ast
import difflib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from clearprop.base.errors import ClearpropError, ConfigurationError

_WORDS = {"true": True, "false": False, "none": None}


def spelled(option: str, text: str, known: Mapping[str, Any], example: str) -> Any:
    """The object that `text` spells, made by one of the `known` classes.

    option   what the spelling was given as, for complaints; example is a right one

    Raises ConfigurationError for a form that is none, a name that is not known, with those that are
    near it, and settings that the class refuses.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        return _value(tree, option, known, top=True)
    except (SyntaxError, ValueError, RecursionError) as problem:
        if isinstance(problem, ClearpropError):
            raise
        raise ConfigurationError(
            "spelling_form", option=option, text=text, example=example
        ) from problem


def found(name: str, known: Mapping[str, Any]) -> Any:
    """What `known` has under a name, upper and lower case and underscores alike, or None."""
    return {_plain(one): value for one, value in known.items()}.get(_plain(name))


def near(name: str, known: Mapping[str, Any]) -> list[str]:
    """The known names that are like this one, in lower case."""
    return difflib.get_close_matches(_plain(name), [one.lower() for one in known], n=3, cutoff=0.5)


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _value(node: ast.expr, option: str, known: Mapping[str, Any], *, top: bool = False) -> Any:
    if isinstance(node, ast.Name) and not top and node.id.lower() in _WORDS:
        return _WORDS[node.id.lower()]
    if isinstance(node, ast.Name):
        return made(_made(node.id, option, known), (), {}, option)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        kind = _made(node.func.id, option, known)
        if any(one.arg is None for one in node.keywords):
            raise ValueError(option)
        positional = [_value(one, option, known) for one in node.args]
        named = {str(one.arg): _value(one.value, option, known) for one in node.keywords}
        return made(kind, positional, named, option)
    if isinstance(node, ast.Tuple | ast.List) and not top:
        return tuple(_value(one, option, known) for one in node.elts)
    if top:
        raise ValueError(option)
    return ast.literal_eval(node)


def made(
    kind: Any, positional: Sequence[Any], named: Mapping[str, Any], option: str, given: int = 0
) -> Any:
    """An object of a class with these settings, of which the first `given` were not spelled.

    Raises ConfigurationError for settings that the class does not have, or that it lacks.
    """
    signature = inspect.signature(kind)
    try:
        signature.bind(*positional, **named)
    except TypeError as problem:
        told = {
            "option": option,
            "name": kind.__name__,
            "known": ", ".join(list(signature.parameters)[given:]) or "—",
        }
        if needed := _lacking(signature, positional, named):
            raise ConfigurationError("spelling_needed", needed=needed, **told) from problem
        raise ConfigurationError("spelling_settings", **told) from problem
    return kind(*positional, **named)


def _lacking(
    signature: inspect.Signature, positional: Sequence[Any], named: Mapping[str, Any]
) -> str:
    """The settings without a default that were not spelled; none where others are in excess."""
    try:
        told = signature.bind_partial(*positional, **named).arguments
    except TypeError:
        return ""
    return ", ".join(
        name
        for name, one in signature.parameters.items()
        if one.default is one.empty and one.kind is not one.VAR_POSITIONAL and name not in told
    )


def _made(name: str, option: str, known: Mapping[str, Any]) -> Any:
    kind = found(name, known)
    if kind is None:
        names = ", ".join(sorted({one.lower() for one in known}))
        if nearest := ", ".join(near(name, known)):
            raise ConfigurationError(
                "spelling_unknown_near", option=option, name=name, nearest=nearest, known=names
            )
        raise ConfigurationError("spelling_unknown", option=option, name=name, known=names)
    return kind
