"""The backprop dojo: its notebooks are what their sources make; the keys run to the end, a blank is
told that it is not written, and a mistake in any of them is named."""

import io
import re
from contextlib import redirect_stdout
from itertools import product
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from clearprop.teaching.reports.dojo_notebooks import (
    BLANK,
    CODE,
    blanked,
    cells_of,
    filled,
    main,
    notebooks,
)
from tests.documents import DOCS
from tests.sweeps import quick_where

FOLDER = DOCS / "notebooks" / "dojo"
NAMES = ("digits", "gpt", "letters")
AVERAGED, SUMMED = "averaged where a sum belongs", "summed where a mean belongs"
SIGN, MISSING = "the sign is turned round", "a derivative is missing"
TIME = "the gradient does not go back through time"
SCALE = "the scale of the scores is left out"
FACTOR = "the number of outputs as a factor"
PATH, OVERWRITTEN = "one of several paths is forgotten", "repeated ids overwrite each other"
# function → a part of its solution, what a person writes in its place, and what that is called
PLANTED = {
    "digits": {
        "convolution_backward": ("axis=(0, 2, 3))\n", "axis=(0, 2, 3)) / len(dy)\n", AVERAGED),
        "relu_backward": ("z > 0", "z < 0", "the derivative is turned round"),
        "pooling_backward": ("* dy[..., None]", "* dy[..., None] / 4", "a constant factor"),
        "flatten_backward": ("dy.reshape", "-dy.reshape", SIGN),
        "linear_backward": ("dy.sum(axis=0)", "dy.mean(axis=0)", AVERAGED),
        "cross_entropy_backward": (" / len(t)", "", SUMMED),
        "lenet_backward": ("relu_backward(da3, r3)", "da3", MISSING),
    },
    "letters": {
        "gates_backward": ("da * np.concatenate(slopes, axis=1)", "da", MISSING),
        "cell_backward": ("(1 - bent**2)", "1", MISSING),
        "lstm_backward": ("dy[:, t] + dh", "dy[:, t]", TIME),
        "embedding_backward": ("np.add.at(dE, ids, dy)", "dE[ids] += dy", OVERWRITTEN),
        "head_backward": ("d_rows.sum", "d_rows.mean", AVERAGED),
        "cross_entropy_backward": (" / t.size", " / len(t)", FACTOR),
        "network_backward": ('"b": db', '"b": -db', SIGN),
    },
    "gpt": {
        "linear_backward": ("d_rows.sum", "d_rows.mean", AVERAGED),
        "gelu_backward": ("0.5 * (1 + bent) + ", "", PATH),
        "layer_norm_backward": ("d - mean", "d", "the mean is held constant"),
        "attention_backward": (" / np.sqrt(q.shape[-1])", "", SCALE),
        "heads_backward": ("return dx, dW, db", "return dx, dW, db / len(dy)", AVERAGED),
        "block_backward": ('"W": dW', '"W": -dW', SIGN),
        "read_backward": ("np.add.at(dE, ids, dx)", "dE[ids] += dx", OVERWRITTEN),
        "write_backward": ("dy @ E,", "-dy @ E,", SIGN),
        "tied_backward": ("dE_read + dE_written", "dE_written", PATH),
        "cross_entropy_backward": (" / t.size", " / len(t)", FACTOR),
        "gpt_backward": ("dE_read + dE_written", "-dE_read - dE_written", SIGN),
    },
}


def code_of(name: str) -> list[str]:
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    return [cell.text for cell in cells_of(source) if cell.kind == CODE]


def is_training(code: str) -> bool:
    return re.search(r"^(STEPS|WRITTEN) = ", code, re.MULTILINE) is not None


def ran(code: str, names: dict[str, Any]) -> str:
    """What a cell prints; a training takes two steps, and a text has two letters."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(re.sub(r"^(STEPS|WRITTEN) = \d+", r"\1 = 2", code, flags=re.MULTILINE), names)
    return printed.getvalue()


def test_the_notebooks_are_what_their_sources_make(tmp_path: Path) -> None:
    made = dict(notebooks(FOLDER))
    assert set(made) == set(FOLDER.glob("*.ipynb"))
    assert len(made) == 4 * len(NAMES)
    assert {path: path.read_bytes() for path in made} == made
    sources = tmp_path / "notebooks" / "dojo"
    sources.mkdir(parents=True)
    (sources / "digits.py").write_bytes((FOLDER / "digits.py").read_bytes())
    assert main([str(tmp_path)]) == 0
    assert (sources / "digits-key.zh-TW.ipynb").read_bytes() == made[
        FOLDER / "digits-key.zh-TW.ipynb"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_backward_is_a_blank_and_no_notebook_to_fill_in_has_a_solution(name: str) -> None:
    code = "\n".join(code_of(name))
    blanks = {one["name"]: one["solution"] for one in BLANK.finditer(code)}
    assert set(blanks) == set(re.findall(r"def (\w+_backward)\(", code)) == set(PLANTED[name])
    for path, content in notebooks(FOLDER):
        if not path.name.startswith(name):
            continue
        book = nbformat.reads(content.decode(), as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(book)
        kept = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
        is_key = "-key" in path.name
        assert all((one.strip() in kept) == is_key for one in blanks.values())
        assert kept.count("NotImplementedError(") == (0 if is_key else len(blanks))
        words = "".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
        linked = re.findall(r"\]\(([^)]+)\)", words)
        assert len(linked) == 2
        assert all((FOLDER / one).exists() for one in linked)


@pytest.mark.parametrize(
    ("language", "told"), [("en", "is not written yet"), ("zh-TW", "還沒有寫")]
)
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_as_it_is_handed_out_tells_every_blank(
    name: str, language: str, told: str
) -> None:
    names: dict[str, Any] = {}
    for code in code_of(name):
        handed_out = blanked(code, language).replace('"en"', f'"{language}"')
        printed = ran(handed_out, names)
        for one in BLANK.finditer(code + "\n"):
            assert re.search(rf"^{one['name']} ?{told}", printed, re.MULTILINE), printed
        if "def train(" in code:
            assert told in printed


# In each of three turns a third of the mistakes.
TURNS = quick_where(product(NAMES, range(3)), lambda _, one: one[1] == 0)


@pytest.mark.parametrize(("name", "turn"), TURNS)
def test_a_key_is_right_and_a_mistake_in_any_cell_is_named(name: str, turn: int) -> None:
    names: dict[str, Any] = {}
    planted = list(PLANTED[name])[turn::3]
    for code in code_of(name):
        blanks = [one["name"] for one in BLANK.finditer(code + "\n")]
        for function in {*blanks} & {*planted}:
            right, wrong, called = PLANTED[name][function]
            head, definition, rest = filled(code).partition(f"def {function}(")
            assert right in rest
            printed = ran(head + definition + rest.replace(right, wrong, 1), dict(names))
            assert f"The likely mistake: {called}" in printed, printed
        printed = ran(filled(code), names)
        assert printed.count("RIGHT: ") == len(blanks), printed
        assert "WRONG" not in printed
        assert "UNDECIDED" not in printed
        if is_training(code):
            assert "nan" not in printed
            assert "NotImplemented" not in printed


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "reached"), [("digits", 0.96), ("gpt", 2.6), ("letters", 1.5)])
def test_a_key_trains_to_the_end_in_a_kernel_of_its_own(
    name: str, reached: float, tmp_path: Path
) -> None:
    book = nbformat.read(FOLDER / f"{name}-key.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    (training,) = (cell for cell in book.cells if "def train(" in cell.source)
    printed = "".join(one.text for one in training.outputs)
    if name == "digits":
        assert float(printed.split()[-1].rstrip("%")) / 100 >= reached
    else:
        assert float(printed.split()[-1]) <= reached
