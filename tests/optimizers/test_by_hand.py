"""Optimizers worked out by hand, and the conventions of others told apart."""

import math
from typing import Any

import numpy as np
import pytest

from clearprop import SGD, Adagrad, Adam, AdamW, Clipped, Optimizer, RMSprop, StepDecay
from clearprop.base.arrays import Array


def run(optimizer: Optimizer, params: Array, gradients: Any) -> list[Array]:
    """The parameters after each step."""
    state, found = optimizer.start(params), []
    for gradient in gradients:
        params, state = optimizer.step(params, state, np.asarray(gradient, float))
        found.append(params)
    assert state.step == len(gradients)
    return found


def test_momentum() -> None:
    # μ = ½, η = ¼, g = 4, 8, 0: v = 4, 2 + 8 = 10, 5; θ = 0 − 1, −1 − 2.5, −3.5 − 1.25
    steps = run(SGD(0.25, momentum=0.5), np.zeros(1), [[4], [8], [0]])
    np.testing.assert_array_equal(np.concatenate(steps), [-1, -3.5, -4.75])


def test_dampening_is_not_in_the_first_step() -> None:
    # d = ¾: v = 4 (not 1), then 2 + ¼·8 = 4
    steps = run(SGD(0.25, momentum=0.5, dampening=0.75), np.zeros(1), [[4], [8]])
    np.testing.assert_array_equal(np.concatenate(steps), [-1, -2])


def test_nesterov_looks_ahead() -> None:
    # v = 4, 10 as above; the steps go by g + μv = 4 + 2, 8 + 5
    steps = run(SGD(0.25, momentum=0.5, nesterov=True), np.zeros(1), [[4], [8]])
    np.testing.assert_array_equal(np.concatenate(steps), [-1.5, -4.75])


def test_weight_decay_is_a_part_of_the_gradient() -> None:
    # λ = ½, θ = 2: g = 4 + 1 = 5, θ = 2 − 5/4 = ¾; then g = 0 + ⅜ and θ = ¾ − 3/32
    steps = run(SGD(0.25, weight_decay=0.5), np.array([2.0]), [[4], [0]])
    np.testing.assert_array_equal(np.concatenate(steps), [0.75, 0.65625])


def test_rmsprop() -> None:
    # α = ¾, ε = 1, g = 4: s = ¼·16 = 4, σ = 3, θ = −4/3; then g = 2: s = 3 + 1 = 4, θ − 2/3
    steps = run(RMSprop(1.0, alpha=0.75, eps=1.0), np.zeros(1), [[4], [2]])
    np.testing.assert_allclose(np.concatenate(steps), [-4 / 3, -2], rtol=1e-15)


def test_rmsprop_centered() -> None:
    # α = ½, ε = 0, g = 4: s = 8, m = 2, s − m² = 4, θ = −4/2; then g = 0: s = 4, m = 1, θ stays
    steps = run(RMSprop(1.0, alpha=0.5, eps=0, centered=True), np.zeros(1), [[4], [0]])
    np.testing.assert_array_equal(np.concatenate(steps), [-2, -2])


def test_rmsprop_with_momentum() -> None:
    # As the first, μ = ½: v = 4/3, then ⅔ + ⅔
    steps = run(RMSprop(1.0, alpha=0.75, eps=1.0, momentum=0.5), np.zeros(1), [[4], [2]])
    np.testing.assert_allclose(np.concatenate(steps), [-4 / 3, -8 / 3], rtol=1e-15)


def test_a_centered_variance_is_never_negative() -> None:
    # The same gradient for so long that s and m² are one number but for their rounding.
    optimizer = RMSprop(0.1, alpha=0.5, centered=True)
    gradient = np.random.default_rng(0).normal(size=50)
    params = run(optimizer, np.zeros(50), [gradient] * 200)[-1]
    assert np.isfinite(params).all()


def test_adagrad() -> None:
    # ε = 1, g = 3: s = 9, θ = −3/4; then g = 4: s = 25, θ − 4/6
    steps = run(Adagrad(1.0, eps=1.0), np.zeros(1), [[3], [4]])
    np.testing.assert_allclose(np.concatenate(steps), [-0.75, -0.75 - 2 / 3], rtol=1e-15)


def test_adagrads_rate_decays_and_its_sum_may_begin_above_0() -> None:
    # s = 16 + 9 = 25, η = 1, θ = −3/5; then g = 0: s stays; then g = 12, s = 169, η = 1/(1 + 2·½)
    optimizer = Adagrad(1.0, lr_decay=0.5, initial_accumulator_value=16.0, eps=0)
    steps = run(optimizer, np.zeros(1), [[3], [0], [12]])
    np.testing.assert_allclose(np.concatenate(steps), [-0.6, -0.6, -0.6 - 6 / 13], rtol=1e-15)


def test_adams_first_step_is_the_rate_whatever_the_gradient() -> None:
    # m̂ = g and v̂ = g², so that the step is η g/|g|, but for ε.
    steps = run(Adam(0.5, eps=0), np.zeros(3), [[1e-3, -7, 1e6]])
    np.testing.assert_allclose(steps[0], [-0.5, 0.5, -0.5], rtol=1e-15)


def test_adam() -> None:
    # β = (½, ¾), ε = 1, η = 1. g = 4: m = 2, v = 4; m̂ = 2/½ = 4, v̂ = 4/¼ = 16: θ = −4/5
    # g = −2: m = 1 − 1 = 0: θ stays. g = 6: m = 3, v = ¾(3 + 1) + 9 = 12,
    # m̂ = 3/(7/8) = 24/7, v̂ = 12/(37/64) = 768/37
    steps = run(Adam(1.0, betas=(0.5, 0.75), eps=1.0), np.zeros(1), [[4], [-2], [6]])
    third = -0.8 - (24 / 7) / (math.sqrt(768 / 37) + 1)
    np.testing.assert_allclose(np.concatenate(steps), [-0.8, -0.8, third], rtol=1e-14)


def test_amsgrad_keeps_the_largest_square() -> None:
    # β₂ = ½: v = 8, 4, so v_max = 8 in both; β₁ = 0, so m = g. v̂ = 8/½ = 16, then 8/¾
    optimizer = Adam(1.0, betas=(0, 0.5), eps=0, amsgrad=True)
    steps = run(optimizer, np.zeros(1), [[4], [0.5]])
    second = -1 - 0.5 / math.sqrt(8 / 0.75)
    np.testing.assert_allclose(np.concatenate(steps), [-1, second], rtol=1e-15)


def test_weight_decay_of_adam_and_of_adamw() -> None:
    # θ = 2, g = −1, λ = ½: Adam's gradient is −1 + 1 = 0, and nothing moves.
    # AdamW's is −1, so θ = 2(1 − η λ) + η with η = ½.
    params, gradients = np.array([2.0]), [[-1]]
    assert run(Adam(0.5, weight_decay=0.5), params, gradients)[0] == 2
    after = run(AdamW(0.5, weight_decay=0.5, eps=0), params, gradients)[0]
    np.testing.assert_allclose(after, [2], rtol=1e-15)
    still = run(AdamW(0.5, weight_decay=0.5, eps=0), params, [[0.5]])[0]
    np.testing.assert_allclose(still, [1], rtol=1e-15)


def test_clipping_by_norm() -> None:
    # ‖(3, 4)‖ = 5, so a norm of 1 leaves (3, 4)/(5 + 1e-6); (0.3, 0.4) is short enough.
    optimizer = Clipped(SGD(1.0), norm=1)
    steps = run(optimizer, np.zeros(2), [[3, 4], [-0.3, -0.4]])
    np.testing.assert_allclose(steps[0], [-3 / 5.000001, -4 / 5.000001], rtol=1e-15)
    np.testing.assert_allclose(steps[1] - steps[0], [0.3, 0.4], rtol=1e-14)


def test_clipping_by_value() -> None:
    steps = run(Clipped(SGD(1.0), value=2), np.zeros(3), [[3, -4, 1]])
    np.testing.assert_array_equal(steps[0], [-2, 2, -1])


def test_both_clippings_are_one_in_the_other() -> None:
    # By value first: (2, 2), and then to a norm of 1.
    optimizer = Clipped(Clipped(SGD(1.0), norm=1), value=2)
    steps = run(optimizer, np.zeros(2), [[30, 2]])
    np.testing.assert_allclose(steps[0], [-(0.5**0.5)] * 2, rtol=1e-6)


def test_stacked_networks_are_clipped_by_norms_of_their_own() -> None:
    gradient = np.array([[3.0, 4], [0.3, 0.4]])
    clipped = Clipped(SGD(1.0), norm=1).clip(gradient)
    np.testing.assert_allclose(np.linalg.norm(clipped, axis=1), [1, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(clipped[1], gradient[1])


class ScikitLearnMomentum(SGD):
    """v ← μ v − η g, θ ← θ + v: the learning rate inside the velocity."""

    def step(self, params: Array, state: Any, gradient: Array) -> Any:
        learning_rate: Any = self.learning_rate
        rate = learning_rate if isinstance(learning_rate, float) else learning_rate.rate(state.step)
        velocity = self.momentum * state.slots["velocity"] - rate * gradient
        return params + velocity, type(state)(state.step + 1, {"velocity": velocity})


def test_scikit_learns_momentum_is_the_same_until_the_rate_changes() -> None:
    gradients = np.random.default_rng(0).normal(size=(6, 3))
    ours, theirs = (
        run(kind(0.1, momentum=0.9), np.zeros(3), gradients) for kind in (SGD, ScikitLearnMomentum)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)

    rate = StepDecay(0.1, step_size=3)
    ours, theirs = (
        run(kind(rate, momentum=0.9), np.zeros(3), gradients) for kind in (SGD, ScikitLearnMomentum)
    )
    np.testing.assert_allclose(ours[:3], theirs[:3], rtol=1e-13)
    assert np.abs(ours[3] - theirs[3]).max() > 0.01


def test_an_epsilon_inside_the_root_or_before_the_correction_is_told_apart() -> None:
    # g = 4, β = (½, ¾), ε = 1: m̂ = 4, v̂ = 16. Ours is 4/(4 + 1); inside the root it would be
    # 4/√17, and before the correction (Keras's form) 4/(4 + 1/√¼).
    step = -run(Adam(1.0, betas=(0.5, 0.75), eps=1.0), np.zeros(1), [[4]])[0].item()
    assert step == pytest.approx(0.8, rel=1e-15)
    for other in (4 / math.sqrt(17), 4 / 6):
        assert abs(step - other) > 0.1
    # RMSprop with s = 4: ours is 4/(2 + 1), TensorFlow's 4/√5.
    step = -run(RMSprop(1.0, alpha=0.75, eps=1.0), np.zeros(1), [[4]])[0].item()
    assert step == pytest.approx(4 / 3, rel=1e-15)
    assert abs(step - 4 / math.sqrt(5)) > 0.1
