"""Pictures as data: items and scenes of them, and what writes a scene as SVG, PNG or PDF."""

from clearprop.drawing.pen.fonts import drawable_language, traditional_chinese_font
from clearprop.drawing.pen.items import Circle, Dots, Item, Path, Rectangle, Text
from clearprop.drawing.pen.markup import factor_markup, literal, number_markup, plain, text_width
from clearprop.drawing.pen.palette import COLOURS, SERIES, Role, css
from clearprop.drawing.pen.pdf import pdf
from clearprop.drawing.pen.png import png
from clearprop.drawing.pen.scene import Scene, framed, svg

__all__ = [
    "COLOURS",
    "SERIES",
    "Circle",
    "Dots",
    "Item",
    "Path",
    "Rectangle",
    "Role",
    "Scene",
    "Text",
    "css",
    "drawable_language",
    "factor_markup",
    "framed",
    "literal",
    "number_markup",
    "pdf",
    "plain",
    "png",
    "svg",
    "text_width",
    "traditional_chinese_font",
]
