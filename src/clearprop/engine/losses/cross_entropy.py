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

from clearprop.base.arrays import Array, Shape, require_matching_dtype, shape_text, sum_columns
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
        shares = None
        if target.dtype.kind in "iu":
            known, shares = self._of_ids(output, target, weight, stacked=stacked)
            nothing = target.size and (target == self.ignore_index).all()
            if nothing and self.reduction == "mean" and divisor is None:
                raise DataError("targets_ignored", ignored=self.ignore_index)
            if self.label_smoothing:
                mass = self._smoothed(output, target, known, shares, weight)
                entries, slopes = _of_mass(output, mass)
            else:
                entries, slopes = _of_one_class(output, known, shares)
            if entries.ndim > (2 if stacked else 1):
                shares = np.broadcast_to(shares, entries.shape)
        else:
            mass = self._of_probabilities(output, target, weight, stacked=stacked)
            entries, slopes = _of_mass(output, mass)
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
        """The ids, those that are ignored as 0, and how much each cost counts: w_c, or 0."""
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
        safe: Array = np.where(counted, ids, 0)
        shares = counted.astype(output.real.dtype)
        if weight is not None:
            shares *= weight[safe]
        return safe, shares

    def _smoothed(
        self, output: Array, ids: Array, known: Array, shares: Array, weight: Array | None
    ) -> Array:
        """w_c qₙc of ids, with a part of every class."""
        classes = output.shape[-1]
        smoothed = np.full(classes, self.label_smoothing / classes, output.real.dtype)
        counted = ids != self.ignore_index
        mass = (smoothed if weight is None else smoothed * weight) * counted[..., None]
        kept = (1 - self.label_smoothing) * shares[..., None]
        mass += kept * (known[..., None] == np.arange(classes))
        found: Array = mass
        return found

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


def _of_mass(output: Array, mass: Array) -> tuple[Array, Array]:
    """ℓₙ and ∂ℓₙ/∂y of masses w_c qₙc, an array (..., C)."""
    shifted, powers, sums = _powers(output)
    log_p = shifted - np.log(sums)
    # A class without mass costs nothing, were its logit −∞ and 0 · ln 0 not a number.
    entries = -np.add.reduce(mass * np.where(mass == 0, 0, log_p), axis=-1)
    slopes = powers / sums * np.add.reduce(mass, axis=-1, keepdims=True) - mass
    return entries, slopes


def _of_one_class(output: Array, ids: Array, shares: Array) -> tuple[Array, Array]:
    """The same where all mass is that of one class each, `shares`: nothing but p is taken of the
    other classes."""
    shifted, slopes, sums = _powers(output)
    costs = output.shape[:-1]
    shares = np.broadcast_to(shares, costs)
    # Where each class of an id stands among all numbers of the outputs.
    ids = np.broadcast_to(ids, costs)
    own = np.arange(0, output.size, output.shape[-1]).reshape(costs) + ids
    log_p = shifted.ravel()[own] - np.log(sums[..., 0])
    entries = -np.where(shares == 0, 0, log_p) * shares
    slopes /= sums
    slopes *= shares[..., None]
    slopes.ravel()[own] -= shares
    return entries, slopes


def _powers(output: Array) -> tuple[Array, Array, Array]:
    """The logits less their largest, the powers of e, and their sums (..., 1): new arrays whose
    rows lie in order."""
    highest = output.real.max(axis=-1, keepdims=True)
    shifted = np.subtract(output, highest, order="C")
    powers = np.exp(shifted)
    return shifted, powers, sum_columns(powers)


def _shapes_of(shape: Shape, *, stacked: bool) -> tuple[Shape, ...]:
    """The shapes that a target may have: of K stacked networks also that of one."""
    return (shape, shape[1:]) if stacked else (shape,)
