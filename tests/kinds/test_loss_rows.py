"""What a loss's row says of one entry, and of the best constant, against the loss itself."""

import math
import re

import numpy as np
import pytest

from clearprop import BinaryCrossEntropy, CrossEntropy, Identity, Network
from clearprop.base.arrays import Array
from clearprop.engine.losses import Loss
from clearprop.engine.step import Step, take_step
from clearprop.kinds.kind_tables import LOSS_EXAMPLES, LOSS_ROWS
from clearprop.kinds.row import LossExample
from clearprop.reading.loss_lines import DividedBy, divisor_of, loss_lines, wanted_class
from clearprop.reading.worked_lines import WorkedLine

EXAMPLES = [example for examples in LOSS_EXAMPLES.values() for example in examples]
NAMES = [f"{example.loss!r}{number}" for number, example in enumerate(EXAMPLES)]


def step_at(output: Array, target: Array, loss: Loss, classes: tuple[str, ...] = ()) -> Step:
    """A step whose output is the given one: the network hands its input on."""
    network = Network(Identity())
    return take_step(network, network.initialize(0), output, target, loss=loss, classes=classes)


def computed(line: WorkedLine) -> float:
    """What the right side of a line is, read as arithmetic."""
    text = " + ".join([*line.right, str(line.rest.value)])
    text = text.replace("−", "-").replace("½ ×", "½").replace("×", "*").replace("½", "0.5 *")
    text = re.sub(r" \* 10(⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)", _power, text)
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text).replace("²", "**2").replace("2π", "2*pi ")
    text = re.sub(r"ln (\([^()]*\)|[\d.]+(?:e-?\d+)?)", r"ln(\1)", text)
    text = text.replace("e^", "e**").replace("pi  *", "pi *")
    known = {"ln": math.log, "e": math.e, "pi": math.pi, "sign": np.sign}
    return float(eval(text, {}, known))


def _power(found: re.Match[str]) -> str:
    return "e" + found[1].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_every_line_comes_out_as_it_is_written(example: LossExample) -> None:
    output, target = example.draw(np.random.default_rng(5), 6)
    step = step_at(output, target, example.loss)
    for sample in range(6):
        for j in range(output.shape[1]):
            lines = loss_lines(step, sample, (j,))
            for line in lines:
                # The numbers are written with four digits, and differences of them lose some.
                assert computed(line) == pytest.approx(line.value, rel=5e-3, abs=5e-3)
            # The last one is what the backward pass starts from, times S.
            slope = step.result.gradient[sample, j] * step.result.weight
            assert lines[-1].value == pytest.approx(slope)


def test_the_reading_of_lines_finds_a_wrong_one() -> None:
    assert computed(WorkedLine("p", ("e^(−2) / 2.5",), 0.0)) == pytest.approx(math.exp(-2) / 2.5)
    assert computed(WorkedLine("ℓ", ("−0.5 × ln 0.25",), 0.0)) == pytest.approx(0.5 * math.log(4))


def test_cross_entropy_by_hand() -> None:
    # y = (ln 1, ln 2, ln 5): Σ e^y = 8, p = (1/8, 1/4, 5/8), and of class 1 ℓ = −ln ¼ = ln 4.
    step = step_at(np.log([[1.0, 2.0, 5.0]]), np.array([1]), CrossEntropy())
    lines = loss_lines(step, 0, (1,))
    assert [one.left for one in lines] == ["Σ e^y[0]", "p[0,1]", "ℓ[0]", "∂ℓ/∂y[0,1]"]
    assert [one.value for one in lines] == pytest.approx([8, 0.25, math.log(4), -0.75])
    assert lines[3].text("en") == "∂ℓ/∂y[0,1] = 0.2500 − 1 = −0.75"


def test_large_logits_are_written_without_overflow() -> None:
    # y = (1000, 998): p = 1 / (1 + e^−2) = 0.8808 of the first.
    step = step_at(np.array([[1000.0, 998.0]]), np.array([0]), CrossEntropy())
    total, first, *_ = loss_lines(step, 0, (0,))
    assert total.left == "Σ e^(y − max y)[0]"
    assert total.value == pytest.approx(1 + math.exp(-2))
    assert first.value == pytest.approx(0.880797, abs=1e-6)
    far = step_at(np.array([[-900.0]]), np.array([[1.0]]), BinaryCrossEntropy())
    assert loss_lines(far, 0, (0,))[0].value == 0


def test_a_sample_that_is_left_out_costs_nothing() -> None:
    step = step_at(np.zeros((2, 3)), np.array([-100, 1]), CrossEntropy())
    assert [one.value for one in loss_lines(step, 0, (0,))][-2:] == [0, 0]
    wanted = wanted_class(step, 0)
    assert wanted is not None
    assert not wanted.counted
    assert "leaves out" in wanted.sentence("en")


def test_classes_are_called_by_their_names() -> None:
    names = ("setosa", "versicolor")
    step = step_at(np.array([[2.0, 1.0]]), np.array([1]), CrossEntropy(), classes=names)
    wanted = wanted_class(step, 0)
    assert wanted is not None
    told = "Sample 0 should be class 1 (versicolor); the network finds class 0 (setosa) likeliest."
    assert wanted.sentence("en") == told
    assert "類別 1（versicolor）" in wanted.sentence("zh-TW")
    assert wanted_class(step_at(np.zeros((1, 2)), np.ones((1, 2)), mse()), 0) is None


def mse() -> Loss:
    return LOSS_EXAMPLES[next(iter(LOSS_EXAMPLES))][0].loss


@pytest.mark.parametrize(
    ("loss", "target", "kind", "value"),
    [
        (CrossEntropy(), np.array([0, 1]), DividedBy.SAMPLES, 2),
        (CrossEntropy(reduction="sum"), np.array([0, 1]), DividedBy.NOTHING, 1),
        # Class 0 weighs 1 and class 1 weighs 3: together 4.
        (CrossEntropy(weight=(1, 3, 1)), np.array([0, 1]), DividedBy.WEIGHTS, 4),
        (BinaryCrossEntropy(), np.zeros((2, 3)), DividedBy.ENTRIES, 6),
    ],
)
def test_what_a_loss_divides_by(loss: Loss, target: Array, kind: DividedBy, value: float) -> None:
    found = divisor_of(step_at(np.zeros((2, 3)), target, loss))
    assert (found.kind, found.value) == (kind, value)
    assert str(value) in found.sentence("en")
    assert str(value) in found.sentence("zh-TW")


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_no_other_constant_costs_less(example: LossExample) -> None:
    _, target = example.draw(np.random.default_rng(3), 40)
    loss, row = example.loss, LOSS_ROWS[type(example.loss)]
    best = row.constant(loss, target, example.outputs)

    def cost(constant: Array) -> float:
        every = np.broadcast_to(constant, (40, example.outputs)).copy()
        return float(loss.evaluate(every, target).value)

    least = cost(best)
    for j in range(example.outputs):
        for by in (-0.1, -1e-3, 1e-3, 0.1):
            moved = best.copy()
            moved[j] += by
            assert cost(moved) >= least - 1e-12


def test_the_best_constants_by_hand() -> None:
    # Three of four are class 0 and none is class 2: p = (¾, ¼, 0), and the loss is their entropy.
    ids = np.array([0, 0, 1, 0])
    shares = LOSS_ROWS[CrossEntropy].constant(CrossEntropy(), ids, 3)
    assert np.exp(shares) == pytest.approx([0.75, 0.25, 0], abs=1e-30)
    value = CrossEntropy().evaluate(np.tile(shares, (4, 1)), ids).value
    assert value == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    # All yes: as large as it gets, and finite.
    odds = LOSS_ROWS[BinaryCrossEntropy].constant(BinaryCrossEntropy(), np.ones((3, 1)), 1)
    assert odds == pytest.approx([80.0])
