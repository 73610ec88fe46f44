"""Pictures as data: scenes of an actual network with its actual numbers, written as SVG or PNG.

from clearprop.drawing import DIAGRAMS, svg

scene = DIAGRAMS["network_backward"](backward, sample=0, language="en")
text = svg(scene, prefix="fig1")
"""

from clearprop.drawing.diagrams.diagram_catalog import DIAGRAMS, Diagram
from clearprop.drawing.pen.fonts import drawable_language, traditional_chinese_font
from clearprop.drawing.pen.items import Circle, Item, Path, Rectangle, Text
from clearprop.drawing.pen.markup import number_markup
from clearprop.drawing.pen.palette import COLOURS, SERIES, Role, css
from clearprop.drawing.pen.png import png
from clearprop.drawing.pen.scene import Scene, svg

__all__ = [
    "COLOURS",
    "DIAGRAMS",
    "SERIES",
    "Circle",
    "Diagram",
    "Item",
    "Path",
    "Rectangle",
    "Role",
    "Scene",
    "Text",
    "css",
    "drawable_language",
    "number_markup",
    "png",
    "svg",
    "traditional_chinese_font",
]
