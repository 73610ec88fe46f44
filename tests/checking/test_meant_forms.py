"""What people mean and do not say: a loss beside its gradients in a backward, a derivative of the
output, averages, a target that is no prediction, names that a file has; and what no verdict heeds
is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import MSE, Linear, Network, check
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.checking.request import answer
from clearprop.checking.subjects.plain_functions import argument_names
from clearprop.checking.targets import request_for
from clearprop.checking.verdict import Verdict

_random = np.random.default_rng(0)
X, W, T = _random.normal(size=(4, 3)), _random.normal(size=(3, 2)), _random.normal(size=(4, 2))
Y = _random.normal(size=(4, 2))


def keys(verdict: Verdict) -> list[str]:
    return [str(one.key) for one in verdict.findings]


def mean_square(z: Array, t: Array) -> Any:
    return np.mean((z - t) ** 2)


class MeanSquare:
    """The same as a class."""

    def __call__(self, z: Array, t: Array) -> Any:
        return mean_square(z, t)


# A loss beside its gradients, in backward's result


@pytest.mark.parametrize("target", [mean_square, MeanSquare, MeanSquare(), MSE()])
@pytest.mark.parametrize(("factor", "outcome"), [(2.0, "right"), (1.0, "wrong")])
def test_a_loss_with_its_gradient_as_backward(target: Any, factor: float, outcome: str) -> None:
    def both(z: Array, t: Array) -> Any:
        return mean_square(z, t), factor * (z - t) / z.size

    def turned(z: Array, t: Array) -> Any:
        return both(z, t)[::-1]

    for backward in (both, turned):
        verdict = check(target, Y, T, backward=backward)
        assert verdict.outcome == outcome
        assert len(verdict.arrays) == 1


def test_the_gradients_beside_a_loss_may_be_in_a_dictionary() -> None:
    def loss(x: Array, p: Any) -> Any:
        return np.mean((x @ p["W"] - T) ** 2)

    def both(x: Array, p: Any) -> Any:
        return loss(x, p), {"W": 2 * x.T @ (x @ p["W"] - T) / T.size}

    verdict = check(loss, X, {"W": W}, backward=both)
    assert (verdict.outcome, [one.name for one in verdict.arrays]) == ("right", ["W"])


def test_a_gradient_of_one_number_is_not_taken_for_a_loss() -> None:
    def forward(x: Array, c: Array) -> Any:
        return np.sum(x * c)

    for factor, outcome in ((1.0, "right"), (2.0, "wrong")):
        verdict = check(
            forward,
            X,
            np.array(1.5),
            backward=lambda x, c, f=factor: (c * np.ones_like(x), f * np.sum(x)),
        )
        assert (verdict.outcome, len(verdict.arrays)) == (outcome, 2)


# What is not heeded


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (Linear(3, 2), {"backward": mean_square}),
        (Linear, {"backward": mean_square}),
        (Network(Linear(3, 2)), {"averaged": True}),
        (Linear(3, 2), {"wrt": ["x"]}),
        (MSE(), {"order": ("x", "dy")}),
    ],
)
def test_options_of_functions_are_refused_for_what_is_ours(target: Any, options: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^{next(iter(options))} is for functions"):
        check(target, X, **options)


def test_a_loss_class_is_checked_at_the_arrays_that_come_with_it() -> None:
    assert check(MSE, Y, T, witnesses=[]).array("output").shape == Y.shape


# Averages


def averaged_backward(dz: Array, cache: Any) -> Any:
    a, w = cache
    m = a.shape[1]
    return w.T @ dz, dz @ a.T / m, dz.sum(axis=1, keepdims=True) / m


def test_gradients_divided_by_m_are_pointed_to_averaged() -> None:
    arrays = X.T.copy(), W.T.copy(), np.zeros((2, 1))
    verdict = check(lambda A, W, b: (W @ A + b, (A, W)), *arrays, backward=averaged_backward)
    assert (verdict.outcome, keys(verdict)) == ("wrong", ["meant_averaged"])
    assert "--averaged" in str(verdict)
    assert "averaged=True" in verdict.text("zh-TW")
    rows = check(lambda x, w: x @ w, X, W, backward=lambda dy, x, w: (dy @ w.T, x.T @ dy / len(x)))
    assert keys(rows) == ["meant_averaged"]


def test_other_factors_and_a_data_gradient_that_is_divided_too_are_not() -> None:
    def product(x: Array, w: Array) -> Array:
        return np.asarray(x @ w)

    half = check(product, X, W, backward=lambda dy, x, w: (dy @ w.T, x.T @ dy / 2))
    assert keys(half) == []
    both = check(product, X, W, backward=lambda dy, x, w: (dy @ w.T / 4, x.T @ dy / 4))
    assert keys(both) == []


# A derivative of the output


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def test_a_derivative_of_the_output_says_so() -> None:
    verdict = check(sigmoid, lambda x: x * (1 - x), X)
    assert (verdict.outcome, keys(verdict)) == ("right", ["of_the_output"])
    assert "as a function of the output" in str(verdict)
    assert check(sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z)), X).findings == ()
    # The name says it, or an upstream gradient is taken.
    assert check(sigmoid, lambda y: y * (1 - y), X).findings == ()
    assert check(sigmoid, lambda dy, y: dy * y * (1 - y), X).findings == ()


# Gradients that are expected and not there


@pytest.mark.parametrize("value", [2.0, np.float64(2.0), np.array(2.0), np.full(3, 2.0)])
def test_a_place_for_a_gradient_that_stays_empty_is_undecided(value: Any) -> None:
    class Scale:
        def __init__(self) -> None:
            self.c, self.dc = value, None

        def forward(self, x: Array) -> Any:
            return self.c * x

        def backward(self, dy: Array) -> Any:
            return dy * self.c

    verdict = check(Scale(), X)
    assert (verdict.outcome, keys(verdict)) == ("undecided", ["not_claimed_parameter"])


def test_a_setting_without_a_place_for_a_gradient_is_none() -> None:
    class Scale:
        slope = 0.5

        def __init__(self) -> None:
            self.c = 2.0

        def forward(self, x: Array) -> Any:
            return self.c * x

        def backward(self, dy: Array) -> Any:
            return dy * self.c

    assert (check(Scale(), X).outcome, check(Scale(), X).findings) == ("right", ())


@pytest.mark.parametrize("returned", [None, (None,), {"c": None}, np.array(None)])
def test_nothing_in_place_of_the_one_gradient_is_told(returned: Any) -> None:
    with pytest.raises(ContractError, match="an array as the gradient of c"):
        check(lambda c: c**3, np.array(2.0), backward=lambda dy, c: returned)


# Which array a gradient is of


def test_one_gradient_is_not_of_two_arrays() -> None:
    verdict = check(lambda x, ws: x @ ws[0], X, [W], backward=lambda dy, x, ws: [x.T @ dy])
    assert (verdict.outcome, [one.name for one in verdict.arrays]) == ("right", ["ws[0]"])


@pytest.mark.parametrize(
    "names", [("pred", "target"), ("y_pred", "y_true"), ("y", "t"), ("a", "b")]
)
def test_a_wrong_sign_is_not_the_gradient_of_the_target(names: tuple[str, str]) -> None:
    space: dict[str, Any] = {"np": np}
    first, second = names
    exec(
        f"def loss({first}, {second}):\n    return np.mean(({first} - {second}) ** 2)\n"
        f"def turned({second}, {first}):\n    return np.mean(({first} - {second}) ** 2)\n"
        f"def grad({first}, {second}):\n    return 2 * ({first} - {second}) / {first}.size\n"
        f"def minus({first}, {second}):\n    return -grad({first}, {second})\n",
        space,
    )
    loss, grad, minus = space["loss"], space["grad"], space["minus"]
    assert check(loss, Y, T, backward=grad).array(first).outcome == "right"
    assert check(loss, Y, T, backward=minus).array(first).outcome == "wrong"
    if names != ("a", "b"):
        assert check(space["turned"], T, Y, backward=grad).array(first).outcome == "right"


def test_every_array_has_a_name_of_its_own() -> None:
    def star(p1: Array, *rest: Array) -> Array:
        return np.asarray(p1 @ rest[0])

    assert argument_names(star, 3) == ["p1", "p2", "p3"]
    assert argument_names(lambda p2, *rest: None, 3) == ["p2", "p1", "p3"]
    assert argument_names(lambda *rest: None, 3) == ["x", "p1", "p2"]
    for factor, outcome in ((1, "right"), (2, "wrong")):
        verdict = check(star, X, W, backward=lambda dy, p1, w, f=factor: (dy @ w.T, f * p1.T @ dy))
        assert (verdict.outcome, len(verdict.arrays)) == (outcome, 2)


def test_a_capital_beside_a_number_is_no_gradient_of_it() -> None:
    class Dropped:
        def __init__(self) -> None:
            self.W, self.p = W, 0.5
            self.mask = np.random.default_rng(1).random((4, 3)) < self.p

        def forward(self, x: Array) -> Any:
            self.D = x * self.mask / self.p
            return self.D @ self.W

        def backward(self, dy: Array) -> Any:
            self.dW = self.D.T @ dy
            return dy @ self.W.T * self.mask / self.p

    verdict = check(Dropped(), X)
    assert (verdict.outcome, [one.name for one in verdict.arrays]) == ("right", ["x", "W"])


# Files


def verdict_of(tmp_path: Path, text: str, name: str) -> Verdict:
    path = tmp_path / "written.py"
    path.write_text(text)
    return answer(request_for(f"{path}:{name}".rstrip(":")))


def test_a_file_that_was_changed_within_a_second_is_read_as_it_stands(tmp_path: Path) -> None:
    for factor, outcome in ((1, "right"), (2, "wrong"), (1, "right")):
        text = (
            "import numpy as np\ninputs = np.array([0.5, -1.0])\n"
            f"def f(x): return x * x\ndef f_backward(dy, x): return {factor}.0 * 2 * dy * x\n"
        )
        assert verdict_of(tmp_path, text, "f").outcome == outcome


LABELS_BESIDE = """
import numpy as np
rng = np.random.default_rng(0)
X, Y, W = rng.normal(size=(3, 5)), rng.integers(0, 2, (1, 5)) * 1.0, rng.normal(size=(1, 3))
def forward(X, W):
    A = 1 / (1 + np.exp(-W @ X))
    return A, (X, A)
def backward(cache, Y):
    X, A = cache
    return {"dW": SIGN(A - Y) @ X.T / Y.shape[1]}
"""


@pytest.mark.parametrize(("sign", "named"), [("", []), ("-", ["sign"])])
def test_labels_that_only_backward_takes_stand_in_the_file(
    tmp_path: Path, sign: str, named: list[str]
) -> None:
    verdict = verdict_of(tmp_path, LABELS_BESIDE.replace("SIGN", sign), "forward")
    assert verdict.outcome == ("wrong" if sign else "right")
    assert [one.key for one in verdict.mistakes] == named


GENERATOR = """
import numpy as np
rng = np.random.RandomState(0)
class Dropout:
    def forward(self, x):
        self.mask = rng.binomial(1, 0.6, size=x.shape) / 0.6
        return x * self.mask
    def backward(self, dy):
        return dy * self.mask
class Model:
    def __init__(self):
        self.layers = [Dropout()]
    def forward(self, x):
        return self.layers[0].forward(x)
    def backward(self, dy):
        return self.layers[0].backward(dy)
inputs = np.linspace(-1, 1, 12).reshape(4, 3)
"""


@pytest.mark.parametrize("name", ["Dropout", "Model"])
@pytest.mark.parametrize("kind", ["RandomState", "default_rng"])
def test_a_generator_of_the_module_is_wound_back(tmp_path: Path, name: str, kind: str) -> None:
    text = GENERATOR.replace("RandomState", kind)
    assert verdict_of(tmp_path, text, name).outcome == "right"


SCRIPT = """
import numpy as np
rng = np.random.default_rng(0)
x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
w1, w2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
for _ in range(9):
    h = x.dot(w1)
    a = np.maximum(h, 0)
    p = a.dot(w2)
    loss = np.square(p - y).sum()
    g = 2.0 * (p - y)
    dw2 = A.T.dot(g)
    da = g.dot(w2.T)
    dh = da * (h > 0)
    dw1 = x.T.dot(DH)
    w1 -= 1e-3 * dw1
    w2 -= 1e-3 * dw2
"""


@pytest.mark.parametrize(
    ("a", "dh", "named"),
    [
        ("a", "dh", []),
        ("h", "dh", ["weight_from_z"]),
        ("a", "da", ["derivative_missing"]),
    ],
)
def test_mistakes_in_a_script_of_plain_arrays_are_named(
    tmp_path: Path, a: str, dh: str, named: list[str]
) -> None:
    text = SCRIPT.replace("A.T", f"{a}.T").replace("DH", dh)
    path = tmp_path / "train.py"
    path.write_text(text)
    assert [str(one.key) for one in answer(request_for(str(path))).mistakes] == named


def test_a_layer_that_updates_itself_by_the_rate_of_its_backward() -> None:
    class Layer:
        def __init__(self) -> None:
            self.weights = W.copy()

        def forward_propagation(self, x: Array) -> Any:
            self.x = x
            return x @ self.weights

        def backward_propagation(self, error: Array, learning_rate: float = 0.1) -> Any:
            back = error @ self.weights.T
            self.weights -= learning_rate * self.x.T @ error
            return back

    verdict = check(Layer(), X)
    assert (verdict.outcome, [one.name for one in verdict.arrays]) == ("right", ["x", "weights"])


def test_data_in_a_tuple_beside_parameters_in_a_dictionary() -> None:
    def loss(params: Any, batch: Any) -> Any:
        x, t = batch
        return np.mean((x @ params["w"] - t) ** 2)

    def gradient(params: Any, batch: Any) -> Any:
        x, t = batch
        return {"w": 2 * x.T @ (x @ params["w"] - t) / t.size}

    verdict = check(loss, {"w": W}, (X, T), backward=gradient)
    assert (verdict.outcome, [one.name for one in verdict.arrays]) == ("right", ["w"])
