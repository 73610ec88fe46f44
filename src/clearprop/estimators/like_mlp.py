"""scikit-learn's MLP: its settings, its Adam, its start.

Its conventions, and what says the same here:

    squared error with ½, of one target column            Huber without an end: ½ e²
    one logit for two classes                             `single_logit`
    alpha: + ½ α Σ w² / (rows of a batch)                 `alpha`
    momentum: v ← μ v − η g, and Nesterov's step          SGD(momentum=μ, nesterov=True)
    learning_rate="invscaling", "adaptive" (of sgd)       the same (`falling_rates`)
    Adam: η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)         SklearnAdam: ε is not scaled
    more than n_iter_no_change epochs, each not tol       `n_iter_no_change`, `tol`
    better than the best before, end it

scikit-learn divides by a smaller last batch's own rows; batches here are evened out instead, so
both do the same where batch_size divides the rows. Its start is drawn by other means: `start_of`
hands it over. It also clips probabilities at the dtype's epsilon where it takes their logarithm:
losses above 36 an entry, as a first step of lbfgs that is much too long can bring, are those of
this engine.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.losses import Huber
from clearprop.engine.optimizers import Adam
from clearprop.engine.optimizers.optimizer import OptimizerState

SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": (100,),
    "activation": "relu",
    "solver": "sklearn_adam",
    "alpha": 1e-4,
    "batch_size": 200,
    "learning_rate": "constant",
    "learning_rate_init": 0.001,
    "max_iter": 200,
    "min_steps": 0,
    "n_iter_no_change": 10,
    "tol": 1e-4,
    "n_networks": 1,
    "validation": "none",
    "soft_clip": None,
    "bins": 0,
    "input_scale": None,
    "scaling": "none",
    "missing": "error",
    "start": "glorot",
    "standardize_target": False,
    "dtype": "float64",
}
CLASSIFIER_SETTINGS: dict[str, Any] = {**SETTINGS, "single_logit": True}
REGRESSOR_SETTINGS: dict[str, Any] = {**SETTINGS, "loss": Huber(1e18)}


@dataclass(frozen=True)
class SklearnAdam(Adam):
    """Adam as scikit-learn has it: m / (√v + ε), where the usual one has m̂ / (√v̂ + ε).

    The two differ by ε alone, which is √(1 − β₂ᵗ) times as large here in step t: the "ε hat" of the
    paper. Source: Kingma and Ba, "Adam", 2015, end of section 2.
    """

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        correction = np.sqrt(1 - self.betas[1] ** (state.step + 1))
        settings = {**self.settings(), "eps": float(self.eps / correction)}
        return Adam(**settings).step(params, state, gradient)


def start_of(mlp: Any) -> Array:
    """The parameters (P,) of a scikit-learn MLP that has been fitted or begun, for `start`."""
    layers = zip(mlp.coefs_, mlp.intercepts_, strict=True)
    return np.concatenate([part.reshape(-1) for layer in layers for part in layer])
