"""The sentences that a person reads, in English and Traditional Chinese, one table per language.

A table is a folder of TOML files, one a topic. A key is `topic.name`, a sentence may hold named
fields as in `str.format`, and {rows:row|rows} for the words that go with a number, of one and of
many. Both languages have the same keys and the same fields.
"""

import os
import re
import sys
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES = ("en", "zh-TW")
# Unicode's categories of marks on another character, and of what says how to join or order them.
_WITHOUT_WIDTH = ("Mn", "Me", "Cf")
# {rows:row|rows}: the word behind a number, of one and of many.
_COUNTED = re.compile(r"\{(\w+):([^{}|]*)\|([^{}|]*)\}")


@cache
def table(language: str, topic: str) -> Mapping[str, str]:
    """All sentences of one topic, nested TOML tables flattened to dotted names."""
    # Imported here, as pathlib is: whoever shows no sentence need not wait for the parser.
    import tomllib

    source = _folder(language) / f"{topic}.toml"
    return dict(_flat(tomllib.loads(source.read_text(encoding="utf-8"))))


def text(language: str, key: str, /, **values: object) -> str:
    """The sentence of `key` with its fields filled in.

    Raises KeyError where the key, or a field that the sentence needs, is missing: that is a
    mistake in the program, which a test of the tables finds.
    """
    topic, _, name = key.partition(".")
    sentence = table(language, topic)[name]
    if "|" in sentence:
        sentence = _COUNTED.sub(lambda found: _counted(found, values), sentence)
    return sentence.format(**values) if values else sentence


class Say(Protocol):
    """The sentences of one topic, each by its name and with its fields."""

    def __call__(self, language: str, key: str, /, **values: object) -> str:
        """The sentence of `key` in `language`."""


def within(topic: str) -> Say:
    """What says the sentences of one topic, for a module that has many of them to say:

    say = within("walk")
    say(language, "title")
    """

    def say(language: str, key: str, /, **values: object) -> str:
        return text(language, f"{topic}.{key}", **values)

    return say


def preferred_language(environ: Mapping[str, str] | None = None) -> str:
    """The language that the locale asks for, by its variables, or on Windows, which sets none, by
    the system: zh-TW for any Chinese locale, otherwise English."""
    variables = os.environ if environ is None else environ
    said = (variables.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next(filter(None, said), "") or (_locale_of_windows() if environ is None else "")
    return "zh-TW" if locale.lower().startswith(("zh", "chinese")) else "en"


def display_width(sentence: str) -> int:
    """How many columns of a terminal the sentence takes: a Chinese character takes two, a mark that
    stands on the character before it (x̂) none."""
    if sentence.isascii() and sentence.isprintable():
        return len(sentence)
    return sum(map(_columns, sentence))


def pad(sentence: str, width: int) -> str:
    """The sentence with spaces behind it up to `width` columns."""
    return sentence + " " * (width - display_width(sentence))


def _locale_of_windows() -> str:
    """As `zh_TW` or `Chinese (Traditional)_Taiwan`; empty on other systems."""
    if sys.platform != "win32":
        return ""
    import locale

    return locale.getlocale()[0] or ""


def _folder(language: str) -> "Path":
    from pathlib import Path

    return Path(__file__).parent / language


def _counted(found: re.Match[str], values: Mapping[str, object]) -> str:
    name, one, many = found.groups()
    return one if str(values[name]) == "1" else many


@cache
def _columns(character: str) -> int:
    if unicodedata.category(character) in _WITHOUT_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _flat(node: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in node.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{name}.")
        else:
            pairs.append((prefix + name, value))
    return pairs
