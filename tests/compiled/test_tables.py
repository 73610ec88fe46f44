"""The tables in Python are those in C, name by name; and every kind has its kernel, or a reason."""

import ctypes
import re
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clearprop.compiled
from clearprop.base import messages
from clearprop.compiled import lanes, tables
from clearprop.compiled.lowering import lower_optimizer
from clearprop.kinds.kernels import Kernel, NoKernel
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS, OPTIMIZER_ROWS

SOURCES = Path(clearprop.compiled.__file__).parent / "source"


def in_c(pattern: str) -> str:
    """What stands between the braces of a declaration, without comments."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(SOURCES.iterdir()))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    found = re.findall(pattern + r"\s*\{(.*?)\};", text, flags=re.DOTALL)
    assert len(found) == 1, pattern
    return str(found[0])


def members(name: str) -> list[str]:
    """The members of an enumeration in C, which count from 0."""
    names = [part.strip() for part in in_c(rf"enum {name}").split(",") if part.strip()]
    assert not [each for each in names if "=" in each]
    return names


def fields(name: str) -> list[str]:
    """The fields of a structure in C."""
    declared = []
    for line in in_c(rf"struct {name}").split(";"):
        declared += re.findall(r"\*?(\w+)\s*(?:,|$)", line.strip())
    return declared


@pytest.mark.parametrize(
    "name", ["ActivationKind", "OperationKind", "LossKind", "OptimizerKind", "Stop"]
)
def test_enumerations(name: str) -> None:
    kind: type[IntEnum] = getattr(tables, name)
    assert members(name) == [member.name for member in kind]
    assert [int(member) for member in kind] == list(range(len(kind)))


@pytest.mark.parametrize("name", ["Operation", "Block", "Loss", "Optimizer"])
def test_tables_of_whole_numbers(name: str) -> None:
    table: Any = getattr(tables, name.upper())
    assert fields(name) == list(table.names)
    assert table.itemsize == 8 * len(table.names)
    assert not [
        line for line in in_c(f"struct {name}").split(";") if "int64_t" not in line.strip()
    ][:-1]


@pytest.mark.parametrize("name", ["Run", "Lanes"])
def test_structures(name: str) -> None:
    structure = {"Run": tables.RunFields, "Lanes": tables.LaneFields}[name]
    assert fields(name) == [field[0] for field in structure._fields_]
    # Pointers, numbers of 64 bits and structures of these: nothing is filled up between them.
    sizes = [ctypes.sizeof(field[1]) for field in structure._fields_]
    assert ctypes.sizeof(structure) == sum(sizes)


def test_numbers_that_both_know() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES.iterdir())
    assert f"enum {{ PART = {tables.PART} }};" in text
    assert f"enum {{ BLOCK_OF_SAMPLES = {lanes.BLOCK_OF_SAMPLES} }};" in text
    assert f"PANEL = {tables.PANEL_BYTES} / sizeof(real)" in text
    assert f"enum {{ NONE = {tables.NONE} }};" in text


def test_every_layer_has_its_kernel_or_a_reason() -> None:
    known = {*tables.ActivationKind.__members__, *tables.OperationKind.__members__}
    for row in LAYER_ROWS.values():
        for example in row.examples:
            check(row.compiled(example.layer), known)


def test_every_loss_has_its_kernel_or_a_reason() -> None:
    for row in LOSS_ROWS.values():
        for example in row.examples:
            check(row.compiled(example.loss), set(tables.LossKind.__members__))


def check(found: Kernel | NoKernel, known: set[str]) -> None:
    if isinstance(found, NoKernel):
        assert messages.text("en", f"kernels.{found.reason}", path="p", layer="l")
    else:
        assert found.name in known
        assert np.isfinite(found.settings).all()


def test_every_optimizer_has_its_kernel() -> None:
    for row in OPTIMIZER_ROWS.values():
        for example in row.examples:
            found: Any = lower_optimizer(example)
            assert found[0].name == found[1].name


def test_a_field_too_many_is_seen() -> None:
    assert fields("Block") != [*fields("Block"), "another"]
    with pytest.raises(AssertionError):
        fields("NoSuchStructure")
