"""Single functions in plain NumPy, with the mistakes that are made in them: linear, activations,
softmax, normalization, dropout, embedding.

Each is there twice: by itself, where nothing says which layer it is, and beside the layer of ours
that it should equal.
"""

from collections.abc import Iterator

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.attention_forms import FORMS
from clearprop.checking.gallery.specimen import (
    STRANGER,
    Arrays,
    Specimen,
    Written,
    written_specimen,
)
from clearprop.checking.gallery.written_attention import ATTENTION
from clearprop.checking.gallery.written_norms import RMS_NORM, norm_of, rms_of
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm
from clearprop.engine.layers.softmax import LogSoftmax, Softmax

KEPT = 0.7


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every function, every mistake, every point."""
    for written in (*WRITTEN, *(_dropout(seed) for seed in seeds)):
        for mistake in written.backwards:
            for seed in seeds:
                yield written_specimen(written, mistake, seed)


def _matrix(generator: np.random.Generator) -> dict[str, Array]:
    x = generator.normal(size=(int(generator.integers(5, 9)), 4))
    return {"x": x + 0.05 * np.sign(x)}


# Linear: x·W + b


def _linear_point(generator: np.random.Generator) -> dict[str, Array]:
    return {
        "x": generator.normal(size=(6, 3)),
        "W": generator.normal(size=(3, 3)),
        "b": generator.normal(size=3),
    }


LINEAR = Written(
    "x·W + b",
    _linear_point,
    lambda a: a["x"] @ a["W"] + a["b"],
    {
        "": lambda dy, a: {"x": dy @ a["W"].T, "W": a["x"].T @ dy, "b": dy.sum(0)},
        "weight_not_transposed": lambda dy, a: {
            "x": dy @ a["W"],
            "W": a["x"].T @ dy,
            "b": dy.sum(0),
        },
        "transposed": lambda dy, a: {"x": dy @ a["W"].T, "W": dy.T @ a["x"], "b": dy.sum(0)},
        "unsummed": lambda dy, a: {"x": dy @ a["W"].T, "W": a["x"].T @ dy, "b": dy},
        "mean_for_sum": lambda dy, a: {"x": dy @ a["W"].T, "W": a["x"].T @ dy, "b": dy.mean(0)},
        "zeros": lambda dy, a: {"x": dy @ a["W"].T, "W": a["x"].T @ dy, "b": 0 * a["b"]},
        "sample_missing": lambda dy, a: {
            "x": dy @ a["W"].T,
            "W": a["x"][1:].T @ dy[1:],
            "b": dy.sum(0),
        },
    },
)

# Activations

TANH = Written(
    "tanh(x)",
    _matrix,
    lambda a: np.tanh(a["x"]),
    {
        "": lambda dy, a: {"x": dy * (1 - np.tanh(a["x"]) ** 2)},
        "derivative_missing": lambda dy, a: {"x": dy},
        "derivative_of_z": lambda dy, a: {"x": dy * (1 - a["x"] ** 2)},
        "derivative_at_a": lambda dy, a: {"x": dy * (1 - np.tanh(np.tanh(a["x"])) ** 2)},
        "value_for_derivative": lambda dy, a: {"x": dy * np.tanh(a["x"])},
        "upstream_ignored": lambda dy, a: {"x": 1 - np.tanh(a["x"]) ** 2},
        "sign": lambda dy, a: {"x": dy * (np.tanh(a["x"]) ** 2 - 1)},
        "other_function": lambda dy, a: {"x": dy * np.exp(-a["x"]) / (1 + np.exp(-a["x"])) ** 2},
    },
)
RELU = Written(
    "max(0, x)",
    _matrix,
    lambda a: np.maximum(0, a["x"]),
    {
        "": lambda dy, a: {"x": np.where(a["x"] > 0, dy, 0)},
        "derivative_missing": lambda dy, a: {"x": dy},
        "mask_from_upstream": lambda dy, a: {"x": np.where(dy > 0, dy, 0)},
        "mask_inverted": lambda dy, a: {"x": np.where(a["x"] > 0, 0, dy)},
        "upstream_ignored": lambda dy, a: {"x": (a["x"] > 0).astype(float)},
    },
)

# Softmax and its logarithm


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(1, keepdims=True))
    p: Array = e / e.sum(1, keepdims=True)
    return p


def _softmax_right(dy: Array, a: Arrays) -> Arrays:
    p = _softmax(a["x"])
    return {"x": p * (dy - (dy * p).sum(1, keepdims=True))}


def _softmax_diagonal(dy: Array, a: Arrays) -> Arrays:
    p = _softmax(a["x"])
    return {"x": dy * (p - p**2)}


def _log_softmax_right(dy: Array, a: Arrays) -> Arrays:
    return {"x": dy - _softmax(a["x"]) * dy.sum(1, keepdims=True)}


SOFTMAX = Written(
    "softmax(x)",
    _matrix,
    lambda a: _softmax(a["x"]),
    {
        "": _softmax_right,
        "softmax_diagonal": _softmax_diagonal,
        "softmax_sum": lambda dy, a: {"x": dy * _softmax(a["x"])},
        "derivative_missing": lambda dy, a: {"x": dy},
        "sign": lambda dy, a: {"x": -_softmax_right(dy, a)["x"]},
    },
    Softmax(),
)
LOG_SOFTMAX = Written(
    "log softmax(x)",
    _matrix,
    lambda a: np.log(_softmax(a["x"])),
    {
        "": _log_softmax_right,
        "softmax_diagonal": lambda dy, a: {"x": dy * (1 - _softmax(a["x"]))},
        "softmax_sum": lambda dy, a: {"x": dy - _softmax(a["x"])},
    },
    LogSoftmax(),
)

# Normalization. `axis` is what the means are taken over.


# Dropout, its mask drawn once


def _dropout(seed: int) -> Written:
    mask = np.random.default_rng([seed, 3]).random((8, 4)) < KEPT

    def rows(a: Arrays) -> Array:
        return mask[: len(a["x"])]

    return Written(
        "dropout",
        _matrix,
        lambda a: a["x"] * rows(a) / KEPT,
        {
            "": lambda dy, a: {"x": dy * rows(a) / KEPT},
            "dropout_scale": lambda dy, a: {"x": dy * rows(a)},
            "dropout_mask": lambda dy, a: {"x": dy / KEPT},
        },
    )


# Embedding: rows of a table


def _table_point(generator: np.random.Generator) -> dict[str, Array]:
    return {"ids": np.array([0, 2, 2, 4, 0, 2]), "table": generator.normal(size=(5, 3))}


def _table_right(dy: Array, a: Arrays) -> Arrays:
    gradient = np.zeros_like(a["table"])
    np.add.at(gradient, a["ids"], dy)
    return {"table": gradient}


def _table_overwritten(dy: Array, a: Arrays) -> Arrays:
    gradient = np.zeros_like(a["table"])
    gradient[a["ids"]] += dy
    return {"table": gradient}


def _table_by_a_loop(dy: Array, a: Arrays) -> Arrays:
    gradient = np.zeros_like(a["table"])
    for row, one in enumerate(a["ids"]):
        gradient[one] = dy[row]
    return {"table": gradient}


EMBEDDING = Written(
    "rows of a table",
    _table_point,
    lambda a: a["table"][a["ids"]],
    {
        "": _table_right,
        "embedding_overwritten": _table_overwritten,
        "embedding_overwritten, by a loop": _table_by_a_loop,
        STRANGER: lambda dy, a: {"table": _table_right(dy, a)["table"] + 0.1 * a["table"] ** 2},
    },
    Embedding(5, 3),
)
TABLE_FIRST = EMBEDDING._replace(
    name="rows of a table that comes first",
    point=lambda generator: dict(reversed(_table_point(generator).items())),
    layer=None,
)

# Cross-entropy of probabilities


def _probabilities(generator: np.random.Generator) -> dict[str, Array]:
    return {"p": generator.dirichlet(np.ones(4), size=5), "t": np.eye(4)[[0, 3, 1, 2, 2]]}


ENTROPY = Written(
    "cross-entropy of probabilities",
    _probabilities,
    lambda a: np.asarray(-np.sum(a["t"] * np.log(a["p"]))),
    {
        "": lambda dy, a: {"p": -dy * a["t"] / a["p"], "t": -dy * np.log(a["p"])},
        "cross_entropy_of_logits": lambda dy, a: {
            "p": dy * (a["p"] - a["t"]),
            "t": -dy * np.log(a["p"]),
        },
        STRANGER: lambda dy, a: {
            "p": dy * (a["p"] ** 2 - a["t"]),
            "t": -dy * np.log(a["p"]),
        },
    },
)

WRITTEN = (
    LINEAR,
    TANH,
    RELU,
    SOFTMAX,
    LOG_SOFTMAX,
    norm_of("layer norm", 1, LayerNorm(5)),
    norm_of("batch norm", 0, BatchNorm(5)),
    RMS_NORM,
    RMS_NORM._replace(
        name="RMS norm in one line",
        forward=lambda a: a["gamma"] * (a["x"] / rms_of(a)),
        layer=None,
    ),
    EMBEDDING,
    TABLE_FIRST,
    ENTROPY,
    *ATTENTION,
    *FORMS,
)
