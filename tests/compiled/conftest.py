"""The kernels, compiled once for a run of the tests, into a cache of its own."""

import os
from collections.abc import Iterator

import pytest

from clearprop.compiled.building import library
from tests.compiled.both_engines import Library


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """The kernels by their dtype. The workers of a parallel run share the cache."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder / "kernels")
    yield library
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before
