"""The pages of the layers, losses, optimizers and schedules say what the code says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from clearprop.kinds.kind_tables import (
    LAYER_EXAMPLES,
    LOSS_EXAMPLES,
    OPTIMIZER_ROWS,
    SCHEDULE_ROWS,
)
from clearprop.teaching.reports.kind_pages import kind_pages, main

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES: dict[str, Mapping[type[Any], Sequence[Any]]] = {
    "layers": LAYER_EXAMPLES,
    "losses": LOSS_EXAMPLES,
    "optimizers": {kind: row.examples for kind, row in OPTIMIZER_ROWS.items()},
    "schedules": {kind: row.examples for kind, row in SCHEDULE_ROWS.items()},
}


@pytest.fixture(scope="module")
def pages() -> dict[str, dict[str, str]]:
    return kind_pages()


@pytest.mark.parametrize("folder", EXAMPLES)
def test_the_pages_in_docs_are_those_of_this_code(
    folder: str, pages: dict[str, dict[str, str]]
) -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / folder).iterdir()}
    assert written == pages[folder]


@pytest.mark.parametrize("folder", EXAMPLES)
def test_every_kind_has_a_page_with_its_derivation_and_every_example(
    folder: str, pages: dict[str, dict[str, str]]
) -> None:
    kinds = EXAMPLES[folder]
    assert set(pages[folder]) == {f"{kind.__name__}.md" for kind in kinds} | {"README.md"}
    for kind, examples in kinds.items():
        page = pages[folder][f"{kind.__name__}.md"]
        assert page.count(f"\n| `{kind.__name__}(") == len(examples)
        assert f"({kind.__name__}.md)" in pages[folder]["README.md"]
        if folder in ("layers", "losses"):
            assert page.count("| right: ") == len(examples)
        if folder == "layers":
            assert "Backward" in page


def test_an_optimizer_s_page_has_its_first_steps_and_a_schedule_s_its_rates(
    pages: dict[str, dict[str, str]],
) -> None:
    # η = 0.05, g = 0.5: 0.025 less in every step.
    assert "| 0.975, 0.95, 0.925 |" in pages["optimizers"]["SGD.md"]
    # η = 0.1, halved after every 7 steps: step 10 is in the second seven, 20 in the third.
    assert "| 0.1 | 0.1 | 0.1 | 0.1 | 0.05 | 0.025 |" in pages["schedules"]["StepDecay.md"]


def test_they_are_written_into_the_folder_that_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    pages: dict[str, dict[str, str]],
) -> None:
    monkeypatch.setattr("clearprop.teaching.reports.kind_pages.kind_pages", lambda: pages)
    assert main([str(tmp_path / "pages")]) == 0
    written = list((tmp_path / "pages").rglob("*.md"))
    assert len(written) == sum(map(len, pages.values()))
    assert main([]) == 2
    assert "FOLDER" in capsys.readouterr().err
