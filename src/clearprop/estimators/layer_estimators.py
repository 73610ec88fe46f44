"""LayerClassifier and LayerRegressor: a network of one's own behind scikit-learn's interface.

    from clearprop import LSTM, Linear, Sequential, TimeStep
    from clearprop.estimators import LayerClassifier

    model = LayerClassifier(Sequential(LSTM(3, 16), TimeStep(), Linear(16, 2)), random_state=0)
    model.fit(X, y, lengths=lengths).predict(X, lengths=lengths)

X goes to the layers as it is: rows (N, F), sequences (N, T, F), ids (N, T), images (N, C, H, W).
What stands beside it is sliced with it, by `GridSearchCV` and the like too, once metadata routing
is on and it is asked for (`set_fit_request(lengths=True)`). Parameters are named as those of
`NetworkClassifier`, which makes the network for a table itself.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from clearprop.base.arrays import Array, dtype_named
from clearprop.base.errors import DataError
from clearprop.engine.layers.attention_masks import PADDING
from clearprop.engine.layers.lengths import LENGTHS
from clearprop.engine.losses import MSE, BinaryCrossEntropy, CrossEntropy, Loss, PoissonNLL
from clearprop.estimators.given_targets import (
    plain_labels,
    require_no_words,
    require_same_classes,
)
from clearprop.estimators.shared_layer_estimator import (
    LayerEstimator,
    given_targets,
    named_beside,
)
from clearprop.estimators.table_targets import ClassTarget
from clearprop.estimators.target_losses import NUMBER_LOSSES
from clearprop.training.arguments import loss_of


class LayerRegressor(RegressorMixin, LayerEstimator):  # type: ignore[misc]
    """A network of one's own that predicts numbers: y is (N,), (N, D), or of the output's shape."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        lengths: Any = None,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        side_inputs: Mapping[str, Any] | None = None,
    ) -> Self:
        """One epoch on these samples, from where the fit before ended."""
        beside = named_beside(lengths, key_padding_mask, attn_mask, side_inputs)
        return self._fit(X, y, sample_weight, beside, None, going_on=True, epochs=1)

    def predict(
        self,
        X: Any,
        *,
        lengths: Any = None,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        side_inputs: Mapping[str, Any] | None = None,
    ) -> Array:
        """The numbers (N,) of one output, otherwise the output as it is."""
        output = self._said(X, named_beside(lengths, key_padding_mask, attn_mask, side_inputs))
        said = output.astype(np.float64)
        return said[:, 0] if said.ndim == 2 and said.shape[1] == 1 else said

    def score(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        lengths: Any = None,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        side_inputs: Mapping[str, Any] | None = None,
    ) -> float:
        """R² of the predictions."""
        output = self._said(X, named_beside(lengths, key_padding_mask, attn_mask, side_inputs))
        said = output.reshape(len(output), -1)
        truth = np.asarray(given_targets(y, len(output)), np.float64).reshape(len(output), -1)
        return float(r2_score(truth, said, sample_weight=sample_weight))

    def _losses(self) -> tuple[type[Loss], ...]:
        return (*NUMBER_LOSSES, PoissonNLL)

    def _loss(self) -> Loss:
        return MSE() if self.loss is None else loss_of(self.loss)

    def _measured(
        self, y: Any, rows: int, beside: Mapping[str, Any], classes: Any, *, going_on: bool
    ) -> Array:
        require_no_words(given_targets(y, rows))
        values: Array = check_array(
            y, ensure_2d=False, allow_nd=True, dtype=np.float64, input_name="y"
        )
        values = values[:, None] if values.ndim == 1 else values
        if not going_on:
            self.n_outputs_ = int(values.shape[-1])
        return values

    def _target(self, y: Array, beside: Mapping[str, Any]) -> Array:
        if y.ndim > 2 and (LENGTHS in beside or PADDING in beside):
            raise DataError("layer_positions_of_numbers")
        return y.astype(dtype_named(self.dtype))

    def _outputs(self) -> int:
        return self.n_outputs_


class LayerClassifier(ClassifierMixin, LayerEstimator):  # type: ignore[misc]
    """A network of one's own that predicts classes: y is (N,), or (N, T), a class for every
    position, of which those behind a sample's end and in its padding do not count.

    The outputs are logits, one for every class; of two classes also the second's alone.
    """

    classes_: Array

    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        classes: Any = None,
        lengths: Any = None,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        side_inputs: Mapping[str, Any] | None = None,
    ) -> Self:
        """One epoch on these samples, from where the fit before ended. `classes`, of the first
        call, are all that there will ever be."""
        beside = named_beside(lengths, key_padding_mask, attn_mask, side_inputs)
        return self._fit(
            X, y, sample_weight, beside, None, going_on=True, epochs=1, classes=classes
        )

    def predict_proba(
        self,
        X: Any,
        *,
        lengths: Any = None,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        side_inputs: Mapping[str, Any] | None = None,
    ) -> Array:
        """The probabilities (N, classes), or (N, T, classes) of every position."""
        output = self._said(X, named_beside(lengths, key_padding_mask, attn_mask, side_inputs))
        single = output.shape[-1] < len(self.classes_)
        return ClassTarget("y", tuple(self.classes_.tolist()), single).decode(output)

    def predict(
        self,
        X: Any,
        *,
        lengths: Any = None,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        side_inputs: Mapping[str, Any] | None = None,
    ) -> Array:
        """The likeliest class (N,) of every sample, or (N, T) of every position."""
        beside = named_beside(lengths, key_padding_mask, attn_mask, side_inputs)
        likeliest: Array = self.predict_proba(X, side_inputs=beside).argmax(axis=-1)
        classes: Array = self.classes_
        return classes[likeliest]

    def score(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        lengths: Any = None,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        side_inputs: Mapping[str, Any] | None = None,
    ) -> float:
        """The share of samples, or of positions that count, whose class is right."""
        beside = named_beside(lengths, key_padding_mask, attn_mask, side_inputs)
        said = self.predict(X, side_inputs=beside)
        truth = _classes(given_targets(y, len(said)))
        counted = self._counted(truth, beside)
        weight = sample_weight
        if weight is not None and truth.ndim > 1:
            weight = np.broadcast_to(np.asarray(weight)[:, None], truth.shape)[counted]
        right = (truth[counted], said[counted]) if truth.ndim > 1 else (truth, said)
        return float(accuracy_score(*right, sample_weight=weight))

    def _losses(self) -> tuple[type[Loss], ...]:
        return (BinaryCrossEntropy if self._is_single() else CrossEntropy,)

    def _loss(self) -> Loss:
        if self.loss is not None:
            return loss_of(self.loss)
        return BinaryCrossEntropy() if self._is_single() else CrossEntropy()

    def _is_single(self) -> bool:
        """Whether one output tells two classes apart."""
        after = self.network_.graph.shapes(None)[self.network_.graph.output]
        return after is not None and after[-1:] == (1,)

    def _measured(
        self, y: Any, rows: int, beside: Mapping[str, Any], classes: Any, *, going_on: bool
    ) -> Array:
        values = _classes(given_targets(y, rows))
        if going_on and classes is not None:
            require_same_classes(self.classes_, classes)
        if not going_on:
            counted = values[self._counted(values, beside)]
            self.classes_ = np.unique(counted if classes is None else np.asarray(classes))
            self._of_positions = values.ndim > 1
            if len(self.classes_) < 2:
                raise DataError("class_alone", value=self.classes_.tolist()[0])
        return values

    def _counted(self, y: Array, beside: Mapping[str, Any]) -> Array:
        """Which targets count: those of positions that are there, and are not to be ignored."""
        counted = np.ones(y.shape, bool)
        if y.ndim < 2:
            return counted
        if LENGTHS in beside and np.ndim(beside[LENGTHS]) == 1:
            counted &= np.arange(y.shape[1]) < np.asarray(beside[LENGTHS])[:, None]
        if PADDING in beside and np.shape(beside[PADDING]) == y.shape:
            counted &= ~np.asarray(beside[PADDING], bool)
        loss = CrossEntropy() if self.loss is None else loss_of(self.loss)
        if isinstance(loss, CrossEntropy) and y.dtype.kind in "if":
            counted &= y != loss.ignore_index
        return counted

    def _target(self, y: Array, beside: Mapping[str, Any]) -> Array:
        counted = self._counted(y, beside)
        ids = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        unseen = (self.classes_[ids] != y) & counted
        if unseen.any():
            known = ", ".join(map(str, self.classes_))
            raise DataError("class_unseen", column="y", value=y[unseen].tolist()[0], known=known)
        if self._is_single():
            return ids[:, None].astype(dtype_named(self.dtype))
        loss = self._loss()
        if not counted.all():
            if not isinstance(loss, CrossEntropy):
                raise DataError("layer_positions_of_numbers")
            ids[~counted] = loss.ignore_index
        return ids

    def _outputs(self) -> int:
        return len(self.classes_)

    def _outputs_known(self) -> tuple[int, ...]:
        single = len(self.classes_) == 2 and not self._of_positions
        return (self._outputs(), 1) if single else (self._outputs(),)


def _classes(y: Any) -> Array:
    """Y as classes (N,), or (N, T) of positions."""
    y = plain_labels(y)
    values: Array = check_array(y, ensure_2d=False, dtype=None, input_name="y")
    if values.ndim == 2 and values.shape[1] > 1:
        return values
    check_classification_targets(y)
    found: Array = column_or_1d(y, warn=True)
    return found
