"""Figures of what does not go to plan."""

import pytest

from clearprop.teaching.experiments.progress import silent
from clearprop.teaching.experiments.reproduction import reproduce
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.reports.figures import figure_catalogue
from clearprop.teaching.reports.figures.figure_catalogue import CURVES, NEED_TORCH, draw_curves


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("learning_rate", "steps"),
    [(0.2, 50), (1e-9, 1), (1e300, 3)],
    ids=["overflows late", "hardly moves", "overflows at once"],
)
def test_every_curve_is_drawn_whatever_came_out(
    learning_rate: float, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pixels of a reproduction that diverged are written in tests/reports/test_page.py.
    monkeypatch.setattr(figure_catalogue, "to_png", lambda figure: b"")
    settings = ReproductionSettings(
        steps=steps, seeds=2, learning_rate=learning_rate, with_torch=False
    )
    drawn = draw_curves(reproduce(settings), "en", silent)
    assert set(drawn) == set(CURVES) - set(NEED_TORCH)
    assert all(one.svg.startswith("<svg") and one.svg.endswith("</svg>") for one in drawn.values())
