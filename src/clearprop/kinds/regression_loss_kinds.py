"""MSE, MAE, Huber and Pinball: losses of an error y − t."""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import bracketed, brief
from clearprop.engine.losses import MAE, MSE, Huber, Pinball
from clearprop.kinds.kernels import Kernel, kernel
from clearprop.kinds.loss_parts import reduced_by
from clearprop.kinds.program_lines import Line, in_equation, literal
from clearprop.kinds.program_pieces import LossLines
from clearprop.kinds.row import Arithmetic, LossEntry, LossExample, LossRow, measurements

_ERROR = Line("e = y - t", "e = y − t")


def _mse(loss: Any, *_: object) -> LossLines:
    if loss.reduction == "sum":
        lines = [Line("loss = (e**2).sum()", "L = Σₙⱼ e²"), Line("dy = 2 * e", "∂L/∂y = 2 e")]
    else:
        lines = [
            Line("loss = (e**2).mean()", "L = 1/(N·D) Σₙⱼ e²"),
            Line("dy = 2 / e.size * e", "∂L/∂y = 2/(N·D) e"),
        ]
    return LossLines((_ERROR, *lines))


def _mae(loss: Any, *_: object) -> LossLines:
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


def _huber(loss: Any, *_: object) -> LossLines:
    delta, in_math = literal(loss.delta), in_equation(loss.delta)
    times = "" if loss.delta == 1 else f"{delta} * "
    times_math = "" if loss.delta == 1 else f"{in_math} "
    half = literal(0.5 * loss.delta)
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


def _huber_in_jax(jax: Any, loss: Any, y: Any, t: Any) -> Any:
    jnp, delta = jax.numpy, loss.delta
    far = delta * (jnp.abs(y - t) - 0.5 * delta)
    return reduced_by(loss, jnp.where(jnp.abs(y - t) <= delta, 0.5 * (y - t) ** 2, far))


def _difference(entry: LossEntry) -> str:
    return f"{brief(entry.y)} − {bracketed(entry.t)}"


def _huber_worked(entry: LossEntry) -> tuple[Arithmetic, ...]:
    error, delta = entry.y - entry.t, entry.loss.delta
    written = _difference(entry)
    if abs(error) <= delta:
        return entry.lines(f"½ ({written})²", written)
    cost = f"{brief(delta)} × (|{written}| − ½ × {brief(delta)})"
    return entry.lines(cost, brief(delta if error > 0 else -delta))


def _huber_constant(loss: Any, target: Array, _: int) -> Array:
    """The c at which the errors, each clipped at ±δ, add up to 0: their sum falls as c rises, so it
    is found by halving."""
    low, high = target.min(axis=0), target.max(axis=0)
    for _ in range(60):
        middle = (low + high) / 2
        rises = np.clip(target - middle, -loss.delta, loss.delta).sum(axis=0) > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    found: Array = (low + high) / 2
    return found


def _pinball_worked(entry: LossEntry) -> tuple[Arithmetic, ...]:
    quantiles, error = entry.loss.quantiles, entry.y - entry.t
    q = brief(quantiles[entry.place[-1] if len(quantiles) > 1 else 0])
    if error == 0:
        return entry.lines("0", "0")
    slope = f"1 − {q}" if error > 0 else f"−{q}"
    cost = f"({slope}) × ({_difference(entry)})"
    return entry.lines(cost, slope)


def _quantiles(loss: Any, target: Array, outputs: int) -> Array:
    """Of every output the quantile that it is of."""
    wanted = np.broadcast_to(loss.quantiles, outputs)
    columns = [np.quantile(target[:, j], q, method="inverted_cdf") for j, q in enumerate(wanted)]
    return np.array(columns)


def _pinball(loss: Any, *_: object) -> LossLines:
    many = len(loss.quantiles) > 1
    q = "q" if many else literal(loss.quantiles[0])
    q_math = "q" if many else in_equation(loss.quantiles[0])
    mean = loss.reduction == "mean"
    quantiles = f"np.array([{', '.join(map(literal, loss.quantiles))}])"
    return LossLines(
        (
            *((Line(f"q = {quantiles}", "q: one quantile for each output"),) if many else ()),
            _ERROR,
            Line(
                f"slope = np.where(e > 0, 1 - {q}, -{q}).astype(e.dtype) * (e != 0)",
                f"ℓ′ = [e > 0] − {q_math} [e ≠ 0]",
            ),
            Line(
                f"loss = (slope * e).{loss.reduction}()",
                f"L = {'1/(N·D) ' if mean else ''}Σₙⱼ ℓ′ e",
            ),
            Line(
                "dy = slope" + (" / e.size" if mean else ""),
                "∂L/∂y = ℓ′" + (" / (N·D)" if mean else ""),
            ),
        )
    )


def _pinball_in_jax(jax: Any, loss: Any, y: Any, t: Any) -> Any:
    jnp = jax.numpy
    quantiles, error = jnp.array(loss.quantiles, y.dtype), y - t
    return reduced_by(loss, jnp.where(error > 0, (1 - quantiles) * error, -quantiles * error))


def _pinball_in_torch(torch: Any, loss: Any) -> Any:
    def compute(y: Any, t: Any) -> Any:
        quantiles, error = y.new_tensor(loss.quantiles), y - t
        entries = torch.where(error > 0, (1 - quantiles) * error, -quantiles * error)
        return {"mean": entries.mean, "sum": entries.sum, "none": lambda: entries}[loss.reduction]()

    return compute


def _pinball_compiled(one: Pinball) -> Kernel:
    # Below 0: one quantile for each output.
    if len(one.quantiles) == 1:
        return Kernel("PINBALL", one.quantiles)
    return Kernel("PINBALL", (-1.0,), (one.quantiles,))


REGRESSION_LOSSES = (
    LossRow(
        kind=MSE,
        examples=(
            LossExample(MSE(), 3, measurements),
            LossExample(MSE(), 1, measurements),
            LossExample(MSE(reduction="sum"), 2, measurements),
        ),
        equations=lambda _: ("ℓ = (y − t)²,  ∂ℓ/∂y = 2 (y − t)",),
        worked=lambda entry: entry.lines(f"({_difference(entry)})²", f"2 × ({_difference(entry)})"),
        constant=lambda _, target, __: target.mean(axis=0),
        lines=_mse,
        torch=lambda torch, one: torch.nn.MSELoss(reduction=one.reduction),
        reads={"MSELoss": lambda m: MSE(m.reduction)},
        jax=lambda _, one, y, t: reduced_by(one, (y - t) ** 2),
        onnx=None,
        compiled=kernel("MSE"),
        example_target=None,
    ),
    LossRow(
        kind=MAE,
        examples=(
            LossExample(MAE(), 3, measurements),
            LossExample(MAE(reduction="sum"), 1, measurements),
        ),
        equations=lambda _: ("ℓ = |y − t|,  ∂ℓ/∂y = sign(y − t)",),
        worked=lambda entry: entry.lines(f"|{_difference(entry)}|", f"sign({_difference(entry)})"),
        constant=lambda _, target, __: np.median(target, axis=0),
        lines=_mae,
        torch=lambda torch, one: torch.nn.L1Loss(reduction=one.reduction),
        reads={"L1Loss": lambda m: MAE(m.reduction)},
        jax=lambda jax, one, y, t: reduced_by(one, jax.numpy.abs(y - t)),
        onnx=None,
        compiled=kernel("MAE"),
        example_target=None,
    ),
    LossRow(
        kind=Huber,
        examples=(
            LossExample(Huber(), 3, measurements),
            LossExample(Huber(delta=2.5, reduction="sum"), 1, measurements),
        ),
        equations=lambda _: (
            "ℓ = ½ (y − t)² where |y − t| ≤ δ, else δ (|y − t| − ½ δ)",
            "∂ℓ/∂y = y − t where |y − t| ≤ δ, else δ sign(y − t)",
        ),
        worked=_huber_worked,
        constant=_huber_constant,
        lines=_huber,
        torch=lambda torch, one: torch.nn.HuberLoss(one.reduction, one.delta),
        reads={"HuberLoss": lambda m: Huber(m.delta, m.reduction)},
        jax=_huber_in_jax,
        onnx=None,
        compiled=kernel("HUBER", "delta"),
        example_target=None,
    ),
    LossRow(
        kind=Pinball,
        examples=(
            LossExample(Pinball(), 2, measurements),
            LossExample(Pinball((0.05, 0.5, 0.95)), 3, measurements),
            LossExample(Pinball((0.9,), reduction="sum"), 1, measurements),
        ),
        equations=lambda _: (
            "ℓ = (1 − q) (y − t) where y > t, else q (t − y)",
            "∂ℓ/∂y = 1 − q where y > t, −q where y < t",
        ),
        worked=_pinball_worked,
        constant=_quantiles,
        lines=_pinball,
        torch=_pinball_in_torch,
        jax=_pinball_in_jax,
        onnx=None,
        compiled=_pinball_compiled,
        example_target=None,
    ),
)
