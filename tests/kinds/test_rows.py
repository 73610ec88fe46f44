"""Every kind has a row, every row has every field, and what a row says fits its kind."""

import dataclasses
import subprocess
import sys
from typing import Any

import pytest

from clearprop import SGD, Clipped, PReLU
from clearprop.base.errors import ContractError
from clearprop.engine.initializers import Initializer
from clearprop.engine.layers.layer import Layer
from clearprop.engine.optimizers import Optimizer
from clearprop.engine.schedules import Schedule
from clearprop.kinds.kind_tables import (
    INITIALIZER_ROWS,
    LAYER_EXAMPLES,
    LAYER_ROWS,
    LOSS_ROWS,
    OPTIMIZER_ROWS,
    SCHEDULE_ROWS,
)
from clearprop.kinds.row import KindRow, LayerRow, LossRow
from clearprop.kinds.training_rows import OptimizerRow, ScheduleRow
from clearprop.training.arguments import LOSSES_BY_NAME, OPTIMIZERS_BY_NAME
from tests.layers.test_conformance import concrete_layers

TABLES: list[dict[Any, Any]] = [
    LAYER_ROWS,
    LOSS_ROWS,
    OPTIMIZER_ROWS,
    SCHEDULE_ROWS,
    INITIALIZER_ROWS,
]
ROWS: list[Any] = [row for table in TABLES for row in table.values()]
OF_LAYERS = list(LAYER_ROWS.values())


def name_of(row: Any) -> str:
    return str(row.kind.__name__)


def fields_of(row: KindRow) -> dict[str, Any]:
    return {
        field.name: getattr(row, field.name)
        for field in dataclasses.fields(row)  # type: ignore[arg-type]
    }


def required(kind: type[KindRow]) -> list[str]:
    return [
        field.name
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
        if field.default is field.default_factory is dataclasses.MISSING
    ]


def test_every_layer_of_the_engine_has_a_row_or_says_its_own_wiring() -> None:
    assert concrete_layers() == set(LAYER_EXAMPLES)
    assert set(LAYER_ROWS) < set(LAYER_EXAMPLES)


def test_every_optimizer_schedule_and_initializer_of_the_engine_has_a_row() -> None:
    bases: tuple[Any, ...] = (Optimizer, Schedule, Initializer)
    for base, table in zip(bases, TABLES[2:], strict=True):
        ours = {one for one in below(base) if one.__module__.startswith("clearprop.engine.")}
        assert ours == set(table)


def below(base: type[Any]) -> set[type[Any]]:
    """Every subclass, at any depth."""
    found: set[type[Any]] = set()
    for kind in base.__subclasses__():
        found |= {kind, *below(kind)}
    return found


@pytest.mark.parametrize("name", [n for n in required(LayerRow) if n != "kind"])
def test_a_layers_row_that_lacks_a_field_is_named_with_it(name: str) -> None:
    given = fields_of(LAYER_ROWS[PReLU])
    del given[name]
    with pytest.raises(ContractError, match=f"LayerRow of PReLU lacks {name}:"):
        LayerRow(**given)


@pytest.mark.parametrize("row", [LayerRow, LossRow, OptimizerRow, ScheduleRow])
def test_a_row_of_nothing_lacks_every_field(row: type[KindRow]) -> None:
    with pytest.raises(ContractError) as caught:
        row()
    assert caught.value.values["fields"] == ", ".join(required(row))


def test_what_a_row_lacks_is_said_in_both_languages() -> None:
    with pytest.raises(ContractError) as caught:
        LayerRow(kind=PReLU)  # type: ignore[call-arg]
    assert "torch" in caught.value.message("zh-TW")


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_rows_examples_are_of_its_kind(row: Any) -> None:
    examples = getattr(row, "examples", None)
    if examples is None:
        return
    made = [getattr(one, "layer", getattr(one, "loss", one)) for one in examples]
    assert made
    assert {type(one) for one in made} == {row.kind}


@pytest.mark.parametrize("row", OF_LAYERS, ids=name_of)
def test_a_row_names_every_parameter_of_its_layer(row: LayerRow) -> None:
    names = {name for one in row.examples for name in one.layer.parameters()}
    assert names <= set(row.parameters)
    assert row.torch.transposed <= names


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_the_attributes_of_an_operator_are_settings_of_the_kind(row: Any) -> None:
    operator = getattr(row, "onnx", None)
    if operator is not None:
        settings = {field.name for field in dataclasses.fields(row.kind)}
        assert set(operator.attributes) <= settings


@pytest.mark.parametrize("row", OF_LAYERS, ids=name_of)
def test_a_layer_of_ids_knows_how_many(row: LayerRow) -> None:
    for one in row.examples:
        assert (row.ids is None) == (one.ids is None)
        if row.ids is not None:
            assert row.ids(one.layer) == one.ids


def test_a_layer_that_does_nothing_hands_its_input_on() -> None:
    idle = [one.layer for row in OF_LAYERS for one in row.examples if row.does_nothing(one.layer)]
    assert {type(one).__name__ for one in idle} == {"Identity", "Dropout"}
    assert all(isinstance(one, Layer) for one in idle)


def test_every_loss_and_rule_can_be_asked_for_by_a_name() -> None:
    assert {type(one) for one in LOSSES_BY_NAME.values()} == set(LOSS_ROWS)
    assert {type(one) for one in OPTIMIZERS_BY_NAME.values()} == set(OPTIMIZER_ROWS) - {Clipped}
    by_name: dict[str, Any] = {**LOSSES_BY_NAME, **OPTIMIZERS_BY_NAME}
    for name, one in by_name.items():
        assert name == type(one).__name__.lower()
        assert one == (SGD(0.01) if name == "sgd" else type(one)())


def test_the_tables_import_nothing_but_numpy() -> None:
    code = (
        "import sys; import clearprop.kinds.kind_tables; "
        "print([n for n in ('numpy.random', 'scipy', 'torch', 'jax', 'onnx') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
