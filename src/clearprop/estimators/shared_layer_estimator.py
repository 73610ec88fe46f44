"""What LayerClassifier and LayerRegressor share: samples in, what stands beside them, training."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    validate_data,
)

from clearprop.base.arrays import EMPTY, Array, dtype_named, require_count
from clearprop.base.errors import ConfigurationError, ContractError, DataError
from clearprop.engine.known_side_inputs import SideInputs, side_inputs_of_samples
from clearprop.engine.layers.attention_masks import LOOKING, PADDING
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.layers.lengths import LENGTHS, zero_behind_ends
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.estimators.callbacks import callbacks_of
from clearprop.estimators.layer_training import LayerEpoch, LayerSamples, outputs_of, train_layers
from clearprop.estimators.members import in_reach, require_finite, share_of_rows
from clearprop.estimators.target_losses import require_loss
from clearprop.estimators.whole_fits import all_or_nothing, seed_of
from clearprop.formats.example_rows import ids_of
from clearprop.training import TrainingState, start
from clearprop.training.arguments import optimizer_of

# How a validation set is handed over: X, y, and what stands beside X.
ValidationSet = tuple[Any, Any] | tuple[Any, Any, Mapping[str, Any]]


class LayerEstimator(BaseEstimator):  # type: ignore[misc]
    """What the two estimators share.

    layer                a layer, usually a Sequential, or a Network; or a function of one sample's
                         shape and how many outputs there must be, which makes it
    loss                 a name or loss; cross-entropy of classes, the squared error of numbers
    solver               the optimizer, or its name: "adam"
    learning_rate_init   in place of the optimizer's own
    batch_size           samples in a step
    max_iter             epochs at most
    validation_fraction  this share of the samples is held out: the best epoch is kept
    n_iter_no_change     more epochs than this, none better than the best before, end it
    dtype, engine        "float32" or "float64"; "auto", "numpy" or "compiled"
    warm_start           whether `fit` goes on from the fit before
    callbacks            functions that are told of every epoch, a LayerEpoch; True from one ends it
    random_state         of the start, the held-out samples and the shuffling

    After `fit`: `network_`, `params_` and `state_` (running statistics), which `clearprop.save`
    takes, `loss_curve_`, `validation_scores_` (None where nothing was held out), `n_iter_`.
    """

    network_: Network

    def __init__(
        self,
        layer: Any,
        *,
        loss: str | Loss | None = None,
        solver: str | Optimizer = "adam",
        learning_rate_init: float | None = None,
        batch_size: int = 64,
        max_iter: int = 50,
        validation_fraction: float = 0.0,
        n_iter_no_change: int | None = None,
        dtype: str = "float32",
        engine: str = "auto",
        warm_start: bool = False,
        callbacks: Sequence[Callable[[LayerEpoch], Any]] | Callable[[LayerEpoch], Any] | None = (),
        random_state: Any = None,
    ) -> None:
        self.layer = layer
        self.loss = loss
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.dtype = dtype
        self.engine = engine
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        lengths: Any = None,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        side_inputs: Mapping[str, Any] | None = None,
        validation_set: ValidationSet | None = None,
    ) -> Self:
        """Train on X (N, …) and y.

        sample_weight   (N,) how much each sample counts
        lengths, key_padding_mask, attn_mask
                        what stands beside X, as the layers read it; a mask (T, T) is shared by all
        side_inputs     more of it by its names, for layers of one's own and single layers
        validation_set  (X, y) or (X, y, side inputs) to be judged on, in place of samples held out
        """
        beside = named_beside(lengths, key_padding_mask, attn_mask, side_inputs)
        return self._fit(X, y, sample_weight, beside, validation_set, going_on=self.warm_start)

    @all_or_nothing
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        beside: dict[str, Any],
        validation_set: ValidationSet | None,
        *,
        going_on: bool,
        epochs: int | None = None,
        classes: Any = None,
    ) -> Self:
        going_on = going_on and hasattr(self, "network_")
        is_partial = epochs is not None
        if going_on and self.params_.dtype != dtype_named(self.dtype):
            raise ConfigurationError(
                "warm_start_dtype", before=self.params_.dtype, dtype=dtype_named(self.dtype)
            )
        known = _known(self.layer)
        if going_on and known is not None and known.layer != self.network_.layer:
            raise ConfigurationError("warm_start_layer")
        epochs = require_count("max_iter", self.max_iter if epochs is None else epochs)
        patience = self.n_iter_no_change
        if patience is not None:
            require_count("n_iter_no_change", patience)
        x = self._array(X, beside, reset=not going_on)
        y = self._measured(y, len(x), beside, classes, going_on=going_on)
        if not going_on:
            self.network_ = self._network(x.shape[1:])
        self._require_outputs(x.shape[1:])
        loss = self._loss()
        require_loss(type(self).__name__, loss, self._losses())
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, np.empty((len(x), 1)), dtype=np.float64, ensure_non_negative=True
            )
            weight = in_reach(weight)
        samples = self._samples(x, y, weight, beside)
        if weight is not None:
            if not weight.any():
                raise DataError("weights_zero")
            samples = samples.take(np.flatnonzero(weight))
        held_out, seed = None, seed_of(self, going_on=going_on)
        if validation_set is not None:
            if not isinstance(validation_set, tuple | list) or len(validation_set) not in (2, 3):
                raise ConfigurationError("layer_validation_set")
            more = named_beside(None, None, None, *validation_set[2:] or (None,))
            judged = self._array(validation_set[0], more, reset=False)
            said = self._measured(validation_set[1], len(judged), more, None, going_on=True)
            held_out = self._samples(judged, said, None, more)
        elif self.validation_fraction:
            samples, held_out = self._parted(samples, seed)
        optimizer = self._optimizer()
        if not going_on:
            params: Array = self.network_.initialize(seed, dtype=dtype_named(self.dtype).name)
            layers: Tree = EMPTY
        elif is_partial:
            params, layers = self.trained_.params, self.trained_.layers
        else:
            params, layers = self.params_, self.state_
        # Epochs are counted anew, because there may be other samples now.
        done = len(self.loss_curve_) if going_on else 0
        begun = start(self.network_, params, optimizer, seed=seed + done)
        if going_on:
            begun = begun._replace(layers=layers)
            memory = self.trained_.optimizer
            # Of a fit that goes on the training is its own; so is that of another optimizer.
            if is_partial and memory.slots.keys() == begun.optimizer.slots.keys():
                begun = begun._replace(optimizer=memory)
        found = train_layers(
            self.network_,
            begun,
            samples,
            held_out,
            loss=loss,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=require_count("batch_size", self.batch_size),
            patience=patience,
            engine=self.engine,
            callbacks=callbacks_of(self.callbacks),
        )
        before = list(self.loss_curve_) if going_on else []
        judged_before = list(self.validation_scores_ or ()) if going_on else []
        self.loss_curve_: list[float] = before + found.losses
        scores = judged_before + [-loss for loss in found.validation_losses]
        self.validation_scores_: list[float] | None = None if held_out is None else scores
        self.n_iter_ = len(self.loss_curve_)
        self.params_: Array = found.params
        self.state_: Tree = found.layers
        self.trained_: TrainingState = found.state
        return self

    def _array(self, X: Any, beside: Mapping[str, Any], *, reset: bool) -> Array:
        """X as the network takes it. Rows have as many columns as in the fit; sequences, ids and
        images may have other sizes."""
        network = _known(self.layer) if reset else self.network_
        of_ids = network is not None and ids_of(network) is not None
        finite = LENGTHS not in beside
        if len(_shape(X)) > 2 or of_ids:
            kind = "numeric" if of_ids else np.float64
            array = check_array(
                X, dtype=kind, ensure_2d=False, allow_nd=True, ensure_all_finite=finite
            )
        else:
            array = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite=finite)
        if of_ids:
            whole: Array = array.astype(np.int64)
            if not np.array_equal(whole, array):
                raise DataError("layer_ids")
            return whole
        dtype = dtype_named(self.dtype)
        too_large = np.abs(array) > np.finfo(dtype).max
        if finite and too_large.any():
            row = int(np.argmax(too_large.reshape(len(array), -1).any(axis=1)))
            raise DataError("value_overflows", row=row, dtype=dtype)
        array = array.astype(dtype)
        if not finite:
            lengths = np.asarray(beside[LENGTHS])
            if lengths.shape == array.shape[:1] and array.ndim > 1:
                array = zero_behind_ends(array, lengths)
            assert_all_finite(array, input_name="X")
        found: Array = array
        return found

    def _network(self, shape: tuple[int, ...]) -> Network:
        known = _known(self.layer)
        if known is not None:
            return known
        made = self.layer(shape, self._outputs())
        return made if isinstance(made, Network) else Network(made)

    def _require_outputs(self, shape: tuple[int, ...]) -> None:
        """Refuse a network with another number of outputs, where its layers say it."""
        after = self.network_.graph.shapes(shape)[self.network_.graph.output]
        if after and after[-1] not in self._outputs_known():
            raise DataError("layer_outputs", came=after[-1], expected=self._outputs())

    def _samples(
        self, x: Array, y: Array, weight: Array | None, beside: Mapping[str, Any]
    ) -> LayerSamples:
        settled = self._beside(beside, len(x))
        dtype = dtype_named(self.dtype)
        if weight is not None:
            weight = weight.astype(dtype)
        return LayerSamples(x, self._target(y, settled.arrays), weight, settled)

    def _beside(self, given: Mapping[str, Any], samples: int) -> SideInputs:
        """What stands beside x, masks of numbers in the dtype of the parameters."""
        if not given:
            return SideInputs()
        found = side_inputs_of_samples(self.network_.graph, given, samples)
        dtype = dtype_named(self.dtype)
        arrays = {
            name: array.astype(dtype) if array.dtype.kind == "f" and name != LENGTHS else array
            for name, array in found.arrays.items()
        }
        return SideInputs(arrays, found.axes)

    def _parted(self, samples: LayerSamples, seed: int) -> tuple[LayerSamples, LayerSamples]:
        """The samples to learn from and those that are held out, of every class its share."""
        share = self.validation_fraction
        if not 0 < share < 1 or len(samples.x) < 2:
            raise ConfigurationError("layer_validation", value=share, samples=len(samples.x))
        ids = samples.target if samples.target.dtype.kind == "i" else None
        classes = ids if ids is not None and ids.ndim == 1 else None
        held = share_of_rows(len(samples.x), share, seed, classes)
        learned = np.setdiff1d(np.arange(len(samples.x)), held)
        return samples.take(learned), samples.take(np.sort(held))

    def _optimizer(self) -> Optimizer:
        found = optimizer_of(self.solver)
        if self.learning_rate_init is None:
            return found
        settings = {**found.settings(), "learning_rate": self.learning_rate_init}
        made: Optimizer = type(found).from_settings(settings)
        return made

    def _said(self, X: Any, given: dict[str, Any]) -> Array:
        """The network's outputs for X."""
        check_is_fitted(self)
        x = self._array(X, given, reset=False)
        beside = self._beside(given, len(x))
        # What overflows is told in a sentence.
        with np.errstate(over="ignore", invalid="ignore"):
            found = outputs_of(self.network_, self.params_, self.state_, x, beside)
        require_finite(found, axis=0)
        return found

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _losses(self) -> tuple[type[Loss], ...]:
        """Which of this package's losses take such targets."""
        raise NotImplementedError

    def _measured(
        self, y: Any, rows: int, beside: Mapping[str, Any], classes: Any, *, going_on: bool
    ) -> Array:
        """Y as it was measured; of a first fit what must be known of it is kept."""
        raise NotImplementedError

    def _target(self, y: Array, beside: Mapping[str, Array]) -> Array:
        """What the loss takes."""
        raise NotImplementedError

    def _outputs(self) -> int:
        """How many outputs a network must have."""
        raise NotImplementedError

    def _outputs_known(self) -> tuple[int, ...]:
        """All numbers of outputs that will do."""
        return (self._outputs(),)


def named_beside(
    lengths: Any, key_padding_mask: Any, attn_mask: Any, more: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What stands beside X, by its names. Raises ContractError for `more` that is no mapping."""
    if more is not None and not isinstance(more, Mapping):
        raise ContractError("side_inputs_kind", came=type(more).__name__)
    told = {LENGTHS: lengths, PADDING: key_padding_mask, LOOKING: attn_mask}
    found = {name: value for name, value in told.items() if value is not None}
    return {**found, **(more or {})}


def given_targets(y: Any, rows: int) -> Any:
    """Y itself. Raises DataError where there is none, or not one for each of the samples."""
    if y is None:
        raise DataError("target_none")
    came = _shape(y)[:1]
    if came and came[0] != rows:
        raise DataError("target_rows", rows=rows, came=came[0])
    return y


def _shape(given: Any) -> tuple[int, ...]:
    """The shape of an array, a frame, a sparse matrix, or lists. Raises DataError for sequences of
    different lengths."""
    try:
        return tuple(given.shape if hasattr(given, "shape") else np.asarray(given).shape)
    except ValueError as problem:
        raise DataError("layer_ragged") from problem


def _known(layer: Any) -> Network | None:
    """The network of a layer; None where a function is to make it."""
    if isinstance(layer, Network):
        return layer
    return Network(layer) if isinstance(layer, Layer | type) or not callable(layer) else None
