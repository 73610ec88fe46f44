"""Losses worked out by hand: values, kinks, extremes, and mistakes that are told apart."""

import math

import numpy as np
import pytest

from clearprop import MAE, BinaryCrossEntropy, CrossEntropy, Huber, LossResult, Pinball, PoissonNLL
from clearprop.base.errors import ConfigurationError, ContractError, ShapeError

LN2, LN3 = math.log(2), math.log(3)


def test_mae() -> None:
    # y − t = [[1, 0], [−2, 3]]: L = (1 + 0 + 2 + 3)/4 = 1.5, ∂L/∂y = sign(y − t)/4
    y, t = np.array([[1.0, 2], [3, 4]]), np.array([[0.0, 2], [5, 1]])
    result = MAE().evaluate(y, t)
    assert (result.total, result.weight, result.value) == (6, 4, 1.5)
    np.testing.assert_array_equal(result.gradient, [[0.25, 0], [-0.25, 0.25]])
    np.testing.assert_array_equal(result.per_sample, [0.25, 1.25])


def test_huber() -> None:
    # δ = 2 and y − t = [[1, −2], [−3, 5]]:
    #   ½·1² = ½;  ½·2² = 2 (just inside);  2(3 − 1) = 4;  2(5 − 1) = 8
    # L = 14.5/4, and the slopes [[1, −2], [−2, 2]], over 4
    y, t = np.array([[1.0, -2], [-3, 5]]), np.zeros((2, 2))
    result = Huber(delta=2).evaluate(y, t)
    np.testing.assert_array_equal(result.entries, [[0.5, 2], [4, 8]])
    assert result.value == 14.5 / 4
    np.testing.assert_array_equal(result.gradient, [[0.25, -0.5], [-0.5, 0.5]])


def test_binary_cross_entropy() -> None:
    # y = ln 3: p = 3/4. t = 1 costs −ln ¾ = ln 4 − ln 3, t = 0 costs −ln ¼ = ln 4.
    # The gradient is p − t: −¼ and ¾, over the two samples.
    y, t = np.array([[LN3], [LN3]]), np.array([[1.0], [0.0]])
    result = BinaryCrossEntropy().evaluate(y, t)
    np.testing.assert_allclose(result.entries, [[2 * LN2 - LN3], [2 * LN2]], rtol=1e-15)
    np.testing.assert_allclose(result.gradient, [[-0.125], [0.375]], rtol=1e-15)


def test_pos_weight_weighs_the_positive_targets_and_weight_the_outputs() -> None:
    # As above with c = 3 and w = 2: the positive sample is 6 times as dear, the other twice.
    # The mean still divides by 2.
    y, t = np.array([[LN3], [LN3]]), np.array([[1.0], [0.0]])
    result = BinaryCrossEntropy(weight=(2,), pos_weight=(3,)).evaluate(y, t)
    np.testing.assert_allclose(result.entries, [[6 * (2 * LN2 - LN3)], [4 * LN2]], rtol=1e-15)
    np.testing.assert_allclose(result.gradient, [[-0.75], [0.75]], rtol=1e-15)
    assert result.weight == 2


def test_cross_entropy() -> None:
    # y = (0, ln 2, 0): Σ eʸ = 4, p = (¼, ½, ¼). Class 1 costs ln 2, class 0 costs ln 4.
    # ∂L/∂y = (p − q)/2: (¼, −½, ¼)/2 and (−¾, ½, ¼)/2.
    y = np.array([[0, LN2, 0], [0, LN2, 0]])
    result = CrossEntropy().evaluate(y, np.array([1, 0]))
    np.testing.assert_allclose(result.entries, [LN2, 2 * LN2], rtol=1e-15)
    assert result.value == pytest.approx(1.5 * LN2, rel=1e-15)
    expected = [[0.125, -0.25, 0.125], [-0.375, 0.25, 0.125]]
    np.testing.assert_allclose(result.gradient, expected, rtol=1e-15)


def test_cross_entropy_of_logits_that_lie_column_by_column() -> None:
    y = np.random.default_rng(0).normal(size=(4, 3))
    ids = np.array([2, 0, 1, 1])
    rows = CrossEntropy().evaluate(y, ids)
    columns = CrossEntropy().evaluate(np.asfortranarray(y), ids)
    assert columns.value == rows.value
    np.testing.assert_array_equal(columns.gradient, rows.gradient)


def test_a_class_of_weight_0_costs_nothing_were_its_logit_without_bounds() -> None:
    # Class 0 has no weight and p = 0; class 1 of the other sample costs ln 2.
    y = np.array([[-np.inf, 0, 0], [-np.inf, 0, 0]])
    result = CrossEntropy(weight=(0, 1, 1)).evaluate(y, np.array([0, 1]))
    np.testing.assert_allclose(result.entries, [0, LN2], rtol=1e-15)
    expected = np.array([[0, 0, 0], [0, -0.5, 0.5]])
    np.testing.assert_allclose(result.gradient, expected, rtol=1e-15)


def test_class_weights_are_in_the_mean() -> None:
    # As above with w = (3, 1, 1): class 1 costs ln 2, class 0 costs 3 · ln 4, and the mean divides
    # by 1 + 3, so that L = 7 ln 2/4. The gradients are (¼, −½, ¼)/4 and 3(−¾, ½, ¼)/4.
    y = np.array([[0, LN2, 0], [0, LN2, 0]])
    result = CrossEntropy(weight=(3, 1, 1)).evaluate(y, np.array([1, 0]))
    assert (result.weight, result.value) == (4, pytest.approx(7 * LN2 / 4, rel=1e-15))
    expected = [[0.0625, -0.125, 0.0625], [-0.5625, 0.375, 0.1875]]
    np.testing.assert_allclose(result.gradient, expected, rtol=1e-15)


def test_label_smoothing_spreads_the_target() -> None:
    # ε = 0.3 over 3 classes makes class 1 into q = (0.1, 0.8, 0.1), and −ln p = (2, 1, 2) ln 2:
    # ℓ = (0.2 + 0.8 + 0.2) ln 2. The same as those probabilities, unsmoothed. ∂ℓ/∂y = p − q.
    y = np.array([[0, LN2, 0]])
    smoothed = CrossEntropy(label_smoothing=0.3).evaluate(y, np.array([1]))
    assert smoothed.value == pytest.approx(1.2 * LN2, rel=1e-14)
    np.testing.assert_allclose(smoothed.gradient, [[0.15, -0.3, 0.15]], rtol=1e-14)
    told = CrossEntropy().evaluate(y, np.array([[0.1, 0.8, 0.1]]))
    np.testing.assert_allclose(told.gradient, smoothed.gradient, rtol=1e-14)


def test_an_ignored_class_costs_nothing_and_does_not_count() -> None:
    y = np.array([[0, LN2, 0], [5.0, 1, 2]])
    for ignored, loss in ((-100, CrossEntropy()), (2, CrossEntropy(ignore_index=2))):
        result = loss.evaluate(y, np.array([1, ignored]))
        assert (result.weight, result.value) == (1, pytest.approx(LN2, rel=1e-15))
        np.testing.assert_array_equal(result.gradient[1], 0)


def test_poisson() -> None:
    # y = ln 2, so λ = 2: t = 3 costs 2 − 3 ln 2 and t = 0 costs 2; the slopes λ − t = −1 and 2.
    y, t = np.array([[LN2], [LN2]]), np.array([[3.0], [0]])
    result = PoissonNLL().evaluate(y, t)
    np.testing.assert_allclose(result.entries, [[2 - 3 * LN2], [2.0]], rtol=1e-15)
    np.testing.assert_allclose(result.gradient, [[-0.5], [1.0]], rtol=1e-15)
    # The same rate given itself: 1 − t/λ = −½ and 1, but for ε = 1e-8.
    plain = PoissonNLL(log_input=False).evaluate(np.exp(y), t)
    np.testing.assert_allclose(plain.entries, result.entries, rtol=0, atol=1e-7)
    np.testing.assert_allclose(plain.gradient, [[-0.25], [0.5]], rtol=0, atol=1e-8)


def test_full_adds_stirlings_approximation_above_1() -> None:
    t = np.array([[0.0], [1], [2], [10]])
    zeros = np.zeros((4, 1))
    more = PoissonNLL(full=True).evaluate(zeros, t).entries
    less = PoissonNLL().evaluate(zeros, t).entries
    assert more is not None
    assert less is not None
    added = (more - less).ravel()
    np.testing.assert_array_equal(added[:2], 0)
    # ln 2! = 0.693 and ln 10! = 15.104; the approximation lacks about 1/(12t).
    np.testing.assert_allclose(added[2:], [LN2 - 1 / 24, math.lgamma(11) - 1 / 120], atol=2e-3)


def test_the_slope_at_a_kink() -> None:
    assert MAE().kinks() == (0.0,)
    assert Huber().kinks() == CrossEntropy().kinks() == ()
    zero = np.zeros((1, 1))
    assert MAE().evaluate(zero, zero).gradient == 0
    assert MAE().evaluate(-zero, zero).gradient == 0
    for sign in (1.0, -1.0):
        # Both pieces have this slope at |e| = δ.
        assert Huber(delta=1.5).evaluate(np.full((1, 1), sign * 1.5), zero).gradient == sign * 1.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_of_ten_thousand_are_exact_and_without_a_warning(dtype: str) -> None:
    # Warnings are errors in these tests. A naive softmax overflows, and a naive log p is −∞.
    y = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    ids = CrossEntropy().evaluate(y, np.array([0, 0]))
    np.testing.assert_array_equal(ids.entries, [0, 2e4])
    np.testing.assert_array_equal(ids.gradient, [[0, 0], [-0.5, 0.5]])
    t = np.array([[1, 1], [1, 0]], dtype)
    binary = BinaryCrossEntropy().evaluate(y, t)
    np.testing.assert_array_equal(binary.entries, [[0, 1e4], [1e4, 1e4]])
    np.testing.assert_array_equal(binary.gradient, [[0, -0.25], [-0.25, 0.25]])
    poisson = PoissonNLL().evaluate(y, t)
    np.testing.assert_array_equal(poisson.entries, [[np.inf, 1e4], [1e4, np.inf]])


def test_small_probabilities_keep_their_digits() -> None:
    # σ(40) rounds to 1 − 4e-18 = 1, so that 1 − σ would be 0.
    y = np.array([[40.0]])
    binary = BinaryCrossEntropy().evaluate(y, np.array([[1.0]]))
    assert binary.value == pytest.approx(math.exp(-40), rel=1e-14)
    assert binary.gradient.item() == pytest.approx(-math.exp(-40), rel=1e-14)


def test_a_class_without_mass_may_have_a_logit_of_minus_infinity() -> None:
    # A masked class: 0 · ln 0 counts as 0.
    result = CrossEntropy().evaluate(np.array([[0, -np.inf, 0]]), np.array([2]))
    assert result.value == pytest.approx(LN2, rel=1e-15)
    np.testing.assert_array_equal(result.gradient, [[0.5, 0, -0.5]])


def test_a_rate_of_zero_has_a_finite_logarithm_and_a_negative_one_none() -> None:
    y, t = np.array([[0.0], [-1.0]]), np.array([[2.0], [2.0]])
    result = PoissonNLL(log_input=False).evaluate(y, t)
    assert result.entries is not None
    assert result.entries[0] == pytest.approx(-2 * math.log(1e-8))
    assert np.isnan(result.entries[1])


def test_probabilities_and_ids_are_the_same_where_they_say_the_same() -> None:
    y, ids = np.random.default_rng(0).normal(size=(4, 3)), np.array([2, 0, 0, 1])
    for loss in (CrossEntropy(), CrossEntropy(label_smoothing=0.2)):
        one, other = loss.evaluate(y, ids), loss.evaluate(y, np.eye(3)[ids])
        np.testing.assert_allclose(one.gradient, other.gradient, rtol=1e-14)
        assert one.value == pytest.approx(other.value, rel=1e-14)


def test_two_classes_are_one_binary_question() -> None:
    # softmax(0, y) is σ(y).
    y, t = np.random.default_rng(0).normal(size=(5, 1)), np.array([1, 0, 0, 1, 1])
    pair = CrossEntropy().evaluate(np.hstack([np.zeros_like(y), y]), t)
    single = BinaryCrossEntropy().evaluate(y, t[:, None])
    assert pair.value == pytest.approx(single.value, rel=1e-14)
    np.testing.assert_allclose(pair.gradient[:, 1:], single.gradient, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "int8"])
def test_class_ids_may_be_of_any_integer_type(dtype: str) -> None:
    y = np.random.default_rng(0).normal(size=(3, 200))
    ids = np.array([0, 120, 7])
    np.testing.assert_array_equal(
        CrossEntropy().evaluate(y, ids.astype(dtype)).gradient,
        CrossEntropy().evaluate(y, ids).gradient,
    )


def test_a_loss_of_ones_own_without_entries_has_no_costs_of_samples() -> None:
    result = LossResult(2.0, 4, np.zeros((4, 1)))
    assert result.value == 0.5
    with pytest.raises(ContractError, match="returned no entries"):
        _ = result.per_sample


def test_pinball() -> None:
    # q = 0.9: 2 too high costs 0.1 · 2 = 0.2, 2 too low 0.9 · 2 = 1.8; exact costs nothing.
    result = Pinball((0.9,)).evaluate(np.array([[2.0], [-2.0], [0.0]]), np.zeros((3, 1)))
    assert result.value == pytest.approx((0.2 + 1.8) / 3)
    np.testing.assert_allclose(result.gradient, np.array([[0.1], [-0.9], [0.0]]) / 3)


def test_pinball_has_a_quantile_for_each_output() -> None:
    # Outputs 1 and −1 beside the target 0: 0.75 · 1 and 0.75 · 1.
    loss = Pinball((0.25, 0.75), reduction="sum")
    result = loss.evaluate(np.array([[1.0, -1.0]]), np.zeros((1, 2)))
    assert result.value == 1.5
    assert result.gradient.tolist() == [[0.75, -0.75]]
    with pytest.raises(ShapeError, match="2 quantiles"):
        loss.evaluate(np.zeros((1, 3)), np.zeros((1, 3)))


def test_the_best_constant_of_pinball_is_the_quantile() -> None:
    # Of 0 … 100 the 0.8-quantile is 80: from 79.5 the slope goes up, from 80.5 down.
    target = np.arange(101.0)[:, None]
    loss = Pinball((0.8,))
    assert loss.evaluate(np.full((101, 1), 79.5), target).gradient.sum() < 0
    assert loss.evaluate(np.full((101, 1), 80.5), target).gradient.sum() > 0


@pytest.mark.parametrize("quantiles", [(), (0.0,), (1.0,), (0.5, 2), "0.5"])
def test_quantiles_that_are_none_are_refused(quantiles: object) -> None:
    with pytest.raises(ConfigurationError, match="quantiles"):
        Pinball(quantiles)  # type: ignore[arg-type]
