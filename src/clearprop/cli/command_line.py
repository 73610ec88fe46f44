"""What a command takes, declared; and the words of a command line, read by that declaration.

The declaration is plain data, so that help, complaints and the shells' completion need nothing of
what a command does. Read as GNU programs read theirs: `--name VALUE`, `--name=VALUE`, `-n VALUE`,
`-nVALUE`, flags of one letter together, options and operands in any order, and `--` before operands
that begin with a dash. A name is never abbreviated; of an option given twice the last one counts.
"""

import math
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.base.text_tables import wrapped

Default = TypeVar("Default")


class Takes(Enum):
    """What stands behind an option, or as an operand."""

    NOTHING = "nothing"
    TEXT = "text"
    FILE = "file"
    FOLDER = "folder"


class Option(NamedTuple):
    """An option by its long name, as "--out", and its short one, as "-o", where it has one.

    `words` are values that a shell may propose; whether others are refused is the command's matter.
    `listed` are values that it may ask for: what `clearprop show FILE --list` has under that name.
    """

    name: str
    short: str = ""
    takes: Takes = Takes.TEXT
    words: tuple[str, ...] = ()
    listed: str = ""


HELP_WIDTH = 100
# What stands before an option's description, or the spaces before any other line.
_BEFORE_DESCRIPTION = re.compile(r" *(?:-.*?  +)?")
HELP = Option("--help", "-h", Takes.NOTHING)


class Arguments(NamedTuple):
    """What was given to a command: the values of its options by their long names, "" for a flag;
    the operand and a second one, "" where there is none; the language of the locale."""

    values: Mapping[str, str]
    operand: str
    preferred_language: str
    second: str = ""

    def given(self, option: str) -> bool:
        """Whether a flag, or an option with any value, was given."""
        return option in self.values

    def text(self, option: str) -> str | None:
        """The value as it was typed, None where the option is not given."""
        return self.values.get(option)

    def text_or(self, option: str, default: str) -> str:
        """The value as it was typed, or the default."""
        return self.values.get(option, default)

    def names(self, option: str) -> tuple[str, ...]:
        """The names with commas between, none where the option is not given. Raises
        ConfigurationError for an empty one."""
        names = names_in(self.text(option))
        if not all(names):
            raise ConfigurationError("option_empty", option=option)
        return names

    def path(self, option: str) -> Path | None:
        """A path, None where the option is not given. Raises ConfigurationError for an empty
        one."""
        text = self.text(option)
        if text is None:
            return None
        if not text.strip():
            raise ConfigurationError("option_empty", option=option)
        return Path(text)

    def whole(self, option: str, default: Default, *, least: int = 1) -> int | Default:
        """A whole number of at least `least`, or the default. Raises ConfigurationError for
        anything else."""
        text = self.text(option)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise ConfigurationError("option_whole", option=option, value=text, least=least)
        return value

    def share(self, option: str) -> float | None:
        """A number between 0 and 1, None where the option is not given. Raises ConfigurationError
        for anything else."""
        value = self.decimal(option, None)
        if value is not None and value >= 1:
            raise ConfigurationError("option_share", option=option, value=self.text(option))
        return value

    def decimal(self, option: str, default: Default) -> float | Default:
        """A finite number above 0, or the default. Raises ConfigurationError for anything else."""
        text = self.text(option)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise ConfigurationError("option_decimal", option=option, value=text)
        return value

    def required_operand(self, problem: str) -> str:
        """The operand. Raises the ConfigurationError `problem` where there is none."""
        if not self.operand.strip():
            raise ConfigurationError(problem)
        return self.operand

    def required_second(self, problem: str) -> str:
        """The second operand. Raises the ConfigurationError `problem` where there is none."""
        if not self.second.strip():
            raise ConfigurationError(problem)
        return self.second

    def language(self) -> str:
        """The language of `--lang`, or the locale's. Raises ConfigurationError for one that there
        are no texts in."""
        return known_language(self.values.get("--lang", self.preferred_language))


def known_language(name: str) -> str:
    """The name itself. Raises ConfigurationError for a language that there are no texts in."""
    if name not in messages.LANGUAGES:
        known = ", ".join(messages.LANGUAGES)
        raise ConfigurationError("language_unknown", name=name, known=known)
    return name


class Command(NamedTuple):
    """A command: its options beside `--help`, its operand where it takes one, a second one where it
    takes two, and what runs it, which returns the exit status.

    `listed` are names that its help lists, by the fields of its text.
    """

    name: str
    run: Callable[[Arguments], int]
    options: tuple[Option, ...]
    operand: Takes = Takes.NOTHING
    second: Takes = Takes.NOTHING
    listed: Mapping[str, Sequence[str]] = MappingProxyType({})

    def read(self, words: Sequence[str], language: str) -> Arguments | None:
        """What the words behind the command's name say; None where they ask for help.

        Raises ConfigurationError for words that cannot be understood.
        """
        values, operands = parse(words, (*self.options, HELP), f"clearprop {self.name}")
        if HELP.name in values:
            return None
        takes = [one for one in (self.operand, self.second) if one is not Takes.NOTHING]
        surplus = operands[len(takes) :]
        if surplus:
            raise ConfigurationError(
                "arguments_surplus", surplus=" ".join(surplus), command=f"clearprop {self.name}"
            )
        first, second = [*operands, "", ""][:2]
        return Arguments(values, first, language, second)

    def help(self, language: str) -> str:
        """What the command is told to people as."""
        return help_text(self.name, language, self.listed)


def names_in(text: str | None) -> tuple[str, ...]:
    """The names with commas between; none in None."""
    return () if text is None else tuple(name.strip() for name in text.split(","))


def help_text(topic: str, language: str, listed: Mapping[str, Sequence[str]]) -> str:
    """The help on a topic, with the names that it lists filled in: a line that they make too long
    goes on below the description that it is part of."""
    key = f"cli.help.{topic}"
    if not listed:
        return messages.text(language, key).rstrip() + "\n"
    comma = messages.text(language, "cli.comma")
    fields = {field: comma.join(names) for field, names in listed.items()}
    lines: list[str] = []
    for line in messages.text(language, key, **fields).rstrip().split("\n"):
        before = _BEFORE_DESCRIPTION.findall(line)[0]
        lines += wrapped(line[len(before) :], HELP_WIDTH, " " * len(before), before)
    return "\n".join(lines) + "\n"


def parse(
    words: Sequence[str], options: Sequence[Option], command: str, *, until_operand: bool = False
) -> tuple[dict[str, str], list[str]]:
    """The values of the options among `words` by their long names, in the order in which they
    stand, and the other words. `until_operand` leaves the first other word and all behind it as
    they are. `command` is named where an option is not known.

    Raises ConfigurationError for an option that is not known, has no value, or takes none.
    """
    known = {name: one for one in options for name in (one.name, one.short)}
    values: dict[str, str] = {}
    others: list[str] = []
    left = deque(words)
    while left:
        word = left.popleft()
        if word == "--":
            break
        if word == "-" or not word.startswith("-"):
            others.append(word)
            if until_operand:
                break
            continue
        is_long = word.startswith("--")
        name, equals, attached = word.partition("=") if is_long else (word[:2], word[2:], word[2:])
        if name not in known:
            raise ConfigurationError("option_unknown", option=name, command=command)
        option = known[name]
        if option.takes is Takes.NOTHING:
            if equals and is_long:
                raise ConfigurationError("option_without_value", option=name, value=attached)
            if equals:
                left.appendleft(f"-{attached}")
            values[option.name] = ""
        elif equals:
            values[option.name] = attached
        elif left:
            values[option.name] = left.popleft()
        else:
            raise ConfigurationError("option_incomplete", option=name)
    return values, [*others, *left]
