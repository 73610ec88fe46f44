"""The pages of the layers say what the code says, and the code's checks."""

from pathlib import Path

import pytest

from clearprop.kinds.kind_tables import LAYER_EXAMPLES, LAYERS
from clearprop.teaching.reports.layer_pages import layer_pages, main

FOLDER = Path(__file__).parents[2] / "docs" / "layers"


def test_the_pages_in_docs_are_those_of_this_code() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert written == dict(layer_pages())


def test_every_layer_has_a_page_with_derivation_shapes_and_verdict() -> None:
    pages = layer_pages()
    assert set(pages) == {f"{name}.md" for name in LAYERS} | {"README.md"}
    for kind, examples in LAYER_EXAMPLES.items():
        page = pages[f"{kind.__name__}.md"]
        assert "Backward" in page
        assert page.count("| right: ") == len(examples)
        assert f"({kind.__name__}.md)" in pages["README.md"]


def test_they_are_written_into_the_folder_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "pages")]) == 0
    assert len(list((tmp_path / "pages").iterdir())) == len(LAYERS) + 1
    assert main([]) == 2
    assert "FOLDER" in capsys.readouterr().err
