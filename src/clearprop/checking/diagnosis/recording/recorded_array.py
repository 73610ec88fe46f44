"""An array that writes down what is done with it: the person's forward is run on such arrays.

It is a NumPy array in every other way. What NumPy's functions do with it is written down where
`primitives.py` knows the derivative; what nobody knows gives a bare array, whose numbers are known
again where nothing but their order was changed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.recording import primitives
from clearprop.checking.diagnosis.recording.assembled import assembled
from clearprop.checking.diagnosis.recording.composed_functions import COMPOSED
from clearprop.checking.diagnosis.recording.numpy_functions import (
    JOINED,
    LIKE,
    MOVED,
    SPLIT,
    WITHOUT_SLOPE,
)
from clearprop.checking.diagnosis.recording.primitives import Operation
from clearprop.checking.diagnosis.recording.recorder import Recorder
from clearprop.checking.diagnosis.recording.seen_again import gathered, taken_back, viewed


def _sigmoid_of_minus(z: Any) -> Any:
    return 1 / (1 + np.exp(z))


# What `math` and Python's arithmetic are known by: exp(−z) is half of a sigmoid.
OUTSIDE = (
    primitives.entrywise("positive", np.positive),
    primitives.entrywise("exp", np.exp),
    primitives.entrywise("tanh", np.tanh),
    primitives.entrywise("log", np.log),
    primitives.entrywise("sqrt", np.sqrt),
    primitives.entrywise("sigmoid", lambda z: _sigmoid_of_minus(-z)),
    primitives.entrywise("sigmoid of minus", _sigmoid_of_minus),
)


class RecordedArray(np.ndarray[Any, Any]):
    """An array with its wire; one without is bare."""

    recorder: Recorder | None
    wire: int | None

    def __array_finalize__(self, other: Any) -> None:
        self.recorder = getattr(other, "recorder", None)
        # A view of another's entries has no wire of its own.
        self.wire = None

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **options: Any) -> Any:
        out = options.pop("out", None)
        recorder = _recorder(given) or _recorder(out or ())
        if recorder is None:
            return NotImplemented
        result = _of_ufunc(recorder, ufunc, method, given, options)
        if out is None:
            return result
        (target,) = out
        np.copyto(_bare(target), _bare(result), casting="unsafe")
        if isinstance(target, RecordedArray):
            target.recorder, target.wire = recorder, getattr(result, "wire", None)
        return target

    def __array_function__(
        self, func: Any, types: Any, args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        args = tuple(args)
        recorder = _recorder([*_flattened(args), *kwargs.values()])
        if recorder is not None:
            found = _of_function(recorder, func, args, kwargs)
            if found is not None:
                return found
        made = func(*_bare_in(args), **{key: _bare_in(value) for key, value in kwargs.items()})
        is_like = recorder is not None and func in LIKE and made.dtype.kind == "f"
        return blank(recorder, made) if is_like and recorder is not None else made

    def __getitem__(self, key: Any) -> Any:
        recorder, bare = self.recorder, _bare_in(key)
        if recorder is None:
            return _bare(self)[bare]
        if self.wire is None and (piece := self._filled(recorder, bare)) is not None:
            return piece
        made = primitives.movement("chosen", lambda v: v[bare], 1, chosen=bare)
        return _made(recorder, made, [self])

    def _filled(self, recorder: Recorder, key: Any) -> Any:
        """A piece of an array without a wire, where it is one that was put in, or nothing yet; None
        where the piece is of several, and the whole has a wire from now on."""
        piece = np.array(_bare(self)[key])
        found = recorder.recalled(piece) if piece.any() else None
        if (
            found is not None
            and not found[1]
            and recorder.wires[found[0]].value.shape == piece.shape
        ):
            return on_wire(recorder, piece, found[0])
        whole = gathered(recorder, _bare(self)) if found is None and piece.any() else None
        if whole is None:
            return blank(recorder, piece)
        self.wire = recorder.made(*whole, np.array(_bare(self)))
        recorder.own(_owner(self), self.wire)
        return None

    def __setitem__(self, key: Any, value: Any) -> None:
        recorder, bare = self.recorder, _bare_in(key)
        if recorder is not None and self.wire is not None:
            one = np.ndim(value) == 0 and isinstance(key, np.ndarray) and key.dtype == bool
            if one and key.shape == self.shape:
                made = _made(recorder, primitives.entrywise("where", np.where), [key, value, self])
            else:
                made = _made(recorder, primitives.written_into(bare), [self, value])
            self.wire = made.wire
            recorder.own(_owner(self), made.wire)
        _bare(self)[bare] = _bare(value)

    @property
    def T(self) -> Any:  # noqa: N802 (NumPy's name)
        return np.transpose(self)

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))

    def __float__(self) -> float:
        value = float(_bare(self))
        if self.recorder is not None and self.wire is not None:
            for operation in OUTSIDE:
                self.recorder.offer(
                    self.wire, float(operation.apply([np.asarray(value)])), operation
                )
        return value

    def transpose(self, *axes: Any) -> Any:
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return np.transpose(self, order or None)

    def reshape(self, *shape: Any, **options: Any) -> Any:
        wanted = shape[0] if len(shape) == 1 else shape
        return np.reshape(self, wanted, **options)

    def flatten(self, *given: Any) -> Any:
        return np.ravel(self)

    def ravel(self, *given: Any) -> Any:
        return np.ravel(self)

    def copy(self, *given: Any) -> Any:
        return np.copy(self)

    def beside(self, name: str, value: Array) -> Array:
        """Another array of the function's own, where it meets this one: NumPy's own arrays do not
        tell what is done with them, as in `x.dot(w)`."""
        if self.recorder is None:
            return value
        return on_wire(self.recorder, np.array(value), self.recorder.leaf(name, np.array(value)))

    def __deepcopy__(self, memo: Any) -> Any:
        return np.copy(self)

    def astype(self, dtype: Any, *given: Any, **options: Any) -> Any:
        if self.recorder is None:
            return _bare(self).astype(dtype, *given, **options)
        return _made(
            self.recorder,
            primitives.movement("cast", lambda v: np.array(v), 1),
            [self],
            value=_bare(self).astype(dtype),
        )

    def fill(self, value: Any) -> None:
        self[...] = value


def _method(name: str, function: Any) -> Callable[..., Any]:
    def method(self: RecordedArray, *given: Any, **options: Any) -> Any:
        return function(self, *given, **options)

    method.__name__ = name
    return method


for _name, _function in {
    "sum": np.sum, "mean": np.mean, "var": np.var, "std": np.std, "max": np.max, "min": np.min,
    "dot": np.dot, "squeeze": np.squeeze, "swapaxes": np.swapaxes, "repeat": np.repeat,
    "take": np.take, "clip": np.clip, "diagonal": np.diagonal, "prod": np.prod,
    "cumsum": np.cumsum, "round": np.round,
}.items():  # fmt: skip
    setattr(RecordedArray, _name, _method(_name, _function))


def on_wire(recorder: Recorder, value: Any, wire: int) -> RecordedArray:
    """The array that stands on a wire of the recorder."""
    array = np.asarray(value).view(RecordedArray)
    array.recorder, array.wire = recorder, wire
    recorder.own(_owner(array), wire)
    return array


def blank(recorder: Recorder, value: Any) -> RecordedArray:
    """An array without a wire, to be filled; what fills it is looked for when it is used."""
    array = np.asarray(value).view(RecordedArray)
    array.recorder, array.wire = recorder, None
    return array


def _owner(array: Any) -> Any:
    """The array that has the memory of another."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def _bare(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, RecordedArray) else value


def _bare_in(value: Any) -> Any:
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return type(value)(_bare_in(one) for one in value)
    return _bare(value)


def _flattened(values: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        found += _flattened(value) if isinstance(value, tuple | list) else [value]
    return found


def _recorder(values: Sequence[Any]) -> Recorder | None:
    return next((v.recorder for v in values if isinstance(v, RecordedArray) and v.recorder), None)


def _operand(recorder: Recorder, value: Any) -> "int | Array":
    """The wire that a value is on; a bare array whose numbers were on one is taken for it."""
    bare = np.asarray(_bare(value))
    if isinstance(value, RecordedArray) and value.wire is not None:
        wire = recorder.wires[value.wire]
        # Its entries may have been edited through a view.
        if np.array_equal(wire.value, bare, equal_nan=bare.dtype.kind == "f"):
            return value.wire
    found = recorder.recalled(bare)
    if found is None and bare.dtype.kind == "f" and bare.size == 1:
        return taken_back(recorder, bare)
    if found is None:
        made = viewed(recorder, bare) or gathered(recorder, bare)
        if made:
            return recorder.made(*made, np.array(bare))
        whole = assembled(recorder, bare)
        return np.array(bare) if whole is None else whole
    number, turned = found
    if not turned and recorder.wires[number].value.shape == bare.shape:
        return number
    shape = bare.shape
    move = (lambda v: v.T.reshape(shape)) if turned else (lambda v: v.reshape(shape))
    return recorder.made(primitives.movement("seen again", move, 1), [number], np.array(bare))


def _made(
    recorder: Recorder, operation: Operation, given: Sequence[Any], value: Array | None = None
) -> Any:
    """What an operation gives, on a wire of its own."""
    operands = [_operand(recorder, one) for one in given]
    if value is None:
        # A copy: what is chosen of an array and then edited would edit the array under its wire.
        value = np.array(operation.apply([np.asarray(_bare(one)) for one in given]))
    if not any(isinstance(one, int) for one in operands):
        return np.asarray(value)
    return on_wire(recorder, value, recorder.made(operation, operands, np.array(value)))


def _of_ufunc(
    recorder: Recorder, ufunc: Any, method: str, given: Sequence[Any], options: Mapping[str, Any]
) -> Any:
    name = ufunc.__name__
    if method == "__call__" and not (options.keys() - {"dtype", "casting"}) and ufunc.nout == 1:
        if name == "matmul":
            return _made(recorder, primitives.MATMUL, given)
        if name in WITHOUT_SLOPE:
            return _made(recorder, primitives.flat(name, ufunc), given)
        return _made(recorder, primitives.entrywise(name, ufunc), given)
    if method == "reduce" and name in ("add", "maximum", "minimum"):
        function: Any = {"add": np.sum, "maximum": np.max, "minimum": np.min}[name]
        axis = given[1] if len(given) > 1 else options.get("axis", 0)
        return function(given[0], axis=axis, keepdims=bool(options.get("keepdims")))
    if method == "outer":
        first, second = given
        shape = np.shape(first) + (1,) * np.ndim(second)
        return _of_ufunc(recorder, ufunc, "__call__", [np.reshape(first, shape), second], options)
    return getattr(ufunc, method)(*_bare_in(tuple(given)), **options)


def _of_function(
    recorder: Recorder, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """What a function of NumPy's gives, written down; None of one that is not known here."""
    if func in MOVED:
        rest = _bare_in(tuple(args[1:])), {k: _bare_in(v) for k, v in kwargs.items()}
        made = primitives.movement(func.__name__, lambda v: func(v, *rest[0], **rest[1]), 1)
        return _made(recorder, made, args[:1])
    if func in SPLIT:
        return _split(recorder, func, args, kwargs)
    if func in JOINED and len(args) > 0:
        return _joined(recorder, func, args, kwargs)
    own = FUNCTIONS.get(func)
    return None if own is None else own(*args, **kwargs)


def _split(recorder: Recorder, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Each piece is chosen of the whole by itself."""
    rest, named = _bare_in(tuple(args[1:])), {k: _bare_in(v) for k, v in kwargs.items()}
    count = len(func(_bare(args[0]), *rest, **named))

    def piece(number: int) -> Any:
        made = primitives.movement(func.__name__, lambda v: func(v, *rest, **named)[number], 1)
        return _made(recorder, made, args[:1])

    return [piece(number) for number in range(count)]


def _joined(recorder: Recorder, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    if func in (np.append, np.insert):
        return None
    parts, rest = list(args[0]), _bare_in(tuple(args[1:]))
    made = primitives.movement(func.__name__, lambda *v: func(v, *rest, **kwargs), len(parts))
    return _made(recorder, made, parts)


def _reduced(function: str) -> Callable[..., Any]:
    def called(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, **rest: Any) -> Any:
        keepdims = bool(rest.get("keepdims", False))
        recorder = _recorder([a])
        if recorder is None or rest.keys() - {"keepdims", "ddof"} or np.ndim(a) == 0:
            return a if np.ndim(a) == 0 and function in ("sum", "mean", "max", "min") else None
        if function == "sum":
            return _made(recorder, primitives.total(axis, keepdims), [a])
        if function in ("max", "min"):
            extreme = np.max if function == "max" else np.min
            return _made(recorder, primitives.extreme(function, extreme, axis, keepdims), [a])
        summed = _made(recorder, primitives.total(axis, keepdims or function != "mean"), [a])
        count = np.size(a) / max(np.size(summed), 1)
        mean = summed / count
        if function == "mean":
            return mean
        deviation = a - mean
        squares = _made(recorder, primitives.total(axis, keepdims), [deviation * deviation])
        variance = squares / (count - rest.get("ddof", 0))
        return variance if function == "var" else np.sqrt(variance)

    return called


def _einsum(subscripts: Any, *operands: Any, **options: Any) -> Any:
    recorder = _recorder(operands)
    if recorder is None or not isinstance(subscripts, str) or "." in subscripts:
        return None
    if len(operands) > 2:
        return None
    if "->" not in subscripts:
        letters = subscripts.replace(",", "").replace(" ", "")
        subscripts += "->" + "".join(sorted(one for one in letters if letters.count(one) == 1))
    return _made(recorder, primitives.einsum(subscripts), operands)


def _where(condition: Any, *choices: Any) -> Any:
    recorder = _recorder([condition, *choices])
    if recorder is None or len(choices) != 2:
        return None
    return _made(recorder, primitives.entrywise("where", np.where), [condition, *choices])


def _clip(a: Any, a_min: Any = None, a_max: Any = None, **options: Any) -> Any:
    recorder = _recorder([a])
    low = options.get("min", a_min)
    high = options.get("max", a_max)
    if recorder is None:
        return None
    bounds = (-np.inf if low is None else low, np.inf if high is None else high)
    return _made(recorder, primitives.entrywise("clip", np.clip), [a, *bounds])


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **COMPOSED,
    np.sum: _reduced("sum"), np.mean: _reduced("mean"), np.var: _reduced("var"),
    np.std: _reduced("std"), np.max: _reduced("max"), np.min: _reduced("min"),
    np.amax: _reduced("max"), np.amin: _reduced("min"), np.einsum: _einsum, np.where: _where,
    np.clip: _clip,
}  # fmt: skip
