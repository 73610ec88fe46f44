"""A small exercise, a right `backward` for it, and what the marking says of one."""

from pathlib import Path

from clearprop.teaching.exercises import exercise
from clearprop.teaching.grading.code_marking import check_code
from clearprop.teaching.grading.marked_handins import CodeMark
from clearprop.teaching.grading.sandbox import Limits

# Two inputs, two hidden ReLUs, two outputs; one of the hidden neurons is on the zero side.
SMALL = exercise("chain", 3, seed=1).linear_layers
QUICK = Limits(processor=1, wall=60.0, memory=2**29)

RIGHT = """
import numpy as np

def backward(dy, x, W1, b1, W2, b2):
    z = x @ W1 + b1
    a = np.maximum(z, 0)
    dz = (dy @ W2.T) * (z > 0)
    return dz @ W1.T, x.T @ dz, dz.sum(0), a.T @ dy, dy.sum(0)
"""
HEAD = "import numpy as np\ndef backward(dy, x, W1, b1, W2, b2):\n"
INSIDE = "    z = x @ W1 + b1\n"


def checked(tmp_path: Path, source: str, limits: Limits = QUICK) -> CodeMark:
    path = tmp_path / "backward.py"
    path.write_text(source, encoding="utf-8")
    return check_code(path, SMALL, limits)


def said(mark: CodeMark, language: str = "en") -> str:
    return " ".join(mark.sentences(language))
