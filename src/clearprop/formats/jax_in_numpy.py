"""A function of JAX's arrays, computed in NumPy: its program (a jaxpr), operation by operation.

NumPy's arrays can write down what is done with them, and so a forward in JAX leaves the tape of one
in plain NumPy. Functions within it are gone into, and loops gone through. What the table does not
know is computed by JAX, and taken for a constant.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError

LETTERS = "abcdefghijklmnopqrstuvwxyz"
# The parameters of an operation in which the program of a function that it calls stands.
PROGRAMS = ("call_jaxpr", "fun_jaxpr", "jaxpr")


def run_in_numpy(jax: Any, function: Callable[..., Any], arrays: Sequence[Any]) -> Any:
    """What a function of JAX's arrays gives at arrays, computed in NumPy.

    Raises ContractError for more than one array.
    """
    with jax.enable_x64(True):
        bare = [np.asarray(array).view(np.ndarray) for array in arrays]
        program = jax.make_jaxpr(function)(*bare)
        returned = _run(jax, program, arrays)
    if len(returned) != 1:
        raise ContractError("check_output_tensor", came=f"{len(returned)} arrays")
    return returned[0]


def _run(jax: Any, closed: Any, arrays: Sequence[Any]) -> list[Any]:
    """The outputs of a program."""
    program = closed.jaxpr
    known: dict[Any, Any] = {}

    def read(one: Any) -> Any:
        return np.asarray(one.val) if hasattr(one, "val") else known[one]

    known.update(zip(program.constvars, map(np.asarray, closed.consts), strict=True))
    known.update(zip(program.invars, arrays, strict=True))
    for step in program.eqns:
        found = _step(jax, step, [read(one) for one in step.invars])
        known.update(zip(step.outvars, found, strict=True))
    return [read(one) for one in program.outvars]


def _step(jax: Any, step: Any, given: Sequence[Any]) -> Sequence[Any]:
    name, params = step.primitive.name, step.params
    if name in _LOOPS:
        return _LOOPS[name](jax, given, **params)
    own = next((params[key] for key in PROGRAMS if key in params), None)
    if own is not None and not name.startswith("reduce"):
        closed = own if hasattr(own, "consts") else jax.extend.core.ClosedJaxpr(own, ())
        return _run(jax, closed, given)
    made = None
    if any(type(one) is not np.ndarray for one in given) and name in _TABLE:
        made = _TABLE[name](*given, **params)
    if made is None and name in ("gather", "dynamic_slice"):
        made = _chosen(step, given)
    if made is None and name in ("scatter", "dynamic_update_slice"):
        made = _put_in(step, given)
    if made is not None:
        return made if isinstance(made, list) else [made]
    return _by_jax(step, given)


def _by_jax(step: Any, given: Sequence[Any]) -> list[Array]:
    bare = [np.asarray(one).view(np.ndarray) for one in given]
    found = step.primitive.bind(*bare, **step.params)
    return [np.asarray(one) for one in (found if step.primitive.multiple_results else [found])]


def _chosen(step: Any, given: Sequence[Any]) -> Any:
    """The entries that are chosen: JAX says of the numbers of all entries which they are."""
    x, *rest = given
    numbers = np.arange(1, np.size(x) + 1).reshape(np.shape(x))
    at = _by_jax(step, [numbers, *rest])[0] - 1
    if np.any((at < 0) | (at >= np.size(x))):
        return None
    places = np.unravel_index(at, np.shape(x))
    axes = [n for n in range(np.ndim(x)) if np.ptp(places[n]) == 0 or np.shape(x)[n] == 1]
    whole = tuple(int(places[n].flat[0]) if n in axes else slice(None) for n in range(np.ndim(x)))
    # A whole row, as a loop takes one at a time.
    row = numbers[whole] - 1
    return np.reshape(x[whole], at.shape) if np.array_equal(row.ravel(), at.ravel()) else x[places]


def _put_in(step: Any, given: Sequence[Any]) -> Any:
    """Numbers put in the place of some entries, in the same way."""
    x, *rest = given
    which = 1 if step.primitive.name == "scatter" else 0
    numbers = np.arange(1, np.size(rest[which]) + 1).reshape(np.shape(rest[which]))
    new = rest[which]
    rest[which] = numbers
    came = _by_jax(step, [np.zeros(np.shape(x), numbers.dtype), *rest])[0]
    changed = np.copy(x)
    into = np.nonzero(came)
    changed[into] = np.reshape(new, (-1,))[came[into] - 1]
    return changed


# Loops and branches


def _scan(jax: Any, given: Sequence[Any], **params: Any) -> list[Any]:
    consts, carried = params["num_consts"], params["num_carry"]
    state = list(given[consts : consts + carried])
    rows: list[list[Any]] = []
    times = range(params["length"])
    for time in reversed(times) if params["reverse"] else times:
        here = [one[time] for one in given[consts + carried :]]
        found = _run(jax, params["jaxpr"], [*given[:consts], *state, *here])
        state, own = found[:carried], found[carried:]
        rows.append(own)
    if params["reverse"]:
        rows.reverse()
    return [*state, *(np.stack(column) for column in zip(*rows, strict=True))]


def _while(jax: Any, given: Sequence[Any], **params: Any) -> list[Any]:
    tested, done = params["cond_nconsts"], params["body_nconsts"]
    of_test, of_body = given[:tested], given[tested : tested + done]
    state = list(given[tested + done :])
    while bool(_run(jax, params["cond_jaxpr"], [*of_test, *state])[0]):
        state = _run(jax, params["body_jaxpr"], [*of_body, *state])
    return state


def _cond(jax: Any, given: Sequence[Any], **params: Any) -> list[Any]:
    place, *rest = given
    branches = params["branches"]
    return _run(jax, branches[int(np.clip(int(place), 0, len(branches) - 1))], rest)


_LOOPS: Mapping[str, Callable[..., Sequence[Any]]] = {
    "scan": _scan, "while": _while, "cond": _cond,
}  # fmt: skip


# The operations


def _product(a: Any, b: Any, dimension_numbers: Any, **_: Any) -> Any:
    (summed_a, summed_b), (shared_a, shared_b) = dimension_numbers
    free_a = [n for n in range(a.ndim) if n not in (*summed_a, *shared_a)]
    free_b = [n for n in range(b.ndim) if n not in (*summed_b, *shared_b)]
    simple = (
        len(summed_a) == 1
        and len(free_b) <= 1
        and (not shared_a or len(free_a) == len(free_b) == 1)
    )
    if simple:
        left = _turned(a, (*shared_a, *free_a, *summed_a))
        return np.matmul(left, _turned(b, (*shared_b, *summed_b, *free_b)))
    own_a, own_b = list(LETTERS[: a.ndim]), list(LETTERS[a.ndim : a.ndim + b.ndim])
    for one, other in zip((*summed_a, *shared_a), (*summed_b, *shared_b), strict=True):
        own_b[other] = own_a[one]
    out = [own_a[n] for n in (*shared_a, *free_a)] + [own_b[n] for n in free_b]
    return np.einsum(f"{''.join(own_a)},{''.join(own_b)}->{''.join(out)}", a, b)


def _turned(x: Any, order: Sequence[int]) -> Any:
    return x if list(order) == sorted(order) else np.transpose(x, order)


def _broadcast(x: Any, shape: Any, broadcast_dimensions: Any, **_: Any) -> Any:
    own = [1] * len(shape)
    for length, axis in zip(np.shape(x), broadcast_dimensions, strict=True):
        own[axis] = length
    placed = x if tuple(own) == np.shape(x) else np.reshape(x, own)
    return placed if tuple(own) == tuple(shape) else np.broadcast_to(placed, shape)


def _maximum(a: Any, b: Any, **_: Any) -> Any:
    for one, other in ((a, b), (b, a)):
        if np.size(one) == 1 and np.all(np.isneginf(one)):
            return other  # the start of a largest entry
    return np.maximum(a, b)


def _power(x: Any, y: int, **_: Any) -> Any:
    return np.square(x) if y == 2 else x**y


def _padded(x: Any, value: Any, padding_config: Any, **_: Any) -> Any:
    if any(low < 0 or high < 0 or inside for low, high, inside in padding_config):
        return None
    widths = [(low, high) for low, high, _ in padding_config]
    return np.pad(x, widths, constant_values=float(value))


def _sliced(x: Any, start_indices: Any, limit_indices: Any, strides: Any, **_: Any) -> Any:
    steps = strides or (1,) * x.ndim
    key = tuple(map(slice, start_indices, limit_indices, steps))
    return x[key]


def _reduced(of: Any) -> Callable[..., Any]:
    return lambda x, axes, **_: of(x, axis=tuple(axes))


def _own(function: Any) -> Callable[..., Any]:
    return lambda *given, **_: function(*given)


_TABLE: Mapping[str, Callable[..., Any]] = {
    **{name: _own(getattr(np, own)) for name, own in (
        ("exp", "exp"), ("exp2", "exp2"), ("log", "log"), ("log1p", "log1p"), ("expm1", "expm1"),
        ("tanh", "tanh"), ("sin", "sin"), ("cos", "cos"), ("sqrt", "sqrt"), ("square", "square"),
        ("neg", "negative"), ("abs", "absolute"), ("sign", "sign"), ("floor", "floor"),
        ("is_finite", "isfinite"), ("add", "add"), ("add_any", "add"), ("sub", "subtract"),
        ("mul", "multiply"), ("div", "divide"), ("pow", "power"), ("min", "minimum"),
        ("gt", "greater"), ("ge", "greater_equal"), ("lt", "less"), ("le", "less_equal"),
        ("eq", "equal"), ("ne", "not_equal"),
    )},
    "max": _maximum, "integer_pow": _power,
    "logistic": lambda x, **_: 1 / (1 + np.exp(-x)), "rsqrt": lambda x, **_: 1 / np.sqrt(x),
    "select_n": lambda which, *cases, **_: (
        np.where(which, cases[1], cases[0]) if len(cases) == 2 else None
    ),
    "clamp": lambda low, x, high, **_: np.clip(x, low, high),
    "dot_general": _product,
    "reduce_sum": _reduced(np.sum), "reduce_max": _reduced(np.max), "reduce_min": _reduced(np.min),
    "broadcast_in_dim": _broadcast,
    "reshape": lambda x, new_sizes, **_: np.reshape(x, new_sizes),
    "transpose": lambda x, permutation, **_: np.transpose(x, permutation),
    "squeeze": lambda x, dimensions, **_: np.squeeze(x, axis=tuple(dimensions)),
    "expand_dims": lambda x, dimensions, **_: np.expand_dims(x, tuple(dimensions)),
    "rev": lambda x, dimensions, **_: np.flip(x, tuple(dimensions)),
    "concatenate": lambda *parts, dimension, **_: np.concatenate(parts, axis=dimension),
    "pad": _padded, "slice": _sliced,
    "split": lambda x, sizes, axis, **_: np.split(x, np.cumsum(sizes)[:-1], axis=axis),
    "convert_element_type": lambda x, new_dtype, **_: (
        x if x.dtype == new_dtype else x.astype(new_dtype)
    ),
    **{name: lambda x, **_: x for name in ("stop_gradient", "copy", "copy_p", "reduce_precision")},
}  # fmt: skip
