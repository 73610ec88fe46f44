"""The page's own words, which the session hands to it: in the message tables, as all others."""

from clearprop.base import messages

_PREFIX = "page."


def page_words(language: str) -> dict[str, str]:
    """What stands on the page, by its keys."""
    table = messages.table(language, "lab")
    return {key[len(_PREFIX) :]: text for key, text in table.items() if key.startswith(_PREFIX)}
