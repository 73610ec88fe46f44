"""Mistakes within one layer of a network that is a person's own, along the tape of its forward."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.tape_parts import Parts
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass
from clearprop.checking.diagnosis.along_tape.tape_search import all_slips, budget_of
from clearprop.checking.diagnosis.altered_pass import Alteration, AlteredStep
from clearprop.checking.diagnosis.chain_rule import Slip
from clearprop.checking.diagnosis.hypotheses import USUAL, scale
from clearprop.checking.diagnosis.recording.recorded_forward import recorded
from clearprop.checking.verdict.mistakes import MistakeKind

# What a layer's input is called on its tape.
X = "x"
# What may be tried in one layer takes about so long.
SECONDS = 0.6


def slips_within(step: AlteredStep, kinds: Collection[MistakeKind]) -> Iterator[Slip]:
    """The slips of these kinds along the tape of a layer that is none of ours; none where its
    forward leaves no tape, or one that does not give the measured gradients."""
    found = _pass_of(step)
    if found is None:
        return
    budget = budget_of(found, SECONDS, None)
    for slip in all_slips(found):
        if slip.key not in kinds:
            continue
        if not budget.spend():
            return
        with np.errstate(all="ignore"):
            gradients = found.with_slips(slip)
        yield slip.key, dict(slip.values), _alteration(gradients)


def _alteration(gradients: Mapping[str, Array]) -> Alteration:
    def changed(step: AlteredStep) -> tuple[Array | None, Mapping[str, Array]]:
        dx = None if step.dx is None else gradients.get(X, step.dx)
        return dx, {name: gradients.get(name, own) for name, own in step.gradients.items()}

    return changed


def _pass_of(step: AlteredStep) -> TapePass | None:
    forward = step.forward
    if step.layer is not None or forward is None or X in step.params:
        return None
    arrays = {X: np.asarray(step.input), **step.params}

    def run(given: Mapping[str, Array]) -> Array:
        return forward({"" if name == X else name: array for name, array in given.items()})

    tape = recorded(run, arrays, np.asarray(step.output))
    if tape is None or not tape.leaves:
        return None
    found = TapePass(
        tape,
        Parts(tape, frozenset([X])),
        np.asarray(step.dy, np.float64).reshape(tape.wires[tape.output].value.shape),
        arrays,
        frozenset(arrays),
    )
    return found if _agrees(step, found.right) else None


def _agrees(step: AlteredStep, right: Mapping[str, Array]) -> bool:
    measured = {**step.gradients, **({} if step.dx is None else {X: step.dx})}
    return all(
        scale(measured[name].reshape(mine.shape) - mine) <= USUAL * max(scale(mine), USUAL)
        for name, mine in right.items()
        if name in measured
    )
