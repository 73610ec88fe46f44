"""A scene as PDF, for papers and print: lines and glyphs as outlines, sharp at any size."""

import io
from typing import Any

from clearprop.drawing.pen.png import drawn_figure
from clearprop.drawing.pen.scene import Scene


def pdf(scene: Scene) -> bytes:
    """The scene as the bytes of a PDF file of one page, of its size; the same scene gives the same
    bytes.

    Raises MissingDependencyError without matplotlib, and ConfigurationError where the scene holds
    Chinese and no font for it is found: make the scene in `drawable_language(language)`.
    """
    figure = drawn_figure(scene)
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    canvas: Any = FigureCanvasPdf(figure)
    buffer = io.BytesIO()
    # Without the date, which would be another one every time.
    canvas.print_pdf(buffer, metadata={"Title": scene.title, "CreationDate": None})
    return buffer.getvalue()
