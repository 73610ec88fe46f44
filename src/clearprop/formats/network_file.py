"""A network saved to one `.safetensors` file, and loaded again.

The file holds named arrays. Its metadata says what made them:

    format        "clearprop-network"
    version       the version of this format, a whole number
    architecture  the layers and their settings as JSON, and which parameters are tied
    notes         whatever else the writer wanted kept, as JSON
    sha256        the checksum of the three above and of every array

The arrays are `params`, and `extra.NAME` for every array that the writer added (a sample of the
data, an optimizer's slots). Nothing in a file is ever executed or unpickled; a class of one's own
is handed to `load`, never imported by a name that stands in the file.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable, decode, encode
from clearprop.base.errors import (
    ConfigurationError,
    DamagedFileError,
    DtypeError,
    FileError,
    ForeignFileError,
    NewerFileError,
    UnknownNameError,
)
from clearprop.base.writing import write_whole
from clearprop.engine.network import Network
from clearprop.formats.safetensors_layout import read_arrays, read_header, storable, to_bytes
from clearprop.kinds.kind_tables import INITIALIZERS, LAYERS

FORMAT = "clearprop-network"
VERSION = 1
EXTRA = "extra."
# The format's name stands within this many bytes from the start.
HEAD = 1 << 20


@dataclass(frozen=True, eq=False)
class SavedNetwork:
    """What stands in a file: a network, its parameters, and what was kept beside them."""

    network: Network
    params: Array
    arrays: Mapping[str, Array] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


def save(
    path: str | Path,
    network: Network,
    params: Array,
    *,
    arrays: Mapping[str, Array] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Write a network and its parameters, with named `arrays` and JSON `notes` beside them.

    Written beside and renamed: an interruption leaves what stood there before. Raises FileError
    where the path cannot be written, ShapeError, DtypeError or ContractError for what cannot be
    saved.
    """
    network.named(params)  # refuses parameters that are not this network's
    if params.dtype.kind == "c":
        raise DtypeError("array_not_savable", name="params", dtype=params.dtype)
    everything = {"params": params} | {
        EXTRA + name: array for name, array in (arrays or {}).items()
    }
    stored = {name: storable(name, array) for name, array in everything.items()}
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "architecture": json.dumps({"layer": encode(network.layer), "tied": dict(network.tied)}),
        "notes": _notes_json(notes or {}),
    }
    metadata["sha256"] = _checksum(metadata, stored)
    write_whole(Path(path), to_bytes(stored, metadata))


def load(path: str | Path, *, classes: Iterable[type[Configurable]] = ()) -> SavedNetwork:
    """Read a file that `save` wrote; `classes` are those of one's own that stand in it, layers and
    initializers.

    Raises FileError where the file is missing or cannot be read, ForeignFileError for another
    program's file, DamagedFileError for one that is truncated or altered, NewerFileError for one
    of a newer version, UnknownNameError for a class that is not known.
    """
    path = Path(path)
    metadata, arrays = _read(path)
    if "params" not in arrays:
        raise ForeignFileError("file_foreign", path=path)
    version = metadata.get("version", "")
    if version.isdecimal() and int(version) > VERSION:
        raise NewerFileError("file_newer", path=path, version=version, known=VERSION)
    claimed = metadata.pop("sha256", "")
    if claimed != _checksum(metadata, arrays):
        raise DamagedFileError("file_altered", path=path)
    extra = {
        name.removeprefix(EXTRA): array for name, array in arrays.items() if name.startswith(EXTRA)
    }
    try:
        network = _network(metadata["architecture"], classes)
        network.named(arrays["params"])  # refuses parameters that are not this network's
        notes = json.loads(metadata["notes"])
        return SavedNetwork(network, params=arrays["params"], arrays=extra, notes=notes)
    except UnknownNameError:
        raise
    # The checksum is right, so somebody made it so. RecursionError: JSON that is nested too deeply.
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as problem:
        raise DamagedFileError("file_damaged", path=path, problem=problem) from problem


def _network(architecture: str, classes: Iterable[type[Configurable]]) -> Network:
    known: dict[str, type[Configurable]] = {**LAYERS, **INITIALIZERS}
    known |= {kind.type_name: kind for kind in classes}
    made_of = json.loads(architecture)
    return Network(decode(made_of["layer"], known), made_of["tied"])


def _read(path: Path) -> tuple[dict[str, str], dict[str, Array]]:
    try:
        with path.open("rb") as stream:
            return _parse(stream, path)
    except FileNotFoundError as problem:
        raise FileError("file_missing", path=path) from problem
    except IsADirectoryError as problem:
        raise FileError("path_is_folder", path=path) from problem
    except OSError as problem:
        reason = problem.strerror or problem
        raise FileError("file_unreadable", path=path, problem=reason) from problem


def _parse(stream: BinaryIO, path: Path) -> tuple[dict[str, str], dict[str, Array]]:
    try:
        header = read_header(stream)
        # Before the arrays: another program's file may be very large.
        if header.metadata.get("format") != FORMAT:
            raise ForeignFileError("file_foreign", path=path)
        return dict(header.metadata), read_arrays(stream, header)
    except DamagedFileError as problem:
        stream.seek(0)
        if FORMAT.encode() not in stream.read(HEAD):
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


def _notes_json(notes: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(notes), allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise ConfigurationError("notes_not_json", problem=problem) from problem
