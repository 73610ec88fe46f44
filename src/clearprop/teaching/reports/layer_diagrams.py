"""The picture of an exercise on convolution, time or attention: grids of numbers, or the network
unrolled in time. Given numbers stand there, "?" at what is asked."""

from collections.abc import Sequence

from clearprop.drawing.diagrams.parts import LABEL_SIZE, TextLine
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text
from clearprop.drawing.pen.markup import text_width
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene
from clearprop.teaching.exercises.designs.design import (
    BORDER,
    GridPicture,
    NumberGrid,
    TimeBox,
    UnrolledPicture,
)
from clearprop.teaching.exercises.layer_network import LayerNetwork
from clearprop.teaching.exercises.sheet import Exercise
from clearprop.teaching.reports.exercise_diagrams import sheet_scene
from clearprop.teaching.reports.exercise_symbols import in_language, printed

CELL_WIDTH, CELL_HEIGHT = 40.0, 27.0
# Between two grids, and where an arrow leads from one to the next.
APART, ARROW = 20.0, 44.0
TITLE = 22.0
ROWS_APART = 34.0
# Of a time: its box, and the way to the next.
LINE, BOX_PADDING, ACROSS, UP = 21.0, 12.0, 92.0, 46.0


class _Cells:
    """What is written at every number of the picture."""

    def __init__(self, sheet: Exercise, network: LayerNetwork, language: str) -> None:
        self.values = sheet.given_values
        self.asked = {blank.name for blank in sheet.blanks}
        labels = (*network.design.givens, *(one.label for one in network.design.numbers))
        self.symbols = {label.name: in_language(label.symbol, language) for label in labels}

    def entry(self, name: str) -> TextLine:
        """A number in a grid: its value, a question mark with its symbol, or the symbol."""
        if name == BORDER:
            return TextLine(name, "muted")
        if name in self.values:
            return TextLine(printed(self.values[name]), "ink")
        return self.line(name) if name not in self.asked else self._open(name)

    def line(self, name: str) -> TextLine:
        """A number with its symbol."""
        symbol = self.symbols[name]
        if name in self.values:
            return TextLine(f"{symbol} = {printed(self.values[name])}", "ink")
        if name in self.asked:
            return TextLine(f"{symbol} = ?", "forward")
        return TextLine(symbol, "muted")

    def _open(self, name: str) -> TextLine:
        return TextLine(self.symbols[name], "forward")


def layer_diagram(sheet: Exercise, network: LayerNetwork, language: str) -> Scene:
    """The picture of a sheet whose network has a design."""
    cells = _Cells(sheet, network, language)
    picture = network.design.picture
    if isinstance(picture, GridPicture):
        return sheet_scene(_grids(picture, cells), language)
    return sheet_scene(_unrolled(picture, cells), language)


def _grids(picture: GridPicture, cells: _Cells) -> list[Item]:
    items: list[Item] = []
    top = 0.0
    for row in picture.rows:
        tallest = max(len(grid.names) for grid in row) * CELL_HEIGHT
        left = 0.0
        for place, grid in enumerate(row):
            if place:
                left = _between(items, left, top + TITLE + tallest / 2, place >= picture.given)
            # Each grid stands at the middle of the tallest one.
            own = top + (tallest - len(grid.names) * CELL_HEIGHT) / 2
            items += _grid(grid, left, own, cells)
            if picture.window and place in (0, 2):
                items.append(_outline(left, own + TITLE, picture.window if place == 0 else 1))
            left += max(map(len, grid.names)) * CELL_WIDTH
        top += TITLE + tallest + ROWS_APART
    return items


def _between(items: list[Item], left: float, middle: float, is_result: bool) -> float:
    """Where the next grid begins; an arrow leads to one that is worked out."""
    if not is_result:
        return left + APART
    items.append(Path((left + 8, middle), ((left + ARROW - 8, middle),), "muted", arrow=True))
    return left + ARROW


def _grid(grid: NumberGrid, left: float, top: float, cells: _Cells) -> list[Item]:
    items: list[Item] = [
        Text(left + 2, top + TITLE / 2 - 3, grid.symbol, "ink", size=14.0, anchor="start")
    ]
    for row, names in enumerate(grid.names):
        for column, name in enumerate(names):
            x, y = left + column * CELL_WIDTH, top + TITLE + row * CELL_HEIGHT
            line = cells.entry(name)
            edge: Role = "grid" if name == BORDER else "muted"
            items.append(Rectangle(x, y, CELL_WIDTH, CELL_HEIGHT, edge, stroke_width=0.8))
            items.append(
                Text(x + CELL_WIDTH / 2, y + CELL_HEIGHT / 2, line.content, line.role, LABEL_SIZE)
            )
    return items


def _outline(left: float, top: float, side: int) -> Item:
    right, low = left + side * CELL_WIDTH, top + side * CELL_HEIGHT
    corners = ((right, top), (right, low), (left, low))
    return Path((left, top), corners, "accent", width=2.2, closed=True)


def _unrolled(picture: UnrolledPicture, cells: _Cells) -> list[Item]:
    inside = [[cells.line(name) for name in box.inside] for box in picture.boxes]
    wide = max(text_width(line.content, LABEL_SIZE) for lines in inside for line in lines)
    width = wide + 2 * BOX_PADDING
    height = max(map(len, inside)) * LINE + 2 * BOX_PADDING
    items: list[Item] = []
    for place, (box, lines) in enumerate(zip(picture.boxes, inside, strict=True)):
        left = place * (width + ACROSS)
        items += _box(left, width, height, lines)
        items += _input(left + width / 2, height, box, picture.by_input, cells)
        if box.target:
            items += _target(left + width / 2, box.target, cells)
        if place + 1 < len(picture.boxes):
            items += _handed(left + width, height / 2, box, picture.by_state, cells)
    return items


def _box(left: float, width: float, height: float, lines: Sequence[TextLine]) -> list[Item]:
    first = height / 2 - (len(lines) - 1) / 2 * LINE
    texts = [
        Text(left + width / 2, first + k * LINE, line.content, line.role, LABEL_SIZE)
        for k, line in enumerate(lines)
    ]
    return [Rectangle(left, 0, width, height, "ink", corner=8.0), *texts]


def _input(middle: float, height: float, box: TimeBox, weight: str, cells: _Cells) -> list[Item]:
    given = cells.line(box.given)
    items: list[Item] = [
        Path((middle, height + UP), ((middle, height),), "muted", arrow=True),
        Text(middle, height + UP + 11, given.content, given.role, LABEL_SIZE),
    ]
    if weight:
        line = cells.line(weight)
        place = (middle + 7, height + UP / 2)
        items.append(Text(*place, line.content, line.role, LABEL_SIZE, anchor="start"))
    return items


def _target(middle: float, target: str, cells: _Cells) -> list[Item]:
    line = cells.line(target)
    return [
        Path((middle, 0), ((middle, -UP + 14),), "muted", arrow=True),
        Text(middle, -UP + 3, line.content, line.role, LABEL_SIZE),
    ]


def _handed(left: float, middle: float, box: TimeBox, weight: str, cells: _Cells) -> list[Item]:
    handed = ", ".join(cells.symbols[name] for name in box.handed)
    items: list[Item] = [
        Path((left, middle), ((left + ACROSS, middle),), "muted", arrow=True),
        Text(left + ACROSS / 2, middle - 10, handed, "forward", LABEL_SIZE),
    ]
    if weight:
        line = cells.line(weight)
        items.append(Text(left + ACROSS / 2, middle + 12, line.content, line.role, LABEL_SIZE))
    return items
