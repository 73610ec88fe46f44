"""Figures of many starts: the spread of final losses, learning rates, the curved data."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from clearprop.base.numbers import number
from clearprop.drawing.pen.palette import Role
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.experiments.studies import TrainingOutcome
from clearprop.teaching.reports.figures.basic_figures import scatter_data
from clearprop.teaching.reports.figures.theme import (
    LARGEST_DRAWN,
    Labels,
    colour,
    direct_label,
    drawable,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUTCOMES: Mapping[TrainingOutcome, Role] = {
    "trained": "series1",
    "grown": "series5",
    "dead": "series6",
    "overflow": "series2",
}


def seeds(result: Reproduction, labels: Labels) -> "Figure":
    """One row of dots for each network and start; the median as a bar."""
    figure, axes = new_figure(1, 1, 3.9)
    panel = axes[0, 0]
    spread = np.random.default_rng(0)
    names = list(result.studies)
    drawn: list[float] = []
    for row, name in enumerate(names):
        final = drawable(result.studies[name].final)
        final = final[final > 0]
        if not len(final):
            continue
        offsets = spread.uniform(-0.24, 0.24, len(final))
        drawn += [float(final.min()), float(final.max())]
        role: Role = "backward" if "printed" in name else "forward"
        panel.scatter(final, row + offsets, s=9, color=colour(role), alpha=0.45, linewidths=0)
        median = float(np.median(final))
        panel.plot([median] * 2, [row - 0.36, row + 0.36], color=colour("ink"), linewidth=2.2)
        # Beside the panel, where no dot can be.
        panel.text(1.02, row, number(median), va="center", transform=panel.get_yaxis_transform())
    panel.text(1.02, 1.03, labels("median"), va="bottom", transform=panel.transAxes)
    panel.set_xscale("log")
    panel.set_xlim(
        min([*drawn, result.line.mse]) * 0.86, max([*drawn, result.data.variance]) * 1.25
    )
    for value, key, field in (
        (result.line.mse, "best_line", "mse"),
        (result.data.variance, "mean_only", "variance"),
    ):
        panel.axvline(value, color=colour("accent"), linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        panel.text(
            value,
            1.03,
            labels(key, **{field: number(value)}),
            color=colour("accent"),
            ha="left" if key == "best_line" else "right",
            va="bottom",
            fontsize=8.5,
            transform=panel.get_xaxis_transform(),
        )
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_yticks(range(len(names)), [labels(name) for name in names])
    panel.set_xlabel(labels("final_loss"))
    panel.grid(axis="y", visible=False)
    _plain_numbers(panel)
    return figure


def curved(result: Reproduction, labels: Labels) -> "Figure":
    """The parabola, the best that a line can do, and what ReLU does."""
    figure, axes = new_figure(1, 1, 3.2)
    panel = axes[0, 0]
    fit = result.curved
    scatter_data(panel, fit.data.x, fit.data.target, labels)
    panel.plot(fit.fit_x, fit.linear_fit, color=colour("backward"), linestyle=(0, (5, 2)))
    panel.plot(fit.fit_x, fit.relu_fit, color=colour("forward"))
    direct_label(
        panel,
        labels("with_loss", name=labels("curved_linear"), loss=number(np.median(fit.linear.final))),
        0,
        float(fit.linear_fit[150, 0]) + 0.75,
        "backward",
        ha="center",
    )
    direct_label(
        panel,
        labels("with_loss", name=labels("curved_relu"), loss=number(np.median(fit.relu.final))),
        0,
        -1.35,
        "forward",
        ha="center",
    )
    panel.set_ylim(bottom=-2.2)
    return figure


def rates(result: Reproduction, labels: Labels) -> "Figure":
    """What became of the starts at each learning rate, as shares of a bar."""
    figure, axes = new_figure(1, 2, 3.4, sharey=True)
    for panel, name in zip(axes[0], ("linear", "relu"), strict=True):
        studies = [study for study in result.rates if study.name == name]
        rows = np.arange(len(studies))
        left = np.zeros(len(studies))
        for outcome, role in OUTCOMES.items():
            shares = np.array([study.outcomes[outcome].mean() for study in studies])
            panel.barh(
                rows,
                shares,
                left=left,
                height=0.62,
                color=colour(role),
                edgecolor=colour("paper"),
                linewidth=0.8,
                label=labels(outcome),
                hatch={"dead": "///", "grown": "..."}.get(outcome),
            )
            left += shares
        panel.set_yticks(rows, [f"{study.learning_rate:g}" for study in studies])
        panel.set_xlim(0, 1)
        panel.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        panel.set_xlabel(labels("share"))
        panel.set_title(labels(name))
        panel.grid(axis="y", visible=False)
    axes[0, 0].set_ylabel(labels("rate"))
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


def rate_curves(result: Reproduction, labels: Labels) -> "Figure":
    """Seed 0 at every learning rate: what training, dying and diverging look like."""
    figure, axes = new_figure(1, 2, 3.6, sharey=True)
    for panel, name in zip(axes[0], ("linear", "relu"), strict=True):
        studies = [study for study in result.rates if study.name == name]
        ends = []
        for index, study in enumerate(studies):
            losses = drawable(study.losses[:, 0])
            shown = np.flatnonzero(np.isfinite(losses))
            # The curve is drawn up to the first number that cannot be.
            gaps = np.flatnonzero(np.diff(shown) > 1)
            shown = shown[: gaps[0] + 1] if len(gaps) else shown
            if not len(shown):
                continue
            role: Role = ("series1", "series2", "series3", "series4", "series5", "series6")[
                index % 6
            ]
            panel.plot(shown + 1, losses[shown], color=colour(role), linewidth=1.4)
            ends.append((losses[shown[-1]], shown[-1] + 1, f"{study.learning_rate:g}", role))
        panel.set_yscale("log")
        panel.set_ylim(40, 6 * LARGEST_DRAWN)
        # A curve that ends early has its name above it, where the others do not go.
        last = result.settings.steps
        for y, x, text, end_role in (end for end in ends if end[1] < last):
            direct_label(panel, text, x, 1.4 * y, end_role, ha="center", va="bottom", fontsize=8.5)
        for y, x, text, end_role in _apart([end for end in ends if end[1] == last]):
            direct_label(panel, text, x + 0.012 * last, y, end_role, fontsize=8.5)
        panel.set_xlim(0, result.settings.steps * 1.16 + 1)
        panel.set_xlabel(labels("step"))
        panel.set_title(labels(name))
    axes[0, 0].set_ylabel(labels("loss_log"))
    return figure


def _apart(ends: list[tuple[float, int, str, Role]]) -> list[tuple[float, int, str, Role]]:
    """The labels at the ends of the curves, moved up where two would overlap."""
    placed: list[tuple[float, int, str, Role]] = []
    for y, x, text, role in sorted(ends):
        for other_y, *_ in placed:
            y = max(y, other_y * 2.1)
        placed.append((y, x, text, role))
    return placed


def _plain_numbers(panel: "object") -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = panel.xaxis  # type: ignore[attr-defined]
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 2)))
    axis.set_minor_formatter(NullFormatter())
