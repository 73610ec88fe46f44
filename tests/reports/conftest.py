"""Reports that several tests look at: written once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clearprop.teaching.experiments.progress import silent
from clearprop.teaching.experiments.reproduction import Reproduction, reproduce
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.reports.report import write_report


@pytest.fixture(scope="session")
def written(
    result: Reproduction, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The folder of the report in a language; each is written when it is first asked for."""
    folders: dict[str, Path] = {}

    def folder(language: str) -> Path:
        if language not in folders:
            folders[language] = tmp_path_factory.mktemp(f"report-{language}")
            write_report(result, folders[language], language, silent)
        return folders[language]

    return folder


@pytest.fixture(scope="session")
def figures(result: Reproduction) -> int:
    """How many figures the report of the whole reproduction has: two of them take PyTorch."""
    return 19 if result.comparisons is None else 21


@pytest.fixture(scope="session")
def small() -> Reproduction:
    """A short reproduction without PyTorch."""
    return reproduce(ReproductionSettings(steps=3, seeds=3, with_torch=False))


@pytest.fixture(scope="session")
def diverged() -> Reproduction:
    """A reproduction at a learning rate at which everything overflows."""
    return reproduce(ReproductionSettings(steps=40, seeds=3, learning_rate=50.0, with_torch=False))
