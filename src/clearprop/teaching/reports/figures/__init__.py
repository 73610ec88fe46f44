"""The figures of a report, drawn with matplotlib: SVG in the page's colours, and PNG."""

from clearprop.teaching.reports.figures.figure_catalogue import CURVES, DrawnFigure, draw_curves

__all__ = ["CURVES", "DrawnFigure", "draw_curves"]
