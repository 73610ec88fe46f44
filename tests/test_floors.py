"""The floors of the house: import-linter's contracts hold, and they catch what they are for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """`lint-imports` on the contracts and the source under `root`."""
    # UTF-8, because the tool draws its banner with characters that other encodings lack.
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=root,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The source and its contracts, to plant a mistake in."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_the_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("layers/linear.py", "import clearprop.network", "A floor imports lower floors only"),
        ("arrays.py", "import clearprop.training", "A floor imports lower floors only"),
        ("files.py", "import clearprop.frameworks", "A floor imports lower floors only"),
        (
            "losses/regression.py",
            "import clearprop.optimizers",
            "A floor imports lower floors only",
        ),
        ("layers/linear.py", "import clearprop.layers.activations", "Layer families"),
        ("losses/softmax.py", "import clearprop.losses.binary", "Loss families"),
        ("optimizers/adam.py", "import clearprop.optimizers.sgd", "Optimizers are"),
        ("schedules.py", "import clearprop.optimizers", "A floor imports lower floors only"),
        ("training/loop.py", "import clearprop.training.checkpoints", "No import goes round"),
        ("network.py", "def lazily():\n    import torch", "PyTorch and JAX"),
        ("files.py", "import matplotlib", "matplotlib"),
        ("experiments/data.py", "import rich", "typer and rich"),
        ("drawing/svg.py", "import jinja2", "Jinja"),
        ("checking/finite_differences.py", "import sklearn", "scikit-learn"),
        ("training/checkpoints.py", "import safetensors", "safetensors"),
    ],
)
def test_a_planted_import_is_caught(copy: Path, module: str, statement: str, contract: str) -> None:
    path = copy / "src" / "clearprop" / module
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"\n\n{statement}\n")
    done = lint_imports(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [line for line in done.stdout.splitlines() if " BROKEN" in line]
    assert any(line.startswith(contract) for line in broken), done.stdout


def test_a_module_without_a_floor_is_caught(copy: Path) -> None:
    (copy / "src" / "clearprop" / "unplaced.py").write_text("", encoding="utf-8")
    done = lint_imports(copy)
    assert done.returncode == 1
    assert "unplaced" in done.stdout
