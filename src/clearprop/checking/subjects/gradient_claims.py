"""Which gradient is of which array: by names, by structure, by position, by shape.

Gradients are looked for in what a backward returned and in what it left behind: `self.dW`,
`self.grads["W1"]`, `layers[0].dweights`, a Value's `.grad`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.checking.subjects.gradient_places import (
    RETURNED,
    Claims,
    Spot,
    Variable,
)
from clearprop.checking.subjects.structures import (
    Attribute,
    Leaf,
    Path,
    at,
    is_number,
    leaves,
)
from clearprop.checking.subjects.written_names import (
    gradient_keys,
    is_target,
    keys_of,
    own_gradient_keys,
    words,
)

# What a gradient of the first argument is called, whatever that is called: dx, dinputs.
INPUT_WORDS = ("x", "in", "prev", "aprev", "a")


def claims(
    returned: Any,
    labels: Sequence[str],
    after: Mapping[str, Any],
    variables: Sequence[Variable],
    wrt: Sequence[str] | None,
    updated: Mapping[str, Spot],
    *,
    arguments: Sequence[str],
    alone: bool,
) -> Iterator[Claims]:
    """The ways to read the gradients, the likely one first.

    labels     the names of what was returned, "" or fewer where they have none
    after      what was handed over, as backward left it
    updated    parameters that backward itself changed
    arguments  the names of forward's arguments, in its order
    alone      whether there is no backward, and the gradients are in forward's own result
    """
    found = _returned_leaves(returned, labels)
    named = _by_name(found, variables, must_say=False)
    named.update(_by_structure(returned, variables, named))
    kept = {}
    for root, value in after.items():
        spots = [Leaf((Attribute(root), *leaf.path), leaf.value) for leaf in leaves(value)]
        kept.update(_by_name(spots, variables, must_say=True))
    # A method is known by what it returns first: what it keeps may be another thing.
    both = {**updated, **{n: Spot(str(p[0]), p[1:]) for n, p in kept.items()}}
    both.update({n: Spot(RETURNED, p[1:]) for n, p in named.items()})
    own = [v for v in variables if v.is_argument]
    asked = own if wrt is None else _in_order(variables, wrt)
    # One plain number beside arrays is a setting, unless gradients are for all of them.
    floating = [v for v in asked if isinstance(v.value, np.ndarray)] or asked
    kept_ones = [v for v in variables if _is_kept(v) and v.name not in both]
    seen: list[Claims] = []
    asked = [v for v in asked if v.name not in kept]
    floating = [v for v in floating if v.name not in kept]
    rest = kept_ones if wrt is None else []
    beside = None if alone else _beside_integers(returned, {n: after[n] for n in arguments}, asked)
    if beside is not None and all(beside.get(n, p[1:]) == p[1:] for n, p in named.items()):
        named = {name: ("", *path) for name, path in beside.items()}
        both.update({name: Spot(RETURNED, path) for name, path in beside.items()})
    for extra in _unnamed(returned, found, named, floating, asked, rest, alone=alone):
        whole = {**both, **{name: Spot(RETURNED, path) for name, path in extra.items()}}
        if wrt is not None:
            whole = {name: whole[name] for name in wrt if name in whole}
        if whole and whole not in seen:
            seen.append(whole)
            yield whole


def _floating(value: Any) -> bool:
    return isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f"


def _is_kept(variable: Variable) -> bool:
    """Whether it is an array that an object keeps."""
    return isinstance(variable.value, np.ndarray) and variable.spots[0].root == "self"


def _in_order(variables: Sequence[Variable], names: Sequence[str]) -> list[Variable]:
    by_name = {variable.name: variable for variable in variables}
    return [by_name[name] for name in names if name in by_name]


def _returned_leaves(returned: Any, labels: Sequence[str]) -> list[Leaf]:
    """The arrays in what was returned, with the name of the variable that held it for a step."""
    if returned is None:
        return []
    if not isinstance(returned, tuple):
        label = labels[0] if len(labels) == 1 else ""
        return [Leaf((label, *leaf.path), leaf.value) for leaf in leaves(returned)]
    found = []
    for index, item in enumerate(returned):
        fields = getattr(returned, "_fields", labels)
        label = fields[index] if len(fields) == len(returned) else ""
        found += [Leaf((label, index, *leaf.path), leaf.value) for leaf in leaves(item)]
    return found


def _label_keys(leaf: Leaf, *, must_say: bool) -> set[tuple[str | int, ...]]:
    """What a gradient's own place says that it is of."""
    if must_say:
        return gradient_keys(leaf.path[1:], headless=False)
    label, rest = str(leaf.path[0]), leaf.path[1:]
    ways = [rest]
    if rest and isinstance(rest[0], int) and label:
        ways = [(label, *rest[1:])]
    elif rest and isinstance(rest[0], int):
        ways = [rest[1:], rest]
    elif label:
        ways = [(label, *rest), rest]
    found: set[tuple[str | int, ...]] = set()
    for way in ways:
        if way:
            found |= gradient_keys(way, headless=True)
            # A dictionary of gradients may use the arrays' own names.
            found |= keys_of(way) if any(isinstance(w, str) for w in way) else set()
    return found


def _by_name(
    spots: Sequence[Leaf], variables: Sequence[Variable], *, must_say: bool
) -> dict[str, Path]:
    """Gradients whose names say what they are of; one that is said twice is left to the first."""
    wanted: dict[tuple[str | int, ...], list[str]] = {}
    loosely: dict[tuple[str | int, ...], list[str]] = {}
    own: dict[tuple[str | int, ...], list[str]] = {}
    for variable in variables:
        for spot in variable.spots:
            whole = (spot.root, *spot.path) if spot.root not in ("self", "globals") else spot.path
            for key in keys_of(whole, headless=False):
                wanted.setdefault(key, []).append(variable.name)
            for key in keys_of(whole):
                loosely.setdefault(key, []).append(variable.name)
            own.setdefault((spot.root, *words(spot.path)), []).append(variable.name)
    shapes = {variable.name: np.shape(variable.value) for variable in variables}
    first = next((variable for variable in variables if variable.is_argument), None)
    for word in INPUT_WORDS if first is not None else ():
        if (word,) not in loosely:
            wanted.setdefault((word,), [first.name])  # type: ignore[union-attr]
    found: dict[str, Path] = {}
    for leaf in spots:
        names: set[str] = set()
        if must_say:
            for key in own_gradient_keys(leaf.path):
                alike = [one for one in own.get(key, []) if shapes[one] == np.shape(leaf.value)]
                names |= set(alike)
        if not names:
            keys = _label_keys(leaf, must_say=must_say)
            longest = sorted(keys, key=len, reverse=True)
            for key in longest:
                names = set(wanted.get(key) or loosely.get(key, []))
                if must_say:
                    # An array of gradients is none of itself.
                    names -= set(own.get(words(leaf.path), []))
                if names:
                    break
        if len(names) > 1:
            names = _spelled_alike(leaf, names) or names
        if len(names) == 1:
            found.setdefault(next(iter(names)), leaf.path)
    return found


def _spelled_alike(leaf: Leaf, names: set[str]) -> set[str]:
    """Of W and w, the one that is spelled as in dW."""
    last = [word for word in words(leaf.path) if isinstance(word, str)][-1:]
    return {name for name in names if last and last[0].endswith(name.rsplit(".", 1)[-1])}


def _by_structure(
    returned: Any, variables: Sequence[Variable], named: Mapping[str, Path]
) -> dict[str, Path]:
    """Gradients that stand in what was returned as the parameters stand in what was handed over:
    lists of lists, tuples of tuples."""
    if not isinstance(returned, tuple | list):
        return {}
    parts: list[tuple[Path, Any]] = [
        ((), returned),
        *(((n,), one) for n, one in enumerate(returned)),
    ]
    roots: dict[str, dict[Path, Variable]] = {}
    for variable in variables:
        for spot in variable.spots[:1]:
            if spot.path:
                roots.setdefault(spot.root, {})[spot.path] = variable
    found: dict[str, Path] = {}
    for root, inside in roots.items():
        if root == "self" or any(variable.name in named for variable in inside.values()):
            continue
        for ahead, part in parts:
            own = {leaf.path: np.shape(leaf.value) for leaf in leaves(part)}
            wanted = {path: np.shape(variable.value) for path, variable in inside.items()}
            # One of another shape is wrong, and in its place all the same.
            alike = sum(own.get(path) == shape for path, shape in wanted.items())
            if own.keys() == wanted.keys() and 2 * alike >= len(wanted):
                found |= {v.name: ("", *ahead, *path) for path, v in inside.items()}
                break
    return found


def _unnamed(
    returned: Any,
    found: Sequence[Leaf],
    named: Mapping[str, Path],
    floating: Sequence[Variable],
    asked: Sequence[Variable],
    rest: Sequence[Variable],
    *,
    alone: bool,
) -> Iterator[dict[str, Path]]:
    """What was returned without a name, by position and by shape."""
    own = {name: path[1:] for name, path in named.items()}
    positional = _by_position(returned, own, floating, asked)
    if positional is not None:
        yield positional
        return
    taken = {path[1:] for path in named.values()}
    if named and alone:
        # Beside a loss and its gradients other results may stand: a state, the scores.
        yield own
        return
    left = [one for one in found if one.path[1:] not in taken and _may_be(one, floating)]
    open_ones = [variable for variable in floating if variable.name not in named]
    if len(left) == 1 and open_ones:
        shape = np.shape(left[0].value)
        same = [variable for variable in open_ones if np.shape(variable.value) == shape]
        if not same and (len(open_ones) == 1 or not named):
            same = open_ones[:1]
        if same:
            yield {**own, _meant(same).name: left[0].path[1:]}
            return
    shaped = _by_shape(left, open_ones) or _by_shape(left, [*open_ones, *rest])
    yield {**own, **shaped}


def _meant(alike: Sequence[Variable]) -> Variable:
    """Of arrays of one shape the one that a single gradient is of: the first that is no target. Of
    the target it would be the same with the other sign, and no wrong sign may pass for that."""
    outputs = [one for one in alike if not is_target(one.name)]
    besides = [one for one in outputs if one.name.lower() != "y"]
    return next(iter(besides or outputs or alike))


def _by_position(
    returned: Any,
    own: Mapping[str, Path],
    floating: Sequence[Variable],
    asked: Sequence[Variable],
) -> dict[str, Path] | None:
    """One gradient for each array in turn, None for one that has none."""
    if not isinstance(returned, tuple | list):
        return None
    if not all(is_number(one) or one is None for one in returned):
        return None
    for group in (asked, floating):
        paths = {variable.name: (number,) for number, variable in enumerate(group)}
        # What is another array's by its name or its place is none of these.
        agrees = all(paths.get(name, path) == path for name, path in own.items())
        agrees &= not {path for name, path in own.items() if name not in paths} & {*paths.values()}
        if len(returned) == len(group) and group and agrees:
            names = {variable.name for variable in asked}
            return {n: p for n, p in paths.items() if n in names and at(returned, p) is not None}
    return None


def _beside_integers(
    returned: Any, arguments: Mapping[str, Any], asked: Sequence[Variable]
) -> dict[str, Path] | None:
    """One gradient of every argument in turn, those of whole numbers among them, whose gradient a
    generic backward computes like any other: each of its argument's shape, or None."""
    whole = [
        name
        for name, value in arguments.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "iub"
    ]
    if not whole or not isinstance(returned, tuple | list) or len(returned) != len(arguments):
        return None
    pairs = list(zip(arguments.values(), returned, strict=True))
    if any(one is not None and np.shape(one) != np.shape(value) for value, one in pairs):
        return None
    names = {variable.name for variable in asked}
    found: dict[str, Path] = {
        name: (number,)
        for number, (name, one) in enumerate(zip(arguments, returned, strict=True))
        if name in names and one is not None
    }
    return found or None


def _may_be(leaf: Leaf, floating: Sequence[Variable]) -> bool:
    return _floating(leaf.value) or (len(floating) == 1 and is_number(leaf.value))


def _by_shape(left: Sequence[Leaf], open_ones: Sequence[Variable]) -> dict[str, Path]:
    """Gradients in the order of the arrays, each of the next one's shape."""
    found: dict[str, Path] = {}
    waiting = list(open_ones)
    for leaf in left:
        shape = np.shape(leaf.value)
        same = [variable for variable in waiting if np.shape(variable.value) == shape]
        if not same:
            return {}
        found[same[0].name] = leaf.path[1:]
        waiting.remove(same[0])
    return found
