"""In a narrow terminal sentences wrap, and tables keep their columns."""

from pathlib import Path

import pytest
from rich.table import Table

from clearprop.base.messages import LANGUAGES, display_width
from clearprop.cli import main, terminal


@pytest.fixture(params=[40, 80])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(terminal, "width_of_output", lambda: request.param)
    return int(request.param)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "--weight", "layers[0].weight[0,1]"],
        ["explain", "--neuron", "layers[0][1]"],
        ["explain", "--sample", "1"],
        ["health"],
    ],
    ids=" ".join,
)
def test_every_line_fits(
    arguments: list[str],
    language: str,
    width: int,
    trained: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command, *options = arguments
    assert main([command, str(trained), *options, "--lang", language]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 10
    assert [line for line in lines if display_width(line) > width] == []


def test_into_a_file_a_sentence_of_health_is_one_line(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["health", str(trained)]) in (0, 1)
    assert max(map(len, capsys.readouterr().out.splitlines())) > 80


def shown(columns: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    table = Table(title="Verdicts", title_justify="left")
    for head in ("gradient of", "outcome", "claimed", "expected", "tolerance"):
        table.add_column(head)
    table.add_row("weight", "WRONG", "-1.378714", "0.6286766", "6.3e-07", style="red")
    table.add_row("bias", "right", "0.25", "", "6.3e-07")
    terminal.console(columns).print(table)
    return capsys.readouterr().out.splitlines()


def test_a_table_that_does_not_fit_is_printed_row_by_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert [line.rstrip() for line in shown(30, capsys)] == [
        "Verdicts",
        "weight",
        "  outcome: WRONG",
        "  claimed: -1.378714",
        "  expected: 0.6286766",
        "  tolerance: 6.3e-07",
        "bias",
        "  outcome: right",
        "  claimed: 0.25",
        "  tolerance: 6.3e-07",
    ]


def test_a_table_that_fits_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert sum("│" in line for line in shown(80, capsys)) == 2
