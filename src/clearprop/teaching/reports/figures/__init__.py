"""The figures of a report, drawn with matplotlib: SVG in the page's colours, and PNG."""
