"""Marking the blanks of an exercise, as data.

from clearprop.grading import mark

marked = mark(sheet, {"z": "0.8", "a": "0.8"})
print(marked.points, "of", sheet.points)
"""

from clearprop.grading.marking import BlankMark, Marked, mark
from clearprop.grading.reading import read_number

__all__ = ["BlankMark", "Marked", "mark", "read_number"]
