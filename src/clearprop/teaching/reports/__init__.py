"""What is handed out, as pages: the report of a reproduction, explanations, sheets of exercises.

from clearprop.teaching.reports import diagram_page

page = diagram_page(scene, "en")
"""

from clearprop.teaching.reports.class_handouts import handouts, write_handouts
from clearprop.teaching.reports.explanation_pages import diagram_page, explanation_page
from clearprop.teaching.reports.report import write_report
from clearprop.teaching.reports.worksheets import answer_key, worksheet

__all__ = [
    "answer_key",
    "diagram_page",
    "explanation_page",
    "handouts",
    "worksheet",
    "write_handouts",
    "write_report",
]
