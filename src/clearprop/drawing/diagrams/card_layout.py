"""Where the cards of a network stand, and the arrows from each to those that take what it puts out.

A card stands in the column behind those that it takes from. The first way on from a card stays in
its lane, every other one begins a lane below, and a join goes on in the uppermost lane of its
terms: a chain is one row, parallel branches lie one under the other. A row goes on below where it
becomes too wide, but never inside parallel branches.

An arrow runs through the gaps between columns and along its own lane where that is free, otherwise
above the lane. One that leaves its row above the lane is not drawn: the card that it leads to says
what it takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from clearprop.drawing.diagrams.stations import Station
from clearprop.drawing.pen.items import ARROW_LENGTH, Item, Path, moved
from clearprop.drawing.pen.palette import Role

# A row of cards goes on below where it would become wider than this.
ROW_WIDTH = 1180.0
# Between two columns; between two lanes, and two rows.
GAP, BETWEEN = 46.0, 34.0
# An arrow keeps so far from cards, and leaves a card so far below its upper side.
CLEAR, PORT = 6.0, 26.0
# How high one more arrow lifts those above a lane, and the room over the highest.
LIFT, HEADROOM = 20.0, 18.0


class Card(NamedTuple):
    """The items of a card with its upper left corner at (0, 0), and its size."""

    items: tuple[Item, ...]
    width: float
    height: float


class Cell(NamedTuple):
    """The column and the lane of a card, both from 0."""

    column: int
    lane: int


class Arrow(NamedTuple):
    """From one card to another that takes what it puts out, by their numbers; `above` its lane
    where other cards stand in the way."""

    source: int
    target: int
    above: bool


def place_cards(found: Sequence[Station], cards: Sequence[Card], *, backwards: bool) -> list[Item]:
    """The cards of the stations in their places, and the arrows between them; `backwards` turns
    the arrows round."""
    cells = cells_of(found)
    columns = [
        [index for index, cell in enumerate(cells) if cell.column == column]
        for column in range(1 + max(cell.column for cell in cells))
    ]
    arrows = _arrows(found, cells)
    widths = [max(cards[index].width for index in column) for column in columns]
    items: list[Item] = []
    top = 0.0
    rows = _rows(widths, cells, arrows)
    for row in rows:
        lefts, x = {}, 0.0
        for column in row:
            lefts[column] = x
            x += widths[column] + GAP
        inside = [a for a in arrows if cells[a.source].column in lefts]
        above = [a for a in inside if a.above and cells[a.target].column in lefts]
        tops, bottom = _tops([i for c in row for i in columns[c]], cells, cards, above, top)
        drawing = _Row(cells, cards, lefts, tops, backwards)
        for column in row:
            for index in columns[column]:
                cell = cells[index]
                items += [moved(i, lefts[column], tops[cell.lane]) for i in cards[index].items]
            for arrow in inside:
                if cells[arrow.source].column == column and not arrow.above:
                    items.append(drawing.along(arrow))
        for lane in tops:
            own = [arrow for arrow in above if cells[arrow.source].lane == lane]
            for level, arrow in enumerate(own):
                items.append(drawing.over(arrow, LIFT * (level + 1)))
        top = bottom + (BETWEEN if row is not rows[-1] else 0)
    return items


def cells_of(found: Sequence[Station]) -> list[Cell]:
    """The cell of every station, in their order; no two have the same."""
    by_output = {station.output: index for index, station in enumerate(found)}
    sources = [[by_output[wire] for wire in station.sources] for station in found]
    last_taker = {index: k for k, taken in enumerate(sources) for index in taken}
    cells: list[Cell] = []
    # Of every lane: the last station in it, and the last column that it is in use up to.
    ends: dict[int, int] = {}
    used: dict[int, int] = {}
    for index, taken in enumerate(sources):
        column = 1 + max((cells[k].column for k in taken), default=-1)
        open_lanes = [cells[k].lane for k in taken if ends[cells[k].lane] == k]
        if open_lanes:
            lane = min(open_lanes)
        else:
            lane = next(
                lane
                for lane in range(len(ends) + 1)
                if lane not in ends
                # Free again: all that stood there has gone on elsewhere, in columns before.
                or (used[lane] < column and last_taker.get(ends[lane], index) < index)
            )
        for k in taken:
            used[cells[k].lane] = max(used[cells[k].lane], column - 1)
        ends[lane], used[lane] = index, column
        cells.append(Cell(column, lane))
    return cells


def _arrows(found: Sequence[Station], cells: Sequence[Cell]) -> list[Arrow]:
    by_output = {station.output: index for index, station in enumerate(found)}
    taken = set(cells)
    arrows = []
    for target, station in enumerate(found):
        for wire in station.sources:
            source = by_output[wire]
            column, lane = cells[source]
            between = range(column + 1, cells[target].column)
            above = any(Cell(other, lane) in taken for other in between)
            arrows.append(Arrow(source, target, above))
    return arrows


def _rows(
    widths: Sequence[float], cells: Sequence[Cell], arrows: Sequence[Arrow]
) -> list[list[int]]:
    """The columns, row by row."""
    # What must not be parted: columns with a way in another lane than the first between them.
    together = {
        column
        for arrow in arrows
        if cells[arrow.source].lane or cells[arrow.target].lane
        for column in range(cells[arrow.source].column + 1, cells[arrow.target].column + 1)
    }
    blocks: list[list[int]] = []
    for column in range(len(widths)):
        if column in together:
            blocks[-1].append(column)
        else:
            blocks.append([column])
    rows: list[list[int]] = [[]]
    width = 0.0
    for block in blocks:
        own = sum(widths[column] for column in block) + GAP * (len(block) - 1)
        if rows[-1] and width + GAP + own > ROW_WIDTH:
            rows.append([])
            width = 0.0
        width += (GAP if rows[-1] else 0.0) + own
        rows[-1] += block
    return rows


def _tops(
    indices: Sequence[int],
    cells: Sequence[Cell],
    cards: Sequence[Card],
    above: Sequence[Arrow],
    top: float,
) -> tuple[dict[int, float], float]:
    """Where every lane of a row begins below the arrows over it, and where the row ends."""
    tops: dict[int, float] = {}
    lanes = sorted({cells[index].lane for index in indices})
    for lane in lanes:
        arrows = sum(cells[arrow.source].lane == lane for arrow in above)
        top += LIFT * arrows + (HEADROOM if arrows else 0) + (BETWEEN if tops else 0)
        tops[lane] = top
        top += max(cards[index].height for index in indices if cells[index].lane == lane)
    return tops, top


@dataclass(frozen=True)
class _Row:
    """Where everything in a row is: the left side of every column and the top of every lane."""

    cells: Sequence[Cell]
    cards: Sequence[Card]
    lefts: dict[int, float]
    tops: dict[int, float]
    backwards: bool

    def along(self, arrow: Arrow) -> Path:
        """Out of the right side of a card, along its lane, and into the left side of another. At
        the end of a row it says that the row goes on below."""
        column, lane = self.cells[arrow.source]
        right = self.lefts[column] + self.cards[arrow.source].width
        start = (right + CLEAR, self.tops[lane] + PORT)
        end_column, end_lane = self.cells[arrow.target]
        left = self.lefts.get(end_column, right + GAP)
        end = (left - CLEAR, self.tops[end_lane if end_column in self.lefts else lane] + PORT)
        if start[1] == end[1]:
            return self._path([start, end])
        # Through the gap before the other card, with room for a head at both ends.
        turn, bend = left - GAP + CLEAR + ARROW_LENGTH, end[0] - ARROW_LENGTH
        middle = (turn + bend) / 2
        curve = (middle, start[1], middle, end[1], bend, end[1])
        return self._path([start, (turn, start[1]), curve, end])

    def over(self, arrow: Arrow, lift: float) -> Path:
        """Out of the top of a card, over those behind it in its lane, and into the top of another
        in the same lane, or the left side of one in another."""
        column, lane = self.cells[arrow.source]
        end_column, end_lane = self.cells[arrow.target]
        top = self.tops[lane]
        begin = self.lefts[column] + self.cards[arrow.source].width - 16
        left = self.lefts[end_column]
        if end_lane == lane:
            end = left + 16
            return self._path(
                [(begin, top), (begin, top - lift), (end, top - lift), (end, top)], width=1.6
            )
        turn, port = left - GAP / 2, self.tops[end_lane] + PORT
        points = [(begin, top), (begin, top - lift), (turn, top - lift), (turn, port)]
        return self._path([*points, (left - CLEAR, port)], width=1.6)

    def _path(self, points: Sequence[tuple[float, ...]], width: float = 2) -> Path:
        """A path through points and curves, turned round where the arrows go backwards."""
        role: Role = "backward" if self.backwards else "forward"
        if self.backwards:
            points = _turned(points)
        (x, y), *segments = points
        return Path((x, y), tuple(segments), role, width=width, arrow=True)


def _turned(points: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The same way from its end: a curve's control points change places."""
    ways = [
        (*there[2:4], *there[:2], *here[-2:]) if len(there) == 6 else here[-2:]
        for here, there in pairwise(points)
    ]
    return [points[-1][-2:], *reversed(ways)]
