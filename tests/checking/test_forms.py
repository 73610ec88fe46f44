"""What `check` takes, in every form that people hand over; right ones are right, wrong ones wrong,
and what cannot go in is told in a sentence."""

import threading
from typing import Any

import numpy as np
import pytest

from clearprop import check
from clearprop.base.errors import ClearpropError
from tests.checking.form_outcomes import RANDOM, B, W, X, findings, outcome

GENERATOR = np.random.default_rng(7)


class Layer:
    """x W, whose mistakes are switched on by name."""

    def __init__(self, W: Any, mistake: str = "") -> None:
        self.W, self.mistake = W, mistake

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W

    def backward(self, dout: Any) -> Any:
        self.dW = self.x.T @ dout * (2 if self.mistake == "W" else 1)
        return dout @ (self.W if self.mistake == "x" else self.W.T)


# Objects


def test_an_object_by_itself_by_its_methods_and_with_x_named() -> None:
    layer = Layer(W)
    assert outcome(layer, X) == outcome(layer, x=X) == ("right", ["x", "W"])
    assert outcome(layer.forward, X, backward=layer.backward) == ("right", ["x", "W"])
    assert check(layer, X).name == "Layer"
    assert not hasattr(layer, "x"), "the person's own object is left alone"


@pytest.mark.parametrize("mistake", ["W", "x"])
def test_an_object_with_a_mistake(mistake: str) -> None:
    verdict = check(Layer(RANDOM.normal(size=(3, 3)), mistake), X)
    assert [a.name for a in verdict.arrays if a.outcome == "wrong"] == [mistake]


def test_gradients_of_an_earlier_step_do_not_leak() -> None:
    class Adds(Layer):
        def __init__(self) -> None:
            super().__init__(W)
            self.dW = np.zeros_like(W)

        def backward(self, dout: Any) -> Any:
            self.dW += self.x.T @ dout
            return dout @ self.W.T

    layer = Adds()
    layer.backward(np.ones_like(layer.forward(X)))
    assert outcome(layer, X) == ("right", ["x", "W"])


def test_a_parameter_without_a_gradient_is_asked_about_and_a_buffer_is_not() -> None:
    class Forgets(Layer):
        def backward(self, dout: Any) -> Any:
            return dout @ self.W.T

    verdict = check(Forgets(W), X)
    assert (verdict.outcome, findings(verdict)) == ("undecided", ["not_claimed_parameter"])
    assert "name it dW" in str(verdict)

    class Centres:
        def __init__(self) -> None:
            self.running_mean = np.zeros(3)

        def forward(self, x: Any) -> Any:
            self.running_mean = 0.9 * self.running_mean + 0.1 * x.mean(0)
            return x - x.mean(0)

        def backward(self, dout: Any) -> Any:
            return dout - dout.mean(0)

    assert outcome(Centres(), X) == ("right", ["x"])


def test_parameters_that_are_views_of_one_array_move_with_it() -> None:
    class Flat:
        def __init__(self) -> None:
            self.theta = RANDOM.normal(size=8)
            self.W, self.b = self.theta[:6].reshape(3, 2), self.theta[6:]

        def forward(self, x: Any) -> Any:
            self.x = x
            return x @ self.W + self.b

        def backward(self, dout: Any) -> Any:
            self.dtheta = np.concatenate([(self.x.T @ dout).ravel(), dout.sum(0)])
            return dout @ self.W.T

    assert outcome(Flat(), X) == ("right", ["x", "theta"])


def test_what_cannot_be_copied_is_shared_or_refused() -> None:
    class Locked(Layer):
        def __init__(self) -> None:
            super().__init__(W)
            self.lock = threading.Lock()

    assert outcome(Locked(), X) == ("right", ["x", "W"])

    class Refuses(Layer):
        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("no copies")

    with pytest.raises(ClearpropError, match=r"Refuses cannot be copied \(no copies\)"):
        check(Refuses(W), X)


def test_returned_gradients_of_kept_parameters_have_their_places_by_shape() -> None:
    class Returns(Layer):
        def backward(self, dout: Any) -> Any:
            return dout @ self.W.T, self.x.T @ dout

    assert outcome(Returns(W), X) == ("right", ["x", "W"])


def test_a_class_that_needs_arguments() -> None:
    with pytest.raises(ClearpropError, match=r"Layer needs W to be made.*layer = Layer"):
        check(Layer, X)


def test_only_what_is_asked_for() -> None:
    square = RANDOM.normal(size=(3, 3))
    assert outcome(Layer(square, "x"), X, wrt=["W"]) == ("right", ["W"])
    with pytest.raises(ClearpropError, match="'q' is no floating array"):
        check(Layer(W), X, wrt=["q"])


# Losses and their gradients


def mse(y: Any, t: Any) -> Any:
    return np.mean((y - t) ** 2)


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (mse, lambda dy, y, t: 2 * dy * (y - t) / y.size),
        (mse, lambda dy, y, t: 2 * (y - t) / y.size),
        (mse, lambda y, t: 2 * (y - t) / y.size),
        (mse, lambda y, t: (2 * (y - t) / y.size, -2 * (y - t) / y.size)),
        (lambda y, t: (mse(y, t), (y, t)), lambda cache: 2 * (cache[0] - cache[1]) / X.size),
        (lambda y, t: (mse(y, t), 2 * (y - t) / y.size), None),
        (lambda y, t: ({"dy": 2 * (y - t) / y.size}, mse(y, t)), None),
    ],
)
def test_a_loss_in_every_form(forward: Any, backward: Any) -> None:
    assert outcome(forward, X, X + 1, backward=backward)[0] == "right"

    def halved(*arguments: Any) -> Any:
        found = (backward or forward)(*arguments)
        if backward is not None:
            return tuple(g / 2 for g in found) if isinstance(found, tuple) else found / 2
        loss, gradient = found
        if isinstance(loss, dict):
            return {"dy": loss["dy"] / 2}, gradient
        return loss, gradient / 2

    wrong = (forward, halved) if backward is not None else (halved, None)
    assert outcome(wrong[0], X, X + 1, backward=wrong[1])[0] == "wrong"


def test_a_loss_and_its_gradient_in_the_order_of_scipy() -> None:
    assert outcome(lambda th: np.sum(th**3), lambda th: 3 * th**2, X) == ("right", ["th"])
    assert outcome(lambda th: np.sum(th**3), lambda th: th**2, X)[0] == "wrong"


def test_a_given_upstream_gradient_has_to_be_looked_at() -> None:
    def backward(dy: Any, y: Any, t: Any) -> Any:
        return 2 * (y - t) / y.size

    assert outcome(mse, X, X + 1, backward=backward, dy=2.0)[0] == "wrong"


def test_a_derivative_by_the_input_or_by_the_output() -> None:
    def sigmoid(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    assert outcome(sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z)), X)[0] == "right"
    assert outcome(sigmoid, lambda a: a * (1 - a), X)[0] == "right"
    assert outcome(sigmoid, lambda a: a * (2 - a), X)[0] == "wrong"


# Random numbers


def test_a_generator_of_the_modules_own_draws_the_same_every_time() -> None:
    def forward(x: Any) -> Any:
        mask = GENERATOR.random(x.shape) < 0.5
        return x * mask, mask

    state = GENERATOR.bit_generator.state
    assert outcome(forward, lambda dout, mask: dout * mask, X)[0] == "right"
    assert outcome(forward, lambda dout, mask: dout * ~mask, X)[0] == "wrong"
    assert GENERATOR.bit_generator.state == state


# Averages over samples


@pytest.mark.parametrize("columns", [True, False])
def test_gradients_that_are_averages(columns: bool) -> None:
    def forward(a: Any, w: Any, b: Any) -> Any:
        return (w @ a + b if columns else a @ w + b), (a, w)

    def backward(dz: Any, cache: Any) -> Any:
        a, w = cache
        m = a.shape[1] if columns else a.shape[0]
        if columns:
            return w.T @ dz, dz @ a.T / m, dz.sum(1, keepdims=True) / m
        return dz @ w.T, a.T @ dz / m, dz.sum(0) / m

    point = (X.T.copy(), W.T.copy(), B[:, None]) if columns else (X, W, B)
    assert outcome(forward, *point, backward=backward)[0] == "wrong"
    verdict = check(forward, *point, backward=backward, averaged=True)
    assert (verdict.outcome, findings(verdict)) == ("right", ["averaged"])
    assert verdict.findings[0].values == {"names": "w, b", "count": 4}

    def unaveraged(dz: Any, cache: Any) -> Any:
        found = backward(dz, cache)
        return found[0], found[1] * 4, found[2]

    assert outcome(forward, *point, backward=unaveraged, averaged=True)[0] == "wrong"


def test_averages_of_what_has_no_samples_are_refused() -> None:
    with pytest.raises(ClearpropError, match="nothing shows which axis"):
        check(lambda x: x.sum(), lambda dy, x: dy * np.ones_like(x), X, averaged=True)


# Losses that stand nowhere


def test_a_backward_of_a_loss_that_stands_nowhere() -> None:
    class Net:
        def __init__(self, wrong: bool = False) -> None:
            self.W1, self.W2, self.wrong = W.copy(), RANDOM.normal(size=(2, 1)), wrong

        def forward(self, x: Any) -> Any:
            self.x, self.h = x, np.tanh(x @ self.W1)
            return self.h @ self.W2

        def backward(self, x: Any, t: Any, y: Any) -> None:
            d = y - t
            dh = d @ self.W2.T * (1 if self.wrong else 1 - self.h**2)
            self.W2 -= 0.1 * self.h.T @ d
            self.W1 -= 0.1 * x.T @ dh

        lr = 0.1

    t = np.ones((4, 1))
    verdict = check(Net(), X, t)
    assert verdict.outcome == "right"
    assert verdict.findings[0].values["loss"] == "½ Σ(y − t)²"
    assert outcome(Net(wrong=True), X, t)[0] == "wrong"
