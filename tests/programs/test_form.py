"""Written programs are formatted, have nothing unused, and are right by the checker."""

import ast
import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from clearprop import Conv2d, Flatten, Linear, MaxPool2d, Network, ReLU, Sequential
from clearprop.base.messages import LANGUAGES, display_width
from clearprop.checking.request import answer
from clearprop.checking.targets import request_for
from clearprop.checking.verdict import RIGHT, UNDECIDED
from clearprop.kinds.kind_tables import OPTIMIZER_ROWS
from clearprop.reading.programs import Recipe, save_program, write_program
from clearprop.reading.programs.architecture import network_of
from tests.programs.cases import catalogue
from tests.sweeps import first_of, quick_where

CASES = dict(catalogue())
UPDATES = {"schedule", *(kind.__name__ for kind in OPTIMIZER_ROWS)}
ROOT = Path(__file__).parent.parent.parent
# The project's rules but for two that a program of this kind breaks on purpose: it prints, and a
# matrix is called W.
RULES = ["--config", str(ROOT / "pyproject.toml"), "--extend-ignore", "T201,N803"]


def is_quick(_: int, name: str) -> bool:
    """The first of every kind and of every sort of structure, but for two large ones; what only the
    update differs in has the same backward."""
    if name in ("micro-gpt", "starts-own"):
        return False
    return name.partition("-")[0] not in UPDATES and not re.search(r"-\d*[1-9]\d*$", name)


class Folder(NamedTuple):
    """What is written into one: in which language, and whether every case or the quick ones."""

    language: str
    is_whole: bool


FOLDERS = [Folder("en", False), *(Folder(language, True) for language in LANGUAGES)]


@pytest.fixture(
    scope="module",
    params=first_of(FOLDERS),
    ids=lambda one: f"{one.language}-{'all' if one.is_whole else 'quick'}",
)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of written cases."""
    folder = tmp_path_factory.mktemp("written")
    language, is_whole = request.param
    for place, (name, recipe) in enumerate(CASES.items()):
        if is_whole or is_quick(place, name):
            text = write_program(recipe, language=language)
            (folder / f"{name.replace('-', '_').lower()}.py").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["format", "--check", "--isolated"],
        ["format", "--check", "--config", str(ROOT / "pyproject.toml")],
        ["check", "--isolated"],
        ["check", *RULES],
    ],
    ids=["format", "format-ours", "check", "check-ours"],
)
def test_ruff_has_nothing_to_say(written: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--no-cache", str(written)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["see.md", "see.zh-TW.md"])
def test_the_pages_show_what_is_written(name: str) -> None:
    shown = (
        (ROOT / "docs" / name)
        .read_text(encoding="utf-8")
        .partition("```py\n")[2]
        .partition("```")[0]
    )
    assert shown
    assert shown in write_program(Recipe(network_of("1-10-relu-1")))


def test_every_line_fits_and_every_equation_stands_above_its_line(written: Path) -> None:
    for path in written.iterdir():
        lines = path.read_text(encoding="utf-8").splitlines()
        for line in lines:
            assert display_width(line) <= 100, (path.name, line)
        for part in ("def forward", "def backward", "def loss_and_gradient", "def update"):
            at = next(i for i, line in enumerate(lines) if line.startswith(part))
            body = []
            for line in lines[at + 1 :]:
                if line and not line.startswith((" ", ")")):
                    break
                body.append(line)
            for before, line in itertools.pairwise(body):
                groups = ("#", "values = (", "weights = (", "statistics = (")
                if (
                    " = " in line
                    and "cache" not in line
                    and not line.strip().startswith(groups)
                    and not line.endswith((" = values", " = weights"))
                ):
                    assert before.strip().startswith("# "), (path.name, line)


def test_nothing_is_computed_that_nobody_reads(written: Path) -> None:
    """No name is assigned in a function, and no argument taken, that is not read in it."""
    for path in written.iterdir():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert imported <= {"numpy", "np", "ndtr"}, path.name
        for function in (one for one in tree.body if isinstance(one, ast.FunctionDef)):
            names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
            read = {one.id for one in names if isinstance(one.ctx, ast.Load)}
            assigned = {one.id for one in names if isinstance(one.ctx, ast.Store)} - {"_"}
            taken = {one.arg for one in function.args.args}
            assert assigned | taken <= read, (path.name, function.name)
        called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        defined = {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
        constants = {
            target.id
            for one in tree.body
            if isinstance(one, ast.Assign)
            for target in one.targets
            if isinstance(target, ast.Name) and target.id != "inputs"
        }
        read = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        assert defined <= called, path.name
        assert constants <= read, path.name


@pytest.mark.parametrize("name", quick_where(CASES, is_quick))
def test_the_checker_approves(name: str, tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(write_program(CASES[name]), encoding="utf-8")
    verdict = answer(request_for(f"{path}:backward"))
    assert verdict.outcome == RIGHT, verdict.text()


def test_a_bias_that_a_normalization_takes_off_is_left_undecided(tmp_path: Path) -> None:
    """Its gradient is 0 but for rounding, which no quotient can tell from a small one."""
    path = tmp_path / "train.py"
    recipe = Recipe(network_of("2-3(bias=true)-batchnorm-relu-1"))
    path.write_text(write_program(recipe), encoding="utf-8")
    verdict = answer(request_for(f"{path}:backward"))
    outcomes = {one.name: one.outcome for one in verdict.arrays}
    assert [name for name, outcome in outcomes.items() if outcome != RIGHT] == ["b1"]
    assert outcomes["b1"] == UNDECIDED


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_program_is_checked_beside_images_whose_pixels_are_equal(
    tmp_path: Path, dtype: str
) -> None:
    # All of 0, as the corners of handwritten digits: all under a window are the largest.
    x = np.zeros((3, 1, 6, 6), dtype)
    x[1, 0, 1:3, 1:3] = 1
    pooled = Conv2d(1, 2, 3, padding=1), ReLU(), MaxPool2d(2), Conv2d(2, 2, 2), MaxPool2d(2)
    network = Network(Sequential(*pooled, Flatten(), Linear(2, 2)))
    params = network.initialize(seed=2, dtype=dtype)
    save_program(tmp_path / "pooled.py", Recipe(network, params, x, np.ones((3, 2), dtype)))
    assert answer(request_for(f"{tmp_path / 'pooled.py'}:backward")).outcome == RIGHT
