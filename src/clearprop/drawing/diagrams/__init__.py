"""A network and its numbers as a picture."""
