"""What is not to be had where the session runs, and why: a sentence for each."""

import sys
from typing import Any

from clearprop.base import messages
from clearprop.base.dependencies import PACKAGES, is_installed

NEEDED = {"png": "matplotlib", "mathml": "latex2mathml"}


def missing_here(language: str) -> list[dict[str, Any]]:
    """The list `missing` of the message `welcome`."""
    # A browser's Python installs nothing.
    key = "in_browser" if sys.platform == "emscripten" else "not_installed"
    return [
        {
            "name": name,
            "sentence": messages.text(
                language,
                f"lab.session.missing.{key}",
                what=messages.text(language, f"lab.session.missing.{name}"),
                command=PACKAGES[package].command,
            ),
        }
        for name, package in NEEDED.items()
        if not is_installed(package)
    ]
