"""Convolutions, pools, norms and small LeNets as people write them: every planted mistake is named,
nothing right is rejected, what has no name gets none; whatever form the code is handed over in."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearprop import check
from clearprop.base.arrays import Array
from clearprop.checking.gallery.measuring import Row, judge, totals
from clearprop.checking.gallery.specimen import STRANGER, ImageForm
from clearprop.checking.gallery.written_images import FORMS, specimen, specimens
from clearprop.checking.gallery.written_lenets import LENETS
from tests.sweeps import first_of, quick_where


def told(row: Row) -> str:
    return f"{row.subject}: {row.mistake} → {[(m.key, m.arrays) for m in row.named]}"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_what_is_right_is_accepted_and_a_mistake_is_named(form: ImageForm) -> None:
    assert not judge(specimen(form, "", 0)).rejected
    row = judge(specimen(form, form.mistakes[0], 0))
    assert row.rejected
    assert row.outcome in ("right", "among"), told(row)


@pytest.mark.thorough
def test_every_mistake_of_images_is_named() -> None:
    rows = [judge(one) for one in specimens(range(2))]
    assert not [told(row) for row in rows if row.outcome == "wrong"]
    figures = totals(rows)
    assert figures.planted >= 300
    assert figures.correct >= 46
    assert (figures.missed, figures.false_alarms, figures.strangers_named) == (0, 0, 0)
    assert figures.strangers >= 46
    assert figures.named_right > 0.97
    assert figures.named_right + figures.named_among > 0.99


def test_a_wrong_key_would_be_seen() -> None:
    form = FORMS[0]
    mislabelled = specimen(form, "kernel_turned", 0)
    row = judge(type(mislabelled)(**{**vars(mislabelled), "mistake": "stride_forgotten"}))
    assert row.outcome == "wrong"


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "form", [one for one in FORMS if one not in LENETS], ids=lambda form: form.name
)
def test_what_is_right_is_right_in_every_precision(form: ImageForm, dtype: Any) -> None:
    names = list(form.shapes)
    generator = np.random.default_rng(4)
    arrays = [generator.normal(size=shape).astype(dtype) for shape in form.shapes.values()]

    def forward(*values: Array) -> Array:
        return form.forward(dict(zip(names, values, strict=True))).astype(dtype)

    def backward(dy: Array, *values: Array) -> tuple[Array, ...]:
        found = form.backward("", dy, dict(zip(names, values, strict=True)))
        return tuple(found[name].astype(dtype) for name in names)

    verdict = check(forward, *arrays, backward=backward, witnesses=())
    assert str(verdict.outcome) == "right", verdict.text()


# The forms in which code is handed over


class Conv:
    """As a course's layer: gradients are kept."""

    def __init__(self, W: Array, b: Array, slip: str) -> None:
        self.W, self.b, self.slip = W, b, slip

    def forward(self, x: Array) -> Array:
        self.x = x
        n, _, height, width = x.shape
        f, _, kh, kw = self.W.shape
        out = np.zeros((n, f, height - kh + 1, width - kw + 1), x.dtype)
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                part = x[:, :, i : i + kh, j : j + kw]
                out[:, :, i, j] = np.tensordot(part, self.W, axes=([1, 2, 3], [1, 2, 3])) + self.b
        return out

    def backward(self, dout: Array) -> Array:
        kh, kw = self.W.shape[2:]
        self.dW, dx = np.zeros_like(self.W), np.zeros_like(self.x)
        laid = self.W[:, :, ::-1, ::-1] if self.slip == "kernel_turned" else self.W
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                under = np.s_[:, :, i : i + kh, j : j + kw]
                self.dW += np.einsum("nf,nchw->fchw", dout[:, :, i, j], self.x[under])
                dx[under] += np.einsum("nf,fchw->nchw", dout[:, :, i, j], laid)
        self.db = dout.sum(axis=(0, 2, 3))
        if self.slip == "bias_axes":
            self.db = dout.mean(axis=(0, 2, 3))
        return dx


def drawn(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).normal(size=shape)


@pytest.mark.parametrize("dtype", first_of([np.float64, np.float32]))
@pytest.mark.parametrize("slip", ["", "kernel_turned", "bias_axes"])
def test_a_layer_that_keeps_its_gradients(slip: str, dtype: Any) -> None:
    x, W, b = (array.astype(dtype) for array in (drawn(3, 2, 5, 4), drawn(4, 2, 3, 2), drawn(4)))
    verdict = check(Conv(W, b, slip), x, witnesses=())
    assert [str(one.key) for one in verdict.mistakes] == [slip][: bool(slip)], verdict.text()
    assert str(verdict.outcome) == ("wrong" if slip else "right")
    if slip:
        assert verdict.mistakes[0].values["where"] == "Conv2d(W, b)"


def loss_and_grads(slip: str) -> Callable[..., Any]:
    """A small LeNet with its parameters in a dictionary, which returns its loss and gradients."""

    def network(params: Any, x: Array, y: Array) -> Any:
        w1, grads = params["W1"], {}
        n, f, k = len(x), len(w1), w1.shape[2]
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
        col = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, w1[0].size)
        rows, columns = windows.shape[2:4]
        z1 = (col @ w1.reshape(f, -1).T + params["b1"]).reshape(n, rows, columns, f)
        a1 = np.maximum(z1.transpose(0, 3, 1, 2), 0)
        tiles = a1.reshape(n, f, rows // 2, 2, columns // 2, 2)
        p1 = tiles.max(axis=(3, 5))
        flat = p1.reshape(n, -1)
        s = flat @ params["W2"] + params["b2"]
        p = np.exp(s - s.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(n), y]).mean()
        d = p.copy()
        d[np.arange(n), y] -= 1
        d /= n
        grads["W2"], grads["b2"] = flat.T @ d, d.sum(axis=0)
        dp = (d @ params["W2"].T).reshape(p1.shape)
        if slip == "reshape_order":
            last = (n, rows // 2, columns // 2, f)
            dp = (d @ params["W2"].T).reshape(last).transpose(0, 3, 1, 2)
        chosen = tiles == p1[:, :, :, None, :, None]
        if slip == "pool_spread":
            chosen = np.full(tiles.shape, 0.25)
        dz = (chosen * dp[:, :, :, None, :, None]).reshape(a1.shape) * (a1 > 0)
        dr = dz.transpose(0, 2, 3, 1).reshape(-1, f)
        grads["W1"] = (dr.T @ col).reshape(w1.shape)
        if slip == "kernel_turned":
            grads["W1"] = grads["W1"][:, :, ::-1, ::-1]
        grads["b1"] = dz.mean(axis=(0, 2, 3)) if slip == "bias_axes" else dr.sum(axis=0)
        return loss, grads

    return network


SLIPS = ["", "reshape_order", "pool_spread", "kernel_turned", "bias_axes"]


@pytest.mark.parametrize("slip", quick_where(SLIPS, lambda place, _: place % 2 == 0))
def test_a_network_with_its_gradients_in_a_dictionary(slip: str) -> None:
    params = {"W1": drawn(3, 1, 3, 3), "b1": drawn(3), "W2": drawn(18, 4), "b2": drawn(4)}
    x, y = drawn(3, 1, 6, 8), np.array([2, 0, 1])
    verdict = check(loss_and_grads(slip), params, x, y, witnesses=())
    assert [str(one.key) for one in verdict.mistakes] == [slip][: bool(slip)], verdict.text()
    assert str(verdict.outcome) == ("wrong" if slip else "right")


@pytest.mark.parametrize("slip", ["", "kernel_turned", "bias_axes"])
def test_a_function_of_pytorch(slip: str) -> None:
    torch = pytest.importorskip("torch")

    class Convolution(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any, b: Any) -> Any:
            ctx.save_for_backward(x, w)
            return torch.nn.functional.conv2d(x, w, b, stride=2, padding=1)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            x, w = ctx.saved_tensors
            laid = w.flip(2, 3) if slip == "kernel_turned" else w
            dx = torch.nn.grad.conv2d_input(x.shape, laid, dy, stride=2, padding=1)
            dw = torch.nn.grad.conv2d_weight(x, w.shape, dy, stride=2, padding=1)
            db = dy.mean((2, 3)).sum(0) if slip == "bias_axes" else dy.sum((0, 2, 3))
            return dx, dw, db

    verdict = check(Convolution, drawn(2, 2, 5, 4), drawn(3, 2, 3, 3), drawn(3), witnesses=())
    assert [str(one.key) for one in verdict.mistakes] == [slip][: bool(slip)], verdict.text()


@pytest.mark.parametrize("slip", ["", "kernel_turned"])
def test_a_function_of_jax(slip: str) -> None:
    jax = pytest.importorskip("jax")

    def plain(x: Any, w: Any) -> Any:
        order = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=order)

    def backward(saved: Any, dy: Any) -> Any:
        dx, dw = jax.vjp(plain, *saved)[1](dy)
        return dx, dw[::-1, ::-1] if slip else dw

    convolution = jax.custom_vjp(plain)
    convolution.defvjp(lambda x, w: (plain(x, w), (x, w)), backward)
    verdict = check(convolution, drawn(2, 5, 4, 3), drawn(3, 2, 3, 2), witnesses=())
    assert [str(one.key) for one in verdict.mistakes] == [slip][: bool(slip)], verdict.text()


def test_a_stranger_in_a_lenet_gets_no_name() -> None:
    assert judge(specimen(LENETS[0], STRANGER, 0)).named == ()
