"""Subjects from what people write: functions, methods and objects of any form.

    forward and backward beside it       an object that has both        loss(x, y) → (loss, dx)
    f(theta) and its grad(theta)         model.loss(X, y) → (loss, grads)

The readings of it that run are listed by `readings`, and `reading_choice` says which is meant.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.checking.subjects import averages
from clearprop.checking.subjects.calling import Item
from clearprop.checking.subjects.gradient_places import Variable, awaits
from clearprop.checking.subjects.handed_over import Handed, hand_over
from clearprop.checking.subjects.one_reading import Reading
from clearprop.checking.subjects.plain_functions import function_name
from clearprop.checking.subjects.reading_choice import chosen
from clearprop.checking.subjects.readings import matters, readings
from clearprop.checking.subjects.refusals import refuse_without
from clearprop.checking.subjects.structures import is_object
from clearprop.checking.subjects.subject import Subject
from clearprop.checking.subjects.ways import upstream_count
from clearprop.checking.subjects.written_names import canonical, is_data, is_output, positional
from clearprop.checking.verdict.findings import CheckFinding, FindingKind
from clearprop.checking.verdict.outcomes import RIGHT, UNDECIDED

FORWARDS = (
    "forward",
    "forward_propagation",
    "forward_pass",
    "forward_prop",
    "feedforward",
    "feed_forward",
    "fprop",
    "propagate",
    "__call__",
    "predict",
    "calculate",
)
BACKWARDS = (
    "backward",
    "backward_propagation",
    "backward_pass",
    "backward_prop",
    "backprop",
    "back_prop",
    "back_propagation",
    "backpropagate",
    "backpropagation",
    "bprop",
    "back",
    "gradient",
    "gradients",
    "grad",
    "grads",
    "compute_gradients",
    "bwd",
)
# A plain number of one of these names is no setting.
PARAMETERS = ("w", "b", "theta", "gamma", "beta")
LOSSES = ("loss", "loss_and_grads", "loss_and_gradients", "cost", "compute_loss")


def written_subject(
    target: Any,
    values: Sequence[Any],
    *,
    backward: Any = None,
    gradient: Any = None,
    order: Sequence[str] | None = None,
    wrt: Sequence[str] | None = None,
    dy: Array | None = None,
    averaged: bool = False,
    seed: int = 0,
) -> Subject:
    """The subject of a function, a method or an object, with its backward where it has one.

    Raises ContractError for what raises or returns no gradients, ConfigurationError for names that
    there are not.
    """
    problems: list[ContractError] = []
    candidates = _pairs(target, backward if gradient is None else gradient)

    def every() -> Iterator[Reading]:
        for number, (forward, back) in enumerate(candidates):
            try:
                handed, there, beside = hand_over(forward, back, values, EMPTY)
            except ConfigurationError:
                if number:
                    continue
                raise
            _require_names(handed, wrt)
            own = handed.names if gradient is not None and order is None else order
            found = readings(handed, there, beside, order=own, wrt=wrt, problems=problems)
            # Where an upstream gradient is given, a backward that takes one has to look at it.
            heeds = dy is not None and back is not None and upstream_count(back) > 0
            meant = (one for one in found if one.takes_dy or not heeds)
            yield from map(averages.averaged, meant) if averaged else meant

    found = chosen(every(), dy, seed)
    if found is not None:
        return _with_notes(found, wrt, dy, is_gradient=gradient is not None)
    if problems:
        raise problems[0]
    raise ConfigurationError("check_no_backward", function=function_name(target))


def _pairs(target: Any, backward: Any) -> Iterator[tuple[Callable[..., Any], Any]]:
    """What may be the forward, and its backward; None where its result has the gradients."""
    if isinstance(target, Iterable) and not _methods(target, FORWARDS):
        # Several objects of which one is meant, as the steps of a script.
        yield from (pair for one in target for pair in _pairs(one, backward))
        return
    if not is_object(target):
        if callable(target):
            yield target, backward
        return
    own, beside = _methods(target, FORWARDS), _methods(target, BACKWARDS)
    losses = _methods(target, LOSSES)
    if callable(getattr(target, "calculate", None)):
        # The mean of what its forward gives for every sample.
        own = [target.calculate]
    if backward is not None:
        yield from ((forward, backward) for forward in (*own, *losses))
        return
    for back in beside:
        yield from ((forward, back) for forward in (*losses, *own))
    yield from ((forward, None) for forward in (*losses, *own))


def has_gradients(target: Any, values: Sequence[Any]) -> bool:
    """Whether a function's own result has its gradients, or can go back to them."""
    try:
        handed, there, _ = hand_over(target, None, values, EMPTY)
        possible = readings(handed, there, None, order=None, wrt=None, problems=[])
        return next(possible, None) is not None
    except ContractError:
        # What it raises is told when it is checked.
        return True


def forwards_of(target: Any) -> list[Callable[..., Any]]:
    """The methods of an object that may be its forward, as it is checked."""
    return [forward for forward, _ in _pairs(target, None)]


def _methods(target: Any, names: Sequence[str]) -> list[Callable[..., Any]]:
    found = [getattr(target, name, None) for name in names]
    return [one for one in found if callable(one) and not is_object(one)]


def _require_names(handed: Handed, wrt: Sequence[str] | None) -> None:
    known = [name for name, one in handed.variables.items() if one.is_argument] or list(
        handed.variables
    )
    for name in wrt or ():
        if name not in handed.variables:
            raise ConfigurationError("check_name", name=name, known=", ".join(known))
    if not handed.variables or (wrt is not None and not wrt):
        raise ConfigurationError("check_no_variables")


def _with_notes(
    reading: Reading, wrt: Sequence[str] | None, dy: Array | None, *, is_gradient: bool
) -> Subject:
    subject = reading.subject(dy)
    if is_gradient:
        if subject.output.size != 1:
            name, came = subject.name, subject.output.shape
            raise ContractError("check_scalar", function=name, came=came)
        return subject
    notes = []
    if reading.key:
        values = {"function": (reading.backward or reading.forward).name, **(reading.values or {})}
        notes.append(CheckFinding(FindingKind(reading.key), RIGHT, values))
    if _is_of_the_output(reading):
        values = {"function": reading.backward.name, "forward": reading.forward.name}  # type: ignore[union-attr]
        notes.append(CheckFinding(FindingKind.OF_THE_OUTPUT, RIGHT, values))
    if reading.factors:
        names, count = ", ".join(reading.factors), int(next(iter(reading.factors.values())))
        values = {"names": names, "count": count}
        notes.append(CheckFinding(FindingKind.AVERAGED, RIGHT, values))
    if wrt is None:
        notes += _unclaimed(reading, subject)
    return replace(subject, notes=tuple(notes))


def _is_of_the_output(reading: Reading) -> bool:
    """Whether a derivative is one of the output and not of what the function takes, as
    a·(1 − a) is sigmoid's, and its argument's name does not say so."""
    if reading.backward is None or reading.way is None or reading.takes_dy:
        return False
    items, parameters = reading.way.items, positional(reading.backward.function)
    if items != (Item("y"),) or not parameters:
        return False
    return not is_output(parameters[0].name)


def _unclaimed(reading: Reading, subject: Subject) -> Iterator[CheckFinding]:
    """Arrays that no gradient is claimed for: of data that is usual; of a parameter of an object,
    on which the output depends, it is a question; an argument's is missing.

    Raises ContractError for the last, unless backward says None of it.
    """
    claimed = [reading.handed.variables[name].value for name in reading.claims]
    roots = reading.handed.roots
    for name, variable in reading.handed.variables.items():
        value = variable.value
        if any(np.shares_memory(value, one) for one in claimed):
            continue
        if name in reading.claims:
            continue
        if not (_may_be_trained(name, value) or awaits(variable, roots)):
            if _stands_beside(variable, reading) and matters(reading, name):
                yield CheckFinding(FindingKind.NOT_CLAIMED, RIGHT, {"name": name})
            continue
        root = variable.spots[0].root
        first = variable.is_argument and root == (reading.handed.names or ("",))[0]
        # Beside gradients of other arguments, one that holds none of theirs holds data.
        others = root in reading.handed.names and not _holds_claims(root, reading)
        data = first or is_data(name.rsplit(".", 1)[-1]) or (others and is_data(root))
        if data or not matters(reading, name):
            if variable.is_argument:
                yield CheckFinding(FindingKind.NOT_CLAIMED, RIGHT, {"name": name})
        elif (variable.is_argument or others) and not reading.takes_dy:
            # Who writes a loss's gradient says by returning it of what it is.
            yield CheckFinding(FindingKind.NOT_CLAIMED, RIGHT, {"name": name})
        elif variable.is_argument and not reading.engine:
            refuse_without(reading, name, subject)
            yield CheckFinding(FindingKind.NOT_CLAIMED, RIGHT, {"name": name})
        else:
            yield CheckFinding(FindingKind.NOT_CLAIMED_PARAMETER, UNDECIDED, {"name": name})


def _holds_claims(root: str, reading: Reading) -> bool:
    """Whether a gradient is claimed of what stands in an argument."""
    places = [spot for name in reading.claims for spot in reading.handed.variables[name].spots]
    return any(spot.root == root for spot in places)


def _stands_beside(variable: Variable, reading: Reading) -> bool:
    """Whether it is a plain number among others of an argument that have gradients."""
    root, path = variable.spots[0]
    names = reading.claims if path and root in reading.handed.names else ()
    places = [spot for name in names for spot in reading.handed.variables[name].spots]
    return any(spot.root == root and spot.path[:-1] == path[:-1] for spot in places)


def _may_be_trained(name: str, value: Any) -> bool:
    """An array, or a plain number that is called as a parameter is."""
    if isinstance(value, np.ndarray):
        return value.size > 0
    return canonical(name.rsplit(".", 1)[-1]).rstrip("0123456789") in PARAMETERS
