"""The same evidence in our layout, where somebody writes in another one.

    samples in rows, weights (in, out)     ours: y = x W + b
    samples in rows, weights (out, in)     PyTorch's: y = x Wᵀ + b
    samples in columns                     y = W x + b, with weights (out, in)

Turning a matrix round is no computation, so what explains the turned numbers explains the numbers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.evidence import Backward, Evidence
from clearprop.checking.verdict.mistakes import MistakeKind

# Mistakes whose sentences speak of rows, columns and transposition: they are said of the person's
# own layout or not at all.
OF_A_LAYOUT = (
    MistakeKind.TRANSPOSED,
    MistakeKind.WEIGHT_NOT_TRANSPOSED,
    MistakeKind.ONE_ROW,
    MistakeKind.ONE_COLUMN,
    MistakeKind.ONE_ENTRY,
)


# Turns arrays by name round, and by turning them again back.
Turn = Callable[[Mapping[str, Array]], dict[str, Array]]


def turned(evidence: Evidence, samples: int) -> Iterator[tuple[Turn, Evidence]]:
    """The evidence with its weights turned round, then with all its matrices, each with the turn;
    nothing where something of ours says in which layout it is. `samples` is N, the length of an
    axis."""
    ours = (evidence.layer, evidence.reference, evidence.checked, evidence.loss)
    if any(one is not None for one in ours):
        return
    matrices = [name for name, array in evidence.arrays.items() if np.ndim(array) == 2]
    weights = [name for name in matrices if len(evidence.arrays[name]) != samples]
    yield _turned(evidence, weights, lambda y: y)
    yield _turned(evidence, matrices, np.transpose)


def _turned(
    evidence: Evidence, names: list[str], output: Callable[[Array], Array]
) -> tuple[Turn, Evidence]:
    def turn(arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {
            name: np.transpose(array) if name in names and np.ndim(array) == 2 else array
            for name, array in arrays.items()
        }

    def turned_round(own: Backward) -> Backward:
        return lambda dy, arrays: turn(own(output(dy), turn(arrays)))

    return turn, replace(
        evidence,
        arrays=turn(evidence.arrays),
        output=output(evidence.output),
        output_gradient=output(evidence.output_gradient),
        claimed=turn(evidence.claimed),
        expected=turn(evidence.expected),
        kinks=turn(evidence.kinks),
        forward=None,
        backward=turned_round(evidence.backward) if evidence.backward else None,
    )
