"""The Python file to fill in: as it comes, and what a check says once it is filled in."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clearprop.base import messages
from clearprop.cli import main
from clearprop.teaching.exercises import LEVELS, Exercise, exercise
from clearprop.teaching.exercises.points import exercises_everything, with_more_samples
from clearprop.teaching.exercises.starter_code import TOPICS_WITH_CODE, solution, unfilled
from clearprop.teaching.exercises.topics import DENSE_TOPICS

pytestmark = pytest.mark.thorough

CASES = [(topic, level) for topic in TOPICS_WITH_CODE for level in LEVELS]
# Those of other layers have a test of their own in `test_layer_exercises`.
LINEAR = [(topic, level) for topic, level in CASES if topic in DENSE_TOPICS]


def verdict(sheet: Exercise, backward: str, path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The outcome of `clearprop check` with this text in the place of the unfilled function."""
    head, _, _ = unfilled(sheet, "en").decode().partition("def backward(")
    path.write_text(head + backward, encoding="utf-8")
    main(["check", f"{path}:backward", "--json", "--lang", "en"])
    outcome: str = json.loads(capsys.readouterr().out)["outcome"]
    return outcome


@pytest.mark.parametrize(("topic", "level"), CASES)
def test_the_solution_is_right_and_a_mistake_in_any_line_is_not(
    topic: str, level: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = exercise(topic, level, seed=2)
    right = solution(sheet)
    path = tmp_path / "backward.py"
    assert verdict(sheet, right, path, capsys) == "right"
    # A minus in front of each gradient in turn is found.
    returned = right.rstrip().splitlines()[-1]
    for name in returned.removeprefix("    return ").split(", "):
        wrong = right.replace(returned, f"    {name} = -{name}\n{returned}")
        assert verdict(sheet, wrong, path, capsys) == "wrong", name


@pytest.mark.parametrize(("topic", "level"), LINEAR)
def test_the_students_own_check_exercises_everything(
    topic: str, level: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = exercise(topic, level, seed=11 * level)
    points = with_more_samples(sheet.linear_layers)
    assert exercises_everything(points)
    assert points.x[: sheet.linear_layers.samples] == sheet.linear_layers.x
    right = solution(sheet)
    for line, instead in (
        (" * (z1 > 0)", ""),
        ("a1.T @", "z1.T @"),
        (".sum(axis=0)", ".mean(axis=0)"),
    ):
        if line in right:
            wrong = right.replace(line, instead)
            assert verdict(sheet, wrong, tmp_path / "backward.py", capsys) == "wrong", line


@pytest.mark.parametrize(("topic", "level"), LINEAR)
def test_the_forward_pass_is_that_of_the_sheet(topic: str, level: int) -> None:
    sheet = exercise(topic, level, seed=2)
    known: dict[str, object] = {}
    exec(unfilled(sheet, "en"), known)
    forward, inputs = known["forward"], known["inputs"]
    assert callable(forward)
    assert isinstance(inputs, dict)
    y = [blank.value for blank in sheet.blanks if blank.kind in ("y", "p")]
    # The sheet's samples come first.
    assert np.array_equal(
        inputs["x"][: sheet.linear_layers.samples], np.array(sheet.linear_layers.x)
    )
    assert forward(**inputs).ravel()[: len(y)] == pytest.approx(y)
    backward = known["backward"]
    assert callable(backward)
    with pytest.raises(NotImplementedError):
        backward(np.ones((1, len(y))), **inputs)


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize(("topic", "level"), CASES)
def test_the_file_is_tidy_python_in_its_language(
    topic: str, level: int, language: str, tmp_path: Path
) -> None:
    content = unfilled(exercise(topic, level), language)
    assert ("反向傳遞" in content.decode()) == (language == "zh-TW")
    path = tmp_path / "backward.py"
    path.write_bytes(content)
    for command in (["check", "--isolated"], ["format", "--isolated", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--line-length", "100", str(path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
