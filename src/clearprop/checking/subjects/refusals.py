"""What is said of gradients that could not be read."""

from typing import Any

import numpy as np

from clearprop.base.errors import ContractError
from clearprop.checking.subjects.one_reading import Reading
from clearprop.checking.subjects.plain_functions import described
from clearprop.checking.subjects.structures import as_numbers
from clearprop.checking.subjects.subject import Subject
from clearprop.checking.subjects.undisturbed import undisturbed


def unread(blank: Reading, returned: Any) -> ContractError:
    """The sentence for gradients that could not be read."""
    function = (blank.backward or blank.forward).name
    asked = [n for n, one in blank.handed.variables.items() if one.is_argument]
    asked = asked or list(blank.handed.variables)
    names, count = ", ".join(asked), len(asked)
    if isinstance(returned, dict):
        value = next(iter(returned.values()), None)
        if len(returned) == count == 1 and as_numbers(value) is None:
            return _not_numbers(function, names, value)
        came = ", ".join(map(str, returned)) or "{}"
        return ContractError("check_gradient_missing", function=function, missing=names, came=came)
    if isinstance(returned, tuple | list):
        for name, value in zip(asked, returned, strict=False):
            if isinstance(value, str) or (len(returned) == count and as_numbers(value) is None):
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
        returned = reading.back([np.ones(array.shape) for array in run.arrays], run)
    values = returned.values() if isinstance(returned, dict) else returned
    if isinstance(returned, dict | tuple | list) and any(one is None for one in values):
        return
    problem = unread(reading, returned)
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
