"""Figures of the tutorial's first half: lines, activations, descent."""

from typing import TYPE_CHECKING

import numpy as np

from clearprop.base.arrays import Array
from clearprop.teaching.experiments.basics import Response
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.reports.figures.theme import (
    Labels,
    colour,
    direct_label,
    drawable,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def scatter_data(axes: "Axes", x: Array, target: Array, labels: Labels) -> None:
    """The samples as quiet dots, with both axes named."""
    axes.scatter(x, target, s=14, color=colour("muted"), alpha=0.55, linewidths=0, zorder=2)
    axes.set_xlabel(labels("x"))
    axes.set_ylabel(labels("target"))


def straight_line(result: Reproduction, labels: Labels) -> "Figure":
    """S2 and S3: the data, and a linear layer that knows nothing yet."""
    return _response(result, result.straight, labels("random_line"), labels)


def bent_line(result: Reproduction, labels: Labels) -> "Figure":
    """S5: ReLU bends the line."""
    return _response(result, result.bent, labels("bent"), labels)


def activations(result: Reproduction, labels: Labels) -> "Figure":
    """S4: three activations with their derivatives."""
    figure, axes = new_figure(1, 3, 2.5)
    # Where each name stands: beside its curve, where no other line runs.
    places = {
        "ReLU": ((2.2, 3.6, "right"), (-3.6, 0.55, "left")),
        "Tanh": ((1.2, 0.66, "left"), (1.55, 0.3, "left")),
        "Sigmoid": ((0.9, 0.88, "right"), (-4.6, 0.2, "left")),
    }
    for panel, curve in zip(axes[0], result.curves, strict=True):
        panel.plot(curve.z, curve.value, color=colour("forward"))
        panel.plot(curve.z, curve.derivative, color=colour("backward"), linestyle=(0, (5, 2)))
        panel.set_title(curve.name if curve.name == "ReLU" else curve.name.lower())
        panel.set_xlabel("z")
        (x, y, side), (dx, dy, d_side) = places[curve.name]
        direct_label(panel, labels("value"), x, y, "forward", ha=side)
        direct_label(panel, labels("derivative"), dx, dy, "backward", ha=d_side)
    return figure


def descent(result: Reproduction, labels: Labels) -> "Figure":
    """S6: two parameters go down their loss."""
    figure, axes = new_figure(1, 2, 3.2)
    way, losses = axes[0]
    path = drawable(result.descent.path)
    path = path[np.isfinite(path).all(axis=1)]
    line = result.line
    reach = max(line.slope * 1.35, 1.0)
    # A way that diverges leaves the picture; the picture stays where the minimum is.
    w = np.linspace(line.slope - reach, line.slope + reach, 121)
    b = np.linspace(line.intercept - reach, line.intercept + reach, 121)
    x, t = (array.astype(np.float64)[:, 0] for array in result.data)
    grid_w, grid_b = np.meshgrid(w, b)
    # MSE of w x + b from five moments of the data, for the whole grid at once.
    values = (
        grid_w**2 * np.mean(x * x)
        + grid_b**2
        + np.mean(t * t)
        + 2 * grid_w * grid_b * np.mean(x)
        - 2 * grid_w * np.mean(x * t)
        - 2 * grid_b * np.mean(t)
    )
    levels = line.mse + np.array([10, 50, 150, 300, 500, 800, 1200])
    way.contour(w, b, values, levels=levels, colors=colour("muted"), linewidths=0.7, alpha=0.7)
    way.plot(*path.T, color=colour("forward"), marker="o", markersize=2.6, linewidth=1)
    way.plot(line.slope, line.intercept, marker="+", markersize=11, color=colour("backward"))
    way.set_xlim(w[0], w[-1])
    way.set_ylim(b[0], b[-1])
    way.set_xlabel(labels("weight"))
    way.set_ylabel(labels("bias"))
    way.set_title(labels("way"))
    direct_label(way, labels("start"), path[0, 0], path[0, 1] + reach * 0.1, "forward", ha="center")
    direct_label(
        way,
        labels("best"),
        line.slope,
        line.intercept - reach * 0.12,
        "backward",
        ha="center",
    )
    draw_losses(losses, result.descent.losses, labels)
    return figure


def draw_losses(axes: "Axes", losses: Array, labels: Labels) -> None:
    """One loss curve, on a logarithmic axis where it spans decades."""
    axes.set_xlabel(labels("step"))
    axes.set_title(labels("loss_curve"))
    shown = drawable(losses)
    if np.isnan(shown).all():
        axes.text(0.5, 0.5, labels("no_numbers"), transform=axes.transAxes, ha="center")
        return
    steps = np.arange(1, len(shown) + 1)
    axes.plot(steps, shown, color=colour("forward"), marker="o", markersize=2)
    if np.nanmin(shown) > 0 and np.nanmax(shown) > 1000 * np.nanmin(shown):
        axes.set_yscale("log")
        axes.set_ylabel(labels("loss_log"))
    else:
        axes.set_ylabel(labels("loss"))
        axes.set_ylim(bottom=0)


def _response(result: Reproduction, response: Response, name: str, labels: Labels) -> "Figure":
    figure, axes = new_figure(1, 2, 2.9)
    over_data, alone = axes[0]
    scatter_data(over_data, result.data.x, result.data.target, labels)
    over_data.set_title(labels("over_data"))
    for panel in (over_data, alone):
        panel.plot(response.x, response.output, color=colour("forward"), zorder=3)
    x, y = response.x[0, 0], response.output[0, 0]
    direct_label(over_data, name, x, y + 5, "forward", va="bottom")
    alone.set_title(labels("alone"))
    alone.set_xlabel(labels("x"))
    alone.set_ylabel(labels("output"))
    return figure
