"""The notebooks of the manual: a fresh kernel runs each from top to bottom, and shows what is kept
in the file. Both languages have the same programs."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.documents import CHINESE, DOCS
from tests.sweeps import quick_where

FOLDER = DOCS / "notebooks"
NAMES = ("tour.ipynb", "tour.zh-TW.ipynb")


def notebook(name: str) -> Any:
    return nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]


def programs(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def shown(cell: Any) -> list[tuple[str, str]]:
    """What a cell prints, which comes in one piece or in several, and what it shows without its
    numbers, of which the last digits differ between machines."""
    printed = "".join(one.text for one in cell.outputs if one.output_type == "stream")
    results = [one.data for one in cell.outputs if one.output_type == "execute_result"]
    return [
        *([("printed", printed)] if printed else []),
        *(("shown", re.sub(r"[\d.]+", "0", "".join(one["text/html"]))) for one in results),
    ]


@pytest.mark.parametrize("name", quick_where(NAMES, lambda _, name: "zh-TW" not in name))
def test_a_notebook_runs_and_shows_what_is_kept_in_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_TW.UTF-8" if ".zh-TW." in name else "en_US.UTF-8")
    kept, run = notebook(name), notebook(name)
    for cell in programs(run):
        cell.outputs = []
    NotebookClient(run, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [shown(cell) for cell in programs(run)] == [shown(cell) for cell in programs(kept)]
    assert shown(programs(run)[-1])[0][0] == "shown"


def test_both_languages_have_the_same_programs_and_sections() -> None:
    english, chinese = (
        [
            re.sub(r'"(en|zh-TW)"', "", cell.source) if cell.cell_type == "code" else "words"
            for cell in notebook(name).cells
        ]
        for name in NAMES
    )
    assert english == chinese
    assert len(english) > 15


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_light_and_its_pages_are_there(name: str) -> None:
    assert (FOLDER / name).stat().st_size < 100_000
    words = "".join(cell.source for cell in notebook(name).cells if cell.cell_type == "markdown")
    linked = re.findall(r"\]\(([^)]+)\)", words)
    assert linked
    assert [one for one in linked if not (FOLDER / one).exists()] == []
    assert CHINESE not in words or ".zh-TW." in name
