"""The mistakes that can be made on a tape, part by part.

A slip is what some wires give back in place of what they should, or what is put in the place of
∂C/∂(a wire), or what becomes of the gradients at the end. Slips can be put together: two mistakes
in one code are two slips on one way back.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.tape_parts import Parts
from clearprop.checking.diagnosis.hypotheses import (
    Hypothesis,
)
from clearprop.checking.diagnosis.recording.tape import Share, Signal, Tape, Wire
from clearprop.checking.verdict.candidates import Standing
from clearprop.checking.verdict.mistakes import MistakeKind

Gradients = Mapping[str, Array]


NONE: Mapping[Any, Any] = MappingProxyType({})


class TapeSlip(NamedTuple):
    """One mistake.

    shares, signals  as in `Tape.back`
    leaves           from all gradients by name to those that are other ones, made of them
    """

    key: MistakeKind
    values: Mapping[str, object]
    shares: Mapping[int, Share] = NONE
    signals: Mapping[int, Signal] = NONE
    leaves: Callable[[Gradients], Gradients] | None = None
    standing: Standing = Standing.EXACT


@dataclass(frozen=True, eq=False)
class TapePass:
    """The right way back along a tape.

    dy      ∂C/∂y
    arrays  the function's own, by name
    asked   the names of those whose gradients are looked at
    """

    tape: Tape
    parts: Parts
    dy: Array
    arrays: Mapping[str, Array]
    asked: frozenset[str]

    @cached_property
    def signals(self) -> Mapping[int, Array]:
        """∂C/∂(every wire)."""
        return self.tape.back(self.dy)

    @cached_property
    def right(self) -> Gradients:
        """The gradients by name."""
        return self.tape.gradients(self.signals)

    def with_slips(self, *slips: TapeSlip) -> Gradients:
        """The gradients, had somebody made these mistakes."""
        shares = {number: made for one in slips for number, made in one.shares.items()}
        signals = {number: made for one in slips for number, made in one.signals.items()}
        found: Gradients = self.right
        if shares or signals:
            found = self.tape.gradients(self.tape.altered(self.signals, shares, signals))
        for one in slips:
            if one.leaves is not None:
                found = {**found, **one.leaves(found)}
        return found

    def value(self, number: int) -> Array:
        """What stands on a wire."""
        return self.tape.wires[number].value


def hypothesis(found: TapePass, *slips: TapeSlip) -> Hypothesis:
    """What somebody gets who made these mistakes; named after the last of them."""
    with np.errstate(all="ignore"):
        predicted = found.with_slips(*slips)
    last = slips[-1]
    return Hypothesis(last.key, predicted, last.values, last.standing)


def identity(made: Hypothesis | TapeSlip) -> tuple[object, ...]:
    """A hypothesis, or a slip, without its arrays; a fitted number to four digits."""
    values = (
        f"{value:.3e}" if isinstance(value, float) else str(value) for value in made.values.values()
    )
    return (made.key, *values)


def named_wires(found: TapePass, shape: tuple[int, ...], but: set[int]) -> Iterator[Wire]:
    """Other wires that a person may have at hand: inputs, and what comes out of parts."""
    parts = found.parts
    named = {*found.tape.leaves.values()}
    for affine in parts.affine:
        named |= {affine.out, affine.signal}
    for function in parts.functions:
        named |= {function.source, function.out}
    for normal in parts.normals:
        named |= {normal.source, normal.out, *([normal.gain] if normal.gain else [])}
    for part in parts.shares:
        named |= {part.source, part.out}
    for image in parts.images.values():
        named |= {image.operands[0], image.out}
    for drop in parts.drops:
        named |= {drop.source, drop.out}
    for number in sorted(named - but):
        wire = found.tape.wires[number]
        if wire.value.shape == shape and wire.value.dtype.kind == "f":
            yield wire
