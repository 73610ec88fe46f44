"""Exercises on convolution, time and attention by search, as `generator` makes the others: the
formulas choose the numbers, and the engine gives the answers."""

from collections.abc import Mapping

import numpy as np

from clearprop.teaching.exercises.designs.design import LayerDesign, WorkedNumber
from clearprop.teaching.exercises.designs.design_table import DESIGNS
from clearprop.teaching.exercises.expressions import Expression, evaluate, inlined
from clearprop.teaching.exercises.known_slips import KnownSlip
from clearprop.teaching.exercises.layer_network import LayerNetwork
from clearprop.teaching.exercises.pleasantness import MOVED, is_pleasant, settled
from clearprop.teaching.exercises.sheet import Blank, Exercise, Given

# ∂C/∂ of a number or of a weight is worth more than what is read off.
POINTS = {"da": 2, "dz": 2}


def candidate(
    topic: str, level: int, variant: str, generator: np.random.Generator
) -> Exercise | None:
    """One candidate, or None where it is not pleasant."""
    design = DESIGNS[topic][level - 1]
    drawn = design.draw(generator)
    if sum(value < 0 for value in drawn) != design.negatives:
        return None
    given = {label.name: value for label, value in zip(design.givens, drawn, strict=True)}
    if not design.accepts(given):
        return None
    blanks = layer_blanks(design, given)
    if blanks is None:
        return None
    return Exercise(
        topic=topic,
        level=level,
        variant=variant,
        network=LayerNetwork(topic, level, tuple(drawn)),
        givens=tuple(Given(*label, value=given[label.name]) for label in design.givens),
        blanks=blanks,
    )


def layer_blanks(design: LayerDesign, given: Mapping[str, float]) -> tuple[Blank, ...] | None:
    """What is asked at the given numbers, or None where a number is not pleasant."""
    values, hidden = dict(given), dict[str, Expression]()
    asked: list[WorkedNumber] = []
    for one in design.numbers:
        name = one.label.name
        if name in given:
            continue
        values[name] = value = evaluate(one.formula, values)
        if name not in design.asked:
            hidden[name] = one.formula
        elif is_pleasant(value, smooth=not design.exact) or value in one.may:
            asked.append(one)
        else:
            return None
    if not _every_slip_shows(asked, values):
        return None
    step = design.step(given)
    return tuple(
        Blank(
            *one.label,
            kind=one.kind,
            formula=inlined(one.formula, hidden),
            value=settled(values[one.label.name] if one.read is None else one.read(step)),
            points=POINTS.get(one.kind, 1),
            slips=tuple(
                KnownSlip(slip.mistake, inlined(slip.formula, hidden)) for slip in one.slips
            ),
        )
        for one in asked
    )


def _every_slip_shows(asked: list[WorkedNumber], values: Mapping[str, float]) -> bool:
    """Whether every usual mistake changes one of the answers by more than rounding could."""
    known = {slip.mistake for one in asked for slip in one.slips}
    shown = {
        slip.mistake
        for one in asked
        for slip in one.slips
        if abs(evaluate(slip.formula, values) - values[one.label.name]) > MOVED
    }
    return known == shown
