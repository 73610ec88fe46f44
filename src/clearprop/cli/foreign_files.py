"""Other programs' files: read into a saved network by their endings, and written from one."""

from pathlib import Path
from typing import Any

from clearprop.base.errors import ConfigurationError, FileError, ForeignFileError
from clearprop.cli.saved_networks import load_with
from clearprop.cli.table_samples import Notice
from clearprop.engine.network import Network
from clearprop.formats.network_contents import SavedNetwork

COMES_IN = (".onnx", ".safetensors", ".pt", ".pth")
PICKLES = (".pkl", ".pickle", ".joblib")


def read_foreign(path: Path, told: str | None) -> SavedNetwork:
    """The network in another program's file; `told` says which it is, as it is spelled
    (`784-128-relu-10`) or as a saved network's file, where arrays alone stand in it.

    Raises FileError for a file of another kind, ConfigurationError for a network that is told where
    the file says it itself, and what the format's reader raises.
    """
    ending = path.suffix.lower()
    if ending in PICKLES:
        raise ForeignFileError("import_pickle", path=path)
    if ending not in COMES_IN:
        raise FileError("import_kind", path=path, known=", ".join(COMES_IN))
    if ending == ".onnx":
        from clearprop.formats import from_onnx

        if told is not None:
            raise ConfigurationError("import_network_told", path=path)
        return from_onnx(path)
    from clearprop.formats import from_safetensors, from_state_dict_file

    network = None if told is None else network_told(told)
    if ending == ".safetensors":
        return from_safetensors(path, network=network)
    return from_state_dict_file(path, network=network)


def table_in(path: Path) -> Any:
    """The estimator in the ONNX model of a table; None for every other file."""
    if path.suffix.lower() != ".onnx":
        return None
    from clearprop.base.dependencies import require
    from clearprop.formats.onnx_graph import read_onnx
    from clearprop.formats.onnx_table_reading import holds_table

    if not holds_table(read_onnx(path)):
        return None
    require("sklearn")
    from clearprop.estimators import from_onnx

    return from_onnx(path)


def network_told(text: str) -> Network:
    """A network as it is spelled, or that of a file."""
    if text.endswith(".safetensors"):
        return load_with(Path(text), None).network
    from clearprop.reading.programs.architecture import network_of

    return network_of(text)


def exported(
    saved: SavedNetwork,
    path: Path,
    to: str,
    *,
    opset: int | None,
) -> tuple[bytes, tuple[Notice, ...]]:
    """What stands in the file of another format, and what a person should know of it.

    Raises what the format's writer raises.
    """
    form = table_form_in(saved, path)
    settings: dict[str, Any] = {} if opset is None else {"opset": opset}
    given = (saved.network, saved.params)
    state = saved.state or None
    if to == "onnx" and form is not None:
        from clearprop.formats.onnx_tables import table_to_onnx

        return table_to_onnx(form, **settings).SerializeToString(), ()
    if to == "onnx":
        from clearprop.formats import to_onnx
        from clearprop.formats.onnx_writing import side_inputs_of

        shape = None if saved.x is None else saved.x.shape[1:]
        known = side_inputs_of(saved.network)
        model = to_onnx(
            *given,
            state=state,
            loss=saved.loss,
            classes=saved.classes,
            input_shape=shape,
            side_inputs={name: array for name, array in saved.side_inputs.items() if name in known},
            **settings,
        )
        left_out = (name for name in saved.side_inputs if name not in known)
        return model.SerializeToString(), tuple(
            Notice("cli.notice.side_input_left_out", {"name": name}) for name in left_out
        )
    from clearprop.formats import to_safetensors, to_state_dict_file

    write = to_safetensors if to == "safetensors" else to_state_dict_file
    notices: tuple[Notice, ...] = ()
    if form is not None:
        notices = (Notice("cli.notice.first_network", {"count": len(form.params)}),)
    return write(*given, state=state), notices


def table_form_in(saved: SavedNetwork, path: Path) -> Any:
    """The whole model of a table, where the file holds one."""
    if "table_model" not in saved.notes:
        return None
    from clearprop.base.dependencies import require

    require("sklearn")
    from clearprop.estimators.table_export import holds_model, model_in, table_form_of

    return table_form_of(model_in(path, saved)) if holds_model(saved) else None
