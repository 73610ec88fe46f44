"""The text that networks of letters read: a story written for this project, in plain ASCII."""

from importlib.resources import files


def ferry_story() -> str:
    """The whole text, about five thousand letters."""
    return files(__package__).joinpath("ferry_story.txt").read_text(encoding="ascii")
