"""Tables in: columns with their types, what a network is given of them, and splits."""

from clearprop.data.preparation import Preparation, prepare
from clearprop.data.reading import read_table
from clearprop.data.table import Column, Table

__all__ = ["Column", "Preparation", "Table", "prepare", "read_table"]
