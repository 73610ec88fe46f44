"""`pytest --clearprop`, and what pytest shows of `assert_gradients`: processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clearprop.base.messages import LANGUAGES
from clearprop.pytest_plugin import pairs_in
from tests.sweeps import quick_where

pytest_plugins = ["pytester"]

LAYERS = """
import numpy as np

inputs = (np.array([[0.5, -1.0], [2.0, 0.25]]),)

def relu_forward(x): return np.maximum(x, 0)
def relu_backward(dy, x): return dy * (x > 0)

def tanh_forward(x): return np.tanh(x)
def tanh_backward(dy, x): return dy * (1 - x ** 2)

def helper(x): return x
"""
UNDECIDED = """
import numpy as np
inputs = (-np.ones(3),)
def log_forward(x): return np.log(x)
def log_backward(dy, x): return dy / x
"""
WITHOUT_ARRAYS = """
def f_forward(x): return x
def f_backward(dy, x): return dy
"""
LEAVES = """
import sys
def f_forward(x): return x
def f_backward(dy, x): return dy
sys.exit(0)
"""


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    # Where clearprop is installed pytest finds the plugin by itself, and twice is an error.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    plugin = ("-p", "clearprop.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:xdist")
    return pytester.runpytest_subprocess(*plugin, *arguments)


def test_every_pair_of_a_module_is_a_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(layers=LAYERS)
    result = run(pytester, "--clearprop", "-v", "layers.py")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "layers.py::relu_forward PASSED*",
            "layers.py::tanh_forward FAILED*",
            "WRONG: the backward pass of tanh_forward does not belong to its forward pass.",
            "- x: the entry * should be *, and backward says *",
        ]
    )
    result.stdout.no_fnmatch_line("*request.py*")  # no frames of ours


@pytest.mark.thorough
def test_beside_other_tests_and_by_its_marker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(layers=LAYERS, test_own="def test_own(): pass")
    run(pytester, "--clearprop", "--strict-markers").assert_outcomes(passed=2, failed=1)
    run(pytester, "--clearprop", "-m", "clearprop").assert_outcomes(
        passed=1, failed=1, deselected=1
    )
    run(pytester, "--clearprop", "-k", "relu").assert_outcomes(passed=1, deselected=2)


def test_what_is_no_verdict_of_right(pytester: pytest.Pytester) -> None:
    refused = "inputs = __import__('numpy').ones(3, 'float16')\n" + (
        "def square(x): return x * x\ndef square_backward(dy, x): return 2 * dy * x\n"
    )
    pytester.makepyfile(
        undecided=UNDECIDED, without_arrays=WITHOUT_ARRAYS, leaves=LEAVES, refused=refused
    )
    result = run(pytester, "--clearprop", "-rs", "-p", "no:faulthandler")
    result.assert_outcomes(failed=3, skipped=1)
    result.stdout.fnmatch_lines(["x: float16 has two or three digits*"])
    result.stdout.fnmatch_lines(["UNDECIDED: at this point*"])
    result.stdout.fnmatch_lines(["*leaves.py' could not be imported: SystemExit: 0.*"])
    result.stdout.fnmatch_lines(["SKIPPED*put the arrays that it takes into*"])


@pytest.mark.parametrize("language", quick_where(LANGUAGES, lambda _, one: one == "zh-TW"))
def test_in_the_readers_language(
    pytester: pytest.Pytester, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_TW.UTF-8" if language == "zh-TW" else "C.UTF-8")
    monkeypatch.setenv("PYTHONUTF8", "1")
    pytester.makepyfile(layers=LAYERS)
    said = {"en": "*WRONG: the backward pass of*", "zh-TW": "*錯誤：tanh_forward*"}[language]
    run(pytester, "--clearprop", "layers.py").stdout.fnmatch_lines([said])


def test_without_the_option_it_does_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(layers=LAYERS, test_own="def test_own(): pass")
    run(pytester).assert_outcomes(passed=1)
    # A file that does not parse is left to whoever imports it.
    pytester.makepyfile(broken="def")
    run(pytester, "--clearprop", "-k", "own").assert_outcomes(passed=1, deselected=2)


def test_where_it_is_merely_installed_nothing_is_loaded() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import clearprop.pytest_plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("clearprop")} == {
        "clearprop",
        "clearprop.base",
        "clearprop.base.version",
        "clearprop.pytest_plugin",
    }
    assert not {"numpy", "rich", "torch", "jax"} & loaded


def test_which_names_are_pairs(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "def relu(x): ...\ndef relu_backward(dy, x): ...\n"
        "def forward(x): ...\ndef backward(dy): ...\n"
        "def lonely_forward(x): ...\n"
        "class Layer:\n    def forward(self, x): ...\n    def backward(self, dy): ...\n"
        "class Half:\n    def forward(self, x): ...\n"
    )
    assert pairs_in(path) == {"relu": 1, "forward": 3, "Layer": 6}
    assert pairs_in(tmp_path / "gone.py") == {}


def test_assert_gradients_shows_the_test_and_none_of_its_own_frames(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import numpy as np
        from clearprop import check
        from clearprop.testing import assert_gradients

        def test_asserted():
            assert_gradients(np.tanh, lambda dy, x: dy, np.ones(3))

        def test_raised():
            check(np.tanh, lambda dy, x: dy, np.ones(3)).raise_if_wrong()
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E * WRONG: the backward pass of tanh*"])
    result.stdout.no_fnmatch_line("*testing.py:*")
    result.stdout.no_fnmatch_line("*verdict.py:*")
