"""Pictures as data: scenes of an actual network with its actual numbers, written as SVG or PNG.

from clearprop.drawing import DIAGRAMS, svg

scene = DIAGRAMS["network_backward"](backward, sample=0, language="en")
text = svg(scene, prefix="fig1")
"""

from clearprop.drawing.diagrams import DIAGRAMS, Diagram
from clearprop.drawing.fonts import drawable_language, traditional_chinese_font
from clearprop.drawing.items import Circle, Item, Path, Rectangle, Text
from clearprop.drawing.palette import COLOURS, SERIES, Role, css
from clearprop.drawing.png import png
from clearprop.drawing.scene import Scene
from clearprop.drawing.svg import svg
from clearprop.drawing.text import number

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
    "number",
    "png",
    "svg",
    "traditional_chinese_font",
]
