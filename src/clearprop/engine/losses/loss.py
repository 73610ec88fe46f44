"""What a loss is: a value and its gradient, computed together.

A loss is the cost of every entry, reduced. With entry costs ℓₙd, sample weights sₙ (1 unless given)
and S = D · Σₙ sₙ, which is N·D without sample weights:

reduction    value                          gradient
"mean"       L = 1/S Σₙ Σ_d sₙ ℓₙd          ∂L/∂yₙd = sₙ ∂ℓₙd/∂yₙd / S
"sum"        L = Σₙ Σ_d sₙ ℓₙd              ∂L/∂yₙd = sₙ ∂ℓₙd/∂yₙd
"none"       the entries sₙ ℓₙd             the gradient of their sum: an upstream gradient of ones

A weighted mean divides by the sum of the weights: equal weights change nothing, and a weight of 2
counts a sample twice. (PyTorch's `weight` argument does this for the squared and the absolute
error; for Huber's it divides by the number of entries.)

A loss gives a total, a weight and a gradient. `total / weight` is its value; the gradient is that
of `total / divisor`, where the divisor is the weight unless the caller passes another one: over
micro-batches of one batch, pass the weight of the whole and add up the gradients.

A loss of one's own is a subclass of `Loss` with `evaluate`, which may hand its entries and their
slopes to `reduced` for everything else.
"""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, freeze, require_matching_dtype, shape_text
from clearprop.base.configuration import Configurable
from clearprop.base.errors import (
    ConfigurationError,
    ContractError,
    DataError,
    DtypeError,
    ShapeError,
)

REDUCTIONS = ("mean", "sum", "none")


class LossResult(NamedTuple):
    """A loss at one output.

    total      the sum over all entries; of K stacked networks an array (K,)
    weight     what the total is divided by to give the value: 1 where the value is a sum; an array
               (K,) where it differs between stacked networks
    gradient   ∂(total / divisor)/∂output, of the output's shape, read-only
    entries    every entry's cost, sample weights in and undivided: (N, D), or (N,) where a loss has
               one cost for a sample; of stacked networks (K, ...)
    reduction  the loss's: "mean", "sum" or "none"
    """

    total: Any
    weight: Any
    gradient: Array
    entries: Any = None
    reduction: str = "mean"

    @property
    def value(self) -> Any:
        """The loss: a number, or one for each of K stacked networks; with "none" the entries."""
        return self.entries if self.reduction == "none" else self.total / self.weight

    @property
    def per_sample(self) -> Array:
        """C[n], each sample's cost with its share of the mean in it: (N,) or (K, N), with sum L.

        Raises ContractError for a loss of one's own that did not return its entries.
        """
        if self.entries is None:
            raise ContractError("entries_missing")
        leading = np.ndim(self.total) + 1
        costs = np.add.reduce(self.entries, axis=tuple(range(leading, self.entries.ndim)))
        weight = self.weight[:, None] if np.ndim(self.weight) else self.weight
        per_sample: Array = costs / weight
        return per_sample


class Loss(Configurable, ABC):
    """A measure of how far an output is from its target."""

    reduction: str = "mean"

    @abstractmethod
    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        sample_weight: Array | None = None,
        divisor: Any = None,
        stacked: bool = False,
    ) -> LossResult:
        """The loss of `output` against `target`, and its gradient.

        output         (N, D), or (K, N, D) of K stacked networks
        target         of the output's shape, or what the loss says; with `stacked` also that of one
                       network, the same for all
        sample_weight  (N,) how much each sample counts; with `stacked` also (K, N)
        divisor        what the gradient divides by, a number or (K,); the weight unless told
                       otherwise

        Booleans are taken as 0 and 1. Raises ShapeError where the shapes differ ((N,) against
        (N, 1) is never broadcast), DtypeError where the dtypes do, DataError for values that cannot
        be, ConfigurationError for a divisor that is not positive.
        """

    def kinks(self) -> tuple[float, ...]:
        """The differences output − target at which an entry's cost has no derivative: a convention
        decides there, and a difference quotient across one says nothing."""
        return ()


def reduced(
    entries: Array,
    slopes: Array,
    *,
    reduction: str,
    sample_weight: Array | None,
    divisor: Any,
    stacked: bool,
    factor: float = 1.0,
    shares: Array | None = None,
) -> LossResult:
    """The result for given entries and their slopes by the output; both are edited in place.

    factor  a number by which all slopes are still to be multiplied
    shares  (N,) or (K, N) how much each sample counts in the mean, or in the entries' shape how
            much each of them does; 1 unless told otherwise

    Raises DataError where all samples count nothing, ConfigurationError for a divisor that is not
    positive.
    """
    if sample_weight is not None:
        column = _sample_weights(sample_weight, slopes, stacked=stacked)
        entries *= _beside(column, entries, stacked=stacked)
        slopes *= _beside(column, slopes, stacked=stacked)
        shares = column if shares is None else shares * _beside(column, shares, stacked=stacked)
    total = np.add.reduce(entries, axis=tuple(range(1, entries.ndim)) if stacked else None)
    weight: Any = 1
    if reduction == "mean":
        weight = entries.size // entries.shape[0] if stacked else entries.size
        if shares is not None:
            per_share = weight // shares.shape[-1]
            if shares.shape == entries.shape:
                shares, per_share = shares.reshape(*entries.shape[: int(stacked)], -1), 1
            weight = _sum_of_shares(shares, per_share)
    if divisor is None:
        if shares is not None and not np.all(weight):
            raise DataError("weights_zero")
        divisor = weight
    elif not np.all(np.asarray(divisor) > 0):
        raise ConfigurationError("divisor_invalid", value=divisor)
    scale = factor / divisor
    if isinstance(scale, np.ndarray):
        scale = scale.reshape(-1, *(1,) * (slopes.ndim - 1))
    slopes *= scale
    return LossResult(total, weight, freeze(slopes), entries, reduction)


def _sum_of_shares(shares: Array, entries: int) -> Any:
    """How much all samples count, each with so many entries: a number, or (K,)."""
    # In float64 and then cast: sums of many float32 weights lose digits.
    sums = np.add.reduce(shares, axis=-1, dtype=np.float64) * entries
    return sums.astype(shares.dtype) if sums.ndim else float(sums)


def require_output(output: Array) -> None:
    """Refuse an output that is not of floats, and one of no samples. DtypeError, ShapeError."""
    if output.dtype.char not in "dfDF":
        raise DtypeError("output_dtype", came=output.dtype)
    if output.size == 0:
        raise ShapeError("no_samples", name="output", came=shape_text(output.shape))


def require_same_shape(output: Array, target: Array, *, stacked: bool) -> None:
    """Refuse a target that is not of the output's shape and dtype. ShapeError, DtypeError."""
    require_output(output)
    if target.shape != output.shape and not (stacked and target.shape == output.shape[1:]):
        # A column that lost its second axis is the usual case, and would broadcast to (N, N).
        is_column = target.ndim == 1 and output.shape[-2:] == (target.size, 1)
        raise ShapeError(
            "target_column" if is_column else "target_shape",
            target=shape_text(target.shape),
            output=shape_text(output.shape),
        )
    if target.dtype != output.dtype and target.dtype.kind != "b":
        require_numbers(target)
        require_matching_dtype(target, output, where="target")


def require_numbers(target: Array) -> None:
    """Refuse labels that are text, and other objects. Raises DtypeError."""
    if target.dtype.kind in "OUSV":
        raise DtypeError("target_not_numbers", came=target.dtype)


def require_targets(kept: Array, target: Array, *, condition: str) -> None:
    """Refuse targets that break the loss's condition, naming the first. Raises DataError."""
    if not kept.all():
        where = tuple(int(index) for index in np.argwhere(~kept)[0])
        raise DataError(
            "target_invalid", condition=condition, value=target[where].item(), index=where
        )


def output_weights(weights: tuple[float, ...], output: Array, *, name: str) -> Array:
    """A loss's weights (D,) in the output's precision. Raises ShapeError unless there are D."""
    if len(weights) != output.shape[-1]:
        raise ShapeError("loss_weights", name=name, came=len(weights), expected=output.shape[-1])
    return np.array(weights, output.real.dtype)


def _sample_weights(sample_weight: Array, output: Array, *, stacked: bool) -> Array:
    weights = np.asarray(sample_weight)
    samples = output.shape[: 2 if stacked else 1]
    if weights.shape != samples and not (stacked and weights.shape == samples[1:]):
        raise ShapeError(
            "sample_weight_shape",
            came=shape_text(weights.shape),
            expected=shape_text(samples[-1:]),
        )
    if weights.dtype.kind not in "biuf":
        raise DtypeError("sample_weight_dtype", came=weights.dtype)
    if weights.dtype.kind == "f":
        require_matching_dtype(weights, output, where="sample_weight")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise DataError("sample_weight_invalid")
    return weights.astype(output.real.dtype)


def _beside(column: Array, array: Array, *, stacked: bool) -> Array:
    """Sample weights with the axes that they lack behind the samples'."""
    return column.reshape(*column.shape, *(1,) * (array.ndim - (2 if stacked else 1)))
