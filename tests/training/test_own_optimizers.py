"""An optimizer of a person's own may keep the gradient, a view of it or anything else, and edit it:
the training is that of the same steps taken by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from clearprop import MSE, Linear, Network, Optimizer, OptimizerState, Sequential, Tanh
from clearprop.base.arrays import Array
from clearprop.training import StepEvent, fit, start, train

NETWORK = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
X = np.random.default_rng(0).normal(size=(6, 2))
T = X[:, :1]
STEPS = 5


@dataclass(frozen=True)
class Keeping(Optimizer):
    """θ − 0.05 (g + ½ × the gradient before), which it keeps where `keep` puts it."""

    keep: Callable[[dict[str, Any], Array], None]
    kept: dict[str, Any] = field(default_factory=dict, compare=False)

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        box = {} if state.step == 0 else {**self.kept, **state.slots}
        before = box.get("before", np.zeros_like(gradient))
        while not isinstance(before, np.ndarray):
            before = before[-1]
        stepped = params - 0.05 * (gradient + 0.5 * before.reshape(gradient.shape))
        slots: dict[str, Any] = {}
        self.keep(slots, gradient)
        return stepped, OptimizerState(state.step + 1, slots)


@dataclass(frozen=True)
class KeepingOutside(Keeping):
    """The same, with all gradients in a list of its own."""

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        stepped, _ = super().step(params, state, gradient)
        self.kept.setdefault("before", []).append(gradient)
        return stepped, OptimizerState(state.step + 1)


@dataclass(frozen=True)
class InPlace(Optimizer):
    """θ − 0.05 g, worked out in the gradient itself, which it returns."""

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        gradient *= -0.05
        gradient += params
        return gradient, OptimizerState(state.step + 1, {"rate": 0.05})  # type: ignore[dict-item]


def by_hand(optimizer: Optimizer) -> Array:
    params = NETWORK.initialize()
    state = optimizer.start(params)
    for _ in range(STEPS):
        forward = NETWORK.forward(params, X)
        gradient = NETWORK.backward(forward, MSE().evaluate(forward.output, T).gradient).gradient
        params, state = optimizer.step(params, state, gradient.copy())
    return params


KEEPS: Any = {
    "itself": lambda slots, gradient: slots.update(before=gradient),
    "a view": lambda slots, gradient: slots.update(before=gradient.reshape(1, -1)),
    "a list": lambda slots, gradient: slots.update(before=[gradient]),
}


@pytest.mark.parametrize("keep", KEEPS)
def test_a_gradient_that_is_kept_in_the_state(keep: str) -> None:
    trained = fit(NETWORK, NETWORK.initialize(), X, T, optimizer=Keeping(KEEPS[keep]), epochs=STEPS)
    np.testing.assert_array_equal(trained.params, by_hand(Keeping(KEEPS[keep])))


def test_gradients_that_are_kept_elsewhere() -> None:
    optimizer = KeepingOutside(lambda slots, gradient: None)
    state = start(NETWORK, NETWORK.initialize(), optimizer)
    events = [
        event
        for event in train(NETWORK, state, X, T, optimizer=optimizer, epochs=STEPS)
        if isinstance(event, StepEvent)
    ]
    for event, kept in zip(events, optimizer.kept["before"], strict=True):
        np.testing.assert_array_equal(kept, event.backward.gradient)
    np.testing.assert_array_equal(
        events[-1].state.params, by_hand(KeepingOutside(lambda slots, gradient: None))
    )


def test_a_gradient_that_is_edited_and_returned() -> None:
    trained = fit(NETWORK, NETWORK.initialize(), X, T, optimizer=InPlace(), epochs=STEPS)
    np.testing.assert_array_equal(trained.params, by_hand(InPlace()))


def test_a_pass_of_a_training_that_diverges_is_made_again_in_silence() -> None:
    # Warnings are errors here.
    state = start(NETWORK, np.full(NETWORK.size, 1e200), InPlace())
    for event in train(NETWORK, state, X, T, loss="mse", optimizer=InPlace(), epochs=3):
        if isinstance(event, StepEvent):
            assert not np.isfinite(event.loss)
            assert not np.isfinite(event.backward.gradient).all()
