"""`pytest --clearprop`: every forward and backward pair of the collected modules is a test.

A pair is a function beside its backward (`relu_forward` and `relu_backward`, `relu` and
`relu_backward`), or a class with both methods, and is checked as `clearprop check FILE:NAME` checks
it. A pair that is not right fails with its verdict; one that has nothing to be checked at, as no
arrays, is skipped and says so. Without the option nothing of clearprop is loaded but this file.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--clearprop`, in a group of its own."""
    group = parser.getgroup("clearprop", "hand-written backward passes")
    group.addoption(
        "--clearprop",
        action="store_true",
        help="check every forward and backward pair of the modules that are collected",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker of all these tests, for `-m clearprop`."""
    config.addinivalue_line("markers", "clearprop: a forward and backward pair, by --clearprop")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "PairFile | None":
    """A Python file with pairs in it; it is not imported to find them."""
    if not parent.config.getoption("--clearprop") or file_path.suffix != ".py":
        return None
    pairs = pairs_in(file_path)
    if not pairs:
        return None
    file: PairFile = PairFile.from_parent(parent, path=file_path)
    file.pairs = pairs
    return file


def pairs_in(path: Path) -> dict[str, int]:
    """The names of the pairs in a file, and the lines on which they begin."""
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return {}  # whoever imports it says what is wrong with it
    functions = {one.name: one.lineno for one in body if isinstance(one, ast.FunctionDef)}
    found = {
        name: line
        for name, line in functions.items()
        if not name.endswith("backward")
        and {f"{name.removesuffix('forward')}backward", f"{name}_backward"} & set(functions)
    }
    for one in body:
        if isinstance(one, ast.ClassDef):
            methods = {item.name for item in one.body if isinstance(item, ast.FunctionDef)}
            if {"forward", "backward"} <= methods:
                found[one.name] = one.lineno
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


class PairFile(pytest.File):
    """A file with pairs in it, and the line of each."""

    pairs: dict[str, int]

    def collect(self) -> Iterator["PairItem"]:
        """A test for every pair."""
        for name, line in self.pairs.items():
            item: PairItem = PairItem.from_parent(self, name=name)
            item.line = line
            item.add_marker("clearprop")
            yield item


class PairItem(pytest.Item):
    """One pair."""

    line: int

    def runtest(self) -> None:
        """Check it. Raises PairFailure unless it is right."""
        from clearprop.base import messages
        from clearprop.base.errors import ClearpropError, ConfigurationError
        from clearprop.checking.request import answer
        from clearprop.checking.targets import request_for
        from clearprop.checking.verdict import RIGHT

        language = messages.preferred_language()
        try:
            try:
                request = request_for(f"{self.path}:{self.name}")
            except ConfigurationError as problem:
                # There is nothing to check it at; what is refused when it is checked fails.
                pytest.skip(problem.message(language))
            verdict = answer(request)
        except ClearpropError as problem:
            raise PairFailure(problem.message(language)) from problem
        if verdict.outcome != RIGHT:
            raise PairFailure(verdict.text(language))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Of a pair that is not right its verdict, and no frames."""
        if isinstance(excinfo.value, PairFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, self.line - 1, f"clearprop: {self.name}"


class PairFailure(Exception):  # noqa: N818 (pytest speaks of failures, too)
    """A pair that is not right, or cannot be checked; its text says what."""
