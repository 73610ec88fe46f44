"""What an optimizer is: a rule for the step from θ to the next θ.

A step returns new arrays and edits none, so the backward pass always meets the parameters that the
forward pass used. What a rule remembers stands in its state: a count of steps, and named arrays of
the parameters' shape, which a checkpoint carries. Every rule here works entry by entry on the flat
array (P,), or (K, P) of K stacked networks, so that each network's result is that which it has
alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, freeze, shape_text
from clearprop.base.configuration import Configurable
from clearprop.base.errors import ContractError, DtypeError, ShapeError


class OptimizerState(NamedTuple):
    """What an optimizer remembers between steps: a count, and arrays of the parameters' shape."""

    step: int = 0
    slots: Mapping[str, Array] = EMPTY


class Optimizer(Configurable, ABC):
    """A rule for the step from θ to the next θ."""

    def start(self, params: Array) -> OptimizerState:
        """The state before the first step."""
        return OptimizerState()

    @abstractmethod
    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        """New parameters and state. params and gradient: (P,), or (K, P) of K stacked networks.

        Raises ShapeError or DtypeError where the two differ, ContractError for a state that another
        optimizer started.
        """


def require_gradient(params: Array, gradient: Array) -> None:
    """Refuse a gradient that is not of the parameters' shape and dtype. Raises ShapeError and
    DtypeError."""
    if gradient.shape != params.shape:
        raise ShapeError("gradient_shape", gradient=gradient.shape, params=params.shape)
    if gradient.dtype != params.dtype:
        raise DtypeError("gradient_dtype", gradient=gradient.dtype, params=params.dtype)


def require_step(optimizer: Optimizer, params: Array, stepped: Array) -> None:
    """Refuse new parameters that are not of the old ones' shape and dtype. Raises ShapeError and
    DtypeError, which name the optimizer."""
    name = type(optimizer).__name__
    if stepped.shape != params.shape:
        expected, came = shape_text(params.shape), shape_text(stepped.shape)
        raise ShapeError("stepped_shape", optimizer=name, expected=expected, came=came)
    if stepped.dtype != params.dtype:
        raise DtypeError(
            "stepped_drifted", optimizer=name, expected=params.dtype, came=stepped.dtype
        )


def zero_slots(params: Array, *names: str) -> OptimizerState:
    """The state before the first step, with slots of zeros."""
    return OptimizerState(0, {name: freeze(np.zeros_like(params)) for name in names})


def slot(optimizer: Optimizer, state: OptimizerState, name: str, params: Array) -> Array:
    """One array of the state. Raises ContractError where it is missing or of another shape."""
    found = state.slots.get(name)
    if found is None or found.shape != params.shape:
        raise ContractError("slot_missing", optimizer=type(optimizer).__name__, name=name)
    return found


def after_step(state: OptimizerState, **slots: Array) -> OptimizerState:
    """The state one step later, with its new slots, which nobody can write to."""
    return OptimizerState(
        state.step + 1, {name: freeze(array) for name, array in slots.items()} or EMPTY
    )
