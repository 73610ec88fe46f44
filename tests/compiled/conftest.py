"""The kernels, compiled where they are not in the user's cache yet."""

import pytest

from clearprop.compiled.building import library
from tests.compiled.both_engines import Library


@pytest.fixture(scope="session")
def kernels() -> Library:
    """The kernels by their dtype."""
    return library
