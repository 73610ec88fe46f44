"""What the epochs of a run are judged by: the loss, or a metric by its name in the field."""

from typing import NamedTuple

from clearprop.base.errors import ConfigurationError
from clearprop.estimators.scoring import is_scorer
from clearprop.runs.run_settings import RunSettings

LOSS = "loss"
# By task, what scikit-learn calls the scorer.
SCORERS = {
    "regression": {
        "rmse": "neg_root_mean_squared_error",
        "mae": "neg_mean_absolute_error",
        "median_absolute_error": "neg_median_absolute_error",
        "mape": "neg_mean_absolute_percentage_error",
        "r2": "r2",
    },
    "classification": {
        "accuracy": "accuracy",
        "balanced_accuracy": "balanced_accuracy",
        "f1": "f1_macro",
        "f1_macro": "f1_macro",
        "auc": "roc_auc_ovr",
        "log_loss": "neg_log_loss",
        "mcc": "matthews_corrcoef",
    },
    "multilabel": {
        "exact_match": "accuracy",
        "f1_macro": "f1_macro",
        "f1_micro": "f1_micro",
        "auc": "roc_auc",
    },
}


class StopMetric(NamedTuple):
    """A metric: its name, the scorer that scikit-learn knows, None of the loss, and whether more is
    better."""

    name: str
    scorer: str | None
    more_is_better: bool

    def natural(self, judged: float) -> float:
        """The metric as the field writes it, from what members are judged by, where less is
        better: an accuracy of 0.9 is judged as −0.9."""
        return -judged if self.more_is_better else judged


def stop_metric(settings: RunSettings, classes: int = 0) -> StopMetric:
    """The metric of the settings, whose task is known; names of scikit-learn's scorers are taken as
    they are. Raises ConfigurationError for a name that is neither, or of another task."""
    name, known = settings.stop_on, SCORERS[settings.task]
    if name == LOSS:
        return StopMetric(name, None, more_is_better=False)
    if name not in known and not is_scorer(name):
        names = ", ".join((LOSS, *known))
        raise ConfigurationError("metric_of_task", name=name, task=settings.task, known=names)
    scorer = known.get(name, name)
    if settings.task == "classification" and scorer in ("roc_auc", "roc_auc_ovr"):
        scorer = "roc_auc" if classes == 2 else "roc_auc_ovr"
    return StopMetric(name, scorer, more_is_better=not scorer.startswith("neg_"))
