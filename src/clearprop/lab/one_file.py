"""The lab as one HTML file that opens from disk without a network: page, runtime, engine and data.

It is read in this order, so that a person has something to read at once: the page itself, a
recording of its first step with explanations, and behind them what is heavy, the runtime. All of it
is gzip in base64; https://pyodide.org is what runs Python there.
"""

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearprop.base import messages
from clearprop.lab.lab_opening import Opening
from clearprop.lab.page_parts import PAGE, WORKER, in_one, script
from clearprop.lab.recording import recordings
from clearprop.lab.runtime import DIGESTS, NUMPY, VERSION

_PACKAGE = Path(__file__).parent.parent
# Beside Python, what the engine reads: tables of sentences, lessons, and the digits.
_SUFFIXES = (".py", ".toml", ".npz")
# What no page can do: other commands, machine code, the report.
_LEFT_OUT = (
    "__main__.py",
    "bench",
    "cli",
    "compiled/source",
    "estimators",
    "lab/page",
    "lab/serving.py",
    "pytest_plugin.py",
    "runs",
    "teaching/reports",
    "testing.py",
)
# Pyodide wants to be told of packages in a file; this has the only one there is.
_LOCK = {
    "info": {
        "abi_version": "2024_0",
        "arch": "wasm32",
        "platform": "emscripten_3_1_58",
        "python": "3.12.7",
        "version": VERSION,
    },
    "packages": {
        "numpy": {
            "depends": [],
            "file_name": NUMPY,
            "imports": ["numpy"],
            "install_dir": "site",
            "name": "numpy",
            "package_type": "package",
            "sha256": DIGESTS[NUMPY],
            "unvendored_tests": True,
            "version": "2.0.2",
        }
    },
}
_NOTICE = f"""<!--
The lab of clearprop (MIT), with Pyodide {VERSION} (MPL-2.0, https://github.com/pyodide/pyodide),
CPython 3.12 (PSF-2.0) and NumPy 2.0.2 (BSD-3-Clause) as their projects publish them.
-->"""
_WORDS = ("starting", "live", "no_webassembly", "failed", "fault", "checking", "stopped")


def one_file(opening: Opening, runtime: Mapping[str, bytes], language: str) -> str:
    """The whole file. `runtime` has the files of `DIGESTS`; `language` is the page's at first.

    Raises what the opening is refused with.
    """
    worker = (PAGE / WORKER).read_text(encoding="utf-8")
    told = {
        "opening": json.dumps(opening.to_json()),
        "recordings": recordings(opening),
        "words": {
            one: {name: messages.text(one, f"one_file.{name}") for name in _WORDS}
            for one in messages.LANGUAGES
        },
        "worker": worker,
        "language": language,
    }
    files = {
        **runtime,
        "pyodide-lock.json": _json(_LOCK),
        "clearprop.zip": _archive(),
    }
    head = script("text/plain", _packed(_json(told)), id="recorded")
    payload = "\n".join(
        script("text/plain", _packed(content), **{"data-file": name})
        for name, content in files.items()
    )
    return in_one(PAGE, language=language, head=f"{_NOTICE}\n{head}", payload=payload)


def _archive() -> bytes:
    """The engine as a zip file, with the same bytes whenever it is made."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(_PACKAGE.rglob("*")):
            name = path.relative_to(_PACKAGE).as_posix()
            left_out = any(name == one or name.startswith(f"{one}/") for one in _LEFT_OUT)
            if path.suffix in _SUFFIXES and path.is_file() and not left_out:
                entry = zipfile.ZipInfo(f"{_PACKAGE.name}/{name}")
                archive.writestr(entry, path.read_bytes())
    return content.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")
