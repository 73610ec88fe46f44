"""Checking a backward pass against witnesses that know nothing of it."""
