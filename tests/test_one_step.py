"""One whole step (forward, loss, backward, update), and where it goes wrong elsewhere."""

from typing import Any

import numpy as np
import pytest

from clearprop import MSE, SGD, Linear, Loss, LossResult, Network, ReLU, Sequential, Sigmoid
from clearprop.base.arrays import Array
from clearprop.checking.witnesses.finite_differences import network_differences
from clearprop.training import StepEvent, start, train


def test_a_step_by_hand() -> None:
    # The network 1-2-1 with ReLU, two samples, η = 0.1:
    #   W1 = [1, −1], b1 = [0, 1], W2 = [[2], [3]], b2 = −1;  x = [1, 2], t = [3, 2]
    #
    # Forward      z1 = [[1, 0], [2, −1]]     (1·1 + 0, 1·(−1) + 1; 2·1 + 0, 2·(−1) + 1)
    #              a1 = [[1, 0], [2, 0]]
    #              y  = [2·1 + 3·0 − 1, 2·2 + 3·0 − 1] = [1, 3]
    # Loss         ((1 − 3)² + (3 − 2)²) / 2 = (4 + 1) / 2 = 2.5
    #              dy = 2(y − t)/2 = [−2, 1]
    # Backward     dW2 = a1ᵀ dy = [1·(−2) + 2·1, 0] = [0, 0];  db2 = −2 + 1 = −1
    #              da1 = dy W2ᵀ = [[−4, −6], [2, 3]]
    #              dz1 = da1 where z1 > 0 = [[−4, 0], [2, 0]]   (z1 = 0 counts as not above 0)
    #              dW1 = xᵀ dz1 = [1·(−4) + 2·2, 0] = [0, 0];   db1 = [−4 + 2, 0] = [−2, 0]
    #              dx = dz1 W1ᵀ = [−4, 2]
    # Update       b1 = [0 − 0.1·(−2), 1] = [0.2, 1], b2 = −1 − 0.1·(−1) = −0.9, the rest as before
    network = Network(Sequential(Linear(1, 2), ReLU(), Linear(2, 1)))
    params = np.array([1.0, -1, 0, 1, 2, 3, -1])
    x, t = np.array([[1.0], [2]]), np.array([[3.0], [2]])

    forward = network.forward(params, x)
    np.testing.assert_array_equal(forward["layers[0]"].output, [[1, 0], [2, -1]])
    np.testing.assert_array_equal(forward["layers[1]"].output, [[1, 0], [2, 0]])
    np.testing.assert_array_equal(forward.output, [[1], [3]])
    loss = MSE().evaluate(forward.output, t)
    assert loss.value == 2.5
    np.testing.assert_array_equal(loss.gradient, [[-2], [1]])
    backward = network.backward(forward, loss.gradient)
    np.testing.assert_array_equal(backward.gradient, [0, 0, -2, 0, 0, 0, -1])
    np.testing.assert_array_equal(backward["layers[1]"].output_gradient, [[-4, -6], [2, 3]])
    np.testing.assert_array_equal(backward["layers[0]"].output_gradient, [[-4, 0], [2, 0]])
    assert backward.input_gradient is not None
    np.testing.assert_array_equal(backward.input_gradient, [[-4], [2]])
    optimizer = SGD(0.1)
    after, _ = optimizer.step(params, optimizer.start(params), backward.gradient)
    np.testing.assert_allclose(after, [1, -1, 0.2, 1, 2, 3, -0.9], rtol=1e-15)

    # The loop takes the same step.
    event = next(train(network, start(network, params, optimizer), x, t, optimizer=optimizer))
    assert isinstance(event, StepEvent)
    assert event.loss == 2.5
    np.testing.assert_array_equal(event.state.params, after)


class HalfSquaredError(Loss):
    """½ Σ (y − t)², the loss of the worked 2-2-2 example."""

    def evaluate(self, output: Array, target: Array, **kwargs: Any) -> LossResult:
        error = output - target
        return LossResult(np.sum(error * error) / 2, 1.0, error)


class TestTheWorked222Example:
    """A widely copied example, whose printed result comes from going back through the weights
    that were already updated."""

    network = Network(Sequential(Linear(2, 2), Sigmoid(), Linear(2, 2), Sigmoid()))
    x, t = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
    # The example lists a unit's weights together: w1 = 0.15 and w2 = 0.20 lead into h1.
    values = {  # noqa: RUF012
        "layers[0].weight": np.array([[0.15, 0.25], [0.20, 0.30]]),
        "layers[0].bias": np.array([[0.35, 0.35]]),
        "layers[2].weight": np.array([[0.40, 0.50], [0.45, 0.55]]),
        "layers[2].bias": np.array([[0.60, 0.60]]),
    }
    params = network.replace(np.zeros(12), values)
    rate = 0.5
    loss = HalfSquaredError()

    def loss_at(self, params: Array) -> float:
        output = self.network.forward(params, self.x).output
        return float(self.loss.evaluate(output, self.t).value)

    def without_biases(self, gradient: Array) -> Array:
        """The example keeps its biases as they are."""
        named = self.network.named(gradient)
        frozen = {path: np.zeros_like(g) for path, g in named.items() if path.endswith("bias")}
        return self.network.replace(gradient, frozen)

    def right_gradient(self) -> Array:
        forward = self.network.forward(self.params, self.x)
        signal = self.loss.evaluate(forward.output, self.t).gradient
        return self.without_biases(self.network.backward(forward, signal).gradient)

    def updated_weights_gradient(self) -> Array:
        """The mistake, made on purpose: layer 2 is updated, and then layer 1's signal is taken
        through its new weights."""
        step = self.params - self.rate * self.right_gradient()
        updated = self.network.named(step)["layers[2].weight"]
        forward = self.network.forward(self.params, self.x)
        signal = self.loss.evaluate(forward.output, self.t).gradient
        backward = self.network.backward(forward, signal)
        hidden = forward["layers[1]"].output
        dz1 = backward["layers[2]"].output_gradient @ updated.T * hidden * (1 - hidden)
        return self.network.replace(self.right_gradient(), {"layers[0].weight": self.x.T @ dz1})

    def test_the_start(self) -> None:
        output = self.network.forward(self.params, self.x).output
        np.testing.assert_allclose(output, [[0.75136507, 0.772928465]], rtol=0, atol=5e-9)
        assert self.loss_at(self.params) == pytest.approx(0.298371109, rel=0, abs=5e-10)

    def test_old_weights_are_right_and_updated_weights_are_not(self) -> None:
        right = self.loss_at(self.params - self.rate * self.right_gradient())
        wrong = self.loss_at(self.params - self.rate * self.updated_weights_gradient())
        assert right == pytest.approx(0.291027773694, rel=0, abs=5e-13)
        assert wrong == pytest.approx(0.291027923905, rel=0, abs=5e-13)

    def test_finite_differences_tell_the_two_apart(self) -> None:
        witness = self.without_biases(
            network_differences(self.network, self.params, self.x, self.t, self.loss).gradient
        )
        # Differences of a loss near 0.3 are good to 1e-10.
        np.testing.assert_allclose(self.right_gradient(), witness, rtol=0, atol=1e-10)
        with pytest.raises(AssertionError, match="Mismatched elements: 4 / 12"):
            np.testing.assert_allclose(self.updated_weights_gradient(), witness, atol=1e-5)


def test_z_in_place_of_a_is_told_apart_by_finite_differences(
    tutorial_data: tuple[Array, Array],
) -> None:
    # The tutorial hands layer 2's backward the pre-activation out1, where its input was a1.
    x, t = tutorial_data
    network = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))
    params = np.random.RandomState(0).rand(31)
    forward = network.forward(params, x)
    dy = MSE().evaluate(forward.output, t).gradient
    right = network.backward(forward, dy).gradient
    z_for_a = {"layers[2].weight": forward["layers[0]"].output.T @ dy}
    wrong = network.replace(right, z_for_a)

    witness = network_differences(network, params, x, t, MSE())
    assert not witness.flipped.any()
    # The loss is near 1000, so the differences are good to about 1e-7.
    np.testing.assert_allclose(right, witness.gradient, rtol=1e-7, atol=1e-6)
    # All ten entries of layer 2's weight gradient are off, and no other.
    off = np.abs(wrong - witness.gradient) > 0.1
    np.testing.assert_array_equal(np.flatnonzero(off), np.arange(20, 30))
