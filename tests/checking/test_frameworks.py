"""PyTorch and JAX: their own functions checked, and what they say of ours."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clearprop import MSE, Dropout, Linear, Network, ReLU, Sequential, Tanh, check
from clearprop.base.arrays import Array
from clearprop.base.dependencies import is_installed
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.checking.catalogue import requests
from clearprop.checking.request import Request, answer

X = np.random.default_rng(0).normal(size=(4, 3))
W = np.random.default_rng(1).normal(size=(3, 2))


@pytest.fixture(scope="module")
def jax() -> Any:
    return pytest.importorskip("jax")


def torch_product(torch: Any, factor: float) -> Any:
    class Product(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            ctx.save_for_backward(x, w)
            return x @ w

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            x, w = ctx.saved_tensors
            return dy @ w.T, factor * (x.T @ dy)

    return Product


def jax_product(jax: Any, factor: float) -> Any:
    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def product(x: Any, w: Any) -> Any:
        return x @ w

    product.defvjp(
        lambda x, w: (x @ w, (x, w)),
        lambda saved, dy: (dy @ saved[1].T, factor * (saved[0].T @ dy)),
    )
    return product


def test_a_torch_function(torch: Any) -> None:
    right = check(torch_product(torch, 1.0), X, W)
    assert right.outcome == "right"
    assert [one.name for one in right.arrays] == ["x", "w"]
    wrong = check(torch_product(torch, 2.0), X, W)
    assert wrong.array("x").outcome == "right"
    assert wrong.array("w").outcome == "wrong"
    assert check(torch_product(torch, 1.001), X, W).outcome == "wrong"


def test_a_torch_function_with_setup_context(torch: Any) -> None:
    class Square(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(x: Any) -> Any:
            return x * x

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * dy

    verdict = check(Square, X)
    assert verdict.outcome == "right"
    assert verdict.arrays[0].name == "x"


def test_a_jax_custom_vjp(jax: Any) -> None:
    assert check(jax_product(jax, 1.0), X, W).outcome == "right"
    wrong = check(jax_product(jax, 1.001), X, W)
    assert wrong.array("x").outcome == "right"
    assert wrong.array("w").outcome == "wrong"


def test_float32_as_these_frameworks_like_it(torch: Any, jax: Any) -> None:
    x, w = X.astype("f"), W.astype("f")
    for make, framework in ((torch_product, torch), (jax_product, jax)):
        assert check(make(framework, 1.0), x, w).outcome == "right"
        assert check(make(framework, 1.01), x, w).outcome == "wrong"


def test_jaxs_setting_is_left_as_it_was(jax: Any) -> None:
    check(jax_product(jax, 1.0), X, W)
    assert jax.numpy.ones(1).dtype == "float32"


def test_what_they_raise_is_one_sentence(torch: Any, jax: Any) -> None:
    for make, framework in ((torch_product, torch), (jax_product, jax)):
        with pytest.raises(ContractError, match="raised"):
            check(make(framework, 1.0), X, X)
        with pytest.raises(ConfigurationError, match="needs the arrays"):
            check(make(framework, 1.0))


def test_a_function_that_returns_two_tensors(torch: Any, jax: Any) -> None:
    class Two(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1, x * 2

    with pytest.raises(ContractError, match="must return one tensor, and returned tuple"):
        check(Two, X)


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def relu_backward(dy: Array, x: Array) -> Array:
    return np.asarray(dy * (x > 0))


def test_a_persons_function_beside_theirs(torch: Any, jax: Any) -> None:
    verdict = check(
        relu, relu_backward, X, twins={"torch": torch.relu, "jax": lambda x: jax.nn.relu(x)}
    )
    assert verdict.outcome == "right"
    assert {w.name: w.outcome for w in verdict.witnesses} == {
        "complex-step": "agrees",
        "torch": "agrees",
        "jax": "agrees",
    }
    other = check(relu, relu_backward, X, twins={"torch": torch.tanh}, witnesses=["torch"])
    assert other.outcome == "wrong"
    assert other.findings[0].key == "witness_output"


CASES = [(name, request) for name in ("torch", "jax") for request in requests()]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "request_"), CASES, ids=[f"{name}-{request.target!r}" for name, request in CASES]
)
def test_the_catalogue(name: str, request_: Request) -> None:
    pytest.importorskip(name)
    verdict = answer(replace(request_, witnesses=[name]))
    assert verdict.outcome == "right"
    said = verdict.witnesses[0]
    # Random masks are theirs alone, and torch takes another axis for the features.
    known = said.outcome == "agrees" or "Dropout" in verdict.name or np.ndim(request_.x) > 2
    assert known, said


def test_a_network_with_its_loss(torch: Any, jax: Any) -> None:
    network = Network(Sequential(Linear(3, 4), Tanh(), Linear(4, 2)))
    verdict = check(network, X, np.ones((4, 2)), loss=MSE(), witnesses=["torch", "jax"])
    assert [w.outcome for w in verdict.witnesses] == ["agrees", "agrees"]


def test_at_a_kink_conventions_may_differ(torch: Any) -> None:
    class OneAtZero(ReLU):
        def derivative(self, z: Array, a: Array) -> Array:
            return z >= 0

    network = Network(Sequential(OneAtZero()))
    verdict = check(network.layer, x=np.zeros((2, 2)))
    assert verdict.outcome == "right"
    assert verdict.array("x").kinks_met == 4


def test_what_has_no_twin_is_said(torch: Any) -> None:
    verdict = check(Dropout(0.5), x=X, witnesses=["torch"])
    assert verdict.witnesses[0].outcome == "unused"
    assert "torch was not used: it has no counterpart for this." in str(verdict)
    tied = Network(Sequential(Linear(3, 3), Linear(3, 3)), {"layers[1].weight": "layers[0].weight"})
    verdict = check(tied, X, np.ones((4, 3)), loss=MSE(), witnesses=["torch"])
    assert verdict.outcome == "right"
    assert verdict.witnesses[0].outcome == "unused"


def test_without_them_the_rest_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearprop.checking.subjects.foreign.is_installed", lambda name: False)
    assert [one.name for one in check(Tanh()).witnesses] == ["complex-step"]
    monkeypatch.setattr("clearprop.base.dependencies.is_installed", lambda name: False)
    verdict = check(Tanh(), witnesses=["torch"])
    assert verdict.witnesses[0].reason == "dependency_missing"


def test_a_framework_is_loaded_where_it_is_asked() -> None:
    """A layer of one's own has no twin: nobody loads PyTorch or JAX to find that out."""
    code = """
import sys
import numpy as np
from clearprop import Linear, Network, Sequential, Tanh, check

class Own(Tanh):
    pass

verdict = check(Network(Sequential(Linear(3, 2), Own())), np.ones((2, 3)) / 3)
print(*sorted(str(one.reason) for one in verdict.witnesses), *({"torch", "jax"} & {*sys.modules}))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [
        "None",
        *(f"{name}_twin_missing" for name in ("jax", "torch") if is_installed(name)),
    ]
