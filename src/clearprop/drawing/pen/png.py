"""A scene drawn by matplotlib; as PNG, for slides and for the programs that show no SVG. Always on
light paper.

Texts are drawn as outlines: the widths of their runs are then exact, and so is where an index
stands. matplotlib is imported in here only.
"""

import io
from typing import Any

from clearprop.base.errors import ConfigurationError
from clearprop.drawing.pen.fonts import require_matplotlib, traditional_chinese_font
from clearprop.drawing.pen.items import BASELINE, Circle, Dots, Item, Path, Rectangle, Text
from clearprop.drawing.pen.markup import plain, runs
from clearprop.drawing.pen.palette import COLOURS, Role
from clearprop.drawing.pen.scene import Scene

# matplotlib measures lines in points of 1/72 inch; a scene's pixel is 1/96 inch.
PIXELS_PER_INCH = 96
POINTS = 72 / PIXELS_PER_INCH

# The font that comes with matplotlib, and has every mathematical sign that we write.
FONT = "DejaVu Sans"


def png(scene: Scene, *, scale: float = 2.0) -> bytes:
    """The scene as the bytes of a PNG file, `scale` times its size in pixels.

    Raises MissingDependencyError without matplotlib, and ConfigurationError where the scene holds
    Chinese and no font for it is found: make the scene in `drawable_language(language)`.
    """
    figure = drawn_figure(scene, scale)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    canvas.print_png(buffer, metadata={"Title": scene.title})
    return buffer.getvalue()


def drawn_figure(scene: Scene, scale: float = 1.0) -> Any:
    """The scene as matplotlib's figure. Raises what `png` raises."""
    require_matplotlib()
    from matplotlib.figure import Figure

    families = _families(scene)
    size = (scene.width / PIXELS_PER_INCH, scene.height / PIXELS_PER_INCH)
    figure = Figure(figsize=size, dpi=PIXELS_PER_INCH * scale, facecolor=_colour("paper"))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, scene.width)
    axes.set_ylim(scene.height, 0)
    order = 0
    for item in scene.items:
        for artist in _artists(item, families):
            # matplotlib would draw by kind; a scene is drawn in its order.
            artist.set_zorder(order)
            axes.add_artist(artist)
            order += 1
    return figure


def _families(scene: Scene) -> list[str]:
    words = "".join(plain(item.content) for item in scene.items if isinstance(item, Text))
    # From here on characters are Chinese, or full-width.
    if all(ord(character) < 0x2E80 for character in words):
        return [FONT]
    family = traditional_chinese_font()
    if family is None:
        raise ConfigurationError("drawing_font_missing")
    return [FONT, family]


def _artists(item: Item, families: list[str]) -> list[Any]:
    from matplotlib import patches

    if isinstance(item, Text):
        return _text(item, families)
    if isinstance(item, Path):
        return _path(item)
    if isinstance(item, Circle):
        style = _style(item.stroke, item.fill, item.width)
        return [patches.Circle((item.x, item.y), item.radius, **style)]
    if isinstance(item, Dots):
        style = _style(None, item.role, 0)
        return [patches.Circle(point, item.radius, **style) for point in item.points]
    style = _style(item.stroke, item.fill, item.stroke_width)
    return [_rectangle(item, style)]


def _rectangle(item: Rectangle, style: dict[str, Any]) -> Any:
    from matplotlib import patches

    shape = f"round,pad=0,rounding_size={item.corner}" if item.corner else "square,pad=0"
    return patches.FancyBboxPatch(
        (item.x, item.y), item.width, item.height, boxstyle=shape, **style
    )


def _path(item: Path) -> list[Any]:
    from matplotlib import patches
    from matplotlib.path import Path as Outline

    points, codes = [item.start], [Outline.MOVETO]
    for segment in item.stroked_segments:
        points += [(segment[i], segment[i + 1]) for i in range(0, len(segment), 2)]
        codes += [Outline.CURVE4] * 3 if len(segment) == 6 else [Outline.LINETO]
    if item.closed:
        points.append(item.start)
        codes.append(Outline.CLOSEPOLY)
    style = _style(item.stroke, item.fill, item.width)
    if item.dashed:
        style["linestyle"] = (0, (5 / item.width, 4 / item.width))
    drawn: list[Any] = [patches.PathPatch(Outline(points, codes), capstyle="butt", **style)]
    if item.arrow:
        drawn.append(patches.Polygon(item.head, closed=True, facecolor=_colour(item.stroke)))
    return drawn


def _text(item: Text, families: list[str]) -> list[Any]:
    from matplotlib import patches
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path as Outline
    from matplotlib.textpath import TextToPath

    outlines = TextToPath()
    placed: list[tuple[float, float, float, Any]] = []
    x = 0.0
    for run in runs(item.content):
        font = FontProperties(
            family=families,
            weight="bold" if item.bold else "normal",
            style="italic" if run.italic or item.italic else "normal",
        )

        def width(words: str, font: FontProperties = font) -> float:
            return float(outlines.get_text_width_height_descent(words, font, ismath=False)[0])

        unit = item.size * run.scale / font.get_size_in_points()
        vertices, codes = outlines.get_text_path(font, run.text)
        if len(vertices):
            # Outlines come at the size FONT_SCALE, with y upwards.
            outline = item.size * run.scale / outlines.FONT_SCALE
            placed.append((x, run.shift * item.size, outline, Outline(vertices, codes)))
        # The bars keep spaces at the ends from being left out of the measure.
        x += (width(f"|{run.text}|") - width("||")) * unit
    left = item.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[item.anchor] * x
    baseline = item.y + BASELINE * item.size
    shapes = [
        Outline(path.vertices * (outline, -outline) + (left + dx, baseline + dy), path.codes)
        for dx, dy, outline, path in placed
    ]
    fills = [patches.PathPatch(s, facecolor=_colour(item.role), linewidth=0) for s in shapes]
    if not item.halo:
        return fills
    halos = [patches.PathPatch(shape, **_style("paper", "paper", 4)) for shape in shapes]
    return [*halos, *fills]


def _style(stroke: Role | None, fill: Role | None, width: float) -> dict[str, Any]:
    return {
        "edgecolor": "none" if stroke is None else _colour(stroke),
        "facecolor": "none" if fill is None else _colour(fill),
        "linewidth": width * POINTS,
        "joinstyle": "round",
    }


def _colour(role: Role) -> str:
    return COLOURS[role].light
