"""What a check works on: one function at one point, and the gradient that somebody claims for it.

Layers, losses, networks, NumPy functions, PyTorch's and JAX's are all made into a `Subject`; from
there on a check knows no difference between them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.verdict.findings import CheckFinding
from clearprop.engine.layers.layer import Context, Layer
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network

# arrays by name → (y, cache)
Run = Callable[[Mapping[str, Array]], tuple[Array, Any]]
# (dy, arrays, cache) → gradient by name
Back = Callable[[Array, Mapping[str, Array], Any], Mapping[str, Any]]
# (name, flat indices (K,), moves (K,)) → the outputs (K, y.size) with one entry moved in each
Mover = Callable[[str, Array, Array], Array]


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A function, a point and a claimed gradient.

    name        what people call it
    arrays      the point: every array that the function takes, by name
    variables   those of them that a gradient is claimed for, all floating
    run, back   the person's forward and backward; they are handed arrays that they may not edit,
                and every caller hands over copies
    train       the gradients of the parameters as a training takes them, where that is another
                method than `back` goes through; None where there is none
    dy          the upstream gradient, of y's shape; None draws one
    in_numpy    y of arrays that write down what is done with them, where `run` leaves NumPy; None
                where `run` does it
    structured  makes a mover that knows the function's structure and is faster than moving one
                entry at a time; None where there is none
    layer       a layer of ours that it should equal, if the person says so; never itself
    network, context, loss   what of ours it is; None or default otherwise
    twins       other computations of (y, gradient by name) at (arrays, dy), by the witness's name
    notes       what has to be said of how the person's code was read
    """

    name: str
    arrays: Mapping[str, Array]
    variables: tuple[str, ...]
    run: Run
    back: Back
    train: Back | None = None
    dy: Array | None = None
    in_numpy: Callable[[Mapping[str, Array]], object] | None = None
    structured: Callable[[Mapping[str, Array]], Mover | None] | None = None
    layer: Layer | None = None
    network: Network | None = None
    context: Context = Context()  # noqa: RUF009 (a NamedTuple, which nobody can edit)
    loss: Loss | None = None
    twins: Mapping[str, "Twin"] = field(default_factory=dict)
    notes: tuple[CheckFinding, ...] = ()

    def at(self, arrays: Mapping[str, Array], dy: Array | None) -> "Subject":
        """The same subject at another point."""
        return replace(self, arrays=arrays, dy=dy)

    def forward(self, arrays: Mapping[str, Array]) -> Array:
        """Y at `arrays`; what is handed to the person's code are copies."""
        with np.errstate(all="ignore"):
            return np.asarray(self.run(copies(arrays))[0])

    def gradients(self, arrays: Mapping[str, Array], dy: Array) -> Mapping[str, Any]:
        """The claimed gradients at `arrays`, from a forward and a backward on copies."""
        own = copies(arrays)
        with np.errstate(all="ignore"):
            _, cache = self.run(own)
            return self.back(dy.copy(), own, cache)

    @cached_property
    def output(self) -> Array:
        """Y at the subject's own point."""
        return self.forward(self.arrays)

    @cached_property
    def mover(self) -> Mover:
        """How single entries are moved: by the structure where there is one."""
        found = self.structured(self.arrays) if self.structured else None
        return found or self._one_by_one

    @property
    def is_structured(self) -> bool:
        """Whether moving an entry costs less than running the whole function."""
        return self.mover != self._one_by_one

    @cached_property
    def widest(self) -> int:
        """How many numbers moving an entry takes: the outputs, or of a network the values between
        its layers where those are more; of a function that is run whole its arrays as well."""
        if self.network is not None and self.is_structured:
            _y, (values, *_) = self.run(copies(self.arrays))
            return max(int(np.size(value)) for value in values.values())
        return self.output.size + sum(array.size for array in self.arrays.values())

    def _one_by_one(self, name: str, indices: Array, moves: Array) -> Array:
        # A float32 array stays one: the function may refuse anything else.
        kind = moves.dtype if moves.dtype.kind == "c" else self.arrays[name].dtype
        own = {**copies(self.arrays), name: np.array(self.arrays[name], kind)}
        untouched = {**self.arrays, name: own[name].copy()}
        dtype = np.result_type(self.output, moves) if moves.dtype.kind == "c" else self.output.dtype
        outputs = np.empty((len(indices), self.output.size), dtype)
        entries, before = own[name].flat, untouched[name].flat
        with np.errstate(all="ignore"):
            for row, (index, move) in enumerate(zip(indices, moves, strict=True)):
                entries[index] += move
                outputs[row] = np.asarray(self.run(own)[0]).ravel()
                entries[index] = before[index]
        # The same arrays are handed over every time, for copies of large ones cost more than many a
        # function; one that edits them is given new ones.
        if any(not np.array_equal(own[one], untouched[one], equal_nan=True) for one in own):
            for row, (index, move) in enumerate(zip(indices, moves, strict=True)):
                moved = untouched[name].copy()
                moved.flat[index] += move
                outputs[row] = self.forward({**self.arrays, name: moved}).ravel()
        return outputs


# (arrays, dy) → (y, gradient by name)
Twin = Callable[[Mapping[str, Array], Array], tuple[Array, Mapping[str, Array]]]


def copies(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Copies that can be written to, in C order, of every array."""
    return {name: np.array(array) for name, array in arrays.items()}


def in_dtype(arrays: Mapping[str, Array], dtype: str) -> dict[str, Array]:
    """The arrays with every floating one in `dtype`; integers stay what they are."""
    return {
        name: array.astype(dtype) if array.dtype.kind == "f" else array
        for name, array in arrays.items()
    }
