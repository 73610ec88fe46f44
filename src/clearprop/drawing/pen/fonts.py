"""A font with Traditional Chinese glyphs for matplotlib, which has none of its own.

What is looked for: the systems' own families by name among those that matplotlib knows, then files
of those families in the usual folders, which matplotlib may not have seen. A font counts only if
the glyphs are really in it.
"""

import os
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from clearprop.base.dependencies import require

# In the order in which they are preferred; the first four are families for Traditional Chinese,
# the others hold its glyphs beside those of other regions.
FAMILIES = (
    "PingFang TC",
    "Microsoft JhengHei",
    "Noto Sans CJK TC",
    "Noto Sans TC",
    "Source Han Sans TC",
    "Heiti TC",
    "PingFang HK",
    "Noto Sans CJK HK",
    "Noto Sans CJK JP",
    "WenQuanYi Zen Hei",
    "Arial Unicode MS",
)

FILE_PATTERNS = (
    "PingFang*",
    "msjh*",
    "NotoSansCJK*",
    "NotoSansTC*",
    "NotoSansHK*",
    "SourceHanSans*",
    "STHeiti*",
    "wqy-zenhei*",
    "Arial Unicode*",
)

# Characters of our own labels, some of them written in Traditional Chinese only.
SAMPLE = "層輸權重圖線數學習傳遞誤差點"


def require_matplotlib() -> None:
    """Raises MissingDependencyError unless matplotlib can be imported."""
    require("matplotlib")


@cache
def traditional_chinese_font() -> str | None:
    """The name of a family that matplotlib can draw Traditional Chinese with, or None.

    It is looked for once in a run. Raises MissingDependencyError.
    """
    require_matplotlib()
    from matplotlib.font_manager import fontManager

    return find_font(fontManager, font_folders())


def drawable_language(language: str) -> str:
    """The language that matplotlib's labels can be in: English where Chinese has no font.

    Where the answer differs from `language`, tell the reader with the sentence
    `drawing.font_missing`. Raises MissingDependencyError.
    """
    if language != "en" and traditional_chinese_font() is None:
        return "en"
    return language


def find_font(manager: Any, folders: Iterable[Path]) -> str | None:
    """The first family of FAMILIES that the font manager knows, or comes to know, with glyphs.

    Files found in `folders` are added to the manager.
    """
    found = _known_family(manager)
    if found is not None:
        return found
    for path in _font_files(folders):
        try:
            manager.addfont(str(path))
        except (OSError, RuntimeError):  # what FreeType says of a file that it cannot read
            continue
    return _known_family(manager)


def font_folders() -> Sequence[Path]:
    """Where the systems keep their fonts: the user's own folders first."""
    home = Path.home()
    windows = Path(os.environ.get("WINDIR", "C:/Windows"))
    local = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    return (
        home / "Library" / "Fonts",
        home / ".local" / "share" / "fonts",
        home / ".fonts",
        local / "Microsoft" / "Windows" / "Fonts",
        Path("/Library/Fonts"),
        Path("/System/Library/Fonts"),
        # Where macOS puts PingFang; its other assets are too many to walk through.
        *Path("/System/Library/AssetsV2").glob("com_apple_MobileAsset_Font*"),
        windows / "Fonts",
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
    )


def _known_family(manager: Any) -> str | None:
    for family in FAMILIES:
        for entry in manager.ttflist:
            if entry.name == family and _has_glyphs(entry.fname, getattr(entry, "index", 0)):
                return family
    return None


def _has_glyphs(path: str, face_index: int) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        # A .ttc file holds several faces, each with a character map of its own.
        glyphs = FT2Font(path, face_index=face_index).get_charmap()
    except (OSError, RuntimeError):  # uninstalled since matplotlib wrote its list, or damaged
        return False
    return all(ord(character) in glyphs for character in SAMPLE)


def _font_files(folders: Iterable[Path]) -> list[Path]:
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in (".ttf", ".ttc", ".otf", ".otc")
        and any(fnmatch(path.name, pattern) for pattern in FILE_PATTERNS)
    ]
