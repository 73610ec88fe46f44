"""The folder of a run: what its files are called, and how it is opened again.

model.safetensors   the model of the best epoch, as the estimator's `save` writes it
history.csv         one row an epoch
config.toml         every setting
report.html         what came of it, in words and pictures
checkpoints/        whole states of the training, the newest and the one before; of L-BFGS what it
                    was answered (`evaluation_log`)
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from clearprop.base.dependencies import require
from clearprop.base.errors import FileError
from clearprop.runs.run_history import RunHistory, read_history
from clearprop.runs.run_settings import RunSettings, read_settings

MODEL = "model.safetensors"
HISTORY = "history.csv"
SETTINGS = "config.toml"
REPORT = "report.html"
CHECKPOINTS = "checkpoints"
ANSWERS = "answers.log"


class Run(NamedTuple):
    """A run that has ended: what it was told, the model (a NetworkRegressor or NetworkClassifier),
    and its epochs."""

    settings: RunSettings
    model: Any
    history: RunHistory
    folder: Path


def is_run(folder: Path) -> bool:
    """Whether the folder is one of a run, ended or not."""
    return (folder / SETTINGS).is_file()


def require_run(folder: Path) -> None:
    """Refuse a folder that is none, or none of a run. Raises FileError."""
    if not folder.exists():
        raise FileError("folder_missing", path=folder)
    if not folder.is_dir():
        raise FileError("path_not_folder", path=folder)
    if not is_run(folder):
        raise FileError("run_missing", path=folder)


def require_free(folder: Path) -> None:
    """Refuse a folder that a run is in already, and one that cannot be written: it is made after
    the first epoch, which may be long. Raises FileError."""
    if folder.exists() and not folder.is_dir():
        raise FileError("path_not_folder", path=folder)
    if is_run(folder):
        raise FileError("run_there", path=folder)
    require_writable(folder)


def require_writable(folder: Path) -> None:
    """Refuse a folder that nothing can be made in, or that cannot be made. Raises FileError."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise FileError("path_not_folder", path=there)
    try:
        # Tried, because what the permissions say is not all: a disk can be read only or full.
        with TemporaryDirectory(prefix=".clearprop-", dir=there):
            pass
    except OSError as problem:
        raise FileError("folder_read_only", path=there, problem=problem.strerror) from problem


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, where there is none. Raises FileError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise FileError("file_unwritable", path=folder, problem=problem.strerror) from problem


def open_run(folder: str | Path) -> Run:
    """The run in a folder.

    Raises FileError for a folder that holds none, or one that has not ended; NewerFileError for one
    of a newer version; DamagedFileError for files that were altered.
    """
    folder = Path(folder)
    require_run(folder)
    settings = read_settings(folder / SETTINGS)
    model = model_class(settings.task).load(model_path(folder))
    return Run(settings, model, read_history(folder / HISTORY), folder)


def model_path(path: Path) -> Path:
    """The file of a model: `path` itself, or the one in the folder of a run.

    Raises FileError for a folder that holds none, NewerFileError for one of a newer version.
    """
    if not path.is_dir():
        return path
    require_run(path)
    read_settings(path / SETTINGS)
    if not (path / MODEL).is_file():
        raise FileError("run_unfinished", path=path)
    return path / MODEL


def model_class(task: str) -> Any:
    """The estimator of a task. Raises MissingDependencyError."""
    require("sklearn")
    from clearprop.estimators import NetworkClassifier, NetworkRegressor

    return NetworkRegressor if task == "regression" else NetworkClassifier
