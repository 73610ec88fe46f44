"""Whether the function itself has a kink at a point, or between two of them, by what it compares.

Slopes alone cannot tell a kink from one that is nearer than the smallest step. The comparisons that
a forward makes can: where none of them is of two equal numbers there is no kink at the point, and
where all of them come out the same at both ends there is none between. Layers of ours say where
their kinks are; of a forward that nobody could watch nothing is known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.subjects.subject import Subject, copies
from clearprop.checking.witnesses.traced_forward import (
    EQUAL,
    EQUAL_TO_THE_DIGITS,
    Observed,
    observed,
)

OURS = "clearprop.engine."


@dataclass(frozen=True, eq=False)
class KinkWatch:
    """The comparisons of one subject, which was `seen` at its own point; None where it could not
    be watched."""

    subject: Subject
    seen: Observed | None

    @cached_property
    def is_known(self) -> bool:
        """Whether its comparisons are known."""
        if self._is_of_code:
            return self.seen is not None
        network, loss = self.subject.network, self.subject.loss
        nodes = network.graph.nodes.values() if network is not None else ()
        kinds = [type(node.layer) for node in nodes] + ([] if loss is None else [type(loss)])
        return all(kind.__module__.startswith(OURS) for kind in kinds)

    @property
    def _is_of_code(self) -> bool:
        """Whether it is a person's function, and no layer, loss or network."""
        return self.subject.network is None and self.subject.loss is None

    @cached_property
    def tied(self) -> bool:
        """Whether two equal numbers are compared at the point, or nobody knows."""
        if not self.is_known:
            return True
        if self._is_of_code:
            return self.seen is None or self.seen.tied
        return any(
            bool(np.any(np.abs(apart) <= EQUAL * largest))
            for apart, largest in _from_kinks(self.subject, self.subject.arrays)
        )

    @cached_property
    def is_near(self) -> bool:
        """Whether numbers are compared at the point that only may be equal, and none that are: it
        is no kink then, but one side of it."""
        if not (self.is_known and self.tied):
            return False
        if self._is_of_code:
            return self.seen is not None and not self.seen.equal
        return not any(
            bool(np.any(np.abs(apart) <= EQUAL_TO_THE_DIGITS * largest))
            for apart, largest in _from_kinks(self.subject, self.subject.arrays)
        )

    def flips(self, name: str, index: int, step: float) -> bool:
        """Whether a comparison comes out otherwise where the entry is moved by `step` to one side
        or the other, or nobody knows."""
        if not self.is_known:
            return True
        for move in (step, -step):
            moved = np.array(self.subject.arrays[name])
            moved.flat[index] += move
            if self._sides({**self.subject.arrays, name: moved}) != self._own_sides:
                return True
        return False

    @cached_property
    def _own_sides(self) -> object:
        return self._sides(self.subject.arrays)

    def _sides(self, arrays: Mapping[str, Array]) -> object:
        """How every comparison comes out; None where it cannot be watched."""
        if not self._is_of_code:
            return [np.sign(apart).tobytes() for apart, _ in _from_kinks(self.subject, arrays)]
        there = observed(self.subject.at(arrays, self.subject.dy))
        return None if there is None else there.sides


def _from_kinks(subject: Subject, arrays: Mapping[str, Array]) -> Iterator[tuple[Array, float]]:
    """How far every number is from each kink of the layer or loss that takes it, and the largest of
    the numbers."""
    network, loss = subject.network, subject.loss
    output, target = arrays.get("output"), arrays.get("target")
    if network is not None:
        _y, (values, *_) = subject.run(copies(arrays))
        for node in network.graph.nodes.values():
            x = values[node.source]
            for kink in node.layer.kinks():
                yield x - kink, max(float(np.max(np.abs(x), initial=0.0)), abs(kink))
        output, target = values[network.graph.output], arrays.get("t")
    if loss is None or output is None or target is None or output.shape != target.shape:
        return
    for kink in loss.kinks():
        yield output - target - kink, float(np.max(np.abs(output), initial=0.0))
