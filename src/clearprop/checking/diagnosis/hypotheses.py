"""What a hypothesis is, and when it explains the claimed numbers.

A hypothesis is a known mistake together with the numbers that it would give. It explains an array
where those numbers are the claimed ones, and they are not the right ones. It must reproduce every
array that it would change; a mistake that is right about some of them was not made.

Differences are measured by an array's own largest entry, so that a small array is not judged by a
large one. A claimed array of another shape than its parameter's is brought to it where that only
adds or drops axes of length 1; otherwise its shape is part of what has to be reproduced.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.checking.diagnosis.evidence import Deadline, Evidence
from clearprop.checking.verdict.candidates import Lost, Standing
from clearprop.checking.verdict.mistakes import MistakeKind

# Parts of an array's largest entry that adding up leaves of a 0.
CANCELLED = 16 * float(np.finfo(np.float64).eps)
# A mistake is looked for where the difference is this many times the tolerance: nearer to it, the
# numbers say too little of where they came from.
FAR = 10.0
# Rounding in sums of a few thousand terms, in units of the last digit of the claimed dtype.
ROUNDING = 64.0
# Where nothing says how good the trusted numbers are: to a millionth, as central differences are.
USUAL = 1e-6
# No tolerance is so wide that numbers which differ in the second digit count as the same.
WIDEST = 1e-3


class Hypothesis(NamedTuple):
    """A mistake, and the gradients that it would give, by name of the array."""

    key: MistakeKind
    predicted: Mapping[str, Array]
    values: Mapping[str, object] = EMPTY
    standing: Standing = Standing.EXACT


class Weighed(NamedTuple):
    """A hypothesis beside the claimed numbers.

    names  the arrays that it reproduces, of those that it would change
    off    the largest difference between what it gives and what was claimed, relative to the
           largest entry of what it gives
    lost   why it does not hold; None where it does: it reproduces all that it would change
    """

    hypothesis: Hypothesis
    names: frozenset[str]
    off: float
    lost: Lost | None = None


@dataclass(frozen=True, eq=False)
class Discrepancy:
    """The comparison that has to be explained: both gradients in float64, and which are wrong.

    relative  by name, the tolerance relative to an array's largest entry
    wrong     the names of the arrays that are wrong by far more than the tolerance
    doubtful  those that are beyond the tolerance at all
    batch     how many samples there are, and of a sequence other numbers that people divide by;
              guessed from the output's shape where it is empty
    features  how many outputs one sample has; guessed as well where it is None
    """

    evidence: Evidence
    claimed: Mapping[str, Array]
    expected: Mapping[str, Array]
    relative: Mapping[str, float]
    wrong: tuple[str, ...]
    doubtful: tuple[str, ...]
    batch: tuple[int, ...] = ()
    features: int | None = None

    @classmethod
    def of(cls, evidence: Evidence) -> "Discrepancy | None":
        """The discrepancy in `evidence`, or None where a gradient is not a finite number."""
        names = [name for name in evidence.expected if name in evidence.claimed]
        expected = {name: np.asarray(evidence.expected[name], np.float64) for name in names}
        claimed = {name: _aligned(evidence.claimed[name], expected[name]) for name in names}
        if not all(np.isfinite(a).all() for a in (*claimed.values(), *expected.values())):
            return None
        given = {name: _given(evidence, name) for name in names}
        relative = {name: _relative(given[name], evidence.claimed[name]) for name in names}
        errors = {name: difference(claimed[name], expected[name]) for name in names}
        return cls(
            evidence=evidence,
            claimed=claimed,
            expected=expected,
            relative=relative,
            wrong=tuple(
                name for name in names if errors[name] > max(FAR * relative[name], given[name])
            ),
            doubtful=tuple(name for name in names if errors[name] > given[name]),
        )

    @property
    def samples(self) -> int:
        """N, the number of rows of the output; where that is one number, of what it is made of."""
        return self.batch[0] if self.batch else self._rows_shape[0]

    @property
    def outputs(self) -> int:
        """D, the number of entries of one sample's output."""
        return int(np.prod(self._rows_shape[1:])) if self.features is None else self.features

    @property
    def _rows_shape(self) -> tuple[int, ...]:
        checked = self.evidence.checked
        if checked is not None and checked.loss is not None:
            return np.shape(self.evidence.arrays["t"]) or (1,)
        shapes = [np.shape(array) for array in self.evidence.arrays.values()]
        first = next((array.shape for array in self.expected.values()), ())
        return self.evidence.output.shape or _target_shape(shapes) or first or (1,)

    def reproduces(self, name: str, predicted: Array) -> bool:
        """Whether `predicted` is the claimed array."""
        return self.off(name, predicted) <= self.relative[name]

    def off(self, name: str, predicted: Array) -> float:
        """How far `predicted` is from the claimed array, relative to its largest entry; infinite
        where it has another shape."""
        claimed = self.claimed[name]
        predicted = _aligned(predicted, claimed)
        if predicted.shape != claimed.shape:
            return np.inf
        # What is 0 by cancelling is 0 but for the rounding of what was added up.
        if scale(claimed - predicted) <= CANCELLED * scale(self.expected[name]):
            return 0.0
        return difference(claimed, predicted, scale(predicted))

    def changes(self, name: str, predicted: Array) -> bool:
        """Whether `predicted` differs from the right gradient by more than rounding, which is all
        that there is in a gradient of zero."""
        expected = self.expected[name]
        return difference(predicted, expected) > FAR * self.relative[name] and (
            predicted.shape != expected.shape
            or scale(predicted - expected) > self.evidence.tolerance(name)
        )

    def predictions(self, hypothesis: Hypothesis) -> dict[str, Array]:
        """The arrays that the hypothesis would change, and how, by name."""
        aligned = {
            name: _aligned(predicted, self.expected[name])
            for name, predicted in hypothesis.predicted.items()
            if name in self.claimed
        }
        return {name: array for name, array in aligned.items() if self.changes(name, array)}

    def weigh(self, hypothesis: Hypothesis) -> Weighed:
        """Whether the hypothesis holds, and how far it is off."""
        changed = self.predictions(hypothesis)
        if not changed:
            return Weighed(hypothesis, frozenset(), np.inf, Lost.NO_CHANGE)
        off = {name: self.off(name, array) for name, array in changed.items()}
        held = frozenset(name for name in changed if off[name] <= self.relative[name])
        worst = max(off.values())
        if not held:
            return Weighed(hypothesis, held, worst, Lost.OTHER_NUMBERS)
        return Weighed(hypothesis, held, worst, Lost.ONLY_SOME if len(held) < len(off) else None)


@dataclass(eq=False)
class Budget:
    """How many candidates may still be tried, and until when.

    The number is what ends a search, so that it ends alike on every machine; the deadline is for
    what takes longer than was reckoned.
    """

    candidates: int
    deadline: Deadline | None = None
    is_spent: bool = False

    def spend(self, count: int = 1) -> bool:
        """Whether so many more may be tried."""
        self.candidates -= count
        late = self.deadline is not None and self.deadline.is_past
        self.is_spent = self.is_spent or late or self.candidates < 0
        return not self.is_spent


def _target_shape(shapes: Sequence[Shape]) -> Shape | None:
    """Of a function that gives one number, the shape of the last array that has as many rows as
    another one; None where the arrays do not say which number of rows is that of the samples."""
    counts = Counter(shape[0] for shape in shapes if shape)
    shared = [rows for rows, count in counts.items() if count > 1 and rows > 1]
    if len(shared) != 1:
        return None
    return next(shape for shape in reversed(shapes) if shape[:1] == (shared[0],))


def scale(array: Array) -> float:
    """The largest entry of an array, without its sign."""
    return float(np.abs(array).max(initial=0.0))


def difference(array: Array, other: Array, of: float | None = None) -> float:
    """The largest difference of two arrays relative to `of`, by default the larger of the two
    arrays' largest entries; infinite where the shapes differ."""
    if array.shape != other.shape:
        return np.inf
    largest = scale(array - other)
    whole = max(scale(array), scale(other)) if of is None else of
    if largest == 0:
        return 0.0
    return largest / whole if whole else np.inf


def _aligned(claimed: Array, expected: Array) -> Array:
    array = np.asarray(claimed, np.float64)
    without_ones = [tuple(n for n in a.shape if n != 1) for a in (array, expected)]
    return array.reshape(expected.shape) if without_ones[0] == without_ones[1] else array


def _given(evidence: Evidence, name: str) -> float:
    whole = scale(evidence.expected[name])
    return evidence.tolerance(name) / whole if whole else USUAL


def _relative(given: float, claimed: Array) -> float:
    dtype = np.asarray(claimed).dtype
    rounding = ROUNDING * float(np.finfo(dtype if dtype.kind == "f" else np.float64).eps)
    return min(max(given, rounding), WIDEST)
