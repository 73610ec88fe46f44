"""Pyodide, which runs Python in a page: fetched once from its own place, kept in the user's cache.

Every file is checked against the SHA-256 that stands here, wherever it comes from. NumPy's is that
of Pyodide's own pyodide-lock.json, which lists packages alone; those of the runtime itself were
taken from the release that Pyodide publishes on npm.

https://pyodide.org/en/0.27.7/usage/downloading-and-deploying.html
"""

import hashlib
import http.client
from collections.abc import Callable
from pathlib import Path

from clearprop.base.errors import DamagedFileError, FileError
from clearprop.base.opening import read_or_refused
from clearprop.base.writing import write_whole
from clearprop.compiled.kernel_cache import cache_folder

VERSION = "0.27.7"
SOURCE = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
NUMPY = "numpy-2.0.2-cp312-cp312-pyodide_2024_0_wasm32.whl"
DIGESTS = {
    "pyodide.js": "b4cb23a53aba19c221659b9fb40a2f18281d685691dc06647fb0afd0681baf98",
    "pyodide.asm.js": "6b4c90de5b7172873f04f21884d0e9d2274e305fe32116558fe3e4fbe3618d51",
    "pyodide.asm.wasm": "a50dd1843f805a0b7c45b61037ee0d7b26dfe85efe0e18ef95a34ad24e401f5f",
    "python_stdlib.zip": "16611534726e5d8ac2bd8f926410b2dcb8d6f49aa24913463533b457a2115c16",
    NUMPY: "ebb61241d962b98b21597d7ce43b67668a6d5bab3acec4fbe958657320d7cd08",
}
# What has to come, as people say it.
MEGABYTES = 17
_SECONDS = 60


def runtime_from(folder: Path) -> dict[str, bytes]:
    """The runtime's files out of a folder of the user's.

    Raises FileError where one is missing or cannot be read, DamagedFileError where one is not that
    of this version.
    """
    found = {}
    for name in DIGESTS:
        path = folder / name
        if not path.exists():
            raise FileError("runtime_incomplete", path=folder, name=name, version=VERSION)
        with read_or_refused(path):
            found[name] = path.read_bytes()
        if not _is_whole(name, found[name]):
            raise DamagedFileError("runtime_altered", path=path, version=VERSION)
    return found


def fetched_runtime(announce: Callable[[], None], source: str = SOURCE) -> dict[str, bytes]:
    """The runtime's files out of the user's cache; what is not there, or not whole, is fetched from
    `source`, after a call of `announce`.

    Raises FileError where it cannot be fetched, DamagedFileError where something else came, which
    is not kept.
    """
    folder = cache_folder() / f"pyodide-{VERSION}"
    found = {name: content for name in DIGESTS if (content := _kept(folder, name)) is not None}
    if len(found) < len(DIGESTS):
        announce()
    for name in DIGESTS.keys() - found.keys():
        found[name] = _fetched(source, name)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise FileError("file_unwritable", path=folder, problem=problem.strerror) from problem
        write_whole(folder / name, found[name])
    return found


def _kept(folder: Path, name: str) -> bytes | None:
    try:
        content = (folder / name).read_bytes()
    except OSError:
        return None
    return content if _is_whole(name, content) else None


def _fetched(source: str, name: str) -> bytes:
    from urllib.request import urlopen

    try:
        with urlopen(source + name, timeout=_SECONDS) as answer:
            content: bytes = answer.read()
    # Also what urllib says of a host that is not there, and of an answer that is none.
    except (OSError, http.client.HTTPException) as problem:
        raise FileError(
            "runtime_unreachable", name=name, source=source, problem=problem, version=VERSION
        ) from problem
    if not _is_whole(name, content):
        raise DamagedFileError("runtime_wrong", name=name, source=source, version=VERSION)
    return content


def _is_whole(name: str, content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == DIGESTS[name]
