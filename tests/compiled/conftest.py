"""The kernels, compiled where they are not in the user's cache yet; and a place for others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clearprop.compiled import building
from clearprop.compiled.building import library
from tests.compiled.both_engines import Library
from tests.compiled.workplace import Workplace, new_process


@pytest.fixture(scope="session")
def kernels() -> Library:
    """The kernels by their dtype."""
    return library


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """A workplace that the building of kernels takes for its own."""
    place = Workplace(tmp_path)
    tmp_path.chmod(0o700)
    monkeypatch.setattr(building, "SOURCES", place.sources)
    monkeypatch.setattr(building, "PREBUILT", tmp_path / "prebuilt")
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.cache.parent))
    monkeypatch.setenv("CC", str(place.compiler))
    new_process(monkeypatch)
    yield place
    building.sources_digest.cache_clear()
