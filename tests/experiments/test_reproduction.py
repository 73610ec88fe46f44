"""The tutorial's experiments against the figures that were measured for them."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from clearprop.base import messages
from clearprop.base.dependencies import is_installed
from clearprop.base.errors import ConfigurationError
from clearprop.formats import torch_twin
from clearprop.teaching.experiments import parity
from clearprop.teaching.experiments.data import curved_data, regression_data
from clearprop.teaching.experiments.gradient_check import TOLERANCE
from clearprop.teaching.experiments.reproduction import Reproduction, reproduce
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings


def spread(result: Reproduction, name: str) -> tuple[float, float, float]:
    final = result.studies[name].final
    return float(final.min()), float(np.median(final)), float(final.max())


def verdicts(result: Reproduction) -> dict[str, str]:
    return {claim.key: claim.verdict for claim in result.claims}


def test_the_data_and_its_best_line(result: Reproduction) -> None:
    assert result.data.x.shape == result.data.target.shape == (100, 1)
    assert result.data.x.min() == pytest.approx(-2.916, abs=5e-4)
    assert result.data.x.max() == pytest.approx(2.158, abs=5e-4)
    assert result.data.variance == pytest.approx(943.7147, abs=1e-4)
    assert result.line.slope == pytest.approx(27.60830665, abs=1e-8)
    assert result.line.intercept == pytest.approx(-0.57726646, abs=1e-8)
    assert result.line.mse == pytest.approx(80.82090493, abs=1e-8)


def test_the_spread_over_the_tutorials_starts(result: Reproduction) -> None:
    assert spread(result, "tutorial_linear") == pytest.approx((80.8209049,) * 3, abs=1e-7)
    assert spread(result, "tutorial_relu_as_printed") == pytest.approx(
        (78.84, 944.27, 986.04), abs=0.005
    )
    assert spread(result, "tutorial_relu") == pytest.approx((82.22, 358.81, 366.73), abs=0.005)


def test_as_printed_most_networks_die(result: Reproduction) -> None:
    printed = result.studies["tutorial_relu_as_printed"]
    assert printed.dead.sum() == 153
    # A dead network answers one number: its bias, on its way to the mean.
    assert (printed.final[printed.dead] >= result.data.variance - 1e-9).all()
    assert not result.studies["tutorial_relu"].dead.any()


def test_the_spread_over_torchs_starts(torch: Any, result: Reproduction) -> None:
    assert spread(result, "pytorch_relu") == pytest.approx((77.42, 81.25, 362.8), abs=0.05)
    assert spread(result, "pytorch_linear") == pytest.approx((80.8209049,) * 3, abs=1e-7)


def test_learning_rates_at_which_networks_die_or_diverge(result: Reproduction) -> None:
    by_rate = {(one.name, one.learning_rate): one for one in result.rates}
    at_5, at_10 = by_rate["relu", 0.05], by_rate["relu", 0.1]
    assert (at_5.dead.sum(), at_5.overflow.sum()) == (195, 5)
    assert (np.abs(at_5.final - result.data.variance) < 0.005).sum() == 152
    assert (at_10.dead.sum(), at_10.overflow.sum()) == (7, 193)
    assert by_rate["linear", 0.03].grown.sum() > 180
    assert not by_rate["linear", 0.01].grown.any()
    assert not by_rate["linear", 0.1].dead.any()  # there is no ReLU that could die


def test_the_gradient_check_finds_the_wrong_line_and_its_reason(result: Reproduction) -> None:
    wrong = [one.name for one in result.check.arrays if not one.printed_is_right]
    assert wrong == ["W2"]
    assert all(one.right_error <= TOLERANCE for one in result.check.arrays)
    assert result.check.z_explains == 0.0
    # Units differ from the truth exactly where some z is negative.
    off = np.abs(result.check.printed - result.check.right)[20:30] > 1e-9
    np.testing.assert_array_equal(off, result.check.negative > 0)


def test_old_weights_and_updated_weights_lead_to_different_losses(result: Reproduction) -> None:
    assert result.worked.loss_old_weights == pytest.approx(0.291027773694, abs=5e-13)
    assert result.worked.loss_new_weights == pytest.approx(0.291027923905, abs=5e-13)


def test_every_training_agrees_with_torch(torch: Any, result: Reproduction) -> None:
    assert result.comparisons is not None
    cases = {(one.name, one.start, one.dtype) for one in result.comparisons}
    assert len(cases) == len(result.comparisons) == 8
    for one in result.comparisons:
        assert one.steps_compared == 50
        loss, params = {"float64": (1e-10, 1e-10), "float32": (1e-4, 2e-3)}[one.dtype]
        assert one.loss_difference <= loss
        assert one.params_difference <= params
        assert one.agrees
    assert result.out_of_tolerance == ()


def test_the_verdicts_on_the_claims(torch: Any, result: Reproduction) -> None:
    assert verdicts(result) == {
        "linear_is_a_line": "holds",
        "propagate_before_update": "holds",
        "printed_backward": "fails",
        "linear_fits": "holds",
        "linear_like_torch": "holds",
        "relu_predicts_better": "fails",
        "relu_like_torch": "fails",
        "engine_like_torch": "holds",
        "relu_fits_curves": "holds",
    }


def test_relu_wins_on_the_parabola(result: Reproduction) -> None:
    relu, linear = np.median(result.curved.relu.final), np.median(result.curved.linear.final)
    assert linear >= result.curved.line.mse * (1 - 1e-9)
    assert relu < result.curved.line.mse / 10
    np.testing.assert_array_equal(curved_data().x, curved_data().x)


def test_descent_comes_nearer_to_the_best_line_with_every_step(result: Reproduction) -> None:
    best = np.array([result.line.slope, result.line.intercept])
    distance = np.linalg.norm(result.descent.path - best, axis=1)
    assert (np.diff(distance) < 0).all()
    assert len(result.descent.path) == len(result.descent.losses) + 1 == 51


SHOWPIECE_STAGES = ("digits", "digits_check", "gpt", "letters")


def test_every_stage_is_told_how_far_it_is() -> None:
    told: dict[str, list[tuple[int, int]]] = {}

    def watch(stage: str) -> Any:
        return lambda done, total: told.setdefault(stage, []).append((done, total))

    reproduce(ReproductionSettings(steps=2, seeds=2), watch)
    stages = {"studies", "rates", "curved", "torch"}
    assert set(told) == (stages if is_installed("torch") else stages - {"torch"})
    # Each has its name on the screen, and drawing the figures has one as well.
    names = messages.table("en", "cli")
    assert {key for key in names if key.startswith("stages.")} == {
        f"stages.{name}" for name in (*stages, "figures", *SHOWPIECE_STAGES)
    }
    for steps in told.values():
        assert steps[-1][0] == steps[-1][1]
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_float32_runs_in_float32() -> None:
    result = reproduce(ReproductionSettings(steps=3, seeds=2, dtype="float32", with_torch=False))
    assert result.data.x.dtype == np.float32
    assert result.trainings.relu.state.params.dtype == np.float32
    assert result.studies["pytorch_relu"].losses.dtype == np.float32


@pytest.mark.filterwarnings("error")
def test_a_training_that_diverges_is_a_finding_and_not_a_failure(torch: Any) -> None:
    result = reproduce(ReproductionSettings(steps=50, seeds=3, learning_rate=5.0))
    assert result.trainings.linear.diverged
    assert result.studies["tutorial_linear"].overflow.all()
    assert result.comparisons is not None
    linear = [one for one in result.comparisons if one.name == "linear"]
    assert all(one.diverged and one.steps_compared < 50 for one in linear)
    assert result.out_of_tolerance == ()


def test_without_torch_its_starts_are_drawn_by_us() -> None:
    result = reproduce(ReproductionSettings(steps=2, seeds=4, with_torch=False))
    assert result.comparisons is None
    assert verdicts(result)["engine_like_torch"] == "unknown"
    # U(±1/√fan_in): the first layer's bound is 1, the second's 1/√10.
    assert result.studies["pytorch_relu"].losses.shape == (2, 4)


def test_a_difference_from_torch_is_noticed(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = torch_twin.train_by_hand

    def a_little_off(*args: Any, **options: Any) -> torch_twin.TwinTraining:
        losses, params = honest(*args, **options)
        return torch_twin.TwinTraining(losses * (1 + 1e-3), params)

    monkeypatch.setattr(torch_twin, "train_by_hand", a_little_off)
    comparisons = parity.compare_with_torch(ReproductionSettings(steps=3))
    assert {one.name for one in comparisons if not one.agrees} == {"linear"}
    assert {one.dtype for one in comparisons if not one.agrees} == {"float64", "float32"}


def test_one_parameter_a_little_off_is_noticed(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = torch_twin.train_with_sgd

    def one_off(*args: Any, **options: Any) -> torch_twin.TwinTraining:
        losses, params = honest(*args, **options)
        params = params.copy()
        params[3] *= 1.01
        return torch_twin.TwinTraining(losses, params)

    monkeypatch.setattr(torch_twin, "train_with_sgd", one_off)
    comparisons = parity.compare_with_torch(ReproductionSettings(steps=3))
    assert {one.name for one in comparisons if not one.agrees} == {"relu"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("steps", -1),
        ("steps", True),
        ("steps", 1.5),
        ("seeds", 0),
        ("learning_rate", 0.0),
        ("learning_rate", -0.1),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("dtype", "float16"),
    ],
)
def test_settings_that_cannot_be(field: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"must be|is not known"):
        dataclasses.replace(ReproductionSettings(), **{field: value})


def test_regression_data_in_float32_is_the_rounded_data() -> None:
    np.testing.assert_array_equal(
        regression_data("float32").x, regression_data().x.astype(np.float32)
    )
    assert not regression_data().x.flags.writeable
