"""The tutorial's experiments, each a pure function that returns its numbers as data."""
