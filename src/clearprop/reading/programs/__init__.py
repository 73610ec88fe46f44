"""A training written out as one readable program that needs NumPy alone.

    text = write_program(Recipe(network, params, x, target, optimizer=Adam(0.01)))
    save_program("train.py", Recipe(network))

Forward pass, backward pass, loss and update stand in it line by line, each with its equation, and
its losses and parameters are those of `clearprop.training`.
"""

import io
from pathlib import Path

import numpy as np

from clearprop.base.errors import ConfigurationError, FileError
from clearprop.base.messages import LANGUAGES
from clearprop.base.writing import write_whole
from clearprop.reading.programs.composing import Composed, compose
from clearprop.reading.programs.recipe import Recipe
from clearprop.reading.programs.samples import CsvFile

__all__ = ["CsvFile", "Recipe", "save_program", "write_program"]


def write_program(recipe: Recipe, *, language: str = "en", name: str = "train.py") -> str:
    """The text of the program; `name` is what its file will be called.

    Raises ConfigurationError where there are more numbers than a text should hold (`save_program`
    puts those into a file beside), and for a network without parameters; ContractError for a
    layer, loss, optimizer or schedule that is not of the catalogue; and what a training raises for
    samples and settings that do not go together.
    """
    return compose(recipe, _known(language), name).text


def save_program(path: str | Path, recipe: Recipe, *, language: str = "en") -> tuple[Path, ...]:
    """Write the program to a file, and beside it, where there are more than a thousand of them,
    its numbers as `.npz`; returns the paths that were written.

    A file that is there already is left as it is: somebody may have worked on it. Raises FileError
    for it and where the path cannot be written, and what `write_program` does.
    """
    path = Path(path)
    if path.is_dir():
        raise FileError("path_is_folder", path=path)
    return save_composed(path, compose(recipe, _known(language), path.name, beside(path).name))


def beside(path: Path) -> Path:
    """The file of a program's numbers."""
    return path.with_name(f"{path.name.removesuffix('.py')}.npz")


def save_composed(path: Path, made: Composed) -> tuple[Path, ...]:
    """Write a program that is composed, as `save_program` does."""
    files = {path: made.text.encode()}
    if made.arrays:
        stored = io.BytesIO()
        np.savez(stored, allow_pickle=False, **made.arrays)
        # The numbers first: a program without them is of no use.
        files = {beside(path): stored.getvalue(), **files}
    for file, content in files.items():
        if file.is_file() and not _is_the_same(file, content):
            raise FileError("program_exists", path=file)
    for file, content in files.items():
        write_whole(file, content)
    return tuple(reversed(files))


def _is_the_same(file: Path, content: bytes) -> bool:
    try:
        return file.read_bytes() == content
    except OSError:
        return False


def _known(language: str) -> str:
    if language not in LANGUAGES:
        raise ConfigurationError("language_unknown", name=language, known=", ".join(LANGUAGES))
    return language
