"""Estimators made of what was fitted elsewhere: scikit-learn's MLPs with the pipeline before them,
and the ONNX model of a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY
from clearprop.base.errors import ContractError
from clearprop.data.preparation import CategoryInput, Input, NumberInput, Preparation
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.layer import Layer
from clearprop.estimators.learning import History, Learned
from clearprop.estimators.network_estimators import NetworkClassifier, NetworkRegressor
from clearprop.estimators.sklearn_columns import columns_of_pipeline
from clearprop.estimators.table_network import of_layers
from clearprop.estimators.table_targets import (
    ClassTarget,
    LabelTarget,
    NumberTarget,
    TableTarget,
)
from clearprop.estimators.target_losses import loss_for
from clearprop.formats.onnx_table_reading import onnx_to_table
from clearprop.formats.sklearn_arrays import from_sklearn as network_from_sklearn
from clearprop.formats.table_form import (
    ClassAnswer,
    LabelAnswer,
    NumberAnswer,
    NumberColumn,
    TableAnswer,
    TableColumn,
    TableForm,
)


def from_sklearn(model: Any) -> NetworkClassifier | NetworkRegressor:
    """A fitted MLPClassifier or MLPRegressor, or a pipeline that ends in one, as an estimator that
    predicts the same: it is saved, explained and exported as one that was trained here.

    Of a pipeline the scalers (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler), the
    imputer of numbers and the one-hot encoder of words come with it, alone or by columns
    (ColumnTransformer).

    Raises ContractError for what is no fitted MLP, and for a step that is none of these, with its
    name.
    """
    saved = network_from_sklearn(model)
    mlp = model.steps[-1][1] if hasattr(model, "steps") else model
    columns, order = columns_of_pipeline(model)
    weights = saved.network.named(saved.params)["layers[0].weight"]
    if len(order) != len(weights):
        raise ContractError("sklearn_features", came=len(order), expected=len(weights))
    # A preparation has the features of one column side by side; a pipeline may have them apart.
    params = saved.network.replace(saved.params, {"layers[0].weight": weights[list(order)]})
    if mlp.out_activation_ == "exp":
        raise ContractError("sklearn_poisson")
    form = TableForm(columns, saved.network, params[None], _answer_of(mlp))
    return estimator_of(form, losses=getattr(mlp, "loss_curve_", [mlp.loss_]))


def from_onnx(source: Any) -> NetworkClassifier | NetworkRegressor:
    """The estimator in a table's ONNX model, a file or its bytes, as `clearprop export` and
    `table_to_onnx` write it.

    Raises what `onnx_to_table` raises.
    """
    return estimator_of(onnx_to_table(source))


def estimator_of(
    form: TableForm, *, losses: Sequence[float] = (np.nan,)
) -> NetworkClassifier | NetworkRegressor:
    """The fitted estimator that a table's form says; `losses` are those of its training's epochs,
    where anybody has kept them."""
    layers: Sequence[Layer] = form.network.layer.settings()["layers"]
    fronts = 0
    while fronts < len(layers) - 1 and _is_front(layers[fronts]):
        fronts += 1
    params = np.atleast_2d(form.params)
    target = _target(form.answer)
    inputs = tuple(map(_input, form.columns))
    fills = [one for one in inputs if isinstance(one, NumberInput) and one.fill is not None]
    missing = "error" if not fills else "median"
    missing = "indicator" if any(one.indicator for one in fills) else missing
    settings: dict[str, Any] = {
        "n_networks": len(params),
        "dtype": params.dtype.name,
        "missing": missing,
    }
    network = of_layers(layers, fronts)
    curve = np.repeat(np.array(losses, np.float64)[:, None], len(params), axis=1)
    learned = Learned(
        network=network,
        target=target,
        loss=loss_for(target),
        params=params,
        layers=EMPTY,
        epoch=np.zeros(len(params), np.int64),
        history=History(curve, np.full_like(curve, np.nan)),
        state=None,
        parts=(),
        average=np.zeros(sum(len(one.features) for one in inputs)),
    )
    model: NetworkClassifier | NetworkRegressor
    if isinstance(target, NumberTarget):
        model = NetworkRegressor(**settings, standardize_target=target.held)
        model.calibration_ = None
    else:
        single = isinstance(target, ClassTarget) and target.single
        model = NetworkClassifier(**settings, single_logit=single)
        if isinstance(target, ClassTarget):
            model.classes_ = np.array(target.classes)
        else:
            model.classes_ = [np.array([0, 1])] * target.outputs
    model.preparation_ = Preparation(inputs)
    model.n_features_in_ = len(inputs)
    names = [one.column for one in inputs]
    if names != [f"x{k}" for k in range(len(names))]:
        model.feature_names_in_ = np.array(names, object)
    model.keep(learned)
    return model


def _is_front(layer: Layer) -> bool:
    return not layer.parameters() and not layer.state() and not isinstance(layer, Dropout)


def _input(column: TableColumn) -> Input:
    if isinstance(column, NumberColumn):
        return NumberInput(
            column=column.name,
            centre=column.centre,
            factor=column.factor,
            fill=column.fill,
            indicator=column.indicator,
            # Nobody has kept what range was seen.
            low=column.centre,
            high=column.centre,
            binary=False,
            is_date=column.is_date,
        )
    return CategoryInput(column.name, column.words)


def _answer_of(mlp: Any) -> TableAnswer:
    outputs = int(mlp.n_outputs_)
    if mlp.out_activation_ == "identity":
        return NumberAnswer((0.0,) * outputs, (1.0,) * outputs)
    classes = np.asarray(mlp.classes_)
    if mlp.out_activation_ == "logistic" and (outputs > 1 or len(classes) != 2):
        return LabelAnswer(outputs)
    return ClassAnswer(tuple(classes.tolist()), single=mlp.out_activation_ == "logistic")


def _target(answer: TableAnswer) -> TableTarget:
    if isinstance(answer, ClassAnswer):
        return ClassTarget("y", answer.classes, answer.single)
    if isinstance(answer, LabelAnswer):
        return LabelTarget(tuple(f"y{k}" for k in range(answer.count)))
    count = len(answer.mean)
    held = answer.low is not None and answer.high is not None
    return NumberTarget(
        columns=tuple(f"y{k}" for k in range(count)),
        mean=answer.mean,
        deviation=answer.deviation,
        low=answer.low or answer.mean,
        high=answer.high or answer.mean,
        held=held,
    )
