"""Wheels with machine code in them, for every platform, from one machine."""
