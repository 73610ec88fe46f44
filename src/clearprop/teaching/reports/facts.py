"""The numbers that the report's sentences speak of, written out: one table, a name for each.

Sentences name these as fields, so that every language says the same numbers.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.numbers import brief, number, percent
from clearprop.engine.losses import MSE
from clearprop.teaching.experiments import curve
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.experiments.studies import Study
from clearprop.teaching.experiments.trainings import TrainingRun
from clearprop.teaching.experiments.tutorial_networks import tutorial_start, with_relu

SUM_PATH, SUM_ROW, SUM_COLUMN = "layers[0].weight", 0, 3
SHARES_SHOWN = 5


class Share(NamedTuple):
    """One sample's share of a weight's gradient: ∂z/∂w, ∂C[n]/∂z and their product."""

    sample: int
    forward_factor: float
    backward_factor: float
    product: float


class Shares(NamedTuple):
    """∂L/∂w of one weight, sample by sample: the largest shares, the rest summed, and the sum."""

    largest: tuple[Share, ...]
    rest_count: int
    rest: float
    total: float


def gradient_shares(result: Reproduction) -> Shares:
    """The shares of one weight of the 1-10-1 network with ReLU, at the start of its training."""
    network, data = with_relu(), result.data
    params = tutorial_start(range(1), result.settings.dtype)[0]
    forward = network.forward(params, data.x)
    loss = MSE().evaluate(forward.output, data.target)
    backward = network.backward(forward, loss.gradient)
    factors = forward["layers[0]"].input[:, SUM_ROW].astype(np.float64)
    signals = backward["layers[0]"].output_gradient[:, SUM_COLUMN].astype(np.float64)
    products = factors * signals
    order = np.argsort(-np.abs(products))
    largest = tuple(
        Share(int(n), float(factors[n]), float(signals[n]), float(products[n]))
        for n in order[:SHARES_SHOWN]
    )
    rest = order[SHARES_SHOWN:]
    total = float(backward.named()[SUM_PATH][SUM_ROW, SUM_COLUMN])
    return Shares(largest, len(rest), float(products[rest].sum()), total)


def facts(result: Reproduction, language: str, versions: Mapping[str, str]) -> dict[str, str]:
    """Every field of `report.toml`, in the reader's language."""
    settings, data, line = result.settings, result.data, result.line
    straight = result.straight.params
    values = {
        "steps": str(settings.steps),
        "rate": f"{settings.learning_rate:g}",
        "seeds": str(settings.seeds),
        "dtype": settings.dtype,
        "version": versions["clearprop"],
        "numpy": versions["numpy"],
        "torch": f"PyTorch {versions['torch']}" if "torch" in versions else "—",
        "samples": str(len(data.x)),
        "params_count": str(with_relu().size),
        "x_min": number(data.x.min()),
        "x_max": number(data.x.max()),
        "variance": number(data.variance, 5),
        "line_mse": number(line.mse),
        "line_slope": number(line.slope, 5),
        "line_intercept": number(line.intercept, 5),
        "broadcast": number(_broadcast_mse(result), 6),
        "straight_w": number(straight[0], 3),
        "straight_b": number(straight[1], 3),
        "sum_path": f"<code>{SUM_PATH}[{SUM_ROW},{SUM_COLUMN}]</code>",
        "rest_count": str(len(data.x) - SHARES_SHOWN),
    }
    return (
        values
        | _worked_facts(result)
        | _training_facts(result, language)
        | _check_facts(result, language)
    )


def median_text(study: Study) -> str:
    """The median final loss as the report writes it; ∞ where most trainings overflowed."""
    final = study.final.astype(np.float64)
    return number(float(np.median(np.where(np.isfinite(final), final, np.inf))))


def _worked_facts(result: Reproduction) -> dict[str, str]:
    worked = result.worked
    forward = worked.backward.forward
    return {
        "worked_input": _listed(forward.input[0]),
        "worked_target": _listed(worked.target[0]),
        "worked_output": _listed(forward.output[0]),
        "worked_loss": number(worked.loss, 6),
        "worked_rate": "0.5",
        "worked_old": f"{worked.loss_old_weights:.12f}",
        "worked_new": f"{worked.loss_new_weights:.12f}",
    }


def _listed(values: Array) -> str:
    return ", ".join(brief(float(value)) for value in values)


def _training_facts(result: Reproduction, language: str) -> dict[str, str]:
    trainings, studies, curved = result.trainings, result.studies, result.curved

    def final(run: TrainingRun) -> str:
        if np.isfinite(run.final_loss):
            return number(run.final_loss)
        return messages.text(language, "report.page.overflow")

    return {
        "linear_final": final(trainings.linear),
        "printed_final": final(trainings.relu_as_printed),
        "relu_final": final(trainings.relu),
        "printed_median": median_text(studies["tutorial_relu_as_printed"]),
        "printed_dead": str(int(studies["tutorial_relu_as_printed"].dead.sum())),
        "relu_median": median_text(studies["tutorial_relu"]),
        "pytorch_relu_median": median_text(studies["pytorch_relu"]),
        "curved_seeds": str(len(curve.SEEDS)),
        "curved_steps": str(curve.STEPS),
        "curved_rate": f"{curve.LEARNING_RATE:g}",
        "curved_linear": median_text(curved.linear),
        "curved_relu": median_text(curved.relu),
        "curved_line": number(curved.line.mse),
        "noise": number(curved.noise),
    }


def _check_facts(result: Reproduction, language: str) -> dict[str, str]:
    check = result.check
    exactly = "exactly" if check.z_explains == 0 else "nearly"
    parity_clause = ""
    if result.comparisons:
        doubles = [one.loss_difference for one in result.comparisons if one.dtype == "float64"]
        parity_clause = messages.text(
            language, "report.question.parity_clause", parity_loss=number(max(doubles), 2)
        )
    return {
        "check_right": number(max(one.right_error for one in check.arrays), 2),
        "check_printed": percent(max(one.printed_error for one in check.arrays)),
        "z_explains_words": messages.text(
            language, f"report.check.z_{exactly}", z_explains=number(check.z_explains, 2)
        ),
        "parity_clause": parity_clause,
    }


def _broadcast_mse(result: Reproduction) -> float:
    """What NumPy makes of (N, 1) − (N,) at the best line: every sample against every other."""
    line = result.line
    fit = line.slope * result.data.x.astype(np.float64) + line.intercept
    return float(np.mean((fit - result.data.target.astype(np.float64)[:, 0]) ** 2))
