"""Fixtures that more than one test file needs."""

import os
import signal
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import coverage
import numpy as np
import pytest
from hypothesis import settings

from clearprop import Linear, Network, ReLU, Sequential
from clearprop.base.arrays import Array
from clearprop.teaching.experiments.reproduction import Reproduction, reproduce
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from tests.browser import browser, opened

# One of each for all tests: two browsers of one process are refused.
__all__ = ["browser", "opened"]

# The same examples in every run and on every machine; no deadline, because machines are shared.
settings.register_profile("clearprop", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("clearprop")


# What a test does not say of the language is English, whatever the machine's locale is.
for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
    os.environ.pop(variable, None)

# What JAX compiles for a test runs once or twice.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

# A shell starts what runs in its background without Ctrl-C, which the tests press.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Files that share what is slow to make: the whole reproduction with its report and a browser, and
# what JAX has compiled.
TOGETHER = {
    **dict.fromkeys(
        (
            "tests/reports/test_explained_page.py",
            "tests/reports/test_in_browser.py",
            "tests/reports/test_page.py",
            "tests/reports/test_report_files.py",
            "tests/reports/test_worksheets.py",
            "tests/runs/test_report_page.py",
        ),
        "the report and the browser",
    ),
    **dict.fromkeys(
        (
            "tests/bench/test_bench.py",
            "tests/checking/test_framework_mistakes.py",
            "tests/checking/test_frameworks.py",
            "tests/cli/test_check_command.py",
        ),
        "JAX",
    ),
}


# Its thorough tests are searches, which run for minutes over what the quick ones run once.
SEARCHES = Path(__file__).parent / "checking"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Coverage, where it is measured, pauses for the thorough cases of a test that has quick ones:
    they go through the same lines, and tracing makes them twice as long."""
    case = getattr(item, "callspec", None)
    is_one_of_many = case is not None and any(mark.name == "thorough" for mark in case.marks)
    is_search = item.path.parent == SEARCHES and item.get_closest_marker("thorough") is not None
    measured = coverage.Coverage.current() if is_one_of_many or is_search else None
    if measured is None:
        return (yield)
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """A file goes to one worker whole, and so do files that share what is slow to make. They go in
    their order, in which the long ones come first."""
    from xdist.scheduler import LoadFileScheduling

    class LoadTogether(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return TOGETHER.get(file, file)

    config.option.loadscopereorder = False
    return LoadTogether(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests recorded of how many cases of others they ran, which a dot does not tell."""
    totals: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        totals.update(
            {name: count for name, count in report.user_properties if name.endswith(" run")}
        )
    for name, count in sorted(totals.items()):
        terminalreporter.write_line(f"{count} {name}")


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch, one of the witnesses; the tests that ask for it are skipped where it is absent."""
    return pytest.importorskip("torch")


@pytest.fixture(scope="session")
def tutorial_data() -> tuple[Array, Array]:
    """The tutorial's data, x and t both (100, 1)."""
    from sklearn.datasets import make_regression  # slow to import, and few tests need it

    x, t = make_regression(100, n_features=1, n_targets=1, noise=10, random_state=3)
    return x, t.reshape(100, 1)


@pytest.fixture
def network() -> Network:
    """A network of three layers, 2-3-1, with 13 parameters."""
    return Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 1)))


@pytest.fixture
def params(network: Network) -> Array:
    return network.initialize(seed=0)


@pytest.fixture
def samples() -> tuple[Array, Array]:
    """x (7, 2) and t (7, 1)."""
    generator = np.random.default_rng(0)
    return generator.normal(size=(7, 2)), generator.normal(size=(7, 1))


@pytest.fixture(scope="session")
def result() -> Reproduction:
    """The whole reproduction with the tutorial's own settings."""
    return reproduce(ReproductionSettings())
