"""A mistake in a written program is found by the checker, in every line of backward."""

from pathlib import Path

import pytest

from clearprop.checking import checker
from clearprop.checking.request import answer
from clearprop.checking.targets import request_for
from clearprop.checking.verdict import WRONG
from clearprop.reading.programs import Recipe, write_program
from clearprop.reading.programs.architecture import network_of
from tests.sweeps import quick_where

PROGRAM = write_program(Recipe(network_of("2-4-tanh-layernorm-residual(4-relu-4)-3-sigmoid")))


def lines_of_backward() -> list[str]:
    body = PROGRAM.partition("def backward(")[2].partition("\n\n\n")[0].splitlines()
    return [line for line in body if line.startswith("    d") and " = " in line]


@pytest.mark.parametrize("line", quick_where(lines_of_backward(), lambda place, _: place % 2 == 0))
def test_a_factor_too_many_is_found(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the mistake is called takes longer to find than that there is one, and is not asked here.
    monkeypatch.setattr(checker, "wants_a_name", lambda verdict: False)
    path = tmp_path / "train.py"
    path.write_text(PROGRAM.replace(f"{line}\n", f"{line} * 1.01\n", 1), encoding="utf-8")
    assert answer(request_for(f"{path}:backward")).outcome == WRONG


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("dW2 = a1.T @ dy", "dW2 = z1.T @ dy"),
        ("dz1 = da1 * (z1 > 0)", "dz1 = da1 * (z1 > -1)"),
        ("dx = dz1 @ W1.T", "dx = dz1 @ (2 * W1.T)"),
    ],
)
def test_the_classical_mistakes_are_found(right: str, wrong: str, tmp_path: Path) -> None:
    """The weight's gradient with z in the place of a, and a mask at the wrong place."""
    text = write_program(Recipe(network_of("2-4-relu-3")))
    assert right in text
    path = tmp_path / "train.py"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    assert answer(request_for(f"{path}:backward")).outcome == WRONG
