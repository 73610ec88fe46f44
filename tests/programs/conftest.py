"""The bare environment, made once."""

from pathlib import Path

import pytest

from tests.programs.bare import make_site


@pytest.fixture(scope="session")
def bare_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages to run written programs with: NumPy and SciPy alone."""
    return make_site(tmp_path_factory.mktemp("bare") / "packages")
