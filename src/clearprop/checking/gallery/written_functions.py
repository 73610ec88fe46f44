"""Single functions in plain NumPy, with the mistakes that are made in them: linear, activations,
softmax, normalization, dropout, embedding.

Each is there twice: by itself, where nothing says which layer it is, and beside the layer of ours
that it should equal.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import STRANGER, Arrays, Code, Specimen, always
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.engine.layers.softmax import LogSoftmax, Softmax

EPSILON = 1e-5
KEPT = 0.7


class Written(NamedTuple):
    """A forward and its backwards: the right one under "", the wrong ones by their mistake."""

    name: str
    point: Callable[[np.random.Generator], dict[str, Array]]
    forward: Callable[[Arrays], Array]
    backwards: Mapping[str, Code]
    layer: Layer | None = None


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every function, every mistake, every point."""
    for written in (*WRITTEN, *(_dropout(seed) for seed in seeds)):
        for mistake, code in written.backwards.items():
            for seed in seeds:
                generator = np.random.default_rng([seed, 2])
                arrays = written.point(generator)
                dy = generator.normal(size=written.forward(arrays).shape)
                yield Specimen(
                    subject=written.name,
                    # What stands behind a comma tells two codes of one mistake apart.
                    mistake=mistake.partition(",")[0],
                    arrays=arrays,
                    dy=dy,
                    forward=written.forward,
                    start=always(code),
                )


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


def _norm_point(generator: np.random.Generator) -> dict[str, Array]:
    return {
        "x": generator.normal(size=(6, 5)) * 2 + 1,
        "gamma": generator.uniform(0.5, 2, size=5),
        "beta": generator.normal(size=5),
    }


def _norm(name: str, axis: int, layer: Layer) -> Written:
    def parts(a: Arrays) -> tuple[Array, Array]:
        mu = a["x"].mean(axis, keepdims=True)
        std = np.sqrt(a["x"].var(axis, keepdims=True) + EPSILON)
        return (a["x"] - mu) / std, std

    def forward(a: Arrays) -> Array:
        y: Array = a["gamma"] * parts(a)[0] + a["beta"]
        return y

    def right(dy: Array, a: Arrays) -> Arrays:
        hat, std = parts(a)
        g = dy * a["gamma"]
        inner = g - g.mean(axis, keepdims=True) - hat * (g * hat).mean(axis, keepdims=True)
        return {"x": inner / std, "gamma": (dy * hat).sum(0), "beta": dy.sum(0)}

    def constant(dy: Array, a: Arrays) -> Arrays:
        _, std = parts(a)
        return {**right(dy, a), "x": dy * a["gamma"] / std}

    def variance_constant(dy: Array, a: Arrays) -> Arrays:
        _, std = parts(a)
        g = dy * a["gamma"] / std
        return {**right(dy, a), "x": g - g.mean(axis, keepdims=True)}

    def mean_constant(dy: Array, a: Arrays) -> Arrays:
        hat, std = parts(a)
        g = dy * a["gamma"] / std
        return {**right(dy, a), "x": g - hat * np.mean(g * hat, axis, keepdims=True)}

    def paths(of_mean: float, of_variance: float) -> Code:
        """Factors before what comes back through the mean and through the variance."""

        def code(dy: Array, a: Arrays) -> Arrays:
            hat, std = parts(a)
            g = dy * a["gamma"] / std
            along = hat * np.mean(g * hat, axis, keepdims=True)
            dx = g - of_mean * g.mean(axis, keepdims=True) - of_variance * along
            return {**right(dy, a), "x": dx}

        return code

    def bessel(dy: Array, a: Arrays) -> Arrays:
        count = a["x"].shape[axis]
        return paths(1, count / (count - 1))(dy, a)

    def gain_missing(dy: Array, a: Arrays) -> Arrays:
        hat, std = parts(a)
        inner = dy - dy.mean(axis, keepdims=True) - hat * (dy * hat).mean(axis, keepdims=True)
        return {**right(dy, a), "x": inner / std}

    def gain_from_input(dy: Array, a: Arrays) -> Arrays:
        return {**right(dy, a), "gamma": (dy * a["x"]).sum(0)}

    def unsummed(dy: Array, a: Arrays) -> Arrays:
        return {**right(dy, a), "gamma": dy * parts(a)[0], "beta": dy}

    def swapped(dy: Array, a: Arrays) -> Arrays:
        g = right(dy, a)
        return {"x": g["x"], "gamma": g["beta"], "beta": g["gamma"]}

    return Written(
        name,
        _norm_point,
        forward,
        {
            "": right,
            "norm_constant": constant,
            "norm_variance_constant": variance_constant,
            "norm_mean_constant": mean_constant,
            "norm_path_factor": paths(1, 2),
            "norm_path_factor, the mean's": paths(2, 1),
            "norm_path_factor, a sign": paths(1, -1),
            "norm_bessel": bessel,
            STRANGER: paths(0.8, 1.3),
            "norm_gain_missing": gain_missing,
            "norm_gain_from_input": gain_from_input,
            "unsummed": unsummed,
            "swapped": swapped,
        },
        layer,
    )


def _rms(a: Arrays) -> Array:
    r: Array = np.sqrt((a["x"] ** 2).mean(1, keepdims=True) + EPSILON)
    return r


def _rms_right(dy: Array, a: Arrays) -> Arrays:
    r = _rms(a)
    g, hat = dy * a["gamma"], a["x"] / r
    return {"x": (g - hat * (g * hat).mean(1, keepdims=True)) / r, "gamma": (dy * hat).sum(0)}


def _rms_point(generator: np.random.Generator) -> dict[str, Array]:
    point = _norm_point(generator)
    return {"x": point["x"], "gamma": point["gamma"]}


RMS_NORM = Written(
    "RMS norm",
    _rms_point,
    lambda a: a["gamma"] * a["x"] / _rms(a),
    {
        "": _rms_right,
        "norm_constant": lambda dy, a: {**_rms_right(dy, a), "x": dy * a["gamma"] / _rms(a)},
        "norm_gain_from_input": lambda dy, a: {
            **_rms_right(dy, a),
            "gamma": (dy * a["x"]).sum(0),
        },
    },
    RMSNorm(5, epsilon=EPSILON),
)

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
    _norm("layer norm", 1, LayerNorm(5)),
    _norm("batch norm", 0, BatchNorm(5)),
    RMS_NORM,
    RMS_NORM._replace(
        name="RMS norm in one line",
        forward=lambda a: a["gamma"] * (a["x"] / _rms(a)),
        layer=None,
    ),
    EMBEDDING,
    TABLE_FIRST,
    ENTROPY,
)
