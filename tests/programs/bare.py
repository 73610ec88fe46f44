"""Running written programs where there is NumPy and SciPy and nothing else."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy

from clearprop.base.arrays import Array

# Loads a program as a module, notes every loss and dy on its way, and prints what main returns.
RUNNER = """
import importlib.util, io, json, sys, warnings
warnings.simplefilter("error")
sys.path.insert(0, {site!r})
try:
    import clearprop
except ImportError:
    pass
else:
    sys.exit("clearprop is there")
answers = []
for path in json.loads(sys.stdin.read()):
    spec = importlib.util.spec_from_file_location("program", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    losses, evaluate = [], module.loss_and_gradient
    def noted(y, t):
        loss, dy = evaluate(y, t)
        losses.append(float(loss))
        return loss, dy
    module.loss_and_gradient = noted
    sys.stdout, printed = io.StringIO(), sys.stdout
    learned = module.main()
    printed, sys.stdout = sys.stdout.getvalue(), printed
    learned = learned if isinstance(learned, (tuple, list)) else (learned,)
    answers.append([losses, [[a.dtype.name, a.tolist()] for a in learned], printed])
print(json.dumps(answers))
"""


class Ran(NamedTuple):
    """What a program did: the loss of every step, what main returned, and what it printed."""

    losses: Array
    learned: list[Array]
    printed: str


def make_site(folder: Path) -> Path:
    """A folder of packages that has NumPy and SciPy and nothing else."""
    folder.mkdir()
    for package in (np, scipy):
        source = Path(str(package.__file__)).parent
        for found in source.parent.glob(f"{source.name}*"):
            (folder / found.name).symlink_to(found)
    return folder


def run_bare(site: Path, programs: Sequence[Path]) -> list[Ran]:
    """Run programs one after another in one process that sees the packages of `site` alone."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUNNER.format(site=str(site))],
        input=json.dumps([str(path) for path in programs]),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [
        Ran(np.array(losses), [np.array(a, dtype) for dtype, a in learned], printed)
        for losses, learned, printed in json.loads(done.stdout)
    ]
