"""Whether a claimed gradient is right at points beside the checked one.

Where kinks meet at a point, the slopes there say nothing; a gradient that is right all around it
may be right there.
"""

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.checking.rules import conduct
from clearprop.checking.rules.along_directions import differences_along, is_steady
from clearprop.checking.rules.kink_watch import KinkWatch
from clearprop.checking.rules.limits import limits
from clearprop.checking.rules.tolerances import Tolerance
from clearprop.checking.subjects.subject import Subject
from clearprop.checking.witnesses.quotients import Quotients


class Beside:
    """The claimed gradient of one subject at three points beside its own; `watch` knows what
    it compares there."""

    def __init__(
        self, subject: Subject, dy: Array, tolerance: Tolerance, seed: int, watch: KinkWatch
    ):
        self.subject, self.dy, self.tolerance, self.seed = subject, dy, tolerance, seed
        self.watch = watch

    def __call__(self, name: str, index: int) -> bool:
        return all(self._right_at(name, index, number) for number in range(3))

    def along(self, name: str, direction: Array) -> bool:
        return all(self._right_along(name, direction, number) for number in range(3))

    def _right_at(self, name: str, index: int, number: int) -> bool:
        claimed, quotients = self._there(name, number)
        if claimed is None:
            return False
        (limit,) = limits(quotients.fine_ladder(name, np.array([index])))
        expected = limit.nearest(float(claimed.flat[index]))
        scale = float(np.max(np.abs(claimed), initial=0.0))
        allowed = self.tolerance.of(np.array(expected), limit.error, scale)
        apart = abs(claimed.flat[index] - expected)
        return bool(np.isfinite(apart) and apart <= allowed)

    def _right_along(self, name: str, direction: Array, number: int) -> bool:
        claimed, quotients = self._there(name, number)
        return claimed is not None and not is_steady(
            differences_along(quotients, name, claimed, direction, self.tolerance)
        )

    def _there(self, name: str, number: int) -> tuple[Array | None, Quotients]:
        """The gradient of `name` that is claimed at a neighbouring point, and the quotients."""
        generator = keyed_generator(self.seed, number, "beside")
        moved = {
            one: np.asarray(
                array + 1e-3 * np.maximum(1, np.abs(array)) * generator.uniform(-1, 1, array.shape),
                array.dtype,
            )
            if one in self.subject.variables
            else array
            for one, array in self.subject.arrays.items()
        }
        there = self.subject.at(moved, self.dy)
        claimed = conduct.inspect_gradients(there, there.gradients(moved, self.dy)).usable
        quotients = Quotients(there, self.dy, self.tolerance.epsilon, self.tolerance.rungs)
        return claimed.get(name), quotients
