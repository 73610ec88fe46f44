"""`report.html` of a run: what came of it, in words, numbers and pictures."""

from clearprop.runs.report.run_page import write_report

__all__ = ["write_report"]
