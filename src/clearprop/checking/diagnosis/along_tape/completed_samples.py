"""Arrays too large to be compared entry by entry: the tape of the person's forward has the entries
that differences did not measure, once it has those that they did."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.tape_search import pass_of
from clearprop.checking.diagnosis.evidence import Evidence


class Sample(NamedTuple):
    """What is known of a large array's gradient: the claim, the measured entries, NaN elsewhere,
    and how far off they may be."""

    claimed: Array
    measured: Array
    tolerance: float


def with_samples_completed(evidence: Evidence, samples: Mapping[str, Sample]) -> Evidence:
    """The evidence with the arrays of which a sample was measured, where the tape of the forward
    gives every entry of all samples; as it is where it does not."""
    if not samples:
        return evidence
    asked = {**evidence.expected, **{name: one.measured for name, one in samples.items()}}
    found = pass_of(replace(evidence, expected=asked))
    if found is None or not all(
        name in found.right and _has(found.right[name], one) for name, one in samples.items()
    ):
        return evidence
    return replace(
        evidence,
        claimed={**evidence.claimed, **{name: one.claimed for name, one in samples.items()}},
        expected={
            **evidence.expected,
            **{n: found.right[n].reshape(one.measured.shape) for n, one in samples.items()},
        },
        tolerances={
            **evidence.tolerances,
            **{name: one.tolerance for name, one in samples.items()},
        },
    )


def _has(right: Array, sample: Sample) -> bool:
    """Whether the gradient has the measured entries."""
    measured = sample.measured
    known = np.isfinite(measured)
    if right.size != measured.size or not known.any():
        return False
    off = np.abs(right.reshape(measured.shape)[known] - measured[known])
    return bool(np.all(off <= sample.tolerance))
