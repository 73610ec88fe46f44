"""Twins of our networks in other frameworks: the only place where those are imported."""
