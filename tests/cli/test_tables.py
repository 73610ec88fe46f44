"""Tables of samples: every command reads them through one reader."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import (
    BatchNorm,
    BinaryCrossEntropy,
    CrossEntropy,
    Embedding,
    LayerNorm,
    Linear,
    Network,
    Sequential,
    Tanh,
    save,
)
from clearprop.base.errors import FileError
from clearprop.cli import main
from clearprop.cli.csv_tables import read_table
from clearprop.cli.status import DONE, FOUND
from clearprop.cli.table_samples import TableSamples, samples_of
from clearprop.engine.losses import MSE, Loss

pytestmark = pytest.mark.usefixtures("own_folder")

FLOAT = np.dtype(np.float64)
NAMES = ("setosa", "versicolor", "virginica")
THREE = Network(Sequential(Linear(2, 4), Tanh(), Linear(4, 3)))
ROWS = [(1.5, 2, 0), (2.5, 0.5, 2), (0.5, 1, 1), (1, 1, 2)]
ORDERED = "".join(f"{a},{b},{c}\n" for a, b, c in ROWS)
NAMED = "a,b,kind\n" + "".join(f"{a},{b},{NAMES[int(c)]}\n" for a, b, c in ROWS)
COMMANDS = (
    ("explain", "--sample", "1"),
    ("diagram", "--kind", "sample"),
    ("step", "--all"),
    ("health",),
    ("write",),
)


def table(text: str) -> Path:
    path = Path("data.csv")
    path.write_text(text, encoding="utf-8")
    return path


def read(
    text: str,
    network: Network,
    loss: Loss,
    target: str | None = None,
    classes: Any = (),
    **told: Any,
) -> TableSamples:
    return samples_of(read_table(table(text)), network, loss, target, classes, dtype=FLOAT, **told)


def refused(text: str, network: Network, loss: Loss, *told: Any) -> str:
    with pytest.raises(FileError) as caught:
        read(text, network, loss, *told)
    assert caught.value.message("zh-TW") != str(caught.value)
    return str(caught.value)


def saved(**told: Any) -> None:
    save("net.safetensors", THREE, THREE.initialize(0), loss=CrossEntropy(), **told)


@pytest.mark.parametrize("text", [ORDERED, NAMED], ids=["ids", "names"])
@pytest.mark.parametrize("told", [{}, {"classes": NAMES}], ids=["nameless", "named"])
def test_classes_in_every_command(
    text: str, told: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    saved(**told)
    table(text)
    for name, *words in COMMANDS:
        status = main([name, "net.safetensors", *words, "--data", "data.csv"])
        said = capsys.readouterr()
        assert status in ((DONE, FOUND) if name == "health" else (DONE,)), said.err
        # In alphabetical order, and said so, where the network does not say its own.
        order = "0 = setosa, 1 = versicolor, 2 = virginica"
        assert (order in said.err) is (text is NAMED and not told)


def test_ids_and_names_are_the_same_targets() -> None:
    ids = read(ORDERED, THREE, CrossEntropy())
    names = read(NAMED, THREE, CrossEntropy(), classes=NAMES)
    for one in (ids, names):
        np.testing.assert_array_equal(one.target, [0, 2, 1, 2])
        assert one.target.dtype.kind == "i"
        np.testing.assert_array_equal(one.x, [[1.5, 2], [2.5, 0.5], [0.5, 1], [1, 1]])
    assert (ids.classes, names.classes) == ((), NAMES)
    # The network's own order counts, not the alphabet's; names may look like numbers.
    turned = read(NAMED, THREE, CrossEntropy(), None, NAMES[::-1])
    np.testing.assert_array_equal(turned.target, [2, 0, 1, 0])
    digits = read("1,1,7\n1,1,3\n1,1,5\n", THREE, CrossEntropy(), None, ("3", "5", "7"))
    np.testing.assert_array_equal(digits.target, [2, 0, 1])


def test_probabilities_have_a_column_for_each_class() -> None:
    text = "1,2,0.5,0.5,0\n3,4,0,0,1\n"
    assert read(text, THREE, CrossEntropy()).target.shape == (2, 3)
    chosen = "p,a,q,b,r\n" + text
    assert read(chosen, THREE, CrossEntropy(), "p,q,r").x.tolist() == [[2, 0.5], [4, 0]]


def test_two_classes_of_one_output() -> None:
    network = Network(Linear(2, 1))
    found = read("1,2,yes\n3,4,no\n", network, BinaryCrossEntropy())
    assert found.target.tolist() == [[1.0], [0.0]]
    assert found.classes == ("no", "yes")
    assert read("1,2,0.25\n", network, BinaryCrossEntropy()).target.tolist() == [[0.25]]


def test_ids_as_features() -> None:
    network = Network(Sequential(Embedding(5, 2), Linear(2, 1)))
    found = read("3,1.5\n0,2\n", network, MSE())
    assert found.x.tolist() == [3, 0]
    assert found.x.dtype.kind == "i"
    assert "line 2: '0.5' in column '0' is no id" in refused("3,1\n0.5,2\n", network, MSE())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "1,1,0\n1,1,3\n",
            "line 2: '3' in column '2' is no class; classes are numbered from 0 to 2",
        ),
        ("1,1,0\n1,1,-1\n", "line 2: '-1' in column '2' is no class"),
        ("1,1,0\n1,1,0.5\n", "line 2: '0.5' in column '2' is no class"),
        ("1,1,a\n1,1,\n", "line 2: the cell of column '2' is empty"),
        ('1,1,a\n1,1,"b\nimport os"\n1,1,c\n', "has characters that cannot be shown"),
        ("1,1,a\n1,1,b\n", "names 2 classes (a, b), and the network tells 3 apart"),
        ("1,1,a\n1,1,b\n1,1,c\n1,1,d\n", "names 4 classes (a, b, c, d), and the network tells 3"),
    ],
)
def test_what_is_no_class_is_named_with_its_line(text: str, sentence: str) -> None:
    assert sentence in refused(text, THREE, CrossEntropy())


def test_a_name_that_the_network_does_not_have() -> None:
    said = refused(NAMED.replace("virginica", "virginca"), THREE, CrossEntropy(), None, NAMES)
    assert "line 3: 'virginca' in column 'kind' is none of the network's classes, which are" in said
    assert "setosa, versicolor, virginica" in said


def test_an_id_that_is_left_out_is_one() -> None:
    found = read("1,1,0\n1,1,-100\n", THREE, CrossEntropy())
    assert found.target.tolist() == [0, -100]


@pytest.mark.parametrize(
    ("text", "names", "rows"),
    [
        ("1,2\n3,4\n", ("0", "1"), 2),
        ("2019,2020\n3,4\n", ("0", "1"), 2),
        ("a,b\n3,4\n", ("a", "b"), 1),
        (",a\n0,4\n", ("", "a"), 1),
        ('\ufeff"a, b",c\n3,4\n', ("a, b", "c"), 1),
        # A gap or a NaN does not make names of the first row.
        ("1,\n3,4\n", ("0", "1"), 2),
        ("nan,2\n3,4\n", ("0", "1"), 2),
        ("inf,2\n3,4\n", ("0", "1"), 2),
        ("1.5,2,setosa\n3,4,virginica\n", ("0", "1", "2"), 2),
        ("a,b,kind\n3,4,virginica\n", ("a", "b", "kind"), 1),
    ],
)
def test_what_is_a_header(text: str, names: tuple[str, ...], rows: int) -> None:
    found = read_table(table(text))
    assert found.names == names
    assert len(found.rows) == rows


def test_half_a_header_is_refused() -> None:
    for text in ("id,2020\n1,5\n2,6\n", "1,x\n3,4\n", "NA,2\n3,4\n"):
        with pytest.raises(FileError, match=r"line 1: '(id|x|NA)' stands above numbers"):
            read_table(table(text))


def test_two_columns_of_one_name() -> None:
    assert "has several columns called 'b' (at 1, 2" in refused(
        "a,b,b\n1,2,3\n", Network(Linear(2, 1)), MSE(), "b"
    )


def test_how_many_features_a_network_takes() -> None:
    for layer in (BatchNorm(2), LayerNorm(2), Linear(2, 1)):
        network = Network(Sequential(layer, *([] if isinstance(layer, Linear) else [Linear(2, 1)])))
        assert "3 columns of features beside 1" in refused("1,2,3,4\n1,2,3,4\n", network, MSE())


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("1,150,0\n2,100,1\n", None),
        ("0.1,200,0\n0.2,100,1\n", ("1", "0", "1,000")),
        # All alike and large: as bad as a wide one.
        ("0.5,2020,0\n-0.5,2020,1\n", ("1", "0", "4,040")),
        ("0,2020,0\n0,2020,1\n", None),
    ],
)
def test_columns_of_very_different_scale_are_spoken_of(
    text: str, spoken: tuple[str, str, str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    # 200 and 100 are of size √(25000) = 158, 0.1 and 0.2 of √(0.025) = 0.158: 1000 times.
    network = Network(Linear(2, 1))
    notices = read(text, network, MSE()).notices
    assert [notice.key for notice in notices] == ([] if spoken is None else ["scales"])
    save("net.safetensors", network, network.initialize(0))
    for name, *words in COMMANDS:
        assert main([name, "net.safetensors", *words, "--data", "data.csv"]) in (DONE, FOUND)
        said = capsys.readouterr().err
        if spoken is None:
            assert said == ""
        else:
            large, small, times = spoken
            assert f"'{large}' is of size" in said
            assert f"'{small}' of" in said
            assert f"{times} times less" in said
            assert "standard deviation" in said


def test_what_is_said_names_the_class(capsys: pytest.CaptureFixture[str]) -> None:
    saved(classes=NAMES)
    table(NAMED)
    assert main(["write", "net.safetensors", "--data", "data.csv"]) == 0
    program = capsys.readouterr().out
    assert "# The classes: 0 = setosa, 1 = versicolor, 2 = virginica." in program
    assert "CLASSES = ['setosa', 'versicolor', 'virginica']" in program


def test_the_program_reads_names_of_classes_itself(capsys: pytest.CaptureFixture[str]) -> None:
    quoted = '"a","b","kind"\n1.5,2,"setosa"\n2.5,0.5,"virginica"\n0.5,1,"versicolor"\n'
    chinese = "甲,乙,種類\n1.5,2,山鳶尾\n2.5,0.5,維吉尼亞鳶尾\n0.5,1,變色鳶尾\n"
    for text in (NAMED, quoted, chinese):
        table(text)
        command = ["write", "2-4-tanh-3", "--loss", "crossentropy", "--data", "data.csv"]
        Path("train.py").unlink(missing_ok=True)
        assert main([*command, "-o", "train.py", "--epochs", "3"]) == 0
        done = subprocess.run([sys.executable, "train.py"], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        code = "import train; print(train.training_data()[1].tolist())"
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        ids = read(text, Network(Sequential(Linear(2, 3))), CrossEntropy()).target
        assert json.loads(told.stdout) == ids.tolist()
    capsys.readouterr()
