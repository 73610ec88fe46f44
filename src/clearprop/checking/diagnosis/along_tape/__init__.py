"""Mistakes along the tape of a person's forward: its parts, the slips at them, and the search."""
