"""Softmax cross-entropy of logits: one of C classes for each sample, or for each of its positions.

Forward      p_c = e^y_c / Σ_k e^y_k                           y (N, C)

             ℓₙ = − Σ_c w_c qₙc ln pₙc                         one cost for a sample: (N,)
                                                               y (N, T, C): a cost each, (N, T)

             q is the target's distribution: 1 at the class id and 0 elsewhere, or the
             probabilities that were given. Label smoothing ε makes it (1 − ε) q + ε/C. w is
             `weight` of the class, 1 unless given. ln p is taken of the logits, with m = max_k y_k:

             ln p_c = (y_c − m) − ln Σ_k e^(y_k − m)

Backward     ∂ ln p_c/∂y_j = [c = j] − p_j, hence with the mass Mₙ = Σ_c w_c qₙc

             ∂ℓₙ/∂y_j = Mₙ pₙj − w_j qₙj                       and without weights p − q

Mean         Σₙ ℓₙ divided, for class ids, by the sum of the samples' w of their class, and for
             probabilities by the number of costs. What has the class `ignore_index` (a sample, a
             padded position) costs nothing and does not count. All as in PyTorch, which has the
             classes in the second axis and not in the last.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Shape, require_matching_dtype, shape_text
from clearprop.base.errors import ConfigurationError, DataError, DtypeError, ShapeError
from clearprop.base.settings import (
    AT_LEAST_0,
    UP_TO_1,
    settle_choice,
    settle_number,
    settle_numbers,
)
from clearprop.engine.losses.loss import (
    REDUCTIONS,
    Loss,
    LossResult,
    output_weights,
    reduced,
    require_numbers,
    require_output,
    require_targets,
)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """The cross-entropy of classes; the output is logits (N, C), before any softmax, or (N, T, C)
    for every position of a sequence, with any axes between.

    The target is class ids (N,), whole numbers from 0 to C − 1, or (N, T); or probabilities of the
    output's shape.

    weight           (C,) how much each class counts
    label_smoothing  ε: this share of the target is spread evenly over all classes
    ignore_index     the class id of samples, or positions, that are left out

    Raises ConfigurationError for weights that are negative or not finite, and for an ε that is not
    in [0, 1].
    """

    weight: tuple[float, ...] | None = None
    label_smoothing: float = 0.0
    ignore_index: int = -100
    reduction: str = "mean"

    def __post_init__(self) -> None:
        if self.weight is not None:
            settle_numbers(self, "weight", AT_LEAST_0)
        settle_number(self, "label_smoothing", UP_TO_1)
        if not isinstance(self.ignore_index, int | np.integer):
            raise ConfigurationError("ignore_index_invalid", value=self.ignore_index)
        object.__setattr__(self, "ignore_index", int(self.ignore_index))
        settle_choice(self, "reduction", REDUCTIONS)

    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        sample_weight: Array | None = None,
        divisor: Any = None,
        stacked: bool = False,
    ) -> LossResult:
        output, target = np.asarray(output), np.asarray(target)
        require_output(output)
        require_numbers(target)
        if target.dtype.kind == "b":
            # False and True are the classes 0 and 1, or of a row a class each.
            is_id = target.shape in _shapes_of(output.shape[:-1], stacked=stacked)
            target = target.astype(np.int64 if is_id else output.real.dtype)
        if output.ndim < (3 if stacked else 2):
            raise ShapeError("logits_shape", came=shape_text(output.shape))
        weight = None
        if self.weight is not None:
            weight = output_weights(self.weight, output, name="weight")
        if target.dtype.kind in "iu":
            mass, shares = self._of_ids(output, target, weight, stacked=stacked)
        else:
            mass, shares = self._of_probabilities(output, target, weight, stacked=stacked), None
        highest = output.real.max(axis=-1, keepdims=True)
        shifted = output - highest
        powers = np.exp(shifted)
        sums = np.add.reduce(powers, axis=-1, keepdims=True)
        log_p = shifted - np.log(sums)
        # A class without mass costs nothing, were its logit −∞ and 0 · ln 0 not a number.
        entries = -np.add.reduce(mass * np.where(mass == 0, 0, log_p), axis=-1)
        if shares is not None and entries.ndim > (2 if stacked else 1):
            shares = np.broadcast_to(shares, entries.shape)
        slopes = powers / sums * np.add.reduce(mass, axis=-1, keepdims=True) - mass
        return reduced(
            entries,
            slopes,
            reduction=self.reduction,
            sample_weight=sample_weight,
            divisor=divisor,
            stacked=stacked,
            shares=shares,
        )

    def _of_ids(
        self, output: Array, ids: Array, weight: Array | None, *, stacked: bool
    ) -> tuple[Array, Array]:
        """w_c qₙc, and how much each cost counts in the mean."""
        if ids.shape not in _shapes_of(output.shape[:-1], stacked=stacked):
            raise ShapeError(
                "class_ids_shape",
                target=shape_text(ids.shape),
                output=shape_text(output.shape),
                expected=shape_text(output.shape[1 if stacked else 0 : -1]),
            )
        classes = output.shape[-1]
        counted = ids != self.ignore_index
        require_targets(
            ~counted | ((ids >= 0) & (ids < classes)), ids, condition=f"0 <= t <= {classes - 1}"
        )
        # Two's complement makes nothing of an unsigned −100, so it is replaced before it indexes.
        safe = np.where(counted, ids, 0)
        shares = counted.astype(output.real.dtype)
        if weight is not None:
            shares *= weight[safe]
        smoothed = np.full(classes, self.label_smoothing / classes, output.real.dtype)
        mass = (smoothed if weight is None else smoothed * weight) * counted[..., None]
        kept = (1 - self.label_smoothing) * shares[..., None]
        mass += kept * (safe[..., None] == np.arange(classes))
        return mass, shares

    def _of_probabilities(
        self, output: Array, target: Array, weight: Array | None, *, stacked: bool
    ) -> Array:
        """w_c qₙc."""
        if target.shape not in _shapes_of(output.shape, stacked=stacked):
            if target.ndim == output.ndim - 1:
                raise DtypeError("class_ids_dtype", came=target.dtype)
            raise ShapeError(
                "target_shape",
                target=shape_text(target.shape),
                output=shape_text(output.shape),
            )
        if target.dtype.kind != "f":
            raise DtypeError("class_ids_dtype", came=target.dtype)
        require_matching_dtype(target, output, where="target")
        require_targets(target >= 0, target, condition="t >= 0")
        sums = np.add.reduce(target, axis=-1)
        # Whoever divides by a sum is off by a rounding for each class; this allows far more.
        right = np.abs(sums - 1) <= 1e-4
        if not right.all():
            where = tuple(int(index) for index in np.argwhere(~right)[0])
            raise DataError("probabilities_sum", index=where, value=float(sums[where]))
        classes = output.shape[-1]
        mass: Array = (1 - self.label_smoothing) * target + self.label_smoothing / classes
        return mass if weight is None else mass * weight


def _shapes_of(shape: Shape, *, stacked: bool) -> tuple[Shape, ...]:
    """The shapes that a target may have: of K stacked networks also that of one."""
    return (shape, shape[1:]) if stacked else (shape,)
