"""Convolutions as people write them without a loop over places: by patches and a product, by
Einstein's sum over windows, by strides; and the mistakes that are made in their backward pass."""

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.checking.gallery.specimen import STRANGER, Arrays, ImageForm

# Patches and one product, as in "Deep Learning from Scratch": channels second


def patches(x: Array, kernel: Shape, stride: int, pad: int) -> Array:
    """What lies under the kernel at every place, one place a row."""
    n, c, height, width = x.shape
    kh, kw = kernel
    rows, columns = (height + 2 * pad - kh) // stride + 1, (width + 2 * pad - kw) // stride + 1
    img = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)], "constant")
    col = np.zeros((n, c, kh, kw, rows, columns))
    for i in range(kh):
        for j in range(kw):
            bottom, right = i + stride * rows, j + stride * columns
            col[:, :, i, j, :, :] = img[:, :, i:bottom:stride, j:right:stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * rows * columns, -1)


def images_of(col: Array, shape: Shape, kernel: Shape, stride: int, pad: int, slip: str) -> Array:
    """The way back: what the rows give to the images, as it should be or with a slip."""
    n, c, height, width = shape
    kh, kw = kernel
    rows, columns = (height + 2 * pad - kh) // stride + 1, (width + 2 * pad - kw) // stride + 1
    col = col.reshape(n, rows, columns, c, kh, kw).transpose(0, 3, 4, 5, 1, 2)
    img = np.zeros((n, c, height + 2 * pad + stride - 1, width + 2 * pad + stride - 1))
    for i in range(kh):
        for j in range(kw):
            under = np.s_[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            if slip == "window_overwritten":
                img[under] = col[:, :, i, j, :, :]
            else:
                img[under] += col[:, :, i, j, :, :]
    if slip == "border_kept":
        return img[:, :, 2 * pad : height + 2 * pad, 2 * pad : width + 2 * pad]
    return img[:, :, pad : height + pad, pad : width + pad]


def _rows_forward(a: Arrays) -> Array:
    x, w, b = a["x"], a["W"], a["b"]
    fn, _, kh, kw = w.shape
    col = patches(x, (kh, kw), 1, 1)
    out = np.dot(col, w.reshape(fn, -1).T) + b
    y: Array = out.reshape(len(x), x.shape[2], x.shape[3], -1).transpose(0, 3, 1, 2)
    return y


def _rows_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x, w = a["x"], a["W"]
    fn, c, kh, kw = w.shape
    col = patches(x, (kh, kw), 1, 1)
    d = dy.transpose(0, 2, 3, 1).reshape(-1, fn)
    if mistake == "reshape_order":
        d = dy.reshape(-1, fn)
    db = np.sum(d, axis=0)
    if mistake == "bias_axes":
        db = np.full(fn, dy.sum())
    dw = np.dot(col.T, d)
    if mistake == "reshape_order, in W":
        dw = dw.reshape(fn, c, kh, kw)
    else:
        dw = dw.transpose(1, 0).reshape(fn, c, kh, kw)
    matrix = w.reshape(fn, -1)
    if mistake == "channels_swapped":
        matrix = w.transpose(1, 0, 2, 3).reshape(fn, -1)
    if mistake == "channels_swapped, in W":
        dw = dw.transpose(1, 0, 2, 3)
    dx = images_of(np.dot(d, matrix), x.shape, (kh, kw), 1, 1, mistake)
    if mistake == STRANGER:
        dw = np.tanh(dw)
    return {"x": dx, "W": dw, "b": db}


# Windows and Einstein's sum, with dilation, no bias


def _windowed(x: Array, kernel: Shape, dilation: int) -> Array:
    spans = [dilation * (k - 1) + 1 for k in kernel]
    windows = np.lib.stride_tricks.sliding_window_view(x, spans, axis=(2, 3))
    every: Array = windows[..., ::dilation, ::dilation]
    return every


def _einsum_forward(a: Arrays) -> Array:
    y: Array = np.einsum("nchwij,fcij->nfhw", _windowed(a["x"], (2, 3), 2), a["w"])
    return y


def _einsum_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x, w = a["x"], a["w"]
    of_x = 1 if mistake in ("dilation_forgotten", "dilation_forgotten, in x") else 2
    of_w = 1 if mistake == "dilation_forgotten" else 2
    windows = _windowed(x, (2, 3), of_w)[:, :, : dy.shape[2], : dy.shape[3]]
    dw = np.einsum("nchwij,nfhw->fcij", windows, dy)
    dx = np.zeros_like(x)
    kernel = w[:, :, ::-1, ::-1] if mistake == "kernel_turned" else w
    for i in range(2):
        for j in range(3):
            top, left = of_x * i, of_x * j
            under = np.s_[:, :, top : top + dy.shape[2], left : left + dy.shape[3]]
            dx[under] += np.einsum("nfhw,fc->nchw", dy, kernel[:, :, i, j])
    if mistake == STRANGER:
        dw = dw * w
    return {"x": dx, "w": dw}


# One axis, by strides: x (N, C, L), w (O, I, L)


def _strided_windows(x: Array, k: int, stride: int) -> Array:
    places = (x.shape[2] - k) // stride + 1
    n, c, one = x.strides
    return np.lib.stride_tricks.as_strided(
        x, (*x.shape[:2], places, k), (n, c, stride * one, one), writeable=False
    )


def _strided_forward(a: Arrays) -> Array:
    windows = _strided_windows(np.ascontiguousarray(a["x"]), a["w"].shape[2], 2)
    y: Array = np.tensordot(windows, a["w"], axes=([1, 3], [1, 2])).transpose(0, 2, 1)
    return y + a["b"][:, None]


def _strided_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x, w = np.ascontiguousarray(a["x"]), a["w"]
    windows = _strided_windows(x, w.shape[2], 1 if mistake == "stride_forgotten" else 2)
    dw = np.tensordot(dy, windows[:, :, : dy.shape[2]], axes=([0, 2], [0, 2]))
    dx = np.zeros_like(x)
    for p in range(dy.shape[2]):
        share = np.tensordot(dy[:, :, p], w, axes=(1, 0))
        if mistake == "window_overwritten":
            dx[:, :, 2 * p : 2 * p + w.shape[2]] = share
        else:
            dx[:, :, 2 * p : 2 * p + w.shape[2]] += share
    db = dy.sum(axis=(0, 2))
    if mistake == "bias_axes":
        db = dy.sum(axis=0).mean(axis=1)
    if mistake == "kernel_turned":
        dw = dw[:, :, ::-1]
    if mistake == STRANGER:
        db = np.sort(db)[::-1] + db.mean()
    return {"x": dx, "w": dw, "b": db}


BY_PATCHES = (
    ImageForm(
        "convolution by patches and a product",
        {"x": (3, 2, 4, 5), "W": (2, 2, 3, 3), "b": (2,)},
        _rows_forward,
        _rows_backward,
        (
            "reshape_order",
            "reshape_order, in W",
            "channels_swapped",
            "channels_swapped, in W",
            "window_overwritten",
            "border_kept",
            "bias_axes",
        ),
    ),
    ImageForm(
        "convolution by Einstein's sum, dilated",
        {"x": (2, 2, 5, 7), "w": (3, 2, 2, 3)},
        _einsum_forward,
        _einsum_backward,
        ("dilation_forgotten", "dilation_forgotten, in x", "kernel_turned"),
    ),
    ImageForm(
        "convolution of sequences by strides",
        {"x": (3, 2, 9), "w": (4, 2, 3), "b": (4,)},
        _strided_forward,
        _strided_backward,
        ("stride_forgotten", "window_overwritten", "bias_axes", "kernel_turned"),
    ),
)
