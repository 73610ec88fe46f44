"""PoissonNLL: a loss of counts."""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import bracketed, brief
from clearprop.engine.losses import PoissonNLL
from clearprop.kinds.kernels import kernel
from clearprop.kinds.loss_parts import MOST, reduced_by, reduced_lines
from clearprop.kinds.program_lines import Line, in_equation, literal
from clearprop.kinds.program_pieces import LossLines
from clearprop.kinds.row import Arithmetic, LossEntry, LossExample, LossRow


def counts(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Whole numbers from 0, as floats."""
    return generator.poisson(2.0, (samples, outputs)).astype(np.float64)


def rates(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Numbers above 0."""
    return generator.uniform(0.5, 4.0, (samples, outputs))


def _poisson(loss: Any, *_: object) -> LossLines:
    lines = []
    if loss.log_input:
        lines.append(Line("rate = np.exp(y)", "λ = e^y"))
        entries, entry = "rate - t * y", "λ − t y"
        slope, slope_math = "rate - t", "λ − t"
    else:
        eps, in_math = literal(loss.eps), in_equation(loss.eps)
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
    return LossLines((*lines, *reduced_lines(loss, entries, entry, slope, slope_math)))


def _equations(loss: Any) -> tuple[str, ...]:
    if loss.log_input:
        return ("ℓ = e^y − t y,  ∂ℓ/∂y = e^y − t",)
    return ("ℓ = y − t ln(y + ε),  ∂ℓ/∂y = 1 − t / (y + ε)",)


def _in_jax(jax: Any, loss: Any, y: Any, t: Any) -> Any:
    jnp = jax.numpy
    cost = jnp.exp(y) - t * y if loss.log_input else y - t * jnp.log(y + loss.eps)
    if loss.full:
        above = jnp.where(t > 1, t, 2.0)
        stirling = above * jnp.log(above) - above + 0.5 * jnp.log(2 * jnp.pi * above)
        cost = cost + jnp.where(t > 1, stirling, 0.0)
    return reduced_by(loss, cost)


def _worked(entry: LossEntry) -> tuple[Arithmetic, ...]:
    y, t = brief(entry.y), brief(entry.t)
    if entry.loss.log_input:
        power = f"e^{bracketed(entry.y)}"
        cost, slope = f"{power} − {t} × {bracketed(entry.y)}", f"{power} − {t}"
    else:
        shifted = f"({y} + {brief(entry.loss.eps)})"
        cost, slope = f"{y} − {t} × ln {shifted}", f"1 − {t} / {shifted}"
    if entry.loss.full and entry.t > 1:
        cost += f" + ({t} × ln {t} − {t} + ½ ln(2π × {t}))"
    return entry.lines(cost, slope)


def _constant(loss: Any, target: Array, _: int) -> Array:
    """The mean of the counts, as the loss takes it."""
    mean = np.maximum(target.mean(axis=0), np.exp(-MOST))
    found: Array = np.log(mean) if loss.log_input else mean
    return found


POISSON = LossRow(
    kind=PoissonNLL,
    examples=(
        LossExample(PoissonNLL(), 2, counts),
        LossExample(PoissonNLL(full=True, reduction="sum"), 1, counts),
        LossExample(PoissonNLL(log_input=False, full=True), 3, counts, rates),
    ),
    equations=_equations,
    worked=_worked,
    constant=_constant,
    lines=_poisson,
    torch=lambda torch, one: torch.nn.PoissonNLLLoss(
        one.log_input, one.full, eps=one.eps, reduction=one.reduction
    ),
    reads={
        "PoissonNLLLoss": lambda m: PoissonNLL(m.log_input, m.full, m.eps, m.reduction),
    },
    jax=_in_jax,
    onnx=None,
    compiled=kernel("POISSON", "log_input", "full", "eps"),
    example_target=lambda _, real: f"rng.poisson(np.exp(wave)).astype({real})",
)
