"""What a page's labels do, measured in a browser: which are cut, and which lie on each other."""

from pathlib import Path
from typing import Any

LABELS = Path(__file__).with_name("looks.js").read_text(encoding="utf-8")


def bad_labels(page: Any) -> list[Any]:
    """Everything that is wrong with the labels of a page as it stands."""
    found = page.evaluate(LABELS)
    assert found["labels"] > 0
    wide = [f"{found['wide']} px wider than its window"] if found["wide"] > 0 else []
    return [*found["cut"], *found["overlaps"], *wide]
