"""What the tutorial says, what was measured, and whether it holds.

A verdict is worked out from the numbers of this very run, never written down beforehand.
"""

from enum import StrEnum
from typing import NamedTuple

import numpy as np

from clearprop.teaching.experiments.curve import CurvedFit
from clearprop.teaching.experiments.gradient_check import GradientCheck
from clearprop.teaching.experiments.parity import Comparison
from clearprop.teaching.experiments.studies import Study
from clearprop.teaching.experiments.trainings import Trainings
from clearprop.teaching.experiments.worked_example import WorkedExample


class ClaimVerdict(StrEnum):
    """Whether a claim holds; unknown where what it speaks of was not measured."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"


class Claim(NamedTuple):
    """One sentence of the tutorial. `key` names its wording, `values` what was measured."""

    key: str
    verdict: ClaimVerdict
    values: dict[str, float | int | str]


def judge(
    *,
    trainings: Trainings,
    worked: WorkedExample,
    check: GradientCheck,
    studies: dict[str, Study],
    curved: CurvedFit,
    comparisons: tuple[Comparison, ...] | None,
    line_mse: float,
    variance: float,
) -> tuple[Claim, ...]:
    """Every claim with its verdict, in the order of the tutorial."""
    printed, right = studies["tutorial_relu_as_printed"], studies["tutorial_relu"]
    linear, torch_relu = studies["tutorial_linear"], studies["pytorch_relu"]
    return (
        _layer_draws_a_line(trainings),
        _old_weights(worked),
        _printed_backward(check),
        Claim(
            "linear_fits",
            _verdict(_median(linear) <= line_mse * 1.001),
            {"median": _median(linear), "best": line_mse},
        ),
        _same_as_torch("linear_like_torch", "linear", comparisons),
        Claim(
            "relu_predicts_better",
            _verdict(_median(printed) < _median(linear)),
            {
                "printed": _median(printed),
                "right": _median(right),
                "linear": _median(linear),
                "variance": variance,
            },
        ),
        _relu_like_torch(printed, right, torch_relu),
        _same_as_torch("engine_like_torch", "relu", comparisons),
        Claim(
            "relu_fits_curves",
            _verdict(_median(curved.relu) < 0.5 * curved.line.mse),
            {"relu": _median(curved.relu), "line": curved.line.mse},
        ),
    )


def _layer_draws_a_line(trainings: Trainings) -> Claim:
    # Equal steps of x give equal steps of the output: the second differences vanish.
    fit = trainings.linear.fit_y.astype(np.float64)
    bend = float(np.max(np.abs(np.diff(fit[:, 0], 2)))) if np.isfinite(fit).all() else np.nan
    span = float(np.ptp(fit)) if np.isfinite(fit).all() else np.nan
    limit = 1e-3 if trainings.linear.fit_y.dtype == np.float32 else 1e-9
    verdict = ClaimVerdict.UNKNOWN if np.isnan(bend) else _verdict(bend <= limit * max(span, 1.0))
    return Claim("linear_is_a_line", verdict, {"bend": bend})


def _old_weights(worked: WorkedExample) -> Claim:
    holds = worked.loss_old_weights < worked.loss_new_weights
    return Claim(
        "propagate_before_update",
        _verdict(holds),
        {"old": worked.loss_old_weights, "new": worked.loss_new_weights},
    )


def _printed_backward(check: GradientCheck) -> Claim:
    wrong = [array for array in check.arrays if not array.printed_is_right]
    values: dict[str, float | int | str] = {
        "wrong": ", ".join(array.name for array in wrong),
        "error": max((array.printed_error for array in wrong), default=0.0),
    }
    return Claim("printed_backward", _verdict(not wrong), values)


def _relu_like_torch(printed: Study, right: Study, torch_relu: Study) -> Claim:
    values: dict[str, float | int | str] = {
        "printed": _median(printed),
        "right": _median(right),
        "pytorch": _median(torch_relu),
    }
    close = abs(_median(printed) - _median(torch_relu)) <= 0.05 * abs(_median(torch_relu))
    return Claim("relu_like_torch", _verdict(close), values)


def _same_as_torch(key: str, name: str, comparisons: tuple[Comparison, ...] | None) -> Claim:
    if comparisons is None:
        return Claim(key, ClaimVerdict.UNKNOWN, {})
    mine = [one for one in comparisons if one.name == name and one.dtype == "float64"]
    values: dict[str, float | int | str] = {
        "loss": max(one.loss_difference for one in mine),
        "params": float(np.max([one.params_difference for one in mine])),
    }
    return Claim(key, _verdict(all(one.agrees for one in mine)), values)


def _median(study: Study) -> float:
    """The median final loss; NaN where more than half of the trainings overflowed."""
    final = study.final.astype(np.float64)
    return float(np.median(np.where(np.isfinite(final), final, np.inf)))


def _verdict(holds: bool) -> ClaimVerdict:
    return ClaimVerdict.HOLDS if holds else ClaimVerdict.FAILS
