"""Functions of NumPy that are others one after another, as it is known of those what they do.

Each gives None where it is called in a way that is not known.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.matmul(a, b) if np.ndim(b) <= 2 else None


def _inner(a: Any, b: Any) -> Any:
    return np.matmul(a, np.transpose(b)) if max(np.ndim(a), np.ndim(b)) <= 2 else None


def _outer(a: Any, b: Any, out: Any = None) -> Any:
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    left, right = LETTERS[: np.ndim(a)], LETTERS[np.ndim(a) : np.ndim(a) + np.ndim(b)]
    if isinstance(axes, int):
        axes = (range(np.ndim(a) - axes, np.ndim(a)), range(axes))
    pairs = [(one,) if isinstance(one, int) else tuple(one) for one in axes]
    own = list(right)
    for i, j in zip(*pairs, strict=True):
        own[j] = left[i]
    taken = {left[i] for i in pairs[0]}
    output = "".join(c for c in (*left, *own) if c not in taken)
    return np.einsum(f"{left},{''.join(own)}->{output}", a, b)


def _average(a: Any, axis: Any = None, weights: Any = None, **options: Any) -> Any:
    return np.mean(a, axis=axis) if weights is None and not options else None


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002
    if ord not in (None, 2, "fro") or (ord == 2 and axis is None and np.ndim(x) > 1):
        return None
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))


def _trace(a: Any, *given: Any) -> Any:
    return np.sum(np.diagonal(a)) if not given else None


COMPOSED: Mapping[Any, Callable[..., Any]] = {
    np.dot: _dot,
    np.inner: _inner,
    np.outer: _outer,
    np.vdot: lambda a, b: _dot(np.ravel(a), np.ravel(b)),
    np.tensordot: _tensordot,
    np.linalg.norm: _norm,
    np.average: _average,
    np.trace: _trace,
}
