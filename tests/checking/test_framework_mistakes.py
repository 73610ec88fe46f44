"""Mistakes of attention and of loops over time in functions of PyTorch and JAX, and their forwards
gone along in NumPy."""

from typing import Any

import numpy as np
import pytest

from clearprop import check
from clearprop.checking.diagnosis.recording.recorded_forward import recorded
from clearprop.checking.gallery.planted import ALONE
from clearprop.checking.request import Request, subject_of
from tests.checking.form_parts import STRANGER
from tests.checking.framework_forms import FORMS
from tests.sweeps import quick_where

PLANTED = [(name, mistake) for name, (_, _, every) in FORMS.items() for mistake in ("", *every)]
# One of each form that is quick; the others with all the rest.
QUICK = [
    ("torch attention", "attention_rows"),
    ("torch LSTM", "cell_forgotten"),
    ("torch RNN", "state_after"),
    ("torch RNN", ""),
    ("jax head by custom_jvp", "softmax_sum"),
    ("jitted model", "weight_not_transposed"),
]


def said(name: str, mistake: str) -> None:
    framework, form, _ = FORMS[name]
    target, arrays = form(pytest.importorskip(framework), mistake)
    verdict = check(target, *arrays, witnesses=ALONE)
    assert verdict.outcome == ("wrong" if mistake else "right")
    named = [] if mistake in ("", STRANGER) else [mistake]
    assert [one.key for one in verdict.mistakes] == named
    assert not any(one.alternatives for one in verdict.mistakes)


@pytest.mark.parametrize(("name", "mistake"), QUICK)
def test_its_mistake_is_named(name: str, mistake: str) -> None:
    said(name, mistake)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "mistake"), [one for one in PLANTED if one not in QUICK])
def test_every_mistake_is_named_and_no_right_one(name: str, mistake: str) -> None:
    said(name, mistake)


def test_so_many_are_planted() -> None:
    mistakes = [mistake for _, mistake in PLANTED if mistake and mistake != STRANGER]
    assert (len(PLANTED), len(mistakes), len({*mistakes})) == (73, 58, 25)


def leaves(target: Any, *arrays: Any) -> set[str]:
    """The arrays that the forward's tape goes back to."""
    subject = subject_of(Request(target, arrays))
    assert subject.in_numpy is not None
    tape = recorded(subject.in_numpy, subject.arrays, subject.output)
    assert tape is not None
    dy = np.random.default_rng(1).normal(size=subject.output.shape)
    found, right = tape.gradients(tape.back(dy)), subject.gradients(subject.arrays, dy)
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, right[name], rtol=1e-7, atol=1e-9)
    return set(found)


X = np.random.default_rng(0).normal(size=(3, 4))


@pytest.mark.parametrize(
    "line",
    [
        "torch.softmax(x, 0) * torch.log_softmax(x, 1)",
        "torch.logsumexp(x, 1, keepdim=True) + x.std(0) + x.var(1, unbiased=False).unsqueeze(1)",
        "torch.nn.functional.layer_norm(x, (4,)) + torch.nn.functional.gelu(x, approximate='tanh')",
        "torch.nn.functional.mse_loss(x, torch.flip(x, (1,)).tanh(), reduction='sum')",
        "torch.nn.functional.cross_entropy(x, torch.tensor([1, 3, 0]))",
        "torch.nn.functional.pad(x, (1, 2), value=0.5).roll(1, 1)",
        "torch.cat([x.sigmoid(), x.relu().square()]).clamp(-0.3, 0.4)",
        "torch.where(x > 0, x.exp(), x.cos()).tril() / x.abs().sqrt()",
        "x[:, [0, 2]].sum(1) + x.gather(1, torch.tensor([[1], [0], [3]]))[:, 0] + x.amax(1)",
        "torch.stack(x.unbind(1)).t().pow(3).mean(dim=(0,)) - x.max(dim=0).values",
        "torch.addmm(x, x, x.t() @ x) + torch.lerp(x, x * x, 0.3) + torch.rsub(x, x * x, alpha=3)",
        "x.repeat(2, 1).view(2, 3, 4).transpose(0, 2).reshape(4, 6).norm(dim=0)",
    ],
)
def test_operations_of_torch(torch: Any, line: str) -> None:
    class Own(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return eval(line, {"torch": torch, "x": x})

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                y = eval(line, {"torch": torch, "x": x})
            return torch.autograd.grad(y, x, dy)[0]

    assert leaves(Own, X) == {"x"}


def test_what_is_written_into_one_tensor_is_seen_by_others(torch: Any) -> None:
    def run(x: Any, w: Any) -> Any:
        whole = torch.zeros(4, 3, dtype=x.dtype)
        corner = whole[1:, :2].t()
        whole[1] = x[0, :3] * w
        whole[2:, 0] += x[1, :2]
        whole[:2].mul_(3)
        return torch.cat([whole, corner.t() @ corner @ corner.t() @ whole[:2]])

    class Own(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            ctx.save_for_backward(x, w)
            return run(x, w)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            with torch.enable_grad():
                own = [one.detach().requires_grad_() for one in ctx.saved_tensors]
                return torch.autograd.grad(run(*own), own, dy)

    assert leaves(Own, X, X[1, :3]) == {"x", "w"}


JAX_LINES = [
    "jax.nn.softmax(x, 0) * jax.nn.log_softmax(x)",
    "jax.nn.logsumexp(x, axis=1, keepdims=True) + x.var(0) + jnp.linalg.norm(x)",
    "jnp.where(x > 0, jnp.exp(x), jnp.cos(x)) / jax.lax.rsqrt(1 + x * x)",
    "jnp.pad(x, ((0, 0), (1, 2)))[::-1, 1:] + jnp.concatenate([x, x**3], 1)[:, :6]",
    "x.at[1].set(x[0] ** 2).at[:, 2].set(jax.nn.sigmoid(x[:, 0]))",
    "jnp.take_along_axis(x, jnp.array([[1], [0], [3]]), 1) * x[jnp.array([2, 0, 1])]",
    "jnp.tensordot(x.reshape(3, 2, 2), x.reshape(3, 2, 2), ((0, 2), (0, 1))) @ x[:2]",
    "jnp.split(jnp.clip(x, -0.5, 0.6), 2, axis=1)[1].max(1) + jax.nn.relu(x).sum(1)",
    "jax.lax.fori_loop(0, 3, lambda i, h: jnp.tanh(h + x[i]), x)",
    "jax.lax.cond(x[0, 0] > 9, jnp.sin, jnp.tanh, x)",
    "jax.lax.scan(lambda h, r: (h * r, h + r), x[0], x, reverse=True)[1]",
]


@pytest.mark.parametrize("line", quick_where(JAX_LINES, lambda place, _: place % 2 == 0))
def test_operations_of_jax(line: str) -> None:
    jax = pytest.importorskip("jax")

    def run(x: Any) -> Any:
        return eval(line, {"jax": jax, "jnp": jax.numpy, "x": x})

    assert leaves(jax.jit(run), X) == {"x"}


def test_a_function_that_is_not_pure_is_not_compiled() -> None:
    jax = pytest.importorskip("jax")
    drawn = np.random.default_rng(0)

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def noisy(x: Any) -> Any:
        return x * drawn.normal()

    noisy.defvjp(lambda x: (noisy(x), x), lambda x, dy: (dy,))
    verdict = check(noisy, X)
    assert [one.key for one in verdict.findings] == ["not_repeatable"]


def test_threads_are_left_as_they_were(torch: Any) -> None:
    before = torch.get_num_threads()
    target, arrays = FORMS["torch RNN"][1](torch, "")
    check(target, *arrays)
    assert torch.get_num_threads() == before
