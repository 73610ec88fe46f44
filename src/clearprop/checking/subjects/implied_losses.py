"""Losses that stand nowhere in the code, and whose gradient it computes all the same.

`delta = a - y` says which loss is meant and never computes it. The usual ones are tried, and the
gradients say which it is.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array


class ImpliedLoss(NamedTuple):
    """A loss of an output and a target, both (…): as people write it, and its value."""

    formula: str
    value: Callable[[Array, Array], Any]


def _squares(y: Array, t: Array) -> Any:
    return np.sum((y - t) ** 2)


def _binary(y: Array, t: Array) -> Any:
    return -np.sum(t * np.log(y) + (1 - t) * np.log(1 - y))


def _classes(y: Array, t: Array) -> Any:
    return -np.sum(t * np.log(y))


def _logits(y: Array, t: Array, axis: int = -1) -> Any:
    shifted = y - y.max(axis=axis, keepdims=True) if y.dtype.kind != "c" else y
    return -np.sum(t * (shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))))


def _logits_in_columns(y: Array, t: Array) -> Any:
    return _logits(y, t, axis=0)


def _binary_logits(y: Array, t: Array) -> Any:
    return np.sum(np.log1p(np.exp(y)) - t * y)


SUMS: tuple[tuple[str, Callable[[Array, Array], Any]], ...] = (
    ("Σ(y − t)²", _squares),
    ("−Σ(t·log y + (1 − t)·log(1 − y))", _binary),
    ("−Σ t·log y", _classes),
    ("−Σ t·log softmax(y)", _logits),
    ("−Σ t·log softmax(y)", _logits_in_columns),
    ("Σ(log(1 + eʸ) − t·y)", _binary_logits),
)


def implied_losses(y: Array, t: Array) -> Iterator[ImpliedLoss]:
    """The losses that may be meant, half a sum of squares first. Classes (N,) beside outputs (N, K)
    are taken as rows of an identity."""
    target = _like(y, t)
    if target is None:
        return
    for formula, total in SUMS:
        for factor, before in _factors(y, halves=total is _squares):

            def value(y: Array, t: Array, total: Any = total, factor: float = factor) -> Any:
                like = _like(y, t)
                return factor * total(y, t if like is None else like)

            yield ImpliedLoss(before + formula, value)


def _factors(y: Array, *, halves: bool) -> Sequence[tuple[float, str]]:
    rows, columns = (len(y), y.shape[-1]) if y.ndim else (1, 1)
    found: dict[float, str] = {0.5: "½ "} if halves else {}
    counts = {1: "", rows: f"1/{rows} ", columns: f"1/{columns} ", y.size: f"1/{y.size} "}
    for count, before in counts.items():
        found.setdefault(1 / count, before)
        if halves:
            found.setdefault(0.5 / count, f"½ {before}")
    return list(found.items())


def _like(y: Array, t: Array) -> Array | None:
    """The target in the shape of the output; None where it is not for it."""
    t = np.asarray(t)
    if t.shape == y.shape:
        return t
    if t.dtype.kind in "iu" and y.ndim == 2 and t.shape == y.shape[:1]:
        inside = t.size and int(t.min()) >= 0 and int(t.max()) < y.shape[1]
        return np.eye(y.shape[1])[t] if inside else None
    if t.size == y.size and t.size > 0:
        return t.reshape(y.shape)
    return None


def fits(y: Array, t: Any) -> bool:
    """Whether `t` can be the target of an output."""
    return isinstance(t, np.ndarray) and t.dtype.kind in "fiub" and _like(y, t) is not None
