"""NetworkRegressor and NetworkClassifier: networks for tables behind scikit-learn's interface.

    from clearprop.estimators import NetworkClassifier

    model = NetworkClassifier(random_state=0).fit(frame, classes)
    model.predict_proba(frame)

Parameters are named as in scikit-learn's MLPClassifier where they mean the same. The defaults are
another recipe: eight networks at once, each with held-out rows of its own, on scaled and binned
columns. `like_mlp()` has scikit-learn's own.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.data.frames import is_frame, table_of_array, table_of_frame
from clearprop.data.preparation import Preparation, prepare
from clearprop.data.table import Table
from clearprop.engine.initializers import Initializer, XavierUniform
from clearprop.engine.losses import Huber, Loss
from clearprop.estimators.learning import Learned, learn
from clearprop.estimators.members import MemberEpoch, Metric
from clearprop.estimators.recipe import Recipe
from clearprop.estimators.spelled import activations_of, loss_named
from clearprop.estimators.targets import (
    ClassTarget,
    LabelTarget,
    TableTarget,
    class_target,
    number_target,
)


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """What the two estimators share.

    hidden_layer_sizes    sizes of the hidden layers; (64, 64) unless told otherwise
    activation            a name or layer for all hidden layers, or one for each in a list
    loss                  a name or loss; by default the one that the target asks for
    solver                "adam", "adamw", "sgd", "rmsprop", "adagrad", "lbfgs", or an optimizer
    alpha                 the L2 term of the weights, as in MLPClassifier
    batch_size            rows in a step
    learning_rate         "cosine" goes to 0 with the last step; "constant" stays
    learning_rate_init    where it begins
    max_iter, min_steps   epochs at most, but at least so many steps
    n_iter_no_change, tol  epochs without a better one that end it; None never does
    momentum, nesterovs_momentum, beta_1, beta_2, epsilon   of the solvers that have them
    dropout, weight_decay
    n_networks            how many are trained at once; their answers are averaged
    validation            "folds": each network holds out its own part; "share": all hold out
                          `validation_fraction`; "none"
    scoring               what held-out rows are judged by: a function from the targets and the
                          predictions (probabilities) to a number, more is better; by default the
                          loss
    soft_clip, bins, input_scale, scaling, missing   what the columns go through first
    dtype, engine         "float32" or "float64"; "auto", "numpy" or "compiled"
    warm_start            whether `fit` goes on from the fit before
    callbacks             functions that are told of every epoch; True from one ends the training
    start                 how weights start: "he" or "glorot"
    standardize_target    whether numbers to predict are standardised, and held within their range
    class_weight          "balanced", or a weight for every class; of the classifier alone
    random_state          of the starts, the folds and the shuffling
    """

    _task: str

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (64, 64),
        activation: Any = "relu",
        *,
        loss: str | Loss | None = None,
        solver: Any = "adam",
        alpha: float = 0.0,
        batch_size: int = 128,
        learning_rate: str = "cosine",
        learning_rate_init: float = 0.01,
        max_iter: int = 64,
        min_steps: int = 300,
        n_iter_no_change: int | None = None,
        tol: float = 0.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        n_networks: int = 8,
        validation: str = "folds",
        validation_fraction: float = 0.1,
        scoring: Callable[[Array, Array], float] | None = None,
        soft_clip: float | None = 3.0,
        bins: int = 8,
        input_scale: float | None = 6.0,
        scaling: str = "robust",
        missing: str = "indicator",
        dtype: str = "float32",
        engine: str = "auto",
        warm_start: bool = False,
        callbacks: Sequence[Callable[[MemberEpoch], Any]] = (),
        start: str = "he",
        standardize_target: bool = True,
        class_weight: Any = None,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.min_steps = min_steps
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.n_networks = n_networks
        self.validation = validation
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.soft_clip = soft_clip
        self.bins = bins
        self.input_scale = input_scale
        self.scaling = scaling
        self.missing = missing
        self.dtype = dtype
        self.engine = engine
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.start = start
        self.standardize_target = standardize_target
        self.class_weight = class_weight
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing in ("median", "indicator")
        tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        return tags

    # Columns in

    def _table(self, X: Any, *, reset: bool) -> Table:
        """X as a table; its names and number of columns are kept, or held against the fit's.

        A frame may hold words and dates, an array numbers alone.
        """
        if is_frame(X) and not _all_numbers(X):
            validate_data(self, X, skip_check_array=True, reset=reset)
            return table_of_frame(X, "X")
        finite = "allow-nan" if self.missing in ("median", "indicator") else True
        array = validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_all_finite=finite, accept_sparse=False
        )
        names = getattr(self, "feature_names_in_", None)
        return table_of_array(array, None if names is None else tuple(map(str, names)))

    def _features(self, X: Any) -> Array:
        check_is_fitted(self)
        return self.preparation_.matrix(self._table(X, reset=False))

    # Training

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_set: tuple[Any, Any] | None = None,
    ) -> Self:
        """Train on X (N, F) and y (N,) or (N, D).

        sample_weight   (N,) how much each row counts
        validation_set  (X, y) to be judged on, in place of rows held out
        """
        return self._fit(X, y, sample_weight, validation_set, going_on=self.warm_start)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_set: tuple[Any, Any] | None,
        *,
        going_on: bool,
        epochs: int | None = None,
    ) -> Self:
        before: Learned | None = getattr(self, "learned_", None) if going_on else None
        table = self._table(X, reset=before is None)
        weight = np.ones(table.rows)
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, np.empty((table.rows, 1)), dtype=np.float64, ensure_non_negative=True
            )
        target, values = self._target(y, weight, before)
        weight = weight * self._class_weights(values, target)
        counted = weight > 0
        if not counted.any():
            raise ValueError("All sample weights are 0; nothing is left to learn from.")
        table, values, weight = table.take(counted), values[counted], weight[counted]
        if before is None:
            self.preparation_ = prepare(
                table, missing=self.missing, scaling=self.scaling, weight=weight
            )
        preparation: Preparation = self.preparation_
        held_out = None
        if validation_set is not None:
            judged = self._table(validation_set[0], reset=False)
            _, said = self._target(validation_set[1], np.ones(judged.rows), before, target)
            held_out = (preparation.matrix(judged), said, np.ones(judged.rows))
        features = preparation.matrix(table)
        recipe = self._recipe(target, epochs)
        learned = learn(
            features,
            preparation.bends,
            target,
            values,
            weight,
            recipe,
            held_out=held_out,
            metric=self._metric(target),
            watch=self._watch(),
            before=before,
        )
        self._keep(learned, going_on=before is not None)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows, from where the fit before ended."""
        return self._fit(X, y, sample_weight, None, going_on=True, epochs=1)

    def _recipe(self, target: TableTarget, epochs: int | None) -> Recipe:
        hidden = self.hidden_layer_sizes
        sizes = (hidden,) if isinstance(hidden, int | np.integer) else tuple(hidden)
        settings: dict[str, Any] = {}
        if self.solver == "sgd":
            settings = {"momentum": self.momentum}
            settings["nesterov"] = bool(self.nesterovs_momentum and self.momentum)
        elif self.solver in ("adam", "adamw"):
            settings = {"betas": (self.beta_1, self.beta_2), "eps": self.epsilon}
        return Recipe(
            hidden=tuple(int(size) for size in sizes),
            activations=activations_of(self.activation),
            loss=None if self.loss is None else loss_named(self.loss),
            optimizer=self.solver,
            optimizer_settings=tuple(settings.items()),
            learning_rate=self.learning_rate_init,
            schedule=self.learning_rate,
            epochs=epochs or self.max_iter,
            least_steps=0 if epochs else self.min_steps,
            batch_size=self.batch_size,
            networks=self.n_networks,
            validation=self.validation if epochs is None else "none",
            share=self.validation_fraction,
            patience=self.n_iter_no_change,
            tolerance=self.tol,
            dropout=self.dropout,
            weight_decay=self.weight_decay,
            l2=self.alpha,
            soft_clip=self.soft_clip,
            bins=self.bins,
            scale_rate=self.input_scale,
            scaling=self.scaling,
            weights=_start_named(self.start),
            standardise=self.standardize_target,
            held=self.standardize_target,
            dtype=self.dtype,
            seed=self._seed(),
            engine=self.engine,
        )

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _metric(self, target: TableTarget) -> Metric | None:
        scoring = self.scoring
        if scoring is None:
            return None

        def metric(output: Array, said: Array, _: Array) -> float:
            return -float(scoring(said, target.decode(output)))

        return metric

    def _watch(self) -> Callable[[MemberEpoch], bool] | None:
        callbacks = tuple(self.callbacks)
        if not callbacks:
            return None

        def watch(epoch: MemberEpoch) -> bool:
            # Every one of them is told, also behind one that ends the training.
            answers = [callback(epoch) for callback in callbacks]
            return any(answer is True for answer in answers)

        return watch

    def _keep(self, learned: Learned, *, going_on: bool) -> None:
        losses = learned.history.losses.mean(axis=1).tolist()
        scores = learned.history.scores
        self.learned_ = learned
        self.loss_curve_ = [*getattr(self, "loss_curve_", []), *losses] if going_on else losses
        self.validation_scores_ = (
            None if np.isnan(scores).all() else (-scores).mean(axis=1).tolist()
        )
        self.loss_ = losses[-1]
        self.best_loss_ = float(np.nanmin(losses))
        self.n_iter_ = len(self.loss_curve_)
        self.n_outputs_ = learned.target.outputs
        self.n_layers_ = len(self.coefs_) + 1

    def _target(
        self, y: Any, weight: Array, before: Learned | None, target: TableTarget | None = None
    ) -> tuple[TableTarget, Any]:
        raise NotImplementedError

    def _class_weights(self, values: Any, target: TableTarget) -> Array | float:
        return 1.0

    # What was learned

    @property
    def network_(self) -> Any:
        """The whole network: what the columns go through first, and the layers behind."""
        check_is_fitted(self)
        return self.learned_.network.whole

    @property
    def params_(self) -> Array:
        """The networks' parameters (K, P)."""
        check_is_fitted(self)
        return self.learned_.params

    @property
    def coefs_(self) -> list[Array]:
        """The weights (in, out) of every Linear layer of the first network."""
        return self._arrays("weight")

    @property
    def intercepts_(self) -> list[Array]:
        """The biases (out,) of every Linear layer of the first network."""
        return [array[0] for array in self._arrays("bias")]

    def _arrays(self, name: str) -> list[Array]:
        learned = self.learned_
        views = learned.network.rest.named(learned.params[0])
        return [
            views[f"{node.path}.{name}"]
            for node in learned.network.rest.graph.nodes.values()
            if "bias" in node.parameters and name in node.parameters
        ]


class NetworkRegressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]
    """Networks that predict numbers, one or several for each row."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = False
        return tags

    def _target(
        self, y: Any, weight: Array, before: Learned | None, target: TableTarget | None = None
    ) -> tuple[TableTarget, Any]:
        values = check_array(_given(y), ensure_2d=False, dtype=np.float64, input_name="y")
        if len(values) != len(weight):
            raise ValueError(f"X has {len(weight)} rows and y has {len(values)}.")
        flat = values.ndim == 1
        values = values[:, None] if flat else values
        if target is not None:
            return target, values
        if before is not None:
            return before.target, values
        self._flat = flat
        names = tuple(f"y{k}" for k in range(values.shape[1]))
        standardise = self.standardize_target
        return number_target(
            values, names, weight, standardise=standardise, held=standardise
        ), values

    def predict(self, X: Any) -> Array:
        """The numbers (N,) or (N, D) that the networks predict on average."""
        mean = self.learned_mean(X)
        return mean[:, 0] if self._flat else mean

    def learned_mean(self, X: Any) -> Array:
        """The numbers (N, D) that the networks predict on average."""
        features = self._features(X)
        return self.learned_.mean(features)

    @classmethod
    def like_mlp(cls, **changes: Any) -> Any:
        """One that starts and trains as scikit-learn's MLPRegressor does."""
        return _like_mlp(cls, changes, loss=Huber(1e300))


class NetworkClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
    """Networks that predict one of several classes, or several labels, for each row."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = False
        return tags

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_set: tuple[Any, Any] | None = None,
    ) -> Self:
        """Train on X (N, F) and classes y (N,), or labels y (N, D) of 0 and 1."""
        self._all_classes: Any = None
        return super().fit(X, y, sample_weight, validation_set=validation_set)

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, classes: Any = None
    ) -> Self:
        """One epoch on these rows, from where the fit before ended. `classes`, of the first call,
        are all that there will ever be."""
        if classes is not None and not hasattr(self, "learned_"):
            self._all_classes = np.unique(classes)
        return super().partial_fit(X, y, sample_weight)

    def _target(
        self, y: Any, weight: Array, before: Learned | None, target: TableTarget | None = None
    ) -> tuple[TableTarget, Any]:
        check_array(_given(y), ensure_2d=False, dtype=None, input_name="y")
        check_classification_targets(y)
        if type_of_target(y, input_name="y") == "multilabel-indicator":
            values = check_array(y, dtype=np.float64, input_name="y")
        else:
            values = column_or_1d(y, warn=True)
        if len(values) != len(weight):
            raise ValueError(f"X has {len(weight)} rows and y has {len(values)}.")
        known = target or (None if before is None else before.target)
        if known is not None:
            return known, values
        if values.ndim == 2:
            self.classes_: Any = [np.array([0, 1])] * values.shape[1]
            return LabelTarget(tuple(f"y{k}" for k in range(values.shape[1]))), values
        classes = getattr(self, "_all_classes", None)
        self.classes_ = np.unique(values) if classes is None else classes
        if len(self.classes_) < 2:
            raise ValueError(
                "Classifier can't train when only one class is present: all of y is "
                f"{self.classes_[0]!r}."
            )
        return class_target(self.classes_, "y"), values

    def _class_weights(self, values: Any, target: TableTarget) -> Array | float:
        if self.class_weight is None or not isinstance(target, ClassTarget):
            return 1.0
        weights = compute_class_weight(self.class_weight, classes=self.classes_, y=values)
        by_class: Array = weights[np.searchsorted(self.classes_, values)]
        return by_class

    def predict_proba(self, X: Any) -> Array:
        """The probabilities (N, classes), or (N, D) of labels: the networks' average."""
        features = self._features(X)
        return self.learned_.mean(features)

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Array:
        """The likeliest class (N,) of every row, or the labels (N, D) likelier than not."""
        probabilities = self.predict_proba(X)
        if isinstance(self.learned_.target, LabelTarget):
            return (probabilities > 0.5).astype(int)
        likeliest: Array = self.classes_[probabilities.argmax(axis=1)]
        return likeliest

    @classmethod
    def like_mlp(cls, **changes: Any) -> Any:
        """One that starts and trains as scikit-learn's MLPClassifier does."""
        return _like_mlp(cls, changes)


MLP_SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": (100,),
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


def _like_mlp(kind: Any, changes: dict[str, Any], **more: Any) -> Any:
    return kind(**{**MLP_SETTINGS, **more, **changes})


def _given(y: Any) -> Any:
    if y is None:
        raise ValueError("A network requires y to be passed, but the target y is None.")
    return y


def _all_numbers(frame: Any) -> bool:
    return all(column.kind == "number" for column in table_of_frame(frame).columns)


def _start_named(name: str) -> Initializer | None:
    if name not in ("he", "glorot"):
        raise ConfigurationError("start_unknown", value=name)
    return XavierUniform() if name == "glorot" else None
