"""The programs that the report shows: they run as they are, and print the report's numbers."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.base import messages
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.experiments.trainings import TrainingRun
from clearprop.teaching.reports.tutorial_programs import (
    WHOLE_PROGRAMS,
    WRONG_LINE,
    program_html,
    program_text,
)

Printed = Callable[[str], list[float]]


@pytest.fixture
def printed_losses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Printed:
    """What a program prints, copied to a file and run; in this process, which has its libraries."""

    def run(text: str) -> list[float]:
        path = tmp_path / "program.py"
        path.write_text(text, encoding="utf-8")
        runpy.run_path(str(path), run_name="__main__")
        printed = capsys.readouterr().out.splitlines()
        steps, losses = zip(*(line.split() for line in printed), strict=True)
        assert [int(step) for step in steps] == list(range(len(steps)))
        return [float(loss) for loss in losses]

    return run


def as_printed(text: str) -> str:
    """The program with the marked line in place of the one below it."""
    lines = text.splitlines()
    marked = next(k for k, line in enumerate(lines) if WRONG_LINE in line)
    indent, _, wrong = lines[marked].partition(WRONG_LINE)
    lines[marked : marked + 2] = [indent + wrong.partition(":")[2].strip()]
    return "\n".join(lines)


def without_activation(text: str) -> str:
    changed = text.replace("a1 = relu(z1)", "a1 = z1").replace("da1 * (z1 > 0)", "da1")
    assert changed != text
    return changed


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_numpy_program_is_the_training_done_right(
    result: Reproduction, printed_losses: Printed, language: str
) -> None:
    losses = printed_losses(program_text("numpy", ReproductionSettings(), language))
    np.testing.assert_allclose(losses, result.trainings.relu.losses, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "run"), [(as_printed, "relu_as_printed"), (without_activation, "linear")]
)
def test_the_other_trainings_are_a_line_away(
    result: Reproduction, printed_losses: Printed, change: Any, run: str
) -> None:
    text = change(program_text("numpy", ReproductionSettings(), "en"))
    expected: TrainingRun = getattr(result.trainings, run)
    np.testing.assert_allclose(printed_losses(text), expected.losses, rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_torch_program_prints_the_same(torch: Any, printed_losses: Printed, dtype: str) -> None:
    settings = ReproductionSettings(steps=7, learning_rate=0.005, dtype=dtype)
    ours = printed_losses(program_text("numpy", settings, "en"))
    theirs = printed_losses(program_text("torch", settings, "en"))
    assert len(ours) == 7
    np.testing.assert_allclose(theirs, ours, rtol=1e-12 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("name", [*WHOLE_PROGRAMS, "data", "linear", "bent", "backward"])
def test_every_program_compiles_and_fits_its_box(name: str) -> None:
    for language in messages.LANGUAGES:
        text = program_text(name, ReproductionSettings(), language)
        compile(text, name, "exec")
        assert max(map(len, text.splitlines())) <= 80
        assert "&" not in text


def test_the_wrong_line_and_the_right_one_are_marked() -> None:
    html = program_html("x = 1 < 2\n    # ✗ as printed: y = z\n    y = a\n# a comment\n")
    assert html == (
        "<pre><code>x = 1 &lt; 2\n"
        "<del>    # ✗ as printed: y = z</del>\n"
        "<ins>    y = a</ins>\n"
        "<i># a comment</i></code></pre>"
    )
