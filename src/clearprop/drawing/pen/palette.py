"""The colours, by what they mean, each with a light and a dark value.

Their hues are those of Okabe and Ito, which people with any common colour blindness tell apart.
They are darkened (on light paper) or lightened (on dark) until their contrast with the paper is at
least 4.5 : 1, WCAG's bound for text, and differ in lightness where that would bring two of them
together again. A test computes both.

Source: Okabe and Ito, "Color universal design", 2008.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

Role: TypeAlias = Literal[
    "ink",
    "muted",
    "paper",
    "grid",
    "forward",
    "backward",
    "accent",
    "series1",
    "series2",
    "series3",
    "series4",
    "series5",
    "series6",
    "positive1",
    "positive2",
    "positive3",
    "positive4",
    "positive5",
    "negative1",
    "negative2",
    "negative3",
    "negative4",
    "negative5",
]


class Colour(NamedTuple):
    """One role's colour on light and on dark paper."""

    light: str
    dark: str


# ink, muted     text, and text of less weight; also lines
# paper, grid    what lies behind; lines that only help the eye (no text in `grid`)
# forward        values of the forward pass
# backward       ∂C/∂z and every other derivative of the cost
# accent         the one thing to look at
# series1 to 6   curves
# positive1 to 5, negative1 to 5
#                the size of a signed number, faint to strong; 5 also for lines and text. Green and
#                purple, because blue and orange already tell forward from backward
COLOURS: Mapping[Role, Colour] = MappingProxyType(
    {
        "ink": Colour("#1b1f24", "#eceff2"),
        "muted": Colour("#5a626b", "#a9b1ba"),
        "paper": Colour("#ffffff", "#14171b"),
        "grid": Colour("#d5d9de", "#3b424a"),
        "forward": Colour("#0068a3", "#63bdf0"),
        "backward": Colour("#b54800", "#ff9a57"),
        "accent": Colour("#00755a", "#3ecfa3"),
        "series1": Colour("#0068a3", "#63bdf0"),
        "series2": Colour("#b54800", "#ff9a57"),
        "series3": Colour("#0b8258", "#45e3a2"),
        "series4": Colour("#7a2e66", "#f0cbe2"),
        "series5": Colour("#4f3d06", "#ffdc2a"),
        "series6": Colour("#101214", "#7a8d97"),
        "positive1": Colour("#cdeadf", "#1d3f36"),
        "positive2": Colour("#96d5bf", "#226751"),
        "positive3": Colour("#4fb597", "#279374"),
        "positive4": Colour("#148a6b", "#35c297"),
        "positive5": Colour("#005843", "#84f5cf"),
        "negative1": Colour("#efd3ea", "#43234a"),
        "negative2": Colour("#dba6d2", "#703a78"),
        "negative3": Colour("#bf73b4", "#a053a6"),
        "negative4": Colour("#9c3f92", "#cf7dd0"),
        "negative5": Colour("#6c0f64", "#ffb8fb"),
    }
)

# Faint to strong, for the cells of a strip.
POSITIVE: tuple[Role, ...] = ("positive1", "positive2", "positive3", "positive4", "positive5")
NEGATIVE: tuple[Role, ...] = ("negative1", "negative2", "negative3", "negative4", "negative5")

SERIES: tuple[Role, ...] = ("series1", "series2", "series3", "series4", "series5", "series6")


def css(selector: str = ":root") -> str:
    """The style that defines every colour as a custom property, `--cp-ink` and so on.

    Dark values hold on a screen whose reader prefers dark; print is always light.
    """
    light = "".join(f"--cp-{role}:{colour.light};" for role, colour in COLOURS.items())
    dark = "".join(f"--cp-{role}:{colour.dark};" for role, colour in COLOURS.items())
    return (
        f"{selector}{{{light}}}\n"
        f"@media screen and (prefers-color-scheme: dark){{{selector}{{{dark}}}}}"
    )
