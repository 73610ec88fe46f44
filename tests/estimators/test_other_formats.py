"""A table's whole model elsewhere: scikit-learn's pipelines in, ONNX out and in, NumPy out."""

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx.reference import ReferenceEvaluator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

from clearprop.base.arrays import Array
from clearprop.base.errors import ContractError, DataError
from clearprop.cli import main
from clearprop.engine.losses import Pinball
from clearprop.estimators import NetworkClassifier, NetworkRegressor, from_onnx, from_sklearn
from clearprop.estimators.table_export import table_form_of
from clearprop.formats.network_file import load
from clearprop.formats.onnx_tables import table_to_onnx

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
ROWS = 60
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(ROWS, 4))
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(40, 10, ROWS),
        "city": RNG.choice(["Taipei", "Tainan", "台中"], ROWS),
        "size": RNG.normal(size=ROWS),
        "sex": RNG.choice(["m", "f"], ROWS),
    }
)
FRAME.loc[::9, "age"] = np.nan
DATED = FRAME.assign(when=pd.to_datetime("2024-01-05") + pd.to_timedelta(np.arange(ROWS), "D"))
DATED.loc[::7, "city"] = None
WORDS = RNG.choice(["a", "b", "c"], ROWS)
LABELS = RNG.integers(0, 2, (ROWS, 3))


def answers(model: Any, rows: Any) -> Array:
    said = model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)
    return np.asarray(said)


def by_columns() -> ColumnTransformer:
    """Words first and apart from one another's columns, numbers behind them."""
    return ColumnTransformer(
        [
            ("words", OneHotEncoder(drop="if_binary", handle_unknown="ignore"), ["city", "sex"]),
            ("age", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            ("rest", MinMaxScaler(), ["size"]),
        ]
    )


def classifier() -> MLPClassifier:
    return MLPClassifier((4,), max_iter=3, random_state=0)


def regressor() -> MLPRegressor:
    return MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0)


PIPELINES: dict[str, tuple[Any, Any, Any]] = {
    "three classes": (make_pipeline(by_columns(), classifier()), FRAME, WORDS),
    "two classes": (make_pipeline(by_columns(), classifier()), FRAME, WORDS == "a"),
    "numbers": (make_pipeline(by_columns(), regressor()), FRAME, NUMBERS[:, 0]),
    "scalers": (
        make_pipeline(StandardScaler(), RobustScaler(), MaxAbsScaler(), regressor()),
        NUMBERS,
        NUMBERS[:, :2],
    ),
    "labels": (classifier(), NUMBERS, LABELS),
    "ids": (classifier(), NUMBERS, LABELS[:, 0] + 3),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_fitted_pipeline_predicts_the_same(name: str, tmp_path: Path) -> None:
    pipeline, x, y = PIPELINES[name]
    pipeline.fit(x, y)
    model = from_sklearn(pipeline)
    np.testing.assert_allclose(answers(model, x), answers(pipeline, x), 0, 1e-12)
    if hasattr(pipeline, "classes_"):
        assert np.array_equal(model.predict(x), pipeline.predict(x))
    model.save(tmp_path / "m.safetensors")
    loaded = type(model).load(tmp_path / "m.safetensors")
    assert np.array_equal(answers(loaded, x), answers(model, x))
    back = from_onnx(table_to_onnx(table_form_of(model)))
    np.testing.assert_allclose(answers(back, x), answers(pipeline, x), 0, 1e-12)


@pytest.mark.parametrize(
    ("step", "x", "said"),
    [
        (PolynomialFeatures(), NUMBERS, "The step 'polynomialfeatures' .* is not read"),
        (OneHotEncoder(), NUMBERS.round(), "'x0', whose categories are no words"),
        (MinMaxScaler(clip=True), NUMBERS, "clip=False"),
        (SimpleImputer(add_indicator=True), FRAME[["age"]], "without add_indicator"),
        (
            OneHotEncoder(max_categories=2, sparse_output=False),
            FRAME[["city"]],
            "infrequent categories",
        ),
        (
            ColumnTransformer([("a", StandardScaler(), [0]), ("b", MinMaxScaler(), [0])]),
            NUMBERS,
            "goes into the network twice",
        ),
    ],
)
def test_a_step_that_is_not_read_is_named(step: Any, x: Any, said: str) -> None:
    pipeline = make_pipeline(step, classifier()).fit(x, WORDS)
    with pytest.raises(ContractError, match=said) as caught:
        from_sklearn(pipeline)
    assert caught.value.message("zh-TW")


SETTINGS: dict[str, Any] = {"max_iter": 2, "min_steps": 0, "random_state": 0, "n_networks": 2}
MODELS: dict[str, tuple[Any, Any]] = {
    "classes": (NetworkClassifier(**SETTINGS), WORDS),
    "one logit": (NetworkClassifier(single_logit=True, dtype="float64", **SETTINGS), WORDS == "a"),
    "labels": (NetworkClassifier(**SETTINGS), LABELS),
    "numbers": (NetworkRegressor(activation="silu", dropout=0.1, **SETTINGS), NUMBERS),
    "quantiles": (NetworkRegressor(loss=Pinball((0.9, 0.1, 0.5)), **SETTINGS), NUMBERS[:, 0]),
}


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    return {name: model.fit(DATED, y) for name, (model, y) in MODELS.items()}


def feeds(frame: pd.DataFrame) -> dict[str, Array]:
    """The columns as ONNX takes them."""
    found: dict[str, Array] = {}
    for name in frame:
        column = frame[name]
        if column.dtype.kind == "M":
            days = column.to_numpy().astype("datetime64[us]").astype(np.int64) / 86_400e6
            found[str(name)] = days[:, None]
        elif column.dtype.kind == "f":
            found[str(name)] = column.to_numpy()[:, None]
        else:
            words = [word if isinstance(word, str) else "" for word in column]
            found[str(name)] = np.array(words, object)[:, None]
    return found


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("opset", [17, 21])
def test_a_model_of_a_table_is_one_onnx_model(
    fitted: dict[str, Any], name: str, opset: int
) -> None:
    model = fitted[name]
    written = table_to_onnx(table_form_of(model), opset=opset)
    onnx.checker.check_model(written, full_check=True)
    close = 1e-12 if model.dtype == "float64" else 1e-5
    outputs = [one.name for one in written.graph.output]
    expected = answers(model, DATED)
    runs = []
    if importlib.util.find_spec("onnxruntime"):
        runtime = importlib.import_module("onnxruntime")
        session = runtime.InferenceSession(
            written.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        runs.append(session.run(None, feeds(DATED)))
    if name != "quantiles":  # its TopK is not sorted in the way that ONNX says
        runs.append(ReferenceEvaluator(written).run(None, feeds(DATED)))
    for run in runs:
        said = dict(zip(outputs, run, strict=True))
        own = said["probabilities" if "probabilities" in said else "prediction"]
        np.testing.assert_allclose(own.reshape(expected.shape), expected, 0, close)
        if "label" in said:
            assert said["label"].tolist() == model.predict(DATED).tolist()
        if "labels" in said:
            assert np.array_equal(said["labels"], model.predict(DATED))
    if name == "quantiles":
        with pytest.raises(ContractError, match="no model of a table as clearprop writes it"):
            from_onnx(written)
        return
    back = from_onnx(written)
    np.testing.assert_allclose(answers(back, DATED), expected, 0, close)
    with pytest.raises(DataError, match="when"):
        answers(back, DATED.assign(when=1.0))
    layers = back.network_.graph.nodes
    assert len(layers) == len(model.network_.graph.nodes)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_a_table_is_one_program(
    fitted: dict[str, Any], name: str, tmp_path: Path
) -> None:
    model, path = fitted[name], tmp_path / "model.safetensors"
    model.save(path)
    assert main(["export", str(path), "-o", str(tmp_path / "said.py")]) == 0
    DATED.to_csv(tmp_path / "table.csv", index=False)
    spec = importlib.util.spec_from_file_location("said", tmp_path / "said.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    with (tmp_path / "table.csv").open(encoding="utf-8") as stream:
        said = program.predict(list(csv.DictReader(stream)))
    expected = answers(model, DATED)
    close = 1e-12 if model.dtype == "float64" else 1e-5
    np.testing.assert_allclose(said.reshape(expected.shape), expected, 0, close)


def test_the_commands_carry_a_model_out_and_in(
    fitted: dict[str, Any], tmp_path: Path, capsys: Any
) -> None:
    model, path = fitted["classes"], tmp_path / "model.safetensors"
    model.save(path)
    assert main(["export", str(path), "-o", str(tmp_path / "m.onnx")]) == 0
    back = tmp_path / "back.safetensors"
    assert main(["import", str(tmp_path / "m.onnx"), "-o", str(back)]) == 0
    loaded = NetworkClassifier.load(back)
    np.testing.assert_allclose(answers(loaded, DATED), answers(model, DATED), 0, 1e-6)
    assert load(back).classes == ("a", "b", "c")
    capsys.readouterr()
    assert main(["export", str(path), "--lang", "en", "-o", str(tmp_path / "m.pt")]) == 0
    assert "the first of the model's 2 networks" in capsys.readouterr().err


def test_a_program_says_a_class_for_every_row(fitted: dict[str, Any], tmp_path: Path) -> None:
    model, path = fitted["one logit"], tmp_path / "model.safetensors"
    model.save(path)
    assert main(["export", str(path), "-o", str(tmp_path / "said.py")]) == 0
    DATED.to_csv(tmp_path / "table.csv", index=False)
    run = subprocess.run(
        [sys.executable, tmp_path / "said.py", tmp_path / "table.csv"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = run.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == [str(one) for one in model.predict(DATED)]
