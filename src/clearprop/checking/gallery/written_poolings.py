"""Pooling, padding and making flat as people write them, and the mistakes that are made in their
backward pass."""

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import STRANGER, Arrays, ImageForm

# The largest by a loop over places, windows that overlap: (N, C, H, W), 3 wide, at every second


def _places(x: Array, kernel: int, stride: int) -> list[tuple[int, int]]:
    rows, columns = ((size - kernel) // stride + 1 for size in x.shape[2:])
    return [(i, j) for i in range(rows) for j in range(columns)]


def _max_forward(a: Arrays) -> Array:
    x = a["x"]
    rows, columns = ((size - 3) // 2 + 1 for size in x.shape[2:])
    y = np.zeros((*x.shape[:2], rows, columns))
    for i, j in _places(x, 3, 2):
        y[:, :, i, j] = x[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max(axis=(2, 3))
    return y


def _max_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x = a["x"]
    dx = np.zeros_like(x)
    for n, c in np.ndindex(*x.shape[:2]):
        for i, j in _places(x, 3, 2):
            window = x[n, c, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            r, s = divmod(int(np.argmax(window)), 3)
            if mistake == "pool_window":
                r, s = 0, 0
            if mistake == "pool_window, rows for columns":
                r, s = s, r
            top, left = 2 * i, 2 * j
            if mistake == "stride_forgotten":
                top, left = i, j
            signal = dy[n, c, i, j]
            if mistake == "pool_window, of the next place":
                signal = dy[n, c, i, (j + 1) % dy.shape[3]]
            if mistake == "window_overwritten":
                dx[n, c, top + r, left + s] = signal
            elif mistake == "window_overwritten, whole":
                dx[n, c, top : top + 3, left : left + 3] = signal * (window == window.max())
            elif mistake == "pool_spread":
                dx[n, c, top : top + 3, left : left + 3] += signal / 9
            else:
                dx[n, c, top + r, left + s] += signal
    if mistake == STRANGER:
        dx = dx * x
    return {"x": dx}


# The largest of what is reshaped into tiles, channels last


def _tiles(x: Array) -> Array:
    n, height, width, c = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, c)


def _tiled_forward(a: Arrays) -> Array:
    y: Array = _tiles(a["x"]).max(axis=(2, 4))
    return y


def _tiled_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x = a["x"]
    y = _tiled_forward(a)
    mask = _tiles(x) == y[:, :, None, :, None, :]
    share = mask * dy[:, :, None, :, None, :]
    if mistake == "pool_spread":
        share = np.ones_like(mask) * dy[:, :, None, :, None, :]
    if mistake == "pool_window":
        share = share[:, :, ::-1, :, ::-1]
    if mistake == "upstream_ignored":
        share = mask * 1.0
    dx: Array = share.reshape(x.shape)
    if mistake == STRANGER:
        dx = dx * x
    return {"x": dx}


# In every third window two numbers are the largest: the third column stands there twice

TWICE = [0, 1, 2, 2, 3, 4]


def _tied_forward(a: Arrays) -> Array:
    return _tiled_forward({"x": a["x"][:, :, TWICE]})


def _tied_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x = a["x"][:, :, TWICE]
    mask = _tiles(x) == _tiled_forward({"x": x})[:, :, None, :, None, :]
    share = mask * dy[:, :, None, :, None, :]
    if mistake != "pool_ties":
        share = share / mask.sum(axis=(2, 4), keepdims=True)
    wide = share.reshape(x.shape)
    dx = np.delete(wide, 3, axis=2)
    dx[:, :, 2] += wide[:, :, 3]
    return {"x": np.tanh(dx) if mistake == STRANGER else dx}


# The mean by a loop over the window's entries, with a border that is counted


def _mean_forward(a: Arrays) -> Array:
    xp = np.pad(a["x"], ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows, columns = ((size - 1) // 2 + 1 for size in a["x"].shape[2:])
    total = np.zeros((*xp.shape[:2], rows, columns))
    for i in range(3):
        for j in range(3):
            total = total + xp[:, :, i : i + 2 * rows - 1 : 2, j : j + 2 * columns - 1 : 2]
    return total / 9


def _mean_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x = a["x"]
    dxp = np.zeros((*x.shape[:2], x.shape[2] + 2, x.shape[3] + 2))
    rows, columns = dy.shape[2:]
    share = dy / {"average_factor": 1, "average_factor, one side": 3}.get(mistake, 9)
    if mistake == "average_border":
        inside = np.pad(np.ones(x.shape[2:]), 1)
        counts = np.array(
            [
                [inside[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].sum() for j in range(columns)]
                for i in range(rows)
            ]
        )
        share = dy / counts
    step = 1 if mistake == "stride_forgotten" else 2
    for i in range(rows):
        for j in range(columns):
            under = np.s_[:, :, step * i : step * i + 3, step * j : step * j + 3]
            if mistake == "window_overwritten":
                dxp[under] = share[:, :, i : i + 1, j : j + 1]
            else:
                dxp[under] += share[:, :, i : i + 1, j : j + 1]
    dx = dxp[:, :, 1:-1, 1:-1]
    if mistake == "border_kept":
        dx = dxp[:, :, :-2, :-2]
    if mistake == STRANGER:
        dx = dx + 0.1 * x
    return {"x": dx}


# The mean of tiles of sequences: (N, L, C)


def _halved_forward(a: Arrays) -> Array:
    n, length, c = a["x"].shape
    y: Array = a["x"].reshape(n, length // 3, 3, c).mean(axis=2)
    return y


def _halved_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    dx = np.repeat(dy, 3, axis=1)
    if mistake != "average_factor":
        dx = dx / 3
    if mistake == STRANGER:
        dx = np.cumsum(dx, axis=1)
    return {"x": dx}


# The mean of every channel, and a linear layer behind it


def _global_forward(a: Arrays) -> Array:
    y: Array = a["x"].mean(axis=(2, 3)) @ a["W"]
    return y


def _global_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x, w = a["x"], a["W"]
    _, _, height, width = x.shape
    mean = x.mean(axis=(2, 3))
    count = {"average_factor": 1, "average_factor, one axis": height}.get(mistake, height * width)
    d = dy @ w.T
    dx = np.ones_like(x) * d[:, :, None, None] / count
    if mistake == "weight_not_transposed":
        dx = np.ones_like(x) * (dy @ w)[:, :, None, None] / count
    if mistake == STRANGER:
        dx = dx * x
    return {"x": dx, "W": mean.T @ dy}


# Made flat before a linear layer: channels moved last, or as it lies


def _moved_forward(a: Arrays) -> Array:
    x = a["x"]
    y: Array = np.transpose(x, (0, 2, 3, 1)).reshape(len(x), -1) @ a["W"] + a["b"]
    return y


def _moved_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x, w = a["x"], a["W"]
    n, c, height, width = x.shape
    flat = np.transpose(x, (0, 2, 3, 1)).reshape(n, -1)
    rows = dy @ w.T
    dx: Array = rows.reshape(n, height, width, c).transpose(0, 3, 1, 2)
    if mistake == "reshape_order":
        dx = rows.reshape(x.shape)
    if mistake == STRANGER:
        dx = dx[::-1]
    return {"x": dx, "W": flat.T @ dy, "b": dy.sum(axis=0)}


def _flat_forward(a: Arrays) -> Array:
    x = np.tanh(a["x"])
    y: Array = x.reshape(len(x), -1) @ a["W"]
    return y


def _flat_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    x, w = np.tanh(a["x"]), a["W"]
    n, c, height, width = x.shape
    rows = dy @ w.T
    d: Array = rows.reshape(x.shape)
    if mistake == "reshape_order":
        d = rows.reshape(n, height, width, c).transpose(0, 3, 1, 2)
    if mistake == "reshape_order, in Fortran's order":
        d = rows.reshape(x.shape, order="F")
    dx = d if mistake == "derivative_missing" else d * (1 - x**2)
    if mistake == STRANGER:
        dx = dx / (1 + np.abs(dx))
    return {"x": dx, "W": x.reshape(n, -1).T @ dy}


# A border alone


def _border_forward(a: Arrays) -> Array:
    return np.pad(a["x"], ((0, 0), (0, 0), (1, 2), (2, 1)))


def _border_backward(mistake: str, dy: Array, a: Arrays) -> dict[str, Array]:
    _, _, height, width = a["x"].shape
    dx = dy[:, :, 1 : 1 + height, 2 : 2 + width]
    if mistake == "border_kept":
        dx = dy[:, :, :height, :width]
    if mistake == "border_kept, whole":
        dx = dy
    if mistake == "border_kept, from the end":
        dx = dy[:, :, -height:, -width:]
    if mistake == STRANGER:
        dx = dx * np.cos(a["x"])
    return {"x": dx}


IMAGE, LAST = (2, 3, 5, 7), (2, 4, 6, 3)
POOLINGS = (
    ImageForm(
        "largest of windows that overlap",
        {"x": IMAGE},
        _max_forward,
        _max_backward,
        (
            "pool_window",
            "pool_window, rows for columns",
            "pool_window, of the next place",
            "stride_forgotten",
            "window_overwritten",
            "window_overwritten, whole",
            "pool_spread",
        ),
    ),
    ImageForm(
        "largest of tiles, channels last",
        {"x": LAST},
        _tiled_forward,
        _tiled_backward,
        ("pool_spread", "pool_window", "upstream_ignored"),
    ),
    ImageForm(
        "largest of tiles with equal numbers",
        {"x": (2, 4, 5, 3)},
        _tied_forward,
        _tied_backward,
        ("pool_ties",),
    ),
    ImageForm(
        "mean of windows in a border",
        {"x": IMAGE},
        _mean_forward,
        _mean_backward,
        (
            "average_factor",
            "average_factor, one side",
            "average_border",
            "stride_forgotten",
            "window_overwritten",
            "border_kept",
        ),
    ),
    ImageForm(
        "mean of three numbers after another",
        {"x": (4, 6, 2)},
        _halved_forward,
        _halved_backward,
        ("average_factor",),
    ),
    ImageForm(
        "mean of every channel",
        {"x": (4, 3, 2, 5), "W": (3, 3)},
        _global_forward,
        _global_backward,
        ("average_factor", "average_factor, one axis", "weight_not_transposed"),
    ),
    ImageForm(
        "made flat with channels last",
        {"x": (4, 2, 3, 2), "W": (12, 3), "b": (3,)},
        _moved_forward,
        _moved_backward,
        ("reshape_order",),
    ),
    ImageForm(
        "made flat as it lies",
        {"x": (4, 2, 3, 2), "W": (12, 3)},
        _flat_forward,
        _flat_backward,
        ("reshape_order", "reshape_order, in Fortran's order", "derivative_missing"),
    ),
    ImageForm(
        "a border",
        {"x": (3, 2, 3, 4)},
        _border_forward,
        _border_backward,
        ("border_kept", "border_kept, whole", "border_kept, from the end"),
    ),
)
