"""The largest eigenvalue of the loss's Hessian, by power iteration on gradient differences.

The Hessian H is never formed. Along a direction v, to second order in h,

    H v ≈ (∇L(θ + h v) − ∇L(θ − h v)) / 2h

which costs two passes. With ‖v‖ = 1 the two errors, h²/6 · ‖∇L''‖ and ε ‖∇L‖ / h, balance near
h = ∛ε · max(1, ‖θ‖∞). A kink between the two ends would add its jump over 2h to it, so the step is
made smaller until there is none.

Power iteration takes v ← Hv / ‖Hv‖ from a seeded random start. H is symmetric, so v turns to the
eigenvector of the largest |λ|, and vᵀHv, which is never above λmax, to that λ; its error is of the
order of ‖Hv − λv‖² over the gap to the next eigenvalue. It ends where that residual is at most
RESIDUAL · |λ|, or where λ has moved by less than SETTLED of itself in three iterations.

Where that λ is negative, or two of opposite sign and equal size keep v turning, the iteration is
run once more on H + σI with σ = ‖Hv‖, at least the size of the largest |λ| that was met: all its
eigenvalues are shifted by σ, λmax + σ is the largest and none is far below 0. So what is returned
is the largest λ, not the largest |λ|.

Source: Golub and Van Loan, Matrix computations, chapter 8; the step as in `finite_differences`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from clearprop.arrays import Array, keyed_generator
from clearprop.checking.kinks import same_sides, sides
from clearprop.explanation.step import Step

RESIDUAL = 1e-3
SETTLED = 1e-6
ITERATIONS = 200
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


def curvature(step: Step, *, seed: int = 0) -> Curvature:
    """λmax of the Hessian of a step's loss by its parameters, in float64.

    The random draws of the step stay as they are. NaN where a gradient is not finite.
    """
    product = _Product(step)
    start = keyed_generator(seed, path="health.curvature").normal(size=product.size)
    with np.errstate(all="ignore"):
        found, radius = _iterate(product, start, 0.0)
        if np.isfinite(found.largest) and (found.largest < 0 or not found.converged):
            shifted, _ = _iterate(product, start, radius)
            found = _better(found, shifted)
    return found._replace(kinked=product.kinked)


def _better(plain: Curvature, shifted: Curvature) -> Curvature:
    """Both are at most λmax, so the larger one is nearer."""
    best = max(plain, shifted, key=lambda one: one.largest)
    return best._replace(iterations=plain.iterations + shifted.iterations)


def _iterate(
    product: Callable[[Array], Array], start: Array, shift: float
) -> tuple[Curvature, float]:
    """Power iteration on H + shift · I; λ without the shift, and the largest ‖Hv‖ that was met."""
    length = float(np.linalg.norm(start))
    if length == 0:
        return Curvature(0.0, 0.0, 0, converged=True), 0.0
    v = start / length
    largest, residual, radius = 0.0, float("inf"), 0.0
    settled = 0
    for iteration in range(1, ITERATIONS + 1):
        turned = product(v)
        before, largest = largest, float(v @ turned)
        radius = max(radius, float(np.linalg.norm(turned)))
        residual = float(np.linalg.norm(turned - largest * v))
        turned = turned + shift * v
        length = float(np.linalg.norm(turned))
        if not np.isfinite(length) or length == 0:
            return Curvature(largest, 0.0, iteration, converged=True), radius
        settled = settled + 1 if abs(largest - before) <= SETTLED * abs(largest) else 0
        if residual <= RESIDUAL * abs(largest) or settled == 3:
            return Curvature(largest, residual / abs(largest), iteration, converged=True), radius
        v = turned / length
    relative = residual / abs(largest) if largest else float("inf")
    return Curvature(largest, relative, ITERATIONS, converged=False), radius


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
