"""The largest eigenvalue of the loss's Hessian, by power iteration on gradient differences.

The Hessian H is never formed. Along a direction v, to second order in h,

    H v ≈ (∇L(θ + h v) − ∇L(θ − h v)) / 2h

which costs two passes. With ‖v‖ = 1 the two errors, h²/6 · ‖∇L''‖ and ε ‖∇L‖ / h, balance near
h = ∛ε · max(1, ‖θ‖∞). A kink between the two ends would add its jump over 2h to it, so the step is
made smaller until there is none.

Power iteration takes v, Hv, H²v … from a seeded random start and keeps the last of them. That one
turns to the largest |λ|, which may be a negative one, and slowly where two are alike. So all of
them are kept, each made orthogonal to those before it, and λmax is the largest eigenvalue of H
between them: of the small matrix T = QᵀHQ, tridiagonal, since H is symmetric (Lanczos). Negative
curvature, however large, does not disturb it. No value of vᵀHv is above λmax, so what is found is
never too large; with T's eigenvector s, the vector v = Qs and β the length of what is left of the
next one,

    ‖Hv − λv‖ = β |s_last|

and some eigenvalue of H lies within that residual. RESIDUAL is small, because a start that happens
to have next to nothing along the sharpest direction settles on the next one first. It ends where
the residual is at most RESIDUAL · |λ|, where the vectors have used up all directions that the start
can reach, or after ITERATIONS.

Source: Golub and Van Loan, Matrix computations, chapters 8 and 10; the step as in
`finite_differences`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.engine.kinks import same_sides, sides
from clearprop.engine.step import Step

RESIDUAL = 1e-6
ITERATIONS = 100
# A next vector that is this much shorter than Hv is rounding: there is no new direction.
USED_UP = 1e-8
# The step, and how often it is made ten times smaller where a kink lies in between.
SHRUNK = (1.0, 0.1, 0.01, 0.001)


class Curvature(NamedTuple):
    """The sharpest curvature of the loss at one point.

    largest     λmax; 0 where the loss is flat, negative where it curves downwards everywhere
    residual    ‖Hv − λv‖ / |λ|
    iterations  how many there were, of two passes each
    converged   False where ITERATIONS were not enough: λmax is then at least this
    kinked      whether a kink could not be avoided
    """

    largest: float
    residual: float
    iterations: int
    converged: bool
    kinked: bool = False

    @property
    def bound(self) -> float:
        """2/λmax, above which a step of gradient descent grows along the sharpest direction; ∞
        where no direction curves upwards."""
        return 2 / self.largest if self.largest > 0 else float("inf")


def curvature(step: Step, *, seed: int = 0, downwards: bool = False) -> Curvature:
    """λmax of the Hessian of a step's loss by its parameters, in float64; with `downwards` that of
    its negative, which is −λmin.

    The random draws of the step stay as they are. NaN where a gradient is not finite.
    """
    product = _Product(step)
    start = keyed_generator(seed, path="health.curvature").normal(size=product.size)
    with np.errstate(all="ignore"):
        found = _largest(lambda v: -product(v) if downwards else product(v), start)
    return found._replace(kinked=product.kinked)


def left_to_gain(step: Step, gradient: Array) -> float:
    """How much the best step along a gradient g lowers the loss: ½ ‖g‖² / vᵀHv with v = g / ‖g‖.
    NaN where the loss does not curve upwards along it.

    `gradient` (P,) is the step's, or a part of it with 0 everywhere else.
    """
    along = gradient.astype(np.float64)
    length = float(np.linalg.norm(along))
    if length == 0:
        return 0.0
    along /= length
    with np.errstate(all="ignore"):
        curved = float(along @ _Product(step)(along))
    return length**2 / (2 * curved) if curved > 0 else float("nan")


def _largest(product: Callable[[Array], Array], start: Array) -> Curvature:
    if not start.size:
        return Curvature(0.0, 0.0, 0, converged=True)
    vectors = np.empty((min(ITERATIONS, start.size), start.size))
    diagonal: list[float] = []
    beside: list[float] = []
    vectors[0] = start / np.linalg.norm(start)
    for count in range(1, len(vectors) + 1):
        turned = product(vectors[count - 1])
        length = float(np.linalg.norm(turned))
        if not np.isfinite(length):
            return Curvature(float("nan"), float("nan"), count, converged=False)
        diagonal.append(float(vectors[count - 1] @ turned))
        # Twice: once leaves what rounding lets through.
        for _ in range(2):
            turned = turned - vectors[:count].T @ (vectors[:count] @ turned)
        left = float(np.linalg.norm(turned))
        values, eigenvectors = np.linalg.eigh(
            np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        )
        largest = float(values[-1])
        residual = left * float(np.abs(eigenvectors[-1, -1]))
        used_up = left <= USED_UP * float(np.abs(values).max()) or count == start.size
        if used_up or residual <= RESIDUAL * abs(largest):
            relative = 0.0 if used_up else residual / abs(largest)
            return Curvature(largest, relative, count, converged=True)
        beside.append(left)
        if count < len(vectors):
            vectors[count] = turned / left
    return Curvature(largest, residual / abs(largest), ITERATIONS, converged=False)


class _Product:
    """v ↦ H v at one step; `kinked` once a kink lay between the ends whatever the step."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._params = step.forward.params.astype(np.float64)
        x = step.forward.input
        self._x = x.astype(np.float64) if x.dtype.kind == "f" else x
        self._target = step.target
        self._h = float(np.cbrt(np.finfo(np.float64).eps)) * max(
            1.0, float(np.abs(self._params).max(initial=0.0))
        )
        self.size = self._params.size
        self.kinked = False

    def __call__(self, v: Array) -> Array:
        for shrunk in SHRUNK:
            h = self._h * shrunk
            (above, left), (below, right) = self._gradient(h * v), self._gradient(-h * v)
            product: Array = (above - below) / (2 * h)
            if same_sides(left, right):
                return product
        self.kinked = True
        return product

    def _gradient(self, moved: Array) -> tuple[Array, tuple[Array, ...]]:
        forward, result = self._step.again(self._params + moved, self._x)
        backward = self._step.forward.network.backward(forward, result.gradient)
        return backward.gradient, sides(forward, self._step.loss, self._target)
