"""A forward and a backward read in one way: what runs, and which numbers are its gradients.

    forward(…) → y | (y, cache) | (y₁, y₂, …, cache) | (loss, gradients) | nothing: self.output
    backward(…) → one array | several | a dictionary | nothing: self.dW

A `Reading` says which results are outputs, what backward is called with, and where its gradients
stand.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ContractError
from clearprop.checking.subjects import gradient_places
from clearprop.checking.subjects.calling import (
    GLOBALS,
    Callee,
    Split,
    Way,
    output_array,
    patched,
)
from clearprop.checking.subjects.gradient_places import CHANGED, RETURNED, Claims
from clearprop.checking.subjects.handed_over import Handed
from clearprop.checking.subjects.plain_functions import described, guarded
from clearprop.checking.subjects.structures import as_numbers
from clearprop.checking.subjects.subject import Subject
from clearprop.checking.subjects.undisturbed import generators, rewound, state_of, undisturbed

# Turns outputs and the handed-over roots into one number, which the gradients are of.
Reduction = Callable[[Sequence[Array], Mapping[str, Any]], Array]


@dataclass(frozen=True, eq=False)
class ReadingRun:
    """One forward: the copies that it ran on, its outputs as they came and as arrays, its cache,
    and the numbers that it started from."""

    roots: Mapping[str, Any]
    result: Any
    outputs: Sequence[Any]
    arrays: Sequence[Array]
    cache: Any
    start: Mapping[str, Array]


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """One way to read what was handed over.

    split      what of forward's result is output
    backward   what to call with `way`; None where the gradients are in forward's own result, or
               where the output itself knows how to go back (`engine`)
    claims     where the gradients stand afterwards
    reduction  makes one number of the outputs, where the gradients are of a loss of them
    ignores    backward takes an upstream gradient and does not look at it
    loss_at    where backward's result has the loss, beside its gradients; None where it has none
    factors    what gradients are to be multiplied with, where they are averages
    rate       what an object that updates its own parameters multiplies their gradients with
    """

    handed: Handed
    forward: Callee
    split: Split
    backward: Callee | None = None
    engine: bool = False
    way: Way | None = None
    claims: Claims
    reduction: Reduction | None = None
    ignores: bool = False
    loss_at: int | None = None
    rate: float = 1.0
    factors: Mapping[str, float] = field(default_factory=dict)
    labels: Sequence[str] = ()
    key: str = ""
    values: Mapping[str, object] | None = None

    @property
    def functions(self) -> list[Any]:
        """The person's functions."""
        return [one.function for one in (self.forward, self.backward) if one is not None]

    @property
    def takes_dy(self) -> bool:
        """Whether what backward returns is for the upstream gradient that it was handed."""
        if self.reduction is not None or self.ignores or self.engine:
            return False
        return self.way is not None and self.way.takes_dy

    def run(self, arrays: Mapping[str, Array]) -> ReadingRun:
        """One forward on copies of everything."""
        roots = self.handed.filled(arrays)
        kept = [spot for spot in self.claims.values() if spot.root not in (RETURNED, CHANGED)]
        gradient_places.cleared(roots, kept)
        return forward_run(self.forward, self.handed, roots, self.split, arrays)

    def output(self, run: ReadingRun) -> Array:
        """Y: the outputs one after another, or the number that they are reduced to."""
        if self.reduction is not None:
            return np.asarray(self.reduction(run.arrays, run.roots))
        return joined(run.arrays)

    def gradients(self, dy: Array, run: ReadingRun) -> dict[str, Any]:
        """The claimed gradients, after a backward."""
        ones = [np.ones(array.shape) for array in run.arrays]
        dys = parted(dy, run.arrays) if self.takes_dy else ones
        returned = self.back(dys, run)
        found = {}
        for name, spot in self.claims.items():
            value = gradient_places.read(spot, returned, run.roots)
            numbers = as_numbers(value)
            if numbers is None or numbers.dtype.kind not in "fiubc":
                function = self.backward or self.forward
                raise ContractError(
                    "check_gradient_kind", function=function.name, name=name, came=described(value)
                )
            found[name] = value if isinstance(value, np.ndarray) else numbers
            if spot.root == CHANGED:
                found[name] = (run.start[name] - found[name]) / self.rate
            if name in self.factors:
                found[name] = self.factors[name] * found[name]
        if self.takes_dy or bool(np.all(dy == 1)):
            return found
        for name, value in found.items():
            if dy.ndim and dy.shape != np.shape(value):
                title, came = (self.backward or self.forward).name, described(value)
                raise ContractError("check_gradient_kind", function=title, name=name, came=came)
        return {name: dy * value for name, value in found.items()}

    def back(self, dys: Sequence[Array], run: ReadingRun) -> Any:
        if self.engine:
            return guarded(self.forward.name, lambda: engine_back(run.outputs))
        if self.backward is None:
            return rest_of(run.result, self.split)
        way = self.way or Way(())
        arguments = way.arguments(dys, run.outputs, run.cache, run.roots)
        returned = _called(self.backward, run.roots, arguments)
        return returned if self.loss_at is None else without(returned, self.loss_at)

    def subject(self, dy: Array | None) -> Subject:
        """The reading as a subject, at the point that was handed over."""
        arrays = point_of(self.handed, self.claims)
        order = tuple(name for name in arrays if name in self.claims)
        drawn_from = [(one, state_of(one)) for one in generators(self.functions)]

        def run(given: Mapping[str, Array]) -> tuple[Array, Any]:
            with rewound(drawn_from):
                made = self.run(given)
                return self.output(made), (made.cache, made)

        def back(dy: Array, given: Mapping[str, Array], cache: Any) -> Mapping[str, Any]:
            # What an object keeps of one backward is not there for the next: each has its forward.
            with rewound(drawn_from):
                if self.handed.is_stateful or self.engine:
                    made = self.run(given)
                else:
                    made = cache[1]
                    own = {one: given[one] for one in made.roots if one in given}
                    made = replace(made, roots={**made.roots, **own})
                return self.gradients(dy, made)

        one = None if self.takes_dy or dy is not None else self._one(arrays)
        return Subject(
            name=self.forward.title,
            arrays=arrays,
            variables=order,
            run=run,
            back=back,
            dy=dy if one is None else one,
        )

    def _one(self, arrays: Mapping[str, Array]) -> Array | None:
        """The upstream gradient of a loss is 1; of an elementwise derivative any."""
        with undisturbed(self.functions):
            y = self.output(self.run({name: array.copy() for name, array in arrays.items()}))
        return np.ones((), y.dtype if y.dtype.kind == "f" else np.float64) if not y.ndim else None


def point_of(handed: Handed, claimed: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of a subject: the arguments that are arrays, those that stand in arguments, and
    every one with a gradient."""
    found: dict[str, Array] = {}
    own = handed.arrays
    for root in handed.roots:
        if root in own:
            found[root] = own[root]
        for name, variable in handed.variables.items():
            inside = root in handed.names and isinstance(variable.value, np.ndarray)
            if (name in claimed or inside) and variable.spots[0].root == root:
                found.setdefault(name, np.asarray(variable.value))
    return found


def forward_run(
    forward: Callee,
    handed: Handed,
    roots: dict[str, Any],
    split: Split | None,
    start: Mapping[str, Array] = EMPTY,
) -> ReadingRun:
    """One forward on `roots`, made of the numbers of `start`; without a split only its result."""
    result = _called(forward, roots, [roots[name] for name in handed.names])
    if split is None:
        return ReadingRun(roots, result, (), (), None, start)
    outputs, cache = split.parts(result, roots)
    arrays = [output_array(one) for one in outputs]
    if any(array is None for array in arrays):
        raise ContractError("check_output_kind", function=forward.name, came=described(result))
    return ReadingRun(roots, result, outputs, [a for a in arrays if a is not None], cache, start)


def _called(callee: Callee, roots: Mapping[str, Any], arguments: Sequence[Any]) -> Any:
    module = roots.get(GLOBALS)
    names = callee.module_globals
    context = patched(names, module) if module else contextlib.nullcontext()
    with context:
        function = callee.within(roots)
        return guarded(callee.name, lambda: function(*arguments))


def joined(arrays: Sequence[Array]) -> Array:
    """Several outputs as one array."""
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate([array.ravel() for array in arrays])


def parted(dy: Array, arrays: Sequence[Array]) -> list[Array]:
    """The upstream gradient of each output."""
    if len(arrays) == 1:
        return [dy]
    ends = np.cumsum([array.size for array in arrays])[:-1]
    parts = np.split(dy, ends)
    return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]


def rest_of(result: Any, split: Split) -> Any:
    """What stands beside a loss in forward's own result: its gradients."""
    rest = [result[index] for index in split.saved]
    return rest[0] if len(rest) == 1 else tuple(rest)


def without(returned: Any, place: int) -> Any:
    """What stands beside a loss in backward's result: its gradients."""
    rest = [one for index, one in enumerate(returned) if index != place]
    return rest[0] if len(rest) == 1 else tuple(rest)


def engine_back(outputs: Sequence[Any]) -> None:
    """Go back through a graph of Values: from one number, or from a sum of several."""
    flat = [each for one in outputs for each in (one if isinstance(one, list | tuple) else [one])]
    if len(flat) == 1:
        value = flat[0]
        if np.size(value.data) > 1:
            value = value.sum()
        value.backward()
        return
    total = flat[0]
    for each in flat[1:]:
        total = total + each
    total.backward()
