"""A distribution as small as a word: how many rows there are along a column."""

from collections.abc import Sequence

from clearprop.drawing.pen.items import Path
from clearprop.drawing.pen.scene import Scene

WIDTH, HEIGHT = 110.0, 26.0


def sparkline(counts: Sequence[float], *, title: str, description: str, language: str) -> Scene:
    """The outline of bars of equal width, without axes; a bar of few is still to be seen."""
    most = max(counts, default=0) or 1
    step = WIDTH / max(len(counts), 1)
    base = HEIGHT - 1
    corners: list[tuple[float, float]] = []
    for k, count in enumerate(counts):
        top = base - max((HEIGHT - 2) * count / most, 1.0 if count else 0.0)
        corners += [(k * step, top), ((k + 1) * step, top)]
    outline = Path(
        (0.0, base), (*corners, (WIDTH, base)), "series1", fill="series1", width=0, closed=True
    )
    ground = Path((0.0, base), ((WIDTH, base),), "muted", width=1)
    return Scene(WIDTH, HEIGHT, (outline, ground), title, description, language)
