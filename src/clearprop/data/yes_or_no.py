"""Yes and no as files write them: true, True, TRUE and 1, false, False, FALSE and 0.

A CSV file has words where Parquet, Arrow and NPZ have flags, which are read as 0 and 1; and every
program has capitals of its own. What a model has learned from one, it is told by any.
"""

from collections.abc import Iterable, Mapping

_SPELLINGS = {
    "false": ("false", "False", "FALSE", "0"),
    "true": ("true", "True", "TRUE", "1"),
}
# What the two are as numbers, by their small letters.
NUMBERS = {"false": 0.0, "true": 1.0}


def are_flags(words: Iterable[str]) -> bool:
    """Whether there are words, and all of them are true or false, with whatever capitals."""
    found = {word.lower() for word in words}
    return bool(found) and found <= set(_SPELLINGS)


def spellings(words: Iterable[str]) -> Mapping[str, str]:
    """Every word by itself; and where all of them are true and false, by all that means the same,
    of which a word that stands there goes before."""
    words = list(words)
    if not are_flags(words) or len({word.lower() for word in words}) < len(words):
        return {word: word for word in words}
    return {spelling: word for word in words for spelling in _SPELLINGS[word.lower()]}
