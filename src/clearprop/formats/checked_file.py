"""Named arrays and metadata in one `.safetensors` file with a checksum: what every file of ours is.

Beside what is kept, the metadata say

    format   what kind of file it is, as "clearprop-network"
    version  the version of this format, a whole number
    sha256   the checksum of everything else
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from clearprop.base.arrays import Array
from clearprop.base.errors import DamagedFileError, ForeignFileError, NewerFileError
from clearprop.base.opening import read_or_refused
from clearprop.base.writing import write_whole
from clearprop.formats.safetensors_layout import read_arrays, read_header, storable, to_bytes

# The format's name stands within this many bytes from the start.
HEAD = 1 << 20


def write_checked(
    path: Path, form: str, version: int, arrays: Mapping[str, Array], metadata: Mapping[str, str]
) -> None:
    """Write a file of the format `form`, whole. Raises FileError, and DtypeError for an array that
    cannot be kept."""
    stored = {name: storable(name, array) for name, array in arrays.items()}
    said = {"format": form, "version": str(version), **metadata}
    said["sha256"] = _checksum(said, stored)
    write_whole(path, to_bytes(stored, said))


def read_checked(
    path: Path, form: str, version: int, *, needed: str
) -> tuple[dict[str, str], dict[str, Array]]:
    """Metadata and arrays of a file of the format `form`; `version` is the newest that is known,
    `needed` an array that every such file has.

    Raises FileError where the file is missing or cannot be read, ForeignFileError for another
    program's file, DamagedFileError for one that is truncated or altered, NewerFileError for one
    of a newer version.
    """
    with read_or_refused(path), path.open("rb") as stream:
        metadata, arrays = _parse(stream, path, form)
    if needed not in arrays:
        raise ForeignFileError("file_foreign", path=path)
    came = metadata.get("version", "")
    if came.isdecimal() and int(came) > version:
        raise NewerFileError("file_newer", path=path, version=came, known=version)
    claimed = metadata.pop("sha256", "")
    if claimed != _checksum(metadata, arrays):
        raise DamagedFileError("file_altered", path=path)
    return metadata, arrays


def _parse(stream: BinaryIO, path: Path, form: str) -> tuple[dict[str, str], dict[str, Array]]:
    try:
        header = read_header(stream)
        # Before the arrays: another program's file may be very large.
        if header.metadata.get("format") != form:
            raise ForeignFileError("file_foreign", path=path)
        return dict(header.metadata), read_arrays(stream, header)
    except DamagedFileError as problem:
        stream.seek(0)
        if form.encode() not in stream.read(HEAD):
            raise ForeignFileError("file_foreign", path=path) from problem
        raise DamagedFileError("file_damaged", path=path, problem=problem) from problem


def _checksum(metadata: Mapping[str, str], arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256()
    for name in sorted(metadata):
        digest.update(json.dumps([name, metadata[name]]).encode())
    for name in sorted(arrays):
        array = storable(name, arrays[name])
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.reshape(-1).data)
    return digest.hexdigest()
