"""A run that is ready to train: its rows, its settings, and the estimator that they ask for."""

from dataclasses import dataclass
from typing import Any

from clearprop.base.errors import ConfigurationError, DataError
from clearprop.data.blocks import TableBlocks
from clearprop.data.table import Note
from clearprop.engine.losses import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    Pinball,
)
from clearprop.estimators.estimator_recipe import recipe_of
from clearprop.estimators.table_recipe import TableRecipe
from clearprop.runs.run_checkpoints import RunCheckpoint
from clearprop.runs.run_data import RunData
from clearprop.runs.run_folder import model_class
from clearprop.runs.run_settings import FOLDS, NOTHING, RunSettings
from clearprop.runs.stopping import StopMetric, stop_metric
from clearprop.training.arguments import loss_of

# What a task can be trained by. PoissonNLL speaks of counts, and not of standardised numbers.
LOSSES: dict[str, tuple[type[Loss], ...]] = {
    "regression": (MSE, MAE, Huber, Pinball),
    "classification": (CrossEntropy,),
    "multilabel": (BinaryCrossEntropy,),
}


@dataclass(frozen=True, eq=False)
class RunPlan:
    """A run that is ready to train.

    settings  with the task and the way of holding out that were chosen
    training, held_out  the rows; None where each network holds out its own, or nothing is
    classes   the classes of a classification, in their order
    data      the checksum of the files
    before    the checkpoint that it goes on from
    blocks    the file, where it is too large for memory: `training` is then a sample of it
    notes     what a person should know
    """

    settings: RunSettings
    training: RunData
    held_out: RunData | None
    classes: tuple[Any, ...]
    data: str
    before: RunCheckpoint | None = None
    blocks: TableBlocks | None = None
    notes: tuple[Note, ...] = ()

    @property
    def rows(self) -> int:
        """About how many rows are learned from."""
        if self.blocks is None:
            return len(self.training)
        return self.blocks.rows - (0 if self.held_out is None else len(self.held_out))


def most_epochs(plan: RunPlan) -> int:
    """How many epochs there are at most."""
    recipe, rows = _recipe(plan), plan.rows
    if recipe.validation == FOLDS:
        rows -= rows // max(plan.settings.networks, 2)
    return recipe.batches(rows)[1]


def holds_out_folds(plan: RunPlan) -> bool:
    """Whether every network holds out rows of its own; a table of few rows has none to spare."""
    return _recipe(plan).validation == FOLDS


def _recipe(plan: RunPlan) -> TableRecipe:
    settings = plan.settings
    recipe = recipe_of(estimator(plan, stop_metric(settings)), settings.seed)
    return recipe.for_rows(plan.rows, numbers=settings.task == "regression")


def require_loss(plan: RunPlan) -> None:
    """Refuse a loss that is not for the task. Raises ConfigurationError."""
    settings = plan.settings
    if settings.loss is None:
        return
    loss = loss_of(settings.loss)
    known = LOSSES[settings.task]
    if settings.task == "classification" and settings.single_logit and len(plan.classes) == 2:
        known = (BinaryCrossEntropy,)
    if not isinstance(loss, known):
        names = ", ".join(kind.__name__ for kind in known)
        raise ConfigurationError(
            "loss_of_task", loss=type(loss).__name__, task=settings.task, known=names
        )


def estimator(plan: RunPlan, metric: StopMetric) -> Any:
    """The estimator that a plan asks for, not fitted. Raises ConfigurationError."""
    settings = plan.settings
    given: dict[str, Any] = {
        "hidden_layer_sizes": settings.hidden,
        "activation": list(settings.activation)
        if len(settings.activation) > 1
        else settings.activation[0],
        "loss": settings.loss,
        "solver": settings.optimizer,
        "alpha": settings.l2,
        "batch_size": settings.batch_size,
        "learning_rate": settings.schedule,
        "learning_rate_init": settings.learning_rate or "auto",
        "max_iter": settings.epochs,
        "min_steps": settings.least_steps,
        "n_iter_no_change": settings.patience,
        "tol": settings.tolerance,
        "dropout": settings.dropout,
        "weight_decay": settings.weight_decay,
        "n_networks": settings.networks,
        "validation": FOLDS if settings.validation == FOLDS else NOTHING,
        "scoring": metric.scorer,
        "soft_clip": settings.soft_clip,
        "bins": settings.bins,
        "bin_height": settings.bin_height,
        "input_scale": settings.input_scale,
        "scaling": settings.scaling,
        "missing": settings.missing,
        "dtype": settings.dtype,
        "engine": settings.engine,
        "start": settings.start,
        "standardize_target": settings.standardise,
        "single_logit": settings.single_logit,
        "class_weight": _class_weight(plan),
        "random_state": settings.seed,
    }
    return model_class(settings.task)(**given)


def _class_weight(plan: RunPlan) -> Any:
    given = plan.settings.class_weight
    if given is not None and plan.settings.task != "classification":
        raise ConfigurationError("class_weight_of_task", columns=", ".join(plan.settings.target))
    if given is None or isinstance(given, str):
        return given
    names = {str(one): one for one in plan.classes}
    for name, _ in given:
        if name not in names:
            known = ", ".join(names)
            raise DataError("class_of_weight", value=name, known=known or "—")
    weights = dict(given)
    return {one: float(weights.get(name, 1.0)) for name, one in names.items()}
