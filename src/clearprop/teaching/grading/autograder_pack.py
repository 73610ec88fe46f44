"""What a teacher uploads to Gradescope for an exercise: a zip file with the keys, with clearprop
itself, and with the two scripts that Gradescope runs; see `gradescope` for what they start.

setup.sh          once, when the image is built: a Python that is new enough, and NumPy
run_autograder    for every submission
key/              the keys
clearprop/        this package, so that marks are those of the version that made the sheets
"""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import clearprop
from clearprop.base.errors import ConfigurationError, FileError
from clearprop.teaching.exercises.students import KEY_FOLDER

# By this a pack of ours is known, which may be replaced by another.
_OURS = b"clearprop exercise"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)

SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image.
set -e
source="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

find_python() {
    for one in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$one" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
        then
            echo "$one"
            return
        fi
    done
    return 1
}

if ! python="$(find_python)"; then
    apt-get update
    for version in 3.13 3.12 3.11; do
        if apt-get install -y "python$version" "python$version-venv"; then break; fi
    done
    python="$(find_python)"
fi
"$python" -m venv "$source/venv"
"$source/venv/bin/pip" install "numpy>=2.0"
# What students hand in runs as another user, who must not see the answers.
chmod -R go= "$source/key"
"""

RUN = """\
#!/usr/bin/env bash
# Gradescope runs this for every submission.
base="$(cd "$(dirname "${{BASH_SOURCE[0]}}")" && pwd)"
cd "$base"
export PYTHONPATH="$base/source"
exec "$base/source/venv/bin/python" -P -m clearprop.teaching.grading.gradescope "$base" {language}
"""


def autograder_pack(files: Mapping[str, bytes], language: str) -> bytes:
    """The zip file for a class's handouts; the same handouts give the same bytes.

    files     by their places in the folder, of which the keys are taken
    language  of what is said where no sheet says in which
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.comment = _OURS
        for name, content, mode in _contents(files, language):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100000 | mode) << 16
            pack.writestr(entry, content)
    return stream.getvalue()


def require_pack_path(path: Path, made: Path) -> None:
    """Refuse what is no place for a pack: another extension, a folder, somebody else's file. The
    folder `made` will be there by the time.

    Raises ConfigurationError or FileError.
    """
    if path.suffix.lower() != ".zip":
        raise ConfigurationError("gradescope_extension", path=path)
    if path.is_dir():
        raise FileError("path_is_folder", path=path)
    if not path.parent.is_dir() and path.parent.resolve() != made.resolve():
        raise FileError("path_missing", path=path.parent)
    if path.exists() and not _is_ours(path):
        raise FileError("exercise_file_differs", path=path)


def _is_ours(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as pack:
            return pack.comment == _OURS
    except (OSError, zipfile.BadZipFile):
        return False


def _contents(files: Mapping[str, bytes], language: str) -> Iterator[tuple[str, bytes, int]]:
    yield "setup.sh", SETUP.encode(), 0o755
    yield "run_autograder", RUN.format(language=language).encode(), 0o755
    for place, content in sorted(files.items()):
        if place.startswith(f"{KEY_FOLDER}/") and place.endswith(".json"):
            yield place, content, 0o600
    package = Path(clearprop.__file__).parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"clearprop/{path.relative_to(package).as_posix()}", path.read_bytes(), 0o644
