"""Programs of convolutions, loops over time and attention with one planted mistake."""

import pytest

from clearprop.base import messages
from clearprop.teaching.exercises import LEVELS, TOLERANCE, TOPICS, Exercise, exercise
from clearprop.teaching.exercises.expressions import evaluate
from clearprop.teaching.exercises.generator import worked
from clearprop.teaching.exercises.layer_bugs import (
    LAYER_BUGS,
    SLIPS,
    layer_correction,
    run_lines,
    statements,
)
from clearprop.teaching.exercises.layer_network import LayerNetwork
from clearprop.teaching.grading import mark

PLACES = [(topic, level) for topic in LAYER_BUGS for level in LEVELS]


@pytest.fixture(scope="module")
def sheets() -> dict[tuple[str, int], list[Exercise]]:
    return {
        (topic, level): [exercise(topic, level, key=f"S{k}") for k in range(6)]
        for topic, level in PLACES
        # The search for pleasant numbers takes long on the last level of the first topic.
        if (topic, level) != ("bug-convolution", 3)
    } | {("bug-convolution", 3): [exercise("bug-convolution", 3)]}


def network_of(sheet: Exercise) -> LayerNetwork:
    assert isinstance(sheet.network, LayerNetwork)
    return sheet.network


@pytest.mark.parametrize(("topic", "level"), PLACES)
def test_one_line_is_wrong_and_the_right_program_is_the_engines(
    sheets: dict[tuple[str, int], list[Exercise]], topic: str, level: int
) -> None:
    assert topic in TOPICS
    for sheet in sheets[topic, level]:
        network = network_of(sheet)
        line, wrong, right = layer_correction(sheet)
        printed = [text.rpartition("#")[0].rstrip() for text in sheet.program.splitlines()]
        lines = statements(network.design)
        different = [k for k, one in enumerate(lines) if printed[k] != one]
        assert different == [line - 1]
        assert wrong != right == lines[line - 1].strip()
        # The line is behind that of y, as the sheet says.
        assert line > len(network.design.program.forward)
        arrays = run_lines(network.design, lines, sheet.given_values)
        y = network.step().forward.output
        assert arrays["y"].ravel() == pytest.approx(y.ravel(), abs=1e-9)


@pytest.mark.parametrize(("topic", "level"), PLACES)
def test_the_gradient_is_the_engines_and_the_mistake_spoils_it(
    sheets: dict[tuple[str, int], list[Exercise]], topic: str, level: int
) -> None:
    for sheet in sheets[topic, level]:
        line, asked = sheet.blanks
        assert line.name == "line"
        assert evaluate(asked.formula, sheet.given_values) == pytest.approx(asked.value, abs=1e-9)
        assert {blank.points for blank in sheet.blanks} == {2}
        read = {one.label.name: one.read for one in network_of(sheet).design.numbers}[asked.name]
        if read is not None:
            assert read(network_of(sheet).step()) == pytest.approx(asked.value, abs=1e-9)
        # Whoever runs the printed program gets the right output and another gradient.
        printed = tuple(text.rpartition("#")[0].rstrip() for text in sheet.program.splitlines())
        wrong = run_lines(network_of(sheet).design, printed, sheet.given_values)
        right = run_lines(
            network_of(sheet).design, statements(network_of(sheet).design), sheet.given_values
        )
        spoiled = [
            name
            for name in right
            if (name == "y" or name.startswith("d"))
            and right[name].shape == wrong[name].shape
            and abs(right[name] - wrong[name]).max() > 5 * TOLERANCE
        ]
        assert spoiled
        assert "y" not in spoiled


@pytest.mark.parametrize("topic", LAYER_BUGS)
def test_variants_differ_in_their_mistake_and_are_marked(
    sheets: dict[tuple[str, int], list[Exercise]], topic: str
) -> None:
    every = [one for level in LEVELS for one in sheets[topic, level]]
    assert len({layer_correction(one)[1:] for one in every}) >= 5
    sheet = every[0]
    answers = {blank.name: str(round(blank.value, 6)) for blank in sheet.blanks}
    right = mark(sheet, answers)
    assert right.points == sheet.points == 4
    other = {**answers, "line": "1"}
    assert mark(sheet, other).points == 2
    # The key works out every number on the way.
    assert len(worked(sheet).blanks) > len(sheet.blanks)


def test_every_slip_fits_a_line_of_some_level() -> None:
    for topic, slips in SLIPS.items():
        designs = [network_of(exercise(topic, level)).design for level in LEVELS]
        for right, wrong in slips:
            fits = [line for one in designs for line in statements(one) if right in line]
            assert fits, right
            assert right != wrong


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("topic", LAYER_BUGS)
def test_the_sheet_says_what_is_asked(language: str, topic: str) -> None:
    for key in ("title", "task"):
        assert messages.text(language, f"exercises.{key}.{topic}")
