"""Thorough tests are not traced here: what they run over and over, the quick ones run once."""

from collections.abc import Generator
from pathlib import Path

import coverage
import pytest

FOLDER = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Coverage, where it is measured, pauses for them: tracing makes a search twice as long."""
    if item.path.parent != FOLDER or item.get_closest_marker("thorough") is None:
        return (yield)
    measured = coverage.Coverage.current()
    if measured is None:
        return (yield)
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()
