"""Pictures as data: scenes of an actual network with its numbers, written as SVG, PNG or PDF.

from clearprop.drawing import DIAGRAMS, svg

scene = DIAGRAMS["network_backward"](backward, sample=0, language="en")
text = svg(scene, prefix="fig1")
"""

from clearprop.drawing.diagrams import DIAGRAMS, Diagram, sample_cost
from clearprop.drawing.pen import (
    COLOURS,
    SERIES,
    Circle,
    Dots,
    Item,
    Path,
    Rectangle,
    Role,
    Scene,
    Text,
    css,
    drawable_language,
    number_markup,
    pdf,
    png,
    svg,
    traditional_chinese_font,
)

__all__ = [
    "COLOURS",
    "DIAGRAMS",
    "SERIES",
    "Circle",
    "Diagram",
    "Dots",
    "Item",
    "Path",
    "Rectangle",
    "Role",
    "Scene",
    "Text",
    "css",
    "drawable_language",
    "number_markup",
    "pdf",
    "png",
    "sample_cost",
    "svg",
    "traditional_chinese_font",
]
