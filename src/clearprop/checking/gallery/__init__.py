"""The gallery: planted mistakes across the catalogue, and what the diagnosis says of each.

It is a lesson, and it measures: every planted mistake has to be rejected, no correct backward ever,
and the share named right and the share named wrong are counted.
"""

from clearprop.checking.gallery.measuring import Row, Totals, judge, measure, specimens, totals

__all__ = ["Row", "Totals", "judge", "measure", "specimens", "totals"]
