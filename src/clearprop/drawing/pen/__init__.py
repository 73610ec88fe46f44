"""Pictures as data: items, scenes, and what writes them as SVG or PNG."""
