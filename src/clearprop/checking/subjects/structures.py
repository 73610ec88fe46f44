"""Numbers wherever people keep them: in lists, dictionaries, dataclasses and objects, however deep.

A place is a path of steps from something that was handed over: an attribute, or a key or an index.
`fresh` makes a copy of everything with other numbers in some places, so that nothing which a run
leaves behind reaches another run.
"""

import copy
import io
import random
import threading
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError

# Deeper than any model's layers hold their arrays; more numbers than a list of plain floats has.
DEPTH, MOST = 10, 5_000
# What a copy shares with the original, because it cannot be copied and holds no numbers.
SHARED = (
    types.ModuleType,
    types.GeneratorType,
    io.IOBase,
    type(threading.Lock()),
    type(threading.RLock()),
)
PLAIN = (str, bytes, bool, type(None), complex, type, *SHARED)
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, np.ufunc)


class Attribute(str):
    """A step to an attribute; any other step is a key or an index."""

    __slots__ = ()


Path = tuple[Any, ...]


class Leaf(NamedTuple):
    """Numbers at a place: an array, or a plain number."""

    path: Path
    value: Any


def is_number(value: Any) -> bool:
    """Whether it is an array of numbers, or one number that is no setting's True or False."""
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "fiubc"
    return isinstance(value, float | int) and not isinstance(value, bool)


def is_floating(value: Any) -> bool:
    """Whether a gradient can be taken by it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind == "f"
    return isinstance(value, float)


def is_container(value: Any) -> bool:
    """Whether it holds others by key: a dictionary, a list, a tuple, an array of objects."""
    boxed = isinstance(value, np.ndarray) and value.dtype.kind == "O"
    return boxed or isinstance(value, Mapping | list | tuple)


def is_object(value: Any) -> bool:
    """Whether it is an object of a class of the person's, which may keep a state."""
    known = (*PLAIN, *FUNCTIONS, np.ndarray, np.generic, int, float, set, frozenset, range)
    library = (np.random.Generator, np.random.RandomState, random.Random)
    if is_container(value) or isinstance(value, (*known, *library)):
        return False
    return hasattr(value, "__dict__") or hasattr(value, "__slots__")


def children(value: Any) -> Iterator[tuple[Any, Any]]:
    """What stands directly in a container or an object, by its step."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
        yield from ((index, value[index]) for index in np.ndindex(value.shape))
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
    elif is_object(value):
        kept = getattr(value, "__dict__", {})
        yield from ((Attribute(name), one) for name, one in list(kept.items()))
        slots = [s for kind in type(value).__mro__ for s in _slots(kind)]
        yield from ((Attribute(s), getattr(value, s)) for s in slots if hasattr(value, s))


def _slots(kind: type) -> Sequence[str]:
    own = vars(kind).get("__slots__", ())
    names = (own,) if isinstance(own, str) else tuple(own)
    return [name for name in names if not name.startswith("__")]


def leaves(value: Any) -> list[Leaf]:
    """Every number and array of numbers in `value`; one that stands in two places is there twice.

    What goes round in a circle is followed once; graphs of the run's own (a Value's children) are
    deeper than any model, and end at `DEPTH`.
    """
    found: list[Leaf] = []
    _collect(value, (), (), found)
    return found


def _collect(value: Any, path: Path, above: tuple[int, ...], found: list[Leaf]) -> None:
    if len(found) >= MOST:
        return
    if is_number(value):
        found.append(Leaf(path, value))
        return
    if len(path) >= DEPTH or id(value) in above:
        return
    for step, child in children(value):
        if not isinstance(child, (*PLAIN, *FUNCTIONS)):
            _collect(child, (*path, step), (*above, id(value)), found)


def at(value: Any, path: Path) -> Any:
    """What stands at a place. Raises LookupError or AttributeError where there is nothing."""
    for step in path:
        value = getattr(value, step) if isinstance(step, Attribute) else value[step]
    return value


def placed(value: Any, path: Path, new: Any) -> Any:
    """`value` with `new` at a place: itself, edited, or a copy of what cannot be edited."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(step, Attribute):
        inner = placed(getattr(value, step), rest, new)
        if inner is not getattr(value, step):
            # A frozen dataclass refuses to be told, and this copy is ours.
            object.__setattr__(value, step, inner)
        return value
    inner = placed(value[step], rest, new)
    if isinstance(value, tuple):
        items = [*value[:step], inner, *value[step + 1 :]]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    value[step] = inner
    return value


class Copying(NamedTuple):
    """What is known of some things before they are copied again and again.

    shared   what their copies share with them, by id
    views    arrays that are views of others
    """

    shared: Mapping[int, Any]
    views: Sequence[Array]


def copying(roots: Mapping[str, Any]) -> Copying:
    """What to know of `roots` to copy them."""
    shared: dict[int, Any] = {}
    views = []
    for root in roots.values():
        _share(root, shared, 0, set())
        if not is_number(root):
            found = (leaf.value for leaf in leaves(root))
            views += [one for one in found if isinstance(getattr(one, "base", None), np.ndarray)]
    return Copying(shared, views)


def fresh(
    roots: Mapping[str, Any], places: Mapping[tuple[str, Path], Any], known: Copying
) -> dict[str, Any]:
    """A copy of all of them with other numbers at some places: (root, path) → number or array.

    An array that stands in several places is replaced in all of them, and a view is made anew as a
    view. Raises ContractError for an object that cannot be copied.
    """
    memo: dict[int, Any] = dict(known.shared)
    numbers = {}
    for (name, path), new in places.items():
        old = at(roots[name], path)
        if isinstance(old, np.ndarray):
            memo[id(old)] = new
        else:
            numbers[(name, path)] = new[()] if new.dtype.kind == "c" else new.item()
    for view in known.views:
        base = memo.get(id(view.base))
        if id(view) not in memo and isinstance(base, np.ndarray):
            memo[id(view)] = _same_view(view, base)
    made: dict[str, Any] = {}
    for name, value in roots.items():
        try:
            made[name] = copy.deepcopy(value, memo)
        except Exception as problem:  # whatever its own way to be copied raises
            raise ContractError(
                "check_not_copied", kind=type(value).__name__, problem=problem
            ) from problem
    for (name, path), number in numbers.items():
        made[name] = placed(made[name], path, number)
    return made


def _share(value: Any, memo: dict[int, Any], depth: int, seen: set[int]) -> None:
    if isinstance(value, SHARED):
        memo[id(value)] = value
        return
    if depth >= DEPTH or id(value) in seen or isinstance(value, (*PLAIN, *FUNCTIONS)):
        return
    seen.add(id(value))
    for _, child in children(value):
        if not is_number(child):
            _share(child, memo, depth + 1, seen)


def _same_view(view: Array, base: Array) -> Array:
    """The part of another base that `view` is of its own: parameters that are views of one long
    array move with it."""
    own = view.base
    if not (isinstance(own, np.ndarray) and own.flags.c_contiguous and own.shape == base.shape):
        return view.copy()
    start = view.__array_interface__["data"][0] - own.__array_interface__["data"][0]
    size, before = base.itemsize, own.itemsize
    strides = [step // before * size for step in view.strides]
    whole = base if base.flags.c_contiguous else np.ascontiguousarray(base)
    return np.ndarray(view.shape, base.dtype, whole, start // before * size, strides)


def is_stateful(value: Any) -> bool:
    """Whether a run may leave something behind in it: it is an object, or holds one."""
    if is_object(value):
        settings = getattr(type(value), "__dataclass_params__", None)
        return settings is None or not settings.frozen
    return is_container(value) and any(is_stateful(child) for _, child in children(value))


def as_numbers(value: Any) -> Array | None:
    """An array of what is one, or a list of plain numbers; None for anything else."""
    if isinstance(value, np.ndarray) and is_number(value) and not isinstance(value, np.matrix):
        # As it is: the diagnosis runs forwards on arrays that write down what is done with them.
        return value
    if is_number(value) or isinstance(value, bool):
        return np.asarray(value)
    if isinstance(value, list | tuple) and value and all(map(_is_plain, value)):
        try:
            array = np.asarray(value)
        except ValueError:
            return None
        return array if array.dtype.kind in "fiub" else None
    return None


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(map(_is_plain, value))
    return isinstance(value, float | int | np.generic)
