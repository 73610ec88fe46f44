"""Mistakes that the diagnosis does not know: here every name would be a wrong one."""

from collections.abc import Iterator

import numpy as np

from clearprop.checking.gallery.specimen import STRANGER, Arrays, Specimen
from clearprop.checking.gallery.written_networks import (
    NONLINEARITIES,
    LoopState,
    gradients,
    right,
    specimen,
)


def reversed_samples(t: LoopState) -> Arrays:
    """The rows of x and of dz do not belong together."""
    dz = t.dy @ t.w2.T * t.n.slope(t.z, t.a)
    return gradients(dz @ t.w1.T, t.x[::-1].T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def another_slope(t: LoopState) -> Arrays:
    """A derivative of no function here."""
    dz = t.dy @ t.w2.T * np.exp(-np.abs(t.z))
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def clipped(t: LoopState) -> Arrays:
    """Large gradients are cut without a word."""
    found = right(t)
    return {name: np.clip(g, -0.1 * abs(g).max(), None) for name, g in found.items()}


def signs_only(t: LoopState) -> Arrays:
    """The size of the gradient is lost."""
    return {name: np.sign(g) for name, g in right(t).items()}


def noisy(t: LoopState) -> Arrays:
    """A thousandth of something else is in it."""
    found = right(t)
    return {
        name: g + 1e-3 * abs(g).max() * np.cos(np.arange(g.size)).reshape(g.shape)
        for name, g in found.items()
    }


def no_derivative_and_clipped(t: LoopState) -> Arrays:
    """The derivative is missing, and what goes on is cut: one of the two has no name."""
    dz = t.dy @ t.w2.T
    # On both sides: whatever the signs, the largest entry is cut.
    dz = np.clip(dz, -abs(dz).max() / 3, abs(dz).max() / 3)
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


def z_for_a_squared(t: LoopState) -> Arrays:
    """Z where a belongs, and squared."""
    return {**right(t), "layers[2].weight": (t.z**2).T @ t.dy}


def shifted_slope(t: LoopState) -> Arrays:
    """The derivative is taken at another point."""
    z = t.z + 0.5
    dz = t.dy @ t.w2.T * t.n.slope(z, t.n.f(z))
    return gradients(dz @ t.w1.T, t.x.T @ dz, dz.sum(0), t.a.T @ t.dy, t.dy.sum(0))


ALL = (
    reversed_samples,
    another_slope,
    clipped,
    signs_only,
    noisy,
    no_derivative_and_clipped,
    z_for_a_squared,
    shifted_slope,
)


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every stranger in every small network, at several points."""
    for sizes in ((2, 3, 1), (1, 10, 1), (3, 3, 3)):
        for nonlinearity in NONLINEARITIES:
            for code in ALL:
                for seed in seeds:
                    yield specimen(sizes, nonlinearity, STRANGER, code, seed)
                    yield specimen(sizes, nonlinearity, STRANGER, code, seed).alone()
