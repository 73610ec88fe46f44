"""MSE, MAE, Huber and Pinball: losses of an error y − t."""

from typing import Any

from clearprop.base.numbers import bracketed, brief
from clearprop.engine.losses import MAE, MSE, Huber, Pinball
from clearprop.kinds.kernels import NoKernel, kernel
from clearprop.kinds.loss_parts import reduced_by
from clearprop.kinds.program_lines import Line, in_equation, literal
from clearprop.kinds.program_pieces import LossLines
from clearprop.kinds.row import LossExample, LossRow, measurements

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
                f"slope = np.where(e > 0, 1 - {q}, -{q}) * (e != 0)",
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


REGRESSION_LOSSES = (
    LossRow(
        kind=MSE,
        examples=(
            LossExample(MSE(), 3, measurements),
            LossExample(MSE(), 1, measurements),
            LossExample(MSE(reduction="sum"), 2, measurements),
        ),
        equations=lambda _: ("ℓ = (y − t)²,  ∂ℓ/∂y = 2 (y − t)",),
        written=lambda y, t: f"({brief(y)} − {bracketed(t)})²",
        lines=_mse,
        torch=lambda torch, one: torch.nn.MSELoss(reduction=one.reduction),
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
        written=lambda y, t: f"|{brief(y)} − {bracketed(t)}|",
        lines=_mae,
        torch=lambda torch, one: torch.nn.L1Loss(reduction=one.reduction),
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
        written=None,
        lines=_huber,
        torch=lambda torch, one: torch.nn.HuberLoss(one.reduction, one.delta),
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
        written=None,
        lines=_pinball,
        torch=_pinball_in_torch,
        jax=_pinball_in_jax,
        onnx=None,
        compiled=lambda _: NoKernel("quantiles"),
        example_target=None,
    ),
)
