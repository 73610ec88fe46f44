"""A function of PyTorch's tensors, computed in NumPy beside it: operation by operation.

NumPy's arrays can write down what is done with them, and so a forward of tensors leaves the tape of
one in plain NumPy. Every operation that PyTorch is asked for is done with both; what the table does
not know is taken for a constant. A result that is not PyTorch's ends the run.

Tensors may share their memory: an array stands for a memory and what of it a tensor sees, and what
is written into one of them is seen by the others.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError
from clearprop.formats import torch_twin
from clearprop.formats.torch_operations import OPERATIONS, VIEWS

# As far as the order of adding up goes; float32 is told by its digits.
SAME = 1e-9


class Seen(NamedTuple):
    """What a tensor sees: its memory, and where in it its entries stand."""

    memory: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _seen(tensor: Any) -> Seen:
    shape, strides = tuple(tensor.shape), tuple(tensor.stride())
    return Seen(tensor.untyped_storage()._cdata, tensor.storage_offset(), shape, strides)


class _Arrays:
    """The arrays of the tensors of one run; a tensor without one is a constant."""

    def __init__(self) -> None:
        self._arrays: dict[Seen, Any] = {}
        # How a view is made, and of what.
        self._views: dict[Seen, tuple[Seen, Callable[[Any], Any]]] = {}
        self._owners: dict[int, Seen] = {}
        # While a tensor is there, no other one is given its memory.
        self._kept: list[Any] = []

    def knows(self, tensor: Any) -> bool:
        """Whether the tensor, or another one of its memory, has an array."""
        return tensor.untyped_storage()._cdata in self._owners

    def of(self, tensor: Any) -> Any:
        """The array of a tensor; a bare one of a constant."""
        seen = _seen(tensor)
        if seen.memory not in self._owners:
            return tensor.detach().numpy().copy()
        return self._read(seen)

    def _read(self, seen: Seen) -> Any:
        if seen not in self._arrays:
            if seen in self._views:
                whole, view = self._views[seen]
                self._arrays[seen] = view(self._read(whole))
            else:
                owner = self._owners[seen.memory]
                self._arrays[seen] = self._read(owner)[_places(seen, owner)]
        return self._arrays[seen]

    def put(self, tensor: Any, array: Any) -> None:
        """The array of a new tensor."""
        seen = _seen(tensor)
        self._kept.append(tensor)
        self._owners.setdefault(seen.memory, seen)
        self._arrays[seen] = array

    def put_view(self, tensor: Any, of: Any, view: Callable[[Any], Any]) -> None:
        """A tensor that sees what another one sees, moved about."""
        seen = _seen(tensor)
        self._kept.append(tensor)
        if seen in self._views:
            # Made anew, as a line of code makes it in every round of a loop.
            self._arrays.pop(seen, None)
        elif seen not in self._arrays:
            self._views[seen] = (_seen(of), view)

    def write(self, tensor: Any, array: Any) -> None:
        """What was written into a tensor that is there already."""
        seen = _seen(tensor)
        owner = self._owners[seen.memory]
        if seen == owner:
            whole = np.copy(array)
        else:
            whole = self._read(owner)
            whole[_places(seen, owner)] = array
        self._arrays = {
            one: known for one, known in self._arrays.items() if one.memory != seen.memory
        }
        self._arrays[owner] = whole


def _places(seen: Seen, owner: Seen) -> tuple[Array, ...]:
    """Where in the owner's array the entries of another tensor of its memory stand."""
    at = np.full(seen.shape, seen.offset - owner.offset, np.int64)
    for axis, (length, stride) in enumerate(zip(seen.shape, seen.strides, strict=True)):
        at += (np.arange(length) * stride).reshape((-1,) + (1,) * (len(seen.shape) - axis - 1))
    found, order = [np.zeros_like(at)] * len(owner.shape), np.argsort(owner.strides)[::-1]
    for axis in order:
        if owner.shape[axis] > 1:
            found[axis], at = np.divmod(at, owner.strides[axis])
    return tuple(found)


def run_in_numpy(function: Callable[..., Any], arrays: Sequence[Any]) -> Any:
    """What a function of tensors gives at arrays, computed in NumPy.

    Raises ContractError where NumPy comes to other numbers, and for more than one tensor.
    """
    torch = torch_twin.pytorch()
    from torch.utils._python_dispatch import TorchDispatchMode

    known = _Arrays()

    class Beside(TorchDispatchMode):  # type: ignore[misc]
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            # Otherwise PyTorch loads its compiler, for seconds, to be told that it has no part.
            return False

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            return _done(torch, known, func, args, kwargs or {})

    tensors = [torch.tensor(np.array(array.view(np.ndarray))) for array in arrays]
    for tensor, array in zip(tensors, arrays, strict=True):
        known.put(tensor, array)
    with torch.no_grad(), Beside():
        y = function(*tensors)
    if not isinstance(y, torch.Tensor):
        raise ContractError("check_output_tensor", came=type(y).__name__)
    return known.of(y)


def _done(torch: Any, known: _Arrays, func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """One operation with tensors, and the same with their arrays."""
    tensors = [one for one in _flat([*args, *kwargs.values()]) if isinstance(one, torch.Tensor)]
    if not any(known.knows(one) for one in tensors):
        return func(*args, **kwargs)
    name = func.overloadpacket.__name__
    writes = name.endswith("_") and not name.startswith("__")
    operation = OPERATIONS.get(name.removesuffix("_") if writes else name)
    if writes and not known.knows(args[0]):
        whole = args[0] if args[0]._base is None else args[0]._base
        # Of an array that is filled nothing is known as yet.
        known.put(whole, np.array(whole.detach().numpy()))

    def array_of(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return known.of(value)
        if isinstance(value, tuple | list):
            return [array_of(one) for one in value]
        return value

    is_view = name in VIEWS
    made = None
    if operation is not None and not is_view:
        named = {key: array_of(value) for key, value in kwargs.items() if value is not None}
        made = operation(*[array_of(one) for one in args], **named)
    returned = func(*args, **kwargs)
    if writes:
        own = returned.detach().numpy().copy() if made is None else _like(returned, made)
        known.write(args[0], own)
    elif is_view and operation is not None:
        _put_views(known, operation, returned, args, kwargs)
    elif made is not None:
        each = returned if isinstance(returned, tuple | list) else [returned]
        own = made if isinstance(made, tuple | list) else [made]
        for tensor, array in zip(each, own, strict=False):
            if array is not None:
                known.put(tensor, _like(tensor, array))
    return returned


def _put_views(
    known: _Arrays, operation: Callable[..., Any], returned: Any, args: Any, kwargs: Any
) -> None:
    whole, *rest = args
    each = returned if isinstance(returned, tuple | list) else [returned]
    for number, tensor in enumerate(each):
        if isinstance(returned, tuple | list):
            known.put_view(tensor, whole, lambda a, n=number: operation(a, *rest, **kwargs)[n])
        elif tensor.untyped_storage()._cdata == whole.untyped_storage()._cdata:
            known.put_view(tensor, whole, lambda a: operation(a, *rest, **kwargs))
        else:
            known.put(tensor, operation(known.of(whole), *rest, **kwargs))


def _like(tensor: Any, array: Any) -> Any:
    """The array, where its numbers are the tensor's. Raises ContractError for others."""
    own, made = tensor.detach().numpy(), np.asarray(array).view(np.ndarray)
    near = max(SAME, 1e3 * float(np.finfo(own.dtype).eps)) if own.dtype.kind == "f" else 0.0
    largest = float(np.abs(own[np.isfinite(own)]).max(initial=0.0)) if near else 0.0
    if made.shape != own.shape or not np.allclose(
        made, own, rtol=near, atol=near * largest, equal_nan=near > 0
    ):
        raise ContractError("check_output_kind", function="", came="")
    return array


def _flat(values: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        found += _flat(value) if isinstance(value, tuple | list) else [value]
    return found
