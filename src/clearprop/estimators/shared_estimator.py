"""What NetworkRegressor and NetworkClassifier share: parameters, columns, training, files."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
)

from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError, DataError
from clearprop.data.preparation import Preparation, prepare
from clearprop.data.table import Table
from clearprop.engine.losses import Loss
from clearprop.estimators.callbacks import anyone_ends, callbacks_of
from clearprop.estimators.columns_in import ColumnsIn
from clearprop.estimators.estimator_recipe import recipe_of
from clearprop.estimators.evaluation_log import EvaluationLog
from clearprop.estimators.explaining_rows import explain_row
from clearprop.estimators.going_on import joined, require_same_networks
from clearprop.estimators.learned_attributes import LearnedAttributes
from clearprop.estimators.learning import Begun, Learned, Watch, learn
from clearprop.estimators.members import MemberEpoch, Members, in_reach
from clearprop.estimators.model_file import load_model, save_model
from clearprop.estimators.row_explanation import RowExplanation
from clearprop.estimators.scoring import metric_named
from clearprop.estimators.table_targets import TableTarget
from clearprop.estimators.target_losses import losses_for, require_loss
from clearprop.estimators.whole_fits import all_or_nothing, seed_of


class NetworkEstimator(ColumnsIn, LearnedAttributes, BaseEstimator):  # type: ignore[misc]
    """What the two estimators share.

    hidden_layer_sizes    sizes of the hidden layers; (64, 64) unless told otherwise
    activation            a name or layer for all hidden layers, or one for each in a list; "auto":
                          silu where numbers are predicted from fewer than 600 rows, otherwise relu
    loss                  a name or loss; by default the one that the target asks for
    solver                "adam", "adamw", "sgd", "rmsprop", "adagrad", "lbfgs", or an optimizer;
                          "sklearn_adam" is scikit-learn's, whose epsilon is another
    alpha                 the L2 term of the weights, as in MLPClassifier
    batch_size            rows in a step; "auto" is 200, or all where there are fewer
    learning_rate         "cosine" goes to 0 with the last step; "constant" stays; "invscaling", by
                          `power_t`, and "adaptive" as in MLPClassifier, here with every solver
    learning_rate_init    where it begins; "auto" finds it before the first step
    max_iter, min_steps   epochs at most, but at least so many steps (or 300 epochs)
    n_iter_no_change, tol  more epochs than this, none of them tol better than the best before, end
                          it; None never does; tol None is 0.2 % of the best, and 0.0001
    momentum, nesterovs_momentum, beta_1, beta_2, epsilon   of the solvers that have them
    dropout, weight_decay
    n_networks            how many are trained at once; their answers are averaged
    validation            "folds": each network holds out its own part; "share": all hold out
                          `validation_fraction`; "none"
    scoring               what held-out rows are judged by, more is better: a name that
                          scikit-learn knows, or a scorer, by the rows' weights where it takes
                          them; by default the loss; lbfgs, which is not judged, does not ask it
    soft_clip, bins, bin_height, input_scale, scaling, missing
                          what the columns go through first
    dtype, engine         "float32" or "float64"; "auto", "numpy" or "compiled"
    warm_start            whether `fit` goes on from the fit before
    callbacks             functions, or one, told of every epoch; True from one ends the training
    start                 how weights start: "he" or "glorot", or the parameters themselves, (P,) or
                          (K, P)
    standardize_target    whether numbers to predict are standardised, and held within their range
    single_logit          whether two classes have one logit, as in MLPClassifier, and not two
    class_weight          "balanced", or a weight for every class; of the classifier alone
    random_state          of the starts, the folds and the shuffling
    """

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (64, 64),
        activation: Any = "auto",
        *,
        loss: str | Loss | None = None,
        solver: Any = "adam",
        alpha: float = 0.0,
        batch_size: int = 64,
        learning_rate: str = "cosine",
        learning_rate_init: float | str = 0.005,
        max_iter: int = 64,
        min_steps: int = 1000,
        n_iter_no_change: int | None = 5,
        tol: float | None = None,
        power_t: float = 0.5,
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
        scoring: Any = None,
        soft_clip: float | None = 3.0,
        bins: int = 32,
        bin_height: float = 0.35,
        input_scale: float | None = 12.0,
        scaling: str = "robust",
        missing: str = "indicator",
        dtype: str = "float32",
        engine: str = "auto",
        warm_start: bool = False,
        callbacks: Sequence[Callable[[MemberEpoch], Any]]
        | Callable[[MemberEpoch], Any]
        | None = (),
        start: Any = "he",
        standardize_target: bool = True,
        single_logit: bool = False,
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
        self.power_t = power_t
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
        self.bin_height = bin_height
        self.input_scale = input_scale
        self.scaling = scaling
        self.missing = missing
        self.dtype = dtype
        self.engine = engine
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.start = start
        self.standardize_target = standardize_target
        self.single_logit = single_logit
        self.class_weight = class_weight
        self.random_state = random_state

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

    def fit_table(
        self,
        table: Table,
        y: Any,
        columns: Sequence[str],
        *,
        sample_weight: Any = None,
        groups: Array | None = None,
        validation_set: tuple[Any, Any] | None = None,
        watch: Watch | None = None,
        begun: Begun | None = None,
        log: EvaluationLog | None = None,
    ) -> Self:
        """Train on a table as `fit` does, with all that a run of its own has to say and to know.

        columns  what the columns of y are called
        groups   (N,) rows of equal values are held out together
        watch    told of every epoch, and of where the training stands then; True ends it
        begun    where this training stood; it ends as if it had never stopped, to the bit
        log      the same of a solver that takes no steps: what it was answered
        """
        given: dict[str, Any] = {"groups": groups, "begun": begun, "log": log, "columns": columns}
        return self._fit(
            table, y, sample_weight, validation_set, going_on=False, watch=watch, **given
        )

    @all_or_nothing
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_set: tuple[Any, Any] | None,
        *,
        going_on: bool,
        epochs: int | None = None,
        watch: Watch | None = None,
        groups: Array | None = None,
        begun: Begun | None = None,
        log: EvaluationLog | None = None,
        **of_target: Any,
    ) -> Self:
        before: Learned | None = getattr(self, "learned_", None) if going_on else None
        table = self._table(X, reset=before is None)
        weight = np.ones(table.rows)
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, np.empty((table.rows, 1)), dtype=np.float64, ensure_non_negative=True
            )
            weight = in_reach(weight)
        target, values, weight = self._targets(y, weight, before, **of_target)
        counted = weight > 0
        if not counted.any():
            raise DataError("weights_zero")
        table, values, weight = table.take(counted), values[counted], weight[counted]
        groups = None if groups is None else groups[counted]
        recipe = recipe_of(self, seed_of(self, going_on=before is not None), epochs)
        require_loss(type(self).__name__, recipe.loss, losses_for(target))
        if before is None:
            self.preparation_ = prepare(
                table, missing=self.missing, scaling=self.scaling, weight=weight
            )
        held_out = None
        if validation_set is not None:
            if not isinstance(validation_set, tuple | list) or len(validation_set) != 2:
                raise ConfigurationError("validation_set_pair")
            judged = self._table(validation_set[0], reset=False)
            said = self._values(validation_set[1], judged.rows, target)
            held_out = (self.preparation_.matrix(judged), said, np.ones(judged.rows))
        features = self.preparation_.matrix(table)
        if before is not None:
            require_same_networks(before, recipe)
            # Of a fit that goes on the training is its own: its optimizer has no memory yet.
            before = before if epochs is not None else replace(before, state=None)
        learned = learn(
            features,
            self.preparation_.bends,
            target,
            values,
            weight,
            recipe,
            held_out=held_out,
            metric=metric_named(
                self.scoring,
                target,
                # Class weights are of the loss alone.
                weighted=sample_weight is not None and self.class_weight is None,
            ),
            watch=self._watch(watch),
            before=before,
            begun=begun,
            log=log,
            groups=groups,
            start=None if isinstance(self.start, str) else np.asarray(self.start),
        )
        self.keep(learned if before is None else joined(before, learned))
        self._calibrate(features, values, held_out)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows, at a constant rate, from where the fit before ended.

        The networks stay what they are, with their dtype; the range that predictions are held in
        grows with y.
        """
        # A first call takes what is measured of the columns and of the target from its rows.
        return self._fit(X, y, sample_weight, None, going_on=True, epochs=1)

    def _watch(self, watch: Watch | None) -> Watch | None:
        callbacks = callbacks_of(self.callbacks)
        if not callbacks:
            return watch

        def tell(epoch: MemberEpoch, kept: Members) -> bool:
            ends = anyone_ends(callbacks, epoch)
            return (watch is not None and watch(epoch, kept) is True) or ends

        return tell

    def take_over(
        self, preparation: Preparation, learned: Learned, columns: Sequence[str] | None
    ) -> None:
        """Become an estimator that was fitted: with what was measured of the columns, what was
        learned, and what the columns are called, None where they have no names."""
        self.preparation_ = preparation
        self.n_features_in_ = len(preparation.inputs)
        if columns is not None:
            self.feature_names_in_ = np.array(columns, object)
        self.keep(learned)

    def keep(self, learned: Learned) -> None:
        """Take over what was learned, as `fit` and `load` do."""
        losses = learned.history.losses.mean(axis=1).tolist()
        scores = -learned.history.scores.mean(axis=1)
        judged = not np.isnan(scores).all()
        self.learned_ = learned
        self.loss_curve_ = losses
        # NaN for an epoch of partial_fit, which holds no rows out.
        self.validation_scores_: Any = scores.tolist() if judged else None
        self.best_validation_score_ = float(np.nanmax(scores)) if judged else None
        self.loss_ = losses[-1]
        self.best_loss_ = float(np.fmin.reduce(losses))  # without a warning where none is known
        self.n_iter_ = len(self.loss_curve_)
        self.n_outputs_ = learned.target.outputs
        self.n_layers_ = len(self.coefs_) + 1

    def _targets(
        self, y: Any, weight: Array, before: Learned | None
    ) -> tuple[TableTarget, Any, Array]:
        """The target for y, y's values as it encodes them, and the weights of the rows."""
        raise NotImplementedError

    def _values(self, y: Any, rows: int, target: TableTarget) -> Any:
        """Y's values for a target that is known."""
        raise NotImplementedError

    def _calibrate(
        self, features: Array, values: Any, held_out: tuple[Array, Any, Array] | None
    ) -> None:
        """Learn from held-out rows how far predictions are off; of numbers alone."""

    # Files and readings

    def save(self, path: str | Path, X: Any = None, y: Any = None) -> None:
        """Write the model to a network file, from which `load` makes it again to the bit.

        The file holds the first of the networks as its parameters, for the commands that read a
        network, and all of them beside it. X and y are rows to keep as its sample. Parameters that
        are functions (callbacks, scoring) are not kept. Raises FileError.
        """
        check_is_fitted(self)
        sample = None
        if X is not None and y is not None:
            table = self._table(X, reset=False)
            sample = (
                self.preparation_.matrix(table),
                self._values(y, table.rows, self.learned_.target),
            )
        save_model(path, self, sample)

    @classmethod
    def load(cls, path: str | Path, *, kinds: Iterable[type[Configurable]] = ()) -> Any:
        """The model that `save` wrote; `kinds` are the classes of one's own that stand in it, as
        for `clearprop.load`. Raises FileError, UnknownNameError for a class that is not known."""
        return load_model(path, cls, kinds=kinds)

    def explain_row(self, X: Any, row: int = 0, *, output: int | Any = None) -> RowExplanation:
        """Which columns made the prediction of one row of X, in the table's own units.

        output  which column or class is explained, by its place or its name; the likeliest class,
                and the first column, unless told otherwise
        """
        check_is_fitted(self)
        table = self._table(X, reset=False)
        return explain_row(self.preparation_, self.learned_, table, row, output)
