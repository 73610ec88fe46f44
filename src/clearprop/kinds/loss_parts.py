"""What the rows of several losses are written with: targets, reductions, weights."""

from typing import Any

from clearprop.engine.losses import Loss
from clearprop.kinds.program_lines import Line

# A probability of 0 has the logarithm −∞, and a constant that is made of it stops here: e^−80 is
# nothing beside 1, in every precision.
MOST = 80.0


def reduced_lines(
    loss: Loss, entries: str, entry: str, slope: str, slope_equation: str
) -> list[Line]:
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


def reduced_by(loss: Any, entries: Any) -> Any:
    """The mean or the sum of entries, of any package's arrays."""
    return entries.sum() if loss.reduction == "sum" else entries.mean()


def tensor(torch: Any, values: Any) -> Any:
    """Weights of a loss as a tensor; None where there are none."""
    return None if values is None else torch.tensor(values, dtype=torch.float64)


def numbers(tensor: Any) -> tuple[float, ...] | None:
    """The inverse of `tensor`."""
    return None if tensor is None else tuple(map(float, tensor.reshape(-1).tolist()))
