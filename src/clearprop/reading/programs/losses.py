"""How every loss is written: a value and its gradient, in one function of y and t."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.engine.losses import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    PoissonNLL,
)
from clearprop.kinds.program_lines import Line, in_equation, number


@dataclass(frozen=True)
class LossLines:
    """The lines from y and t to `loss` and `dy`, and the constants that they read."""

    lines: tuple[Line, ...]
    constants: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def loss_lines(loss: Loss, target: Array, output: Array) -> LossLines:
    """The lines of a loss at outputs and targets such as these.

    Raises ContractError for a loss that is not of the catalogue, ConfigurationError for one that
    is not reduced to a number.
    """
    if type(loss) not in WRITERS:
        raise ContractError(
            "program_loss_own",
            name=type(loss).__name__,
            known=", ".join(kind.__name__ for kind in WRITERS),
        )
    if loss.reduction == "none":
        raise ConfigurationError("reduction_untrainable")
    return WRITERS[type(loss)](loss, _Point(target, output))


class _Point(NamedTuple):
    """Targets and outputs such as the program meets."""

    target: Array
    output: Array


def _reduced(loss: Loss, entries: str, entry: str, slope: str, slope_equation: str) -> list[Line]:
    """The mean or the sum of the entries, and dy; the codes are of whole arrays."""
    if loss.reduction == "sum":
        return [
            Line(f"loss = ({entries}).sum()", f"L = Σₙⱼ ({entry})"),
            Line(f"dy = {slope}", f"∂L/∂y = {slope_equation}"),
        ]
    return [
        Line(f"loss = ({entries}).mean()", f"L = 1/(N·D) Σₙⱼ ({entry})"),
        Line(f"dy = ({slope}) / y.size", f"∂L/∂y = ({slope_equation}) / (N·D)"),
    ]


_ERROR = Line("e = y - t", "e = y − t")


def _mse(loss: Any, _: _Point) -> LossLines:
    if loss.reduction == "sum":
        lines = [Line("loss = (e**2).sum()", "L = Σₙⱼ e²"), Line("dy = 2 * e", "∂L/∂y = 2 e")]
    else:
        lines = [
            Line("loss = (e**2).mean()", "L = 1/(N·D) Σₙⱼ e²"),
            Line("dy = 2 / e.size * e", "∂L/∂y = 2/(N·D) e"),
        ]
    return LossLines((_ERROR, *lines))


def _mae(loss: Any, _: _Point) -> LossLines:
    if loss.reduction == "sum":
        lines = [
            Line("loss = np.abs(e).sum()", "L = Σₙⱼ |e|"),
            Line("dy = np.sign(e)", "∂L/∂y = sign(e)"),
        ]
    else:
        lines = [
            Line("loss = np.abs(e).mean()", "L = 1/(N·D) Σₙⱼ |e|"),
            Line("dy = np.sign(e) / e.size", "∂L/∂y = sign(e) / (N·D)"),
        ]
    return LossLines((_ERROR, *lines))


def _huber(loss: Any, _: _Point) -> LossLines:
    delta, in_math = number(loss.delta), in_equation(loss.delta)
    times = "" if loss.delta == 1 else f"{delta} * "
    times_math = "" if loss.delta == 1 else f"{in_math} "
    half = number(0.5 * loss.delta)
    mean = loss.reduction == "mean"
    return LossLines(
        (
            _ERROR,
            Line(
                f"near, far = 0.5 * e**2, {times}(np.abs(e) - {half})",
                f"ℓ₁ = ½ e², ℓ₂ = {times_math}(|e| − {in_equation(0.5 * loss.delta)})",
            ),
            Line(
                f"loss = np.where(np.abs(e) <= {delta}, near, far).{loss.reduction}()",
                f"L = {'1/(N·D) ' if mean else ''}"
                f"Σₙⱼ ([|e| ≤ {in_math}] ℓ₁ + [|e| > {in_math}] ℓ₂)",
            ),
            Line(
                f"dy = np.clip(e, -{delta}, {delta})" + (" / e.size" if mean else ""),
                f"∂L/∂y = min(max(e, −{in_math}), {in_math})" + (" / (N·D)" if mean else ""),
            ),
        )
    )


def _binary(loss: Any, _: _Point) -> LossLines:
    constants = {}
    yes, no, yes_math, no_math = "t", "(1 - t)", "t", "(1 − t)"
    if loss.weight is None and loss.pos_weight is None:
        lines = _reduced(
            loss, "np.logaddexp(0, y) - t * y", "ln(1 + e^y) − t y", "sigmoid(y) - t", "σ(y) − t"
        )
        return LossLines(tuple(lines))
    if loss.pos_weight is not None:
        constants["POS_WEIGHT"] = loss.pos_weight
        yes, yes_math = f"POS_WEIGHT * {yes}", f"c {yes_math}"
    if loss.weight is not None:
        constants["WEIGHT"] = loss.weight
        yes, yes_math = f"WEIGHT * {yes}", f"w {yes_math}"
        no, no_math = f"WEIGHT * {no}", f"w {no_math}"
    lines = [
        Line(f"yes = {yes}", f"u = {yes_math}"),
        Line(f"no = {no}", f"v = {no_math}"),
        *_reduced(
            loss,
            "yes * np.logaddexp(0, -y) + no * np.logaddexp(0, y)",
            "u ln(1 + e^−y) + v ln(1 + e^y)",
            "no * sigmoid(y) - yes * sigmoid(-y)",
            "v σ(y) − u σ(−y)",
        ),
    ]
    return LossLines(tuple(lines), constants)


def _cross_entropy(loss: Any, point: _Point) -> LossLines:
    constants = {}
    target, output = point
    ids = target.dtype.kind in "iu"
    lines = [
        Line("c = y - y.max(axis=1, keepdims=True)", "c = y − max y"),
        Line("log_p = c - np.log(np.exp(c).sum(axis=1, keepdims=True))", "ln p = c − ln Σⱼ e^c"),
    ]
    ignored = ids and bool(np.any(target == loss.ignore_index))
    if ignored:
        lines.append(
            Line(
                f"counted = t != {loss.ignore_index}", f"k = [t ≠ {in_equation(loss.ignore_index)}]"
            )
        )
    lines += _distribution(loss, ids, output, ignored)
    counts = "len(y)", "N"
    if ids and loss.weight is not None:
        counts = "total", "S"
        share = "WEIGHT[t]"
        if ignored:
            share = "(counted * WEIGHT[np.where(counted, t, 0)])"
        lines.append(
            Line(f"total = {share}.sum()", "S = Σₙ w[t]" if not ignored else "S = Σₙ k w[t]")
        )
    elif ignored:
        counts = "len(t[counted])", "Σₙ k"
    if loss.weight is not None:
        constants["WEIGHT"] = loss.weight
        lines.append(Line("q = WEIGHT * q", "q ← w q"))
    # Without weights the shares of a class id sum to 1.
    mass = loss.weight is not None or ignored or not ids
    shares = "np.exp(log_p) * q.sum(axis=1, keepdims=True)" if mass else "np.exp(log_p)"
    shares_math = "p Σⱼ q" if mass else "p"
    divided = "" if loss.reduction == "sum" else f" / {counts[0]}"
    in_front = "" if loss.reduction == "sum" else f"1/{counts[1]} "
    if loss.reduction == "sum":
        lines = [line for line in lines if not line.code.startswith("total")]
    slope = f"({shares} - q){divided}" if divided else f"{shares} - q"
    lines += [
        Line(f"loss = -(q * log_p).sum(){divided}", f"L = −{in_front}Σₙⱼ q ln p"),
        Line(
            f"dy = {slope}",
            f"∂L/∂y = ({shares_math} − q) / {counts[1]}"
            if divided
            else f"∂L/∂y = {shares_math} − q",
        ),
    ]
    return LossLines(tuple(lines), constants)


def _distribution(loss: Any, ids: bool, output: Array, ignored: bool) -> list[Line]:
    """q, what the target says of every class."""
    outputs = output.shape[1]
    smoothing = loss.label_smoothing
    lines = []
    source, source_math = "t", "t"
    if ids:
        rows = "np.where(counted, t, 0)" if ignored else "t"
        dtype = "" if output.dtype == np.float64 else f", dtype=np.{output.dtype}"
        lines.append(Line(f"q = np.eye({outputs}{dtype})[{rows}]", "q = [t = j]"))
        source, source_math = "q", "q"
    if smoothing:
        eps, in_math = number(smoothing), in_equation(smoothing)
        lines.append(
            Line(
                f"q = (1 - {eps}) * {source} + {eps} / {outputs}",
                f"q ← (1 − {in_math}) {source_math} + {in_math} / {outputs}",
            )
        )
    elif not ids:
        lines.append(Line("q = t", "q = t"))
    if ignored:
        lines.append(Line("q = q * counted[:, None]", "q ← k q"))
    return lines


def _poisson(loss: Any, _: _Point) -> LossLines:
    lines = []
    if loss.log_input:
        lines.append(Line("rate = np.exp(y)", "λ = e^y"))
        entries, entry = "rate - t * y", "λ − t y"
        slope, slope_math = "rate - t", "λ − t"
    else:
        eps, in_math = number(loss.eps), in_equation(loss.eps)
        entries, entry = f"y - t * np.log(y + {eps})", f"y − t ln(y + {in_math})"
        slope, slope_math = f"1 - t / (y + {eps})", f"1 − t / (y + {in_math})"
    if loss.full:
        lines += [
            Line("m = np.maximum(t, 1)", "m = max(t, 1)"),
            Line(
                "stirling = m * np.log(m) - m + 0.5 * np.log(2 * np.pi * m)",
                "s = m ln m − m + ½ ln(2πm) ≈ ln m!",
            ),
        ]
        entries += " + (t > 1) * stirling"
        entry += " + [t > 1] s"
    return LossLines((*lines, *_reduced(loss, entries, entry, slope, slope_math)))


WRITERS: dict[type[Loss], Callable[[Any, _Point], LossLines]] = {
    MSE: _mse,
    MAE: _mae,
    Huber: _huber,
    BinaryCrossEntropy: _binary,
    CrossEntropy: _cross_entropy,
    PoissonNLL: _poisson,
}
