"""A forward and a backward of any form, read in one way, as a `Subject`.

    forward(…) → y | (y, cache) | (y₁, y₂, …, cache) | (loss, gradients) | nothing: self.output
    backward(…) → one array | several | a dictionary | nothing: self.dW

A `Reading` says which results are outputs, what backward is called with, and where its gradients
stand. `readings` lists those that run.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError
from clearprop.checking.subjects import claims as gradients
from clearprop.checking.subjects.calling import (
    GLOBALS,
    KEPT_OUTPUTS,
    Callee,
    Sources,
    Split,
    Way,
    is_engine,
    ordered_way,
    output_array,
    patched,
    result_names,
    splits,
    upstream_count,
    ways,
)
from clearprop.checking.subjects.claims import CHANGED, RETURNED, Claims, Variable
from clearprop.checking.subjects.handed_over import Handed
from clearprop.checking.subjects.implied_losses import ImpliedLoss, fits, implied_losses
from clearprop.checking.subjects.plain_functions import described, guarded
from clearprop.checking.subjects.structures import Attribute, Path, as_numbers, at
from clearprop.checking.subjects.subject import Subject
from clearprop.checking.subjects.undisturbed import undisturbed
from clearprop.checking.subjects.written_names import returned_names, shown

# What people call a learning rate.
RATES = ("learning_rate", "lr", "eta", "alpha", "step_size", "rate", "learningRate")

# Turns outputs and the handed-over roots into one number, which the gradients are of.
Reduction = Callable[[Sequence[Array], Mapping[str, Any]], Array]


@dataclass(frozen=True, eq=False)
class Run:
    """One forward: the copies that it ran on, its outputs as they came and as arrays, its cache,
    and the numbers that it started from."""

    roots: Mapping[str, Any]
    result: Any
    outputs: Sequence[Any]
    arrays: Sequence[Array]
    cache: Any
    start: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """One way to read what was handed over.

    split      what of forward's result is output
    backward   what to call with `way`; None where the gradients are in forward's own result, or
               where the output itself knows how to go back (`engine`)
    claims     where the gradients stand afterwards
    reduction  makes one number of the outputs, where the gradients are of a loss of them
    ignores    backward takes an upstream gradient and does not look at it
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

    def run(self, arrays: Mapping[str, Array]) -> Run:
        """One forward on copies of everything."""
        roots = self.handed.filled(arrays)
        kept = [spot for spot in self.claims.values() if spot.root not in (RETURNED, CHANGED)]
        gradients.cleared(roots, kept)
        made = forward_run(self.forward, self.handed, roots, self.split)
        return replace(made, start=arrays)

    def output(self, run: Run) -> Array:
        """Y: the outputs one after another, or the number that they are reduced to."""
        if self.reduction is not None:
            return np.asarray(self.reduction(run.arrays, run.roots))
        return joined(run.arrays)

    def gradients(self, dy: Array, run: Run) -> dict[str, Any]:
        """The claimed gradients, after a backward."""
        ones = [np.ones(array.shape) for array in run.arrays]
        dys = parted(dy, run.arrays) if self.takes_dy else ones
        returned = self._back(dys, run)
        found = {}
        for name, spot in self.claims.items():
            value = gradients.read(spot, returned, run.roots)
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
        return {name: dy * value for name, value in found.items()}

    def _back(self, dys: Sequence[Array], run: Run) -> Any:
        if self.engine:
            return guarded(self.forward.name, lambda: engine_back(run.outputs))
        if self.backward is None:
            return rest_of(run.result, self.split)
        way = self.way or Way(())
        arguments = way.arguments(dys, run.outputs, run.cache, run.roots)
        return _called(self.backward, run.roots, arguments)

    def subject(self, dy: Array | None) -> Subject:
        """The reading as a subject, at the point that was handed over."""
        arrays = point_of(self.handed, self.claims)
        order = [name for name in arrays if name in self.claims]

        def run(given: Mapping[str, Array]) -> tuple[Array, Any]:
            made = self.run(given)
            return self.output(made), (made.cache, made)

        def back(dy: Array, given: Mapping[str, Array], cache: Any) -> Mapping[str, Any]:
            # What an object keeps of one backward is not there for the next: each has its forward.
            if self.handed.is_stateful or self.engine:
                made = self.run(given)
            else:
                made = replace(cache[1], roots=self.handed.filled(given))
            return self.gradients(dy, made)

        one = None if self.takes_dy or dy is not None else self._one(arrays)
        return Subject(
            name=self.forward.name, arrays=arrays, variables=tuple(order), run=run, back=back,
            dy=dy if one is None else one,
        )  # fmt: skip

    def _one(self, arrays: Mapping[str, Array]) -> Array | None:
        """The upstream gradient of a loss is 1; of an elementwise derivative any."""
        with undisturbed(self.functions):
            y = self.output(self.run({name: array.copy() for name, array in arrays.items()}))
        return np.ones((), y.dtype if y.dtype.kind == "f" else np.float64) if not y.ndim else None


def point_of(handed: Handed, claimed: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of a subject: the arguments that are arrays, and every one with a gradient."""
    found: dict[str, Array] = {}
    own = handed.arrays
    for root in handed.roots:
        if root in own:
            found[root] = own[root]
        for name, variable in handed.variables.items():
            if name in claimed and name not in found and variable.spots[0].root == root:
                found[name] = np.asarray(variable.value)
    return found


def forward_run(forward: Callee, handed: Handed, roots: dict[str, Any], split: Split | None) -> Run:
    """One forward on `roots`; without a split only its result."""
    result = _called(forward, roots, [roots[name] for name in handed.names])
    if split is None:
        return Run(roots, result, (), (), None)
    outputs, cache = split.parts(result, roots)
    arrays = [output_array(one) for one in outputs]
    if any(array is None for array in arrays):
        raise ContractError("check_output_kind", function=forward.name, came=described(result))
    return Run(roots, result, outputs, [a for a in arrays if a is not None], cache)


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


def readings(
    handed: Handed,
    forward: Callee,
    backward: Callee | None,
    *,
    order: Sequence[str] | None,
    wrt: Sequence[str] | None,
    problems: list[ContractError],
) -> Iterator[Reading]:
    """Every reading that runs, the likely ones first; what others raised is in `problems`.

    Raises ContractError where forward itself does, or returns nothing that is a number.
    """
    with undisturbed([forward.function]):
        probe = forward_run(forward, handed, handed.filled(_start(handed)), None)
    upstreams = 0 if backward is None else upstream_count(backward.function)
    found = splits(probe.result, probe.roots, upstreams)
    if not found:
        came = described(probe.result)
        raise ContractError("check_output_kind", function=forward.name, came=came)
    for split in found:
        certain = False
        several = (
            _alone(handed, forward, split, probe, wrt, problems)
            if backward is None
            else _beside(handed, forward, backward, split, probe, order, wrt, problems)
        )
        for reading in several:
            certain = certain or (reading.way is not None and reading.way.certain)
            yield reading
        if certain:
            return


def _start(handed: Handed) -> dict[str, Array]:
    return {name: array.copy() for name, array in handed.arrays.items()}


def _alone(
    handed: Handed,
    forward: Callee,
    split: Split,
    probe: Run,
    wrt: Sequence[str] | None,
    problems: list[ContractError],
) -> Iterator[Reading]:
    """Gradients in forward's own result, or an output that goes back by itself."""
    outputs, _ = split.parts(probe.result, probe.roots)
    engine = all(
        is_engine(each)
        for one in outputs
        for each in (one if isinstance(one, list | tuple) else [one])
    )
    blank = Reading(handed=handed, forward=forward, split=split, claims={}, engine=engine)
    if engine:
        yield from _claimed(blank, (), wrt, problems)
    elif split.saved and np.size(output_array(outputs[0])) == 1 and len(outputs) == 1:
        names = result_names(forward.function, probe.result)
        labels = [names[index] for index in split.saved] if names else []
        yield from _claimed(replace(blank, key="loss_with_gradients"), labels, wrt, problems)


def _beside(
    handed: Handed,
    forward: Callee,
    backward: Callee,
    split: Split,
    probe: Run,
    order: Sequence[str] | None,
    wrt: Sequence[str] | None,
    problems: list[ContractError],
) -> Iterator[Reading]:
    outputs, cache = split.parts(probe.result, probe.roots)
    y = output_array(outputs[0])
    names = (*handed.names, *handed.extra)
    loss = y is not None and len(outputs) == 1 and _is_loss(y, handed)
    kept = [
        name
        for name in KEPT_OUTPUTS
        if loss and isinstance(getattr(probe.roots.get("self"), name, None), np.ndarray)
    ]
    results = result_names(forward.function, probe.result)
    sources = Sources(names, results, split, cache, loss, kept)
    labels = returned_names(backward.function)
    possible = (
        iter([ordered_way(order, names, cached=cache is not None)])
        if order is not None
        else ways(backward.function, sources)
    )
    for way in possible:
        blank = Reading(
            handed=handed, forward=forward, backward=backward, split=split, claims={}, way=way
        )
        for reading in _claimed(blank, labels, wrt, problems):
            yield from _of_losses(reading, y, loss=loss)


def _is_loss(y: Array, handed: Handed) -> bool:
    """One number, or one for every sample."""
    if y.size == 1:
        return not y.ndim or any(array.shape != y.shape for array in handed.arrays.values())
    first = next(iter(handed.arrays.values()), None)
    return first is not None and y.ndim == 1 and first.ndim > 1 and len(first) == len(y)


def _of_losses(reading: Reading, y: Array | None, *, loss: bool) -> Iterator[Reading]:
    """A backward without an upstream gradient is of the number itself, of the mean of the losses
    of the samples or of their sum, or of a loss that stands nowhere."""
    if y is None or reading.takes_dy or (loss and y.size == 1):
        if reading.takes_dy and loss and y is not None and y.size == 1 and _ignores(reading):
            yield replace(reading, ignores=True, key="loss_gradient")
        yield replace(reading, key="" if reading.takes_dy else reading.key or "loss_gradient")
    elif loss:
        for title, of in (("mean", np.mean), ("sum", np.sum)):

            def reduce(arrays: Sequence[Array], _roots: Any, of: Any = of) -> Array:
                return np.asarray(of(arrays[0]))

            yield replace(reading, reduction=reduce, key=f"loss_{title}")
    else:
        if list(reading.claims) == list(reading.handed.names[:1]):
            # An elementwise derivative.
            yield reading
        yield from _implied(reading, y)


def _implied(reading: Reading, y: Array) -> Iterator[Reading]:
    """Gradients of a loss that is computed nowhere, of the output and whatever is of its shape."""
    handed = reading.handed
    places = [(name, ()) for name in (*reversed(handed.extra), *reversed(handed.names))]
    kept = getattr(handed.roots.get("self"), "__dict__", {})
    places += [("self", (Attribute(name),)) for name in kept]
    for root, path in places:
        target = at(handed.roots[root], path)
        if not fits(y, target) or any(s == (root, path) for s in reading.claims.values()):
            continue
        if root == "self" and reading.split.kept == path[0]:
            continue
        for loss in implied_losses(y, target):

            def reduce(
                arrays: Sequence[Array],
                roots: Mapping[str, Any],
                loss: ImpliedLoss = loss,
                place: tuple[str, Path] = (root, path),
            ) -> Array:
                return np.asarray(loss.value(arrays[0], at(roots[place[0]], place[1])))

            title = shown(root, path, short=True)
            values = {"loss": loss.formula, "target": title}
            yield replace(reading, reduction=reduce, key="implied_loss", values=values)


def _ignores(reading: Reading) -> bool:
    """Whether backward returns the same for two upstream gradients."""
    arrays = point_of(reading.handed, reading.claims)
    found = []
    for dy in (1.0, 2.0):
        copies = {name: array.copy() for name, array in arrays.items()}
        try:
            with undisturbed(reading.functions):
                found.append(reading.gradients(np.asarray(dy), reading.run(copies)))
        except ContractError:
            return False
    first, second = found
    return all(np.array_equal(first[n], second[n]) for n in first) and any(
        np.any(value) for value in first.values()
    )


def _claimed(
    blank: Reading,
    labels: Sequence[str],
    wrt: Sequence[str] | None,
    problems: list[ContractError],
) -> Iterator[Reading]:
    """The reading with every likely assignment of its gradients."""
    generator = np.random.default_rng(0)
    variables = list(blank.handed.variables.values())
    try:
        with undisturbed(blank.functions):
            run = blank.run(_start(blank.handed))
            dys = [np.asarray(generator.normal(size=a.shape)).astype(_kind(a)) for a in run.arrays]
            before = _kept_numbers(run, variables)
            returned = blank._back(dys, run)
    except ContractError as problem:
        problems.append(problem)
        return
    if isinstance(returned, dict) and len(labels) != 1:
        labels = ()
    updated = {
        name: spot
        for name, spot in gradients.changed(before, run.roots, variables).items()
        if matters(blank, name)
    }
    read, alone = False, blank.backward is None and not blank.engine
    for claimed in gradients.claims(
        returned, labels, run.roots, variables, wrt, updated, alone=alone
    ):
        read = True
        handed = blank.handed.only_globals(list(claimed))
        rate = _rate(run.roots) if any(s.root == CHANGED for s in claimed.values()) else 1.0
        yield replace(blank, claims=claimed, handed=handed, rate=rate)
    if not read:
        problems.append(_unread(blank, returned))


def _kept_numbers(run: Run, variables: Sequence[Variable]) -> dict[str, Any]:
    """What an object keeps, before a backward may change it."""
    own = [variable for variable in variables if variable.spots[0].root == "self"]
    return {one.name: np.copy(gradients.read(one.spots[0], None, run.roots)) for one in own}


def _rate(roots: Mapping[str, Any]) -> float:
    """The learning rate of an object that updates its own parameters; 1 where it has none."""
    for name in RATES:
        value = roots.get(name, getattr(roots.get("self"), name, None))
        if isinstance(value, float | int) and not isinstance(value, bool) and value:
            return float(value)
    return 1.0


def matters(reading: Reading, name: str) -> bool:
    """Whether the output depends on an array."""
    value = np.asarray(reading.handed.variables[name].value)
    start = _start(reading.handed)
    found = []
    for array in (value, value + 1e-3 * (1 + np.abs(value))):
        try:
            with undisturbed(reading.functions):
                found.append(reading.output(reading.run({**start, name: array.copy()})))
        except ContractError:
            return True
    return not np.array_equal(found[0], found[1], equal_nan=True)


def _kind(array: Array) -> Any:
    return array.dtype if array.dtype.kind == "f" else np.float64


def _unread(blank: Reading, returned: Any) -> ContractError:
    """The sentence for gradients that could not be read."""
    function = (blank.backward or blank.forward).name
    asked = [n for n, one in blank.handed.variables.items() if one.is_argument]
    asked = asked or list(blank.handed.variables)
    names, count = ", ".join(asked), len(asked)
    if isinstance(returned, dict):
        came = ", ".join(map(str, returned)) or "{}"
        return ContractError("check_gradient_missing", function=function, missing=names, came=came)
    if isinstance(returned, tuple | list):
        for name, value in zip(asked, returned, strict=False):
            if isinstance(value, str):
                return _not_numbers(function, name, value)
        return ContractError(
            "check_gradient_count",
            function=function,
            expected=count,
            names=names,
            came=len(returned),
        )
    if count == 1:
        return _not_numbers(function, names, returned)
    return ContractError(
        "check_gradient_count_one",
        function=function,
        expected=count,
        names=names,
        came=described(returned),
    )


def _not_numbers(function: str, name: str, value: Any) -> ContractError:
    came = described(value)
    return ContractError("check_gradient_kind", function=function, name=name, came=came)


def refuse_without(reading: Reading, name: str, subject: Subject) -> None:
    """Refuse a backward that returns gradients of some arguments and forgets another's; None in
    its place says that it is meant. Raises ContractError."""
    with undisturbed(reading.functions):
        run = reading.run({n: array.copy() for n, array in subject.arrays.items()})
        returned = reading._back([np.ones(array.shape) for array in run.arrays], run)
    values = returned.values() if isinstance(returned, dict) else returned
    if isinstance(returned, dict | tuple | list) and any(one is None for one in values):
        return
    problem = _unread(reading, returned)
    if isinstance(returned, dict):
        function, came = (reading.backward or reading.forward).name, ", ".join(map(str, returned))
        missing = ", ".join(
            n
            for n, one in reading.handed.variables.items()
            if n not in reading.claims and one.is_argument and n != reading.handed.names[0]
        )
        raise ContractError(
            "check_gradient_missing", function=function, missing=missing or name, came=came
        )
    raise problem
