"""Figures of the trainings, of the gradient check, and of the comparison with PyTorch."""

from typing import TYPE_CHECKING

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import number
from clearprop.drawing.pen.palette import Role
from clearprop.teaching.experiments.gradient_check import ARRAYS
from clearprop.teaching.experiments.parity import TOLERANCES, Comparison
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.experiments.trainings import TrainingRun
from clearprop.teaching.reports.figures.basic_figures import draw_losses, scatter_data
from clearprop.teaching.reports.figures.theme import (
    Labels,
    colour,
    direct_label,
    drawable,
    label_level,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALLEST_DRAWN = 1e-18
ROLES: dict[str, Role] = {"float64": "forward", "float32": "backward"}


def training_linear(result: Reproduction, labels: Labels) -> "Figure":
    """S12: loss and fit side by side."""
    figure, axes = new_figure(1, 2, 3.1)
    _draw_training(axes[0, 0], axes[0, 1], result.trainings.linear, result, labels)
    return figure


def training_relu(result: Reproduction, labels: Labels) -> "Figure":
    """S13: as printed on the left, done right on the right, on the same axes."""
    figure, axes = new_figure(2, 2, 5.6, sharey="row")
    runs = (result.trainings.relu_as_printed, result.trainings.relu)
    for column, (run, name) in enumerate(zip(runs, ("as_printed", "done_right"), strict=True)):
        _draw_training(axes[0, column], axes[1, column], run, result, labels)
        title = labels("with_loss", name=labels(name), loss=number(run.final_loss))
        axes[0, column].set_title(title)
        axes[1, column].set_title("")
    return figure


def gradient_check(result: Reproduction, labels: Labels) -> "Figure":
    """∂L/∂W₂ unit by unit, three ways, over the count of samples where z is negative."""
    figure, axes = new_figure(2, 1, 4.2, sharex=True, height_ratios=[2.4, 1])
    check, part = result.check, ARRAYS["W2"]
    units = np.arange(10)
    top, bottom = axes[:, 0]
    top.plot(
        units,
        check.differences.gradient[part],
        "o",
        markersize=11,
        markerfacecolor="none",
        markeredgewidth=1.6,
        color=colour("accent"),
        label=labels("differences"),
    )
    top.plot(
        units,
        check.right[part],
        "o",
        markersize=4.5,
        color=colour("forward"),
        label=labels("right"),
    )
    top.plot(
        units,
        check.printed[part],
        "X",
        markersize=7,
        color=colour("backward"),
        label=labels("printed"),
    )
    top.axhline(0, color=colour("muted"), linewidth=0.8)
    top.set_ylabel(labels("gradient_w2"))
    top.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=3)
    bottom.bar(units, check.negative, width=0.55, color=colour("muted"))
    bottom.set_title(labels("negative_samples"))
    bottom.set_xlabel(labels("unit"))
    bottom.set_xticks(units)
    return figure


def parity(result: Reproduction, labels: Labels) -> "Figure":
    """The largest relative difference of the losses so far, one line per comparison."""
    figure, axes = new_figure(1, 2, 3.3, sharey=True)
    comparisons = result.comparisons or ()
    for panel, name in zip(axes[0], ("linear", "relu"), strict=True):
        panel.set_title(labels(name))
        panel.set_yscale("log")
        panel.set_ylim(SMALLEST_DRAWN / 3, 1e-2)
        panel.set_xlabel(labels("step"))
        for dtype, role in ROLES.items():
            allowed = TOLERANCES[dtype][0]
            panel.axhline(allowed, color=colour(role), linestyle=(0, (4, 3)), linewidth=1)
            direct_label(
                panel,
                labels("allowed", dtype=dtype),
                0.02,
                allowed * 4,
                role,
                fontsize=8.5,
                transform=panel.get_yaxis_transform(),
            )
            for one in comparisons:
                if (one.name, one.dtype) == (name, dtype):
                    differences = _largest_so_far(one)
                    steps = np.arange(1, len(differences) + 1)
                    style = "-" if one.start == "tutorial" else ":"
                    panel.plot(steps, differences, style, color=colour(role), linewidth=1.2)
    axes[0, 0].set_ylabel(labels("relative_difference"))
    return figure


def torch_fits(result: Reproduction, labels: Labels) -> "Figure":
    """What PyTorch trained under what we trained, without activation and with ReLU."""
    figure, axes = new_figure(1, 2, 3.1, sharey=True)
    chosen = [
        one
        for one in result.comparisons or ()
        if (one.start, one.dtype) == ("torch", result.settings.dtype)
    ]
    for panel, one in zip(axes[0], chosen, strict=True):
        scatter_data(panel, result.data.x, result.data.target, labels)
        with np.errstate(over="ignore", invalid="ignore"):
            theirs = one.ours.network.predict(one.params, one.ours.fit_x)
        panel.plot(
            one.ours.fit_x,
            drawable(theirs),
            color=colour("backward"),
            linewidth=6,
            alpha=0.45,
            label=labels("torch"),
        )
        panel.plot(
            one.ours.fit_x,
            drawable(one.ours.fit_y),
            color=colour("forward"),
            linewidth=1.6,
            label=labels("ours"),
        )
        panel.set_title(labels(one.name))
    axes[0, 0].legend(loc="upper left")
    return figure


def _draw_training(
    loss_axes: "Axes", fit_axes: "Axes", run: TrainingRun, result: Reproduction, labels: Labels
) -> None:
    draw_losses(loss_axes, run.losses, labels)
    low, high = loss_axes.get_ylim()
    for value, key, field in (
        (result.line.mse, "best_line", "mse"),
        (result.data.variance, "mean_only", "variance"),
    ):
        if low <= value <= high:
            loss_axes.axhline(value, color=colour("accent"), linewidth=1, linestyle=(0, (4, 3)))
            label_level(
                loss_axes,
                labels(key, **{field: number(value)}),
                value,
                "accent",
                np.arange(1, len(run.losses) + 1),
                drawable(run.losses),
                fontsize=8.5,
            )
    scatter_data(fit_axes, result.data.x, result.data.target, labels)
    fit = drawable(run.fit_y)
    fit_axes.plot(run.fit_x, fit, color=colour("forward"), zorder=3)
    if np.isnan(fit).all():
        fit_axes.text(0.96, 0.06, labels("no_numbers"), transform=fit_axes.transAxes, ha="right")
    fit_axes.set_title(labels("fit"))


def _largest_so_far(comparison: Comparison) -> Array:
    ours, theirs = (
        losses[: comparison.steps_compared].astype(np.float64)
        for losses in (comparison.ours.losses, comparison.losses)
    )
    differences = np.maximum.accumulate(np.abs(ours - theirs) / np.abs(theirs))
    # A logarithmic axis has no place for an exact 0.
    return np.maximum(differences, SMALLEST_DRAWN)
