"""Marking what students hand in: blanks of an exercise, one form or a folder of them, and a
backward pass of their own, which runs in a process with limits.

from clearprop.teaching.grading import mark, mark_folder

marks = mark(sheet, {"z": "0.8", "a": "0.8"})
print(marks.points, "of", sheet.points)
for one in mark_folder(Path("class-7b")):
    print(one)
"""

from clearprop.teaching.grading.absentees import Absentee, absentees
from clearprop.teaching.grading.answer_mistakes import AnswerMistake
from clearprop.teaching.grading.class_marking import mark_folder
from clearprop.teaching.grading.class_statistics import SheetStatistics, class_statistics
from clearprop.teaching.grading.marked_handins import MarkedHandIn, Unmarked
from clearprop.teaching.grading.marking import BlankMark, Marked, mark, read_number

__all__ = [
    "Absentee",
    "AnswerMistake",
    "BlankMark",
    "Marked",
    "MarkedHandIn",
    "SheetStatistics",
    "Unmarked",
    "absentees",
    "class_statistics",
    "mark",
    "mark_folder",
    "read_number",
]
