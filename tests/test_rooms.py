"""The contracts of the rooms catch what they are for; `make check` asks whether they hold."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

# One forbidden import for every contract, by the contract's first words.
PLANTED = {
    "A room imports": ("engine/network.py", "import clearprop.kinds"),
    "No import goes round": ("engine/layers/linear.py", "import clearprop.engine.network"),
    "PyTorch, JAX and ONNX": ("engine/network.py", "def lazily():\n    import torch"),
    "matplotlib": ("formats/network_file.py", "import matplotlib"),
    "rich": ("teaching/experiments/data.py", "import rich"),
    "Jinja": ("drawing/pen/svg.py", "import jinja2"),
    "scikit-learn": ("checking/__init__.py", "import sklearn"),
}


def test_every_contract_catches_what_is_planted(tmp_path: Path) -> None:
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    for module, statement in PLANTED.values():
        with (source / "clearprop" / module).open("a", encoding="utf-8") as stream:
            stream.write(f"\n\n{statement}\n")
    (source / "clearprop" / "unplaced.py").write_text("", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=tmp_path,
        # UTF-8, because the tool draws its banner with characters that other encodings lack.
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [line for line in done.stdout.splitlines() if " BROKEN" in line]
    missed = [name for name in PLANTED if not any(line.startswith(name) for line in broken)]
    assert not missed, done.stdout
    assert "unplaced" in done.stdout
