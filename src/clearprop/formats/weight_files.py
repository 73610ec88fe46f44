"""Files of arrays under PyTorch's names: `.safetensors`, which needs no torch, and `.pt`.

A `.pt` file is a pickle. It is read by `torch.load(weights_only=True)` alone, which makes tensors
and runs no code; whatever else stands in such a file is refused. Of `pickle` its error is caught.
"""

import io
import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearprop.base.arrays import Array
from clearprop.base.configuration import decode, encode
from clearprop.base.errors import (
    ContractError,
    DamagedFileError,
    ForeignFileError,
)
from clearprop.base.opening import CONTENTS_REFUSED, read_or_refused
from clearprop.engine.layers.layer import Tree
from clearprop.engine.network import Network
from clearprop.formats.network_contents import SavedNetwork
from clearprop.formats.network_file import FORMAT
from clearprop.formats.safetensors_layout import read_arrays, read_header, to_bytes
from clearprop.formats.torch_arrays import from_torch_arrays, to_torch_arrays
from clearprop.formats.torch_modules import from_torch
from clearprop.formats.torch_twin import pytorch
from clearprop.kinds.kind_tables import INITIALIZERS, LAYERS

# Where the layers stand in the metadata of a file of ours, which then says what its arrays are of.
ARCHITECTURE = "clearprop.architecture"
# How a zip file begins, in which torch keeps its pickle, and a pickle by itself.
PICKLES = (b"PK", b"\x80")
# What a checkpoint calls the state dict in it.
STATE_DICTS = ("state_dict", "model_state_dict", "model")


def to_safetensors(network: Network, params: Array, *, state: Tree | None = None) -> bytes:
    """A file of the network's arrays, as PyTorch names and lays them out.

    `safetensors.torch.load_file` reads it for `load_state_dict`. Raises what `to_torch_arrays`
    raises.
    """
    arrays = to_torch_arrays(network, params, state=state)
    metadata = {"format": "pt"}
    try:
        architecture = {"layer": encode(network.layer), "tied": dict(network.tied)}
        metadata[ARCHITECTURE] = json.dumps(architecture)
    except ContractError:
        pass  # settings that JSON has no form for: the arrays are still of use
    return to_bytes(arrays, metadata)


def to_state_dict_file(network: Network, params: Array, *, state: Tree | None = None) -> bytes:
    """A `.pt` file of the network's state dict. Raises what `to_torch_arrays` raises, and
    MissingDependencyError without PyTorch."""
    torch = pytorch()
    arrays = to_torch_arrays(network, params, state=state)
    stream = io.BytesIO()
    torch.save({name: torch.tensor(array) for name, array in arrays.items()}, stream)
    return stream.getvalue()


def from_safetensors(path: str | Path, *, network: Network | None = None) -> SavedNetwork:
    """The network whose arrays stand in a file under PyTorch's names; `network` says which it is,
    where the file does not.

    Raises FileError where it cannot be read, ForeignFileError without a network and for a file of a
    saved network, DamagedFileError for one that does not hold together, ShapeError for arrays of
    another network.
    """
    path = Path(path)
    with read_or_refused(path), path.open("rb") as stream:
        try:
            header = read_header(stream)
            arrays = read_arrays(stream, header)
        except DamagedFileError as problem:
            raise DamagedFileError("file_damaged", path=path, problem=problem) from problem
    if header.metadata.get("format") == FORMAT:
        raise ForeignFileError("weights_own", path=path)
    if network is None:
        network = _told_network(path, header.metadata)
    params, state = from_torch_arrays(network, arrays)
    return SavedNetwork(network=network, params=params, state=state)


def _told_network(path: Path, metadata: Mapping[str, str]) -> Network:
    if ARCHITECTURE not in metadata:
        raise ForeignFileError("weights_network", path=path)
    try:
        told = json.loads(metadata[ARCHITECTURE])
        return Network(decode(told["layer"], {**LAYERS, **INITIALIZERS}), told["tied"])
    except CONTENTS_REFUSED as problem:
        raise DamagedFileError("file_damaged", path=path, problem=problem) from problem


def from_state_dict_file(path: str | Path, *, network: Network | None = None) -> SavedNetwork:
    """The network whose state dict stands in a `.pt` file, or in a checkpoint as its `state_dict`.

    Raises FileError where it cannot be read, ForeignFileError without a network and for a file that
    holds anything but tensors, DamagedFileError for one that is truncated, ShapeError for arrays of
    another network, MissingDependencyError without PyTorch.
    """
    path = Path(path)
    torch = pytorch()
    with read_or_refused(path):
        data = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Nothing but tensors and plain values is made of it, whatever stands in it.
            found: Any = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as problem:  # torch raises of every kind for bytes that are no such file
        if isinstance(problem, pickle.UnpicklingError) and data.startswith(PICKLES):
            raise ForeignFileError("weights_pickled", path=path) from problem
        said = str(problem).strip().partition("\n")[0] or type(problem).__name__
        raise DamagedFileError("weights_damaged", path=path, problem=said) from problem
    for name in STATE_DICTS:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if network is None and isinstance(found, Mapping):
        raise ForeignFileError("weights_network", path=path)
    return from_torch(found, network=network)
