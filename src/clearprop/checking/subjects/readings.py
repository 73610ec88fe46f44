"""Every way to read a forward and a backward that runs, the likely ones first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError
from clearprop.checking.subjects import gradient_claims, gradient_places
from clearprop.checking.subjects.calling import (
    KEPT_OUTPUTS,
    Callee,
    Item,
    Split,
    is_engine,
    ordered_way,
    output_array,
    result_names,
    splits,
)
from clearprop.checking.subjects.gradient_places import CHANGED, Variable
from clearprop.checking.subjects.handed_over import Handed
from clearprop.checking.subjects.implied_losses import ImpliedLoss, fits, implied_losses
from clearprop.checking.subjects.one_reading import (
    Reading,
    ReadingRun,
    forward_run,
    point_of,
    without,
)
from clearprop.checking.subjects.plain_functions import described
from clearprop.checking.subjects.refusals import unread
from clearprop.checking.subjects.structures import Attribute, Path, as_numbers, at
from clearprop.checking.subjects.undisturbed import undisturbed
from clearprop.checking.subjects.ways import Sources, upstream_count, ways
from clearprop.checking.subjects.written_names import (
    is_rate,
    positional,
    returned_names,
    shown,
)


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
    probe: ReadingRun,
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
    elif split.saved and len(outputs) == 1 and _is_one_number(outputs[0]):
        names = result_names(forward.function, probe.result)
        labels = [names[index] for index in split.saved] if names else []
        yield from _claimed(replace(blank, key="loss_with_gradients"), labels, wrt, problems)


def _is_one_number(value: Any) -> bool:
    found = output_array(value)
    return found is not None and found.size == 1


def _beside(
    handed: Handed,
    forward: Callee,
    backward: Callee,
    split: Split,
    probe: ReadingRun,
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
        if not _looks_at_it(reading):
            # It is called an upstream gradient, and that is what is ignored.
            return
        for title, of in (("mean", np.mean), ("sum", np.sum)):

            def reduce(arrays: Sequence[Array], _roots: Any, of: Any = of) -> Array:
                return np.asarray(of(arrays[0]))

            yield replace(reading, reduction=reduce, key=f"loss_{title}")
    else:
        claimed = [reading.handed.variables[name].value for name in reading.claims]
        if len(claimed) == 1 and np.shape(claimed[0]) == y.shape:
            # An elementwise derivative.
            yield reading
        yield from _implied(reading, y)


def _looks_at_it(reading: Reading) -> bool:
    """Whether a backward looks at what it is handed where its name says an upstream gradient."""
    if reading.way is None or reading.way.instead is None:
        return True
    items = list(reading.way.items)
    items[reading.way.instead] = Item("dy")
    other = replace(reading, way=replace(reading.way, items=tuple(items)))
    arrays, generator = point_of(reading.handed, reading.claims), np.random.default_rng(1)
    found = []
    for one in (reading, other):
        try:
            with undisturbed(reading.functions):
                run = one.run({name: array.copy() for name, array in arrays.items()})
                dy = generator.normal(size=one.output(run).shape) if one.takes_dy else 1.0
                found.append(one.gradients(np.asarray(dy), run))
        except ContractError:
            return True
    return not all(np.array_equal(found[0][name], found[1][name]) for name in found[0])


def _implied(reading: Reading, y: Array) -> Iterator[Reading]:
    """Gradients of a loss that is computed nowhere, of the output and whatever is of its shape."""
    handed = reading.handed
    places: list[tuple[str, Path]] = [
        (name, ()) for name in (*reversed(handed.extra), *reversed(handed.names))
    ]
    kept = getattr(handed.roots.get("self"), "__dict__", {})
    places += [("self", (Attribute(name),)) for name in kept]
    for root, path in places:
        target = at(handed.roots[root], path)
        claimed = [s for name in reading.claims for s in handed.variables[name].spots]
        if not fits(y, target) or (root, path) in claimed:
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
            returned = blank.back(dys, run)
    except ContractError as problem:
        problems.append(problem)
        return
    place = _loss_beside(blank, returned, run)
    if place is not None:
        blank, labels = replace(blank, loss_at=place), _without_label(labels, returned, place)
        returned = without(returned, place)
    if isinstance(returned, dict) and len(labels) != 1:
        labels = ()
    updated = {
        name: spot
        for name, spot in gradient_places.changed(before, run.roots, variables).items()
        if matters(blank, name)
    }
    read, alone = False, blank.backward is None and not blank.engine
    for claimed in gradient_claims.claims(
        returned,
        labels,
        run.roots,
        variables,
        wrt,
        updated,
        arguments=blank.handed.names,
        alone=alone,
    ):
        read = True
        handed = blank.handed.only_globals(list(claimed))
        updates = any(s.root == CHANGED for s in claimed.values())
        rate = _rate(run.roots, blank.backward) if updates else 1.0
        yield replace(blank, claims=claimed, handed=handed, rate=rate)
    if not read:
        problems.append(unread(blank, returned))


def _loss_beside(blank: Reading, returned: Any, run: ReadingRun) -> int | None:
    """Where a backward returned the loss with its gradients, first or last: one number that is
    the output, or that can be no gradient, for no array is one number."""
    if blank.backward is None or not isinstance(returned, tuple | list) or len(returned) < 2:
        return None
    own = [v.value for v in blank.handed.variables.values() if v.is_argument]
    for place in (0, len(returned) - 1):
        value = as_numbers(returned[place])
        if value is None or value.ndim or value.dtype.kind != "f":
            continue
        if len(returned) == len(own) and not np.shape(own[place]):
            continue
        loss = len(run.arrays) == 1 and run.arrays[0].size == 1
        if not any(np.size(one) == 1 for one in own) or (
            loss and np.allclose(value, run.arrays[0], rtol=1e-9, atol=0)
        ):
            return place
    return None


def _without_label(labels: Sequence[str], returned: Any, place: int) -> Sequence[str]:
    if len(labels) != len(returned):
        return ()
    return [*labels[:place], *labels[place + 1 :]]


def _kept_numbers(run: ReadingRun, variables: Sequence[Variable]) -> dict[str, Any]:
    """What an object keeps, before a backward may change it."""
    own = [variable for variable in variables if variable.spots[0].root == "self"]
    return {one.name: np.copy(gradient_places.read(one.spots[0], None, run.roots)) for one in own}


def _attributes(own: Any) -> dict[str, Any]:
    return dict(getattr(own, "__dict__", {}))


def _rate(roots: Mapping[str, Any], backward: Callee | None) -> float:
    """The learning rate of an object that updates its own parameters: its own, or what its backward
    takes where nobody says; 1 where it has none."""
    own = roots.get("self")
    kept = {**{one: getattr(type(own), one, None) for one in dir(type(own))}, **_attributes(own)}
    parameters = positional(backward.function) or () if backward is not None else ()
    usual = {one.name: one.default for one in parameters if one.default is not one.empty}
    for name, value in {**kept, **usual, **roots}.items():
        number = isinstance(value, float | int) and not isinstance(value, bool)
        if number and value and is_rate(name):
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
