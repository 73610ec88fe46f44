"""Convolutions as people write them, in plain NumPy with nothing of ours beside them, and the
mistakes that are made in their backward pass.

These go over the places or the entries of the kernel in loops: images with channels second or last,
or without any; weights OIHW or HWIO; in groups. `written_patches.py` has those without such loops.
"""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import STRANGER, Arrays, ImageForm

# Loops over samples, output channels and places: x (N, C, H, W), w (O, I, H, W)

STRIDE, PAD = 2, 1


def _loops(a: Arrays) -> tuple[Array, list[tuple[int, ...]]]:
    """X in its border, and every place of every sample and output channel."""
    xp = np.pad(a["x"], ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD)))
    rows, columns = _rows(a)
    places = np.ndindex(len(a["x"]), len(a["w"]), rows, columns)
    return xp, list(places)


def _rows(a: Arrays) -> tuple[int, int]:
    _, _, height, width = a["x"].shape
    _, _, kh, kw = a["w"].shape
    return (height + 2 * PAD - kh) // STRIDE + 1, (width + 2 * PAD - kw) // STRIDE + 1


def _looped_forward(a: Arrays) -> Array:
    xp, places = _loops(a)
    w, b = a["w"], a["b"]
    y = np.zeros((len(a["x"]), len(w), *_rows(a)))
    for n, f, i, j in places:
        top, left = i * STRIDE, j * STRIDE
        patch = xp[n, :, top : top + w.shape[2], left : left + w.shape[3]]
        y[n, f, i, j] = np.sum(patch * w[f]) + b[f]
    return y


def _looped_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    xp, places = _loops(a)
    x, w = a["x"], a["w"]
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    of_x = 1 if mistake.startswith("stride_forgotten") else STRIDE
    of_w = 1 if mistake == "stride_forgotten" else STRIDE
    for n, f, i, j in places:
        under = (n, slice(None), slice(i * of_x, i * of_x + 3), slice(j * of_x, j * of_x + 3))
        read = (n, slice(None), slice(i * of_w, i * of_w + 3), slice(j * of_w, j * of_w + 3))
        kernel = w[f, :, ::-1, ::-1] if mistake == "kernel_turned" else w[f]
        if mistake == "window_overwritten":
            dxp[under] = kernel * dy[n, f, i, j]
        else:
            dxp[under] += kernel * dy[n, f, i, j]
        if mistake == "window_overwritten, in w":
            dw[f] = xp[read] * dy[n, f, i, j]
        else:
            dw[f] += xp[read] * dy[n, f, i, j]
    db = dy.sum(axis=(0, 2, 3))
    if mistake == "kernel_turned, in w":
        dw = dw[:, :, ::-1, ::-1]
    if mistake == "bias_axes":
        db = dy.sum(axis=0)
    if mistake == "bias_axes, places alone":
        db = dy.sum(axis=(2, 3))
    if mistake == "bias_axes, a mean":
        db = dy.mean(axis=(0, 2, 3))
    dx = dxp[:, :, PAD:-PAD, PAD:-PAD]
    if mistake == "border_kept":
        dx = dxp[:, :, : x.shape[2], : x.shape[3]]
    if mistake == "border_kept, whole":
        dx = dxp
    if mistake == STRANGER:
        dx = dx * (1 + 0.2 * np.abs(x))
    return {"x": dx, "w": dw, "b": db}


# Slices of every place, channels last, weights (H, W, I, O), a bias (1, 1, 1, O)


def _sliced_forward(a: Arrays) -> Array:
    x, w, b = a["A_prev"], a["W"], a["b"]
    kh, kw = w.shape[:2]
    m, height, width, _ = x.shape
    y = np.zeros((m, height - kh + 1, width - kw + 1, w.shape[3]))
    for h in range(y.shape[1]):
        for v in range(y.shape[2]):
            part = x[:, h : h + kh, v : v + kw, :]
            y[:, h, v, :] = np.tensordot(part, w, axes=([1, 2, 3], [0, 1, 2])) + b[0, 0, 0]
    return y


def _sliced_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x, w = a["A_prev"], a["W"]
    kh, kw = w.shape[:2]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    kernel = w[::-1, ::-1] if mistake == "kernel_turned" else w
    if mistake == "channels_swapped":
        kernel = w.transpose(0, 1, 3, 2)
    for h in range(dy.shape[1]):
        for v in range(dy.shape[2]):
            under = np.s_[:, h : h + kh, v : v + kw, :]
            share = np.einsum("no,hwio->nhwi", dy[:, h, v], kernel)
            if mistake == "window_overwritten":
                dx[under] = share
            else:
                dx[under] += share
            now = np.einsum("nhwi,no->hwio", x[under], dy[:, h, v])
            dw = now if mistake == "window_overwritten, in W" else dw + now
    db = dy.sum(axis=(0, 1, 2), keepdims=True)
    if mistake == "bias_axes":
        db = dy.sum(axis=(1, 2), keepdims=True).mean(axis=0, keepdims=True) / dy[0, :, :, 0].size
    if mistake == "sample_missing":
        dw = dw - np.stack(
            [
                np.einsum("hwi,o->hwio", x[-1, h : h + kh, v : v + kw], dy[-1, h, v])
                for h in range(dy.shape[1])
                for v in range(dy.shape[2])
            ]
        ).sum(axis=0)
    if mistake == STRANGER:
        dx = dx**2
    return {"A_prev": dx, "W": dw, "b": db}


# Groups, a loop over the kernel's entries


GROUPS = 2


def _grouped_forward(a: Arrays) -> Array:
    x, w = a["x"], a["w"]
    height, width = x.shape[2] - 1, x.shape[3] - 1
    own, outputs = w.shape[1], len(w) // GROUPS
    parts = []
    for g in range(GROUPS):
        total: Any = 0
        for i in range(2):
            for j in range(2):
                seen = x[:, g * own : (g + 1) * own, i : i + height, j : j + width]
                kernel = w[g * outputs : (g + 1) * outputs, :, i, j]
                total = total + np.einsum("nchw,fc->nfhw", seen, kernel)
        parts.append(total)
    return np.concatenate(parts, axis=1) + a["b"].reshape(1, -1, 1, 1)


def _grouped_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x, w = a["x"], a["w"]
    height, width = dy.shape[2:]
    own, outputs = w.shape[1], len(w) // GROUPS
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for g in range(GROUPS):
        of_w = 0 if mistake.startswith("groups_forgotten") else g
        of_x = 0 if mistake == "groups_forgotten, in x too" else g
        signal = dy[:, g * outputs : (g + 1) * outputs]
        for i in range(2):
            for j in range(2):
                places = np.s_[i : i + height, j : j + width]
                seen = x[:, of_w * own : (of_w + 1) * own, *places]
                kernel = w[g * outputs : (g + 1) * outputs, :, i, j]
                dw[g * outputs : (g + 1) * outputs, :, i, j] = np.einsum(
                    "nfhw,nchw->fc", signal, seen
                )
                into = np.s_[:, of_x * own : (of_x + 1) * own, *places]
                dx[into] += np.einsum("nfhw,fc->nchw", signal, kernel)
    db = dy.sum(axis=(0, 2, 3))
    if mistake == "mean_for_sum":
        dw = dw / len(x)
    if mistake == STRANGER:
        dw = dw + 0.1 * w**2
    return {"x": dx, "w": dw, "b": db}


# One image and one kernel, turned around as in mathematics


def _turned_forward(a: Arrays) -> Array:
    image, kernel = a["image"], a["kernel"][::-1, ::-1]
    kh, kw = kernel.shape
    y = np.zeros((image.shape[0] - kh + 1, image.shape[1] - kw + 1))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = (image[i : i + kh, j : j + kw] * kernel).sum()
    return y


def _turned_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    image, kernel = a["image"], a["kernel"]
    kh, kw = kernel.shape
    laid = kernel if mistake == "kernel_turned, in x" else kernel[::-1, ::-1]
    d_image, d_kernel = np.zeros_like(image), np.zeros_like(kernel)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            d_image[i : i + kh, j : j + kw] += laid * dy[i, j]
            d_kernel += image[i : i + kh, j : j + kw] * dy[i, j]
    if mistake != "kernel_turned":
        d_kernel = d_kernel[::-1, ::-1]
    if mistake == STRANGER:
        d_image = np.abs(d_image)
    return {"image": d_image, "kernel": d_kernel}


CONVOLUTIONS = (
    ImageForm(
        "convolution by loops",
        {"x": (2, 3, 6, 5), "w": (4, 3, 3, 3), "b": (4,)},
        _looped_forward,
        _looped_backward,
        (
            "kernel_turned",
            "kernel_turned, in w",
            "stride_forgotten",
            "stride_forgotten, in x",
            "window_overwritten",
            "window_overwritten, in w",
            "border_kept",
            "border_kept, whole",
            "bias_axes",
            "bias_axes, places alone",
            "bias_axes, a mean",
        ),
    ),
    ImageForm(
        "convolution by slices, channels last",
        {"A_prev": (3, 4, 5, 2), "W": (2, 3, 2, 2), "b": (1, 1, 1, 2)},
        _sliced_forward,
        _sliced_backward,
        (
            "kernel_turned",
            "channels_swapped",
            "window_overwritten",
            "window_overwritten, in W",
            "bias_axes",
            "sample_missing",
        ),
    ),
    ImageForm(
        "convolution in groups",
        {"x": (3, 4, 4, 5), "w": (6, 2, 2, 2), "b": (6,)},
        _grouped_forward,
        _grouped_backward,
        ("groups_forgotten", "groups_forgotten, in x too", "mean_for_sum"),
    ),
    ImageForm(
        "convolution of one image, the kernel turned around",
        {"image": (6, 5), "kernel": (3, 2)},
        _turned_forward,
        _turned_backward,
        ("kernel_turned", "kernel_turned, in x"),
    ),
)
