"""Norms in plain NumPy, right and with every mistake that is known of them."""

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.specimen import STRANGER, Arrays, Code, Written
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.normalization import RMSNorm

EPSILON = 1e-5


def _norm_point(generator: np.random.Generator) -> dict[str, Array]:
    return {
        "x": generator.normal(size=(6, 5)) * 2 + 1,
        "gamma": generator.uniform(0.5, 2, size=5),
        "beta": generator.normal(size=5),
    }


def norm_of(name: str, axis: int, layer: Layer) -> Written:
    """A norm over an axis, with γ and β, and the layer of ours that it equals."""

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


def rms_of(a: Arrays) -> Array:
    """The root of the mean square of every row."""
    r: Array = np.sqrt((a["x"] ** 2).mean(1, keepdims=True) + EPSILON)
    return r


def _rms_right(dy: Array, a: Arrays) -> Arrays:
    r = rms_of(a)
    g, hat = dy * a["gamma"], a["x"] / r
    return {"x": (g - hat * (g * hat).mean(1, keepdims=True)) / r, "gamma": (dy * hat).sum(0)}


def _rms_point(generator: np.random.Generator) -> dict[str, Array]:
    point = _norm_point(generator)
    return {"x": point["x"], "gamma": point["gamma"]}


RMS_NORM = Written(
    "RMS norm",
    _rms_point,
    lambda a: a["gamma"] * a["x"] / rms_of(a),
    {
        "": _rms_right,
        "norm_constant": lambda dy, a: {
            **_rms_right(dy, a),
            "x": dy * a["gamma"] / rms_of(a),
        },
        "norm_gain_from_input": lambda dy, a: {
            **_rms_right(dy, a),
            "gamma": (dy * a["x"]).sum(0),
        },
    },
    RMSNorm(5, epsilon=EPSILON),
)
