"""What an estimator was told, as the recipe of its training."""

from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.base.errors import ConfigurationError
from clearprop.data.preparation import MISSING_POLICIES
from clearprop.estimators.callbacks import callbacks_of
from clearprop.estimators.spelled import activations_of, loss_named, start_named
from clearprop.estimators.table_recipe import TableRecipe

AUTO = "auto"
# What "auto" is of a batch, as scikit-learn has it; of fewer rows it is all of them.
USUAL_BATCH = 200

# What the recipe, and the optimizer that it makes, call otherwise than an estimator does.
PARAMETERS = {
    "hidden": "hidden_layer_sizes",
    "optimizer": "solver",
    "schedule": "learning_rate",
    "learning_rate": "learning_rate_init",
    "power": "power_t",
    "epochs": "max_iter",
    "least_steps": "min_steps",
    "networks": "n_networks",
    "share": "validation_fraction",
    "patience": "n_iter_no_change",
    "tolerance": "tol",
    "l2": "alpha",
    "scale_rate": "input_scale",
    "standardise": "standardize_target",
    "seed": "random_state",
    "betas": "beta_1, beta_2",
    "eps": "epsilon",
}


def _is_auto(given: Any) -> bool:
    return isinstance(given, str) and given == AUTO


def recipe_of(model: Any, seed: int, epochs: int | None = None) -> TableRecipe:
    """The recipe of a NetworkRegressor or NetworkClassifier. With `epochs`, those of `partial_fit`,
    none are held out and there are no more.

    Raises ConfigurationError for a parameter that cannot be, by the name that it has there.
    """
    try:
        recipe = _recipe(model, seed, epochs)
        if isinstance(recipe.optimizer, str) and recipe.optimizer != "lbfgs":
            # Made once, so that what the optimizer refuses is refused here.
            replace(recipe, learning_rate=recipe.learning_rate or 1.0).optimizer_for(1)
    except ConfigurationError as problem:
        name = problem.values.get("name")
        if name is None:
            raise
        told = str(PARAMETERS.get(str(name), name))
        values = {**problem.values, "owner": type(model).__name__, "name": told}
        if "condition" in values:
            values["condition"] = str(values["condition"]).replace(str(name), told)
        raise ConfigurationError(problem.key, **values) from problem
    return recipe


def _recipe(model: Any, seed: int, epochs: int | None) -> TableRecipe:
    rate, batch, patience = model.learning_rate_init, model.batch_size, model.n_iter_no_change
    if model.missing not in MISSING_POLICIES:
        known = ", ".join(MISSING_POLICIES)
        owner = type(model).__name__
        raise ConfigurationError(
            "setting_choice", owner=owner, name="missing", known=known, value=model.missing
        )
    settings: dict[str, Any] = {}
    if model.solver == "sgd":
        settings = {"momentum": model.momentum}
        settings["nesterov"] = bool(model.nesterovs_momentum and model.momentum)
    elif model.solver in ("adam", "adamw", "sklearn_adam"):
        settings = {"betas": (model.beta_1, model.beta_2), "eps": model.epsilon}
    recipe = TableRecipe(
        hidden=_sizes(model.hidden_layer_sizes),
        activations=None if _is_auto(model.activation) else activations_of(model.activation),
        loss=loss_named(model.loss),
        optimizer=model.solver,
        optimizer_settings=tuple(settings.items()),
        learning_rate=None if _is_auto(rate) else rate,
        # One epoch of a training whose end nobody knows has a constant rate.
        schedule=model.learning_rate if epochs is None else "constant",
        power=model.power_t,
        epochs=epochs or model.max_iter,
        least_steps=0 if epochs else model.min_steps,
        batch_size=USUAL_BATCH if _is_auto(batch) else batch,
        networks=model.n_networks,
        validation=model.validation if epochs is None else "none",
        share=model.validation_fraction,
        # As in scikit-learn infinity bears any number of epochs.
        patience=None if patience == np.inf else patience,
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
        dtype=_dtype(model.dtype),
        seed=seed,
        engine=model.engine,
    )
    if recipe.optimizer == "lbfgs":
        given = {
            "dropout": recipe.dropout,
            "weight_decay": recipe.weight_decay,
            "callbacks": callbacks_of(model.callbacks),
        }
        for name, value in given.items():
            if value:
                raise ConfigurationError("setting_of_steps", name=name)
    return recipe


def _sizes(hidden: Any) -> tuple[int, ...]:
    several = hidden if isinstance(hidden, list | tuple | np.ndarray) else (hidden,)
    if any(isinstance(one, bool) or not isinstance(one, int | np.integer) for one in several):
        raise ConfigurationError("hidden_sizes", value=hidden)
    return tuple(map(int, several))


def _dtype(given: Any) -> Any:
    """The name of NumPy's own dtypes; anything else as it is."""
    return np.dtype(given).name if isinstance(given, type | np.dtype) else given
