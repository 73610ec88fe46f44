"""What an estimator was told, as the recipe of its training."""

from typing import Any

import numpy as np

from clearprop.estimators.spelled import activations_of, start_named
from clearprop.estimators.table_recipe import TableRecipe
from clearprop.training.arguments import loss_of

AUTO = "auto"


def _is_auto(activation: Any) -> bool:
    return isinstance(activation, str) and activation == AUTO


def recipe_of(model: Any, seed: int, epochs: int | None = None) -> TableRecipe:
    """The recipe of a NetworkRegressor or NetworkClassifier. With `epochs`, those of `partial_fit`,
    none are held out and there are no more. Raises ConfigurationError."""
    hidden = model.hidden_layer_sizes
    sizes = (hidden,) if isinstance(hidden, int | np.integer) else tuple(hidden)
    rate = model.learning_rate_init
    settings: dict[str, Any] = {}
    if model.solver == "sgd":
        settings = {"momentum": model.momentum}
        settings["nesterov"] = bool(model.nesterovs_momentum and model.momentum)
    elif model.solver in ("adam", "adamw", "sklearn_adam"):
        settings = {"betas": (model.beta_1, model.beta_2), "eps": model.epsilon}
    return TableRecipe(
        hidden=tuple(int(size) for size in sizes),
        activations=None if _is_auto(model.activation) else activations_of(model.activation),
        loss=None if model.loss is None else loss_of(model.loss),
        optimizer=model.solver,
        optimizer_settings=tuple(settings.items()),
        learning_rate=None if rate == AUTO else rate,
        schedule=model.learning_rate,
        epochs=epochs or model.max_iter,
        least_steps=0 if epochs else model.min_steps,
        batch_size=model.batch_size,
        networks=model.n_networks,
        validation=model.validation if epochs is None else "none",
        share=model.validation_fraction,
        patience=model.n_iter_no_change,
        tolerance=model.tol,
        dropout=model.dropout,
        weight_decay=model.weight_decay,
        l2=model.alpha,
        soft_clip=model.soft_clip,
        bins=model.bins,
        bin_height=model.bin_height,
        scale_rate=model.input_scale,
        scaling=model.scaling,
        weights=start_named(model.start) if isinstance(model.start, str) else None,
        standardise=model.standardize_target,
        held=model.standardize_target,
        dtype=model.dtype,
        seed=seed,
        engine=model.engine,
    )
