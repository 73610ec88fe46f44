"""float16 and bfloat16 are refused in words, in whatever form they come; float32 is not."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clearprop import MSE, Linear, Network, check
from clearprop.base.errors import ConfigurationError
from clearprop.checking.targets import request_for

ml_dtypes = pytest.importorskip("ml_dtypes")


class Product:
    """x W, which keeps its gradient."""

    def __init__(self, W: Any) -> None:
        self.W = W

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W

    def backward(self, dy: Any) -> Any:
        self.dW = self.x.T @ dy
        return dy @ self.W.T


def product(x: Any, w: Any) -> Any:
    return x @ w


def product_backward(dy: Any, x: Any, w: Any) -> Any:
    return dy @ w.T, x.T @ dy


def mean_square(y: Any, t: Any) -> Any:
    return np.mean((y - t) ** 2), 2 * (y - t) / y.size


FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "functions": lambda x, w: check(product, x, w, backward=product_backward),
    "an object": lambda x, w: check(Product(w), x),
    "a dictionary": lambda x, w: check(
        lambda x, p: x @ p["W"],
        x,
        {"W": w},
        backward=lambda dy, x, p: {"W": x.T @ dy},
    ),
    "a list": lambda x, w: check(
        lambda x, ws: x @ ws[0], x, [w], backward=lambda dy, x, ws: [x.T @ dy]
    ),
    "a loss with its gradient": lambda x, w: check(mean_square, x, x + x),
    "a gradient": lambda x, w: check(lambda t: np.sum(t**2), x, gradient=lambda t: 2 * t),
    "one number": lambda x, w: check(lambda t: t**2, x[0, 0], backward=lambda dy, t: 2 * dy * t),
    "deep in an object": lambda x, w: check(SimpleNamespace(layers=[Product(w)]).layers[0], x),
    "a layer": lambda x, w: check(Linear(3, 2), x, witnesses=[]),
    "a network": lambda x, w: check(Network(Linear(3, 2)), x, witnesses=[]),
    "a loss of ours": lambda x, w: check(MSE(), x, x, witnesses=[]),
    "an upstream gradient": lambda x, w: check(
        product,
        x.astype(float),
        w.astype(float),
        backward=product_backward,
        dy=(x @ w).astype(x.dtype),
    ),
}


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
@pytest.mark.parametrize("form", FORMS)
def test_what_has_three_digits_is_refused(form: str, dtype: Any) -> None:
    random = np.random.default_rng(0)
    x, w = random.normal(size=(4, 3)), random.normal(size=(3, 2))
    with pytest.raises(
        ConfigurationError, match=f"{np.dtype(dtype).name} has two or three"
    ) as told:
        FORMS[form](x.astype(dtype), w.astype(dtype))
    assert "float32" in str(told.value)


@pytest.mark.parametrize("form", FORMS)
def test_single_precision_is_not_refused(form: str) -> None:
    random = np.random.default_rng(0)
    x, w = random.normal(size=(4, 3)), random.normal(size=(3, 2))
    assert FORMS[form](x.astype("float32"), w.astype("float32")).outcome == "right"


def test_the_arrays_are_named_and_a_mix_is_refused() -> None:
    x, w = np.ones((4, 3)), np.ones((3, 2), "float16")
    with pytest.raises(ConfigurationError, match=r"^w: float16"):
        check(product, x, w, backward=product_backward)
    with pytest.raises(ConfigurationError, match=r"^x, W: float16"):
        check(Product(w), x.astype("float16"))


def test_gradients_of_fewer_digits_are_no_arrays_of_fewer_digits() -> None:
    verdict = check(
        np.tanh, lambda dy, x: (dy * (1 - np.tanh(x) ** 2)).astype("float16"), np.ones(3)
    )
    assert verdict.outcome == "right"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_tensors_and_modules_of_torch(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    kind = getattr(torch, dtype)

    class Square(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return 2 * dy * ctx.saved_tensors[0]

    module = torch.nn.Linear(3, 2).to(kind)
    refused: list[Callable[[], object]] = [
        lambda: check(Square, torch.ones(3, dtype=kind)),
        lambda: check(module, torch.ones(4, 3, dtype=kind)),
        lambda: check(module, np.ones((4, 3))),
    ]
    for given in refused:
        with pytest.raises(ConfigurationError, match=dtype):
            given()
    assert check(Square, torch.ones(3)).outcome == "right"


def test_a_script_in_float16(tmp_path: Any) -> None:
    path = tmp_path / "train.py"
    path.write_text(
        "import numpy as np\n"
        "x = np.linspace(-1, 1, 6).reshape(3, 2).astype('float16')\n"
        "w = np.ones((2, 1), 'float16')\n"
        "for _ in range(3):\n"
        "    loss = (x @ w).sum()\n"
        "    dw = x.T @ np.ones((3, 1), 'float16')\n"
        "    w -= np.float16(0.1) * dw\n"
    )
    from clearprop.checking.request import answer

    with pytest.raises(ConfigurationError, match="w: float16"):
        answer(request_for(str(path)))
