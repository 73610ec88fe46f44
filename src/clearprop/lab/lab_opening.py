"""What a lab opens with, as it was given: a lesson, a saved network or a table, a network's layers.

It is the same for a session that is served and for one within a page, where it travels as JSON.
"""

import base64
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from clearprop.base.errors import ClearpropError, ConfigurationError
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import Network
from clearprop.lab.lab_recipe import Problem, problem_of
from clearprop.lab.lesson_files import FILE, Lesson, lesson_bytes, own_lesson_bytes, read_lesson
from clearprop.lab.lesson_marks import require_sound
from clearprop.lab.opened_files import blocks_of, problem_of_csv, problem_of_file
from clearprop.lab.own_table import OwnTable
from clearprop.lab.pasted_code import Guest, sandboxed
from clearprop.lab.session import Session
from clearprop.reading.programs.architecture import network_of

TABLE = ".csv"


class OpenedFile(NamedTuple):
    """A file by its name, without the folder, and what is in it."""

    name: str
    content: bytes


class _Opened(NamedTuple):
    problem: Problem
    table: OwnTable | None


@dataclass(frozen=True)
class Opening:
    """What is there at the start; without anything it is the first preset.

    lesson  a lesson's file, under the lesson's name; it says all of it
    file    a saved network, or a table
    layers  the layers of a network as a recipe has them, for a table or the first preset
    """

    lesson: OpenedFile | None = None
    file: OpenedFile | None = None
    layers: tuple[Mapping[str, Any], ...] | None = None

    def session(self, language: str = "en", guest: Guest = sandboxed) -> Session:
        """A new session, in which `guest` runs pasted code.

        Raises what a lesson, a file and a recipe are refused with.
        """
        if self.lesson is not None:
            return Session(lesson=lesson_of(self.lesson), language=language, guest=guest)
        problem, table = self._opened
        # Measurements can be built for anew; ids cannot.
        measured = problem.data.x.dtype.kind == "f"
        own = problem.data if self.file is not None and measured else None
        return Session(problem=problem, own_data=own, table=table, language=language, guest=guest)

    @cached_property
    def _opened(self) -> _Opened:
        problem, table = self._read()
        if self.layers is None:
            return _Opened(problem, table)
        recipe = {**problem.recipe, "layers": [dict(one) for one in self.layers]}
        return _Opened(problem_of(recipe, problem.data), table)

    def _read(self) -> _Opened:
        if self.file is None:
            return _Opened(problem_of({}), None)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.file.name
            path.write_bytes(self.file.content)
            try:
                if path.suffix.lower() == TABLE:
                    return _Opened(*problem_of_csv(path))
                return _Opened(problem_of_file(path), None)
            except ClearpropError as problem:
                # The person knows the file by its name, and not where it was put to be read.
                if problem.values.get("path") != path:
                    raise
                named = {**problem.values, "path": self.file.name}
                raise type(problem)(problem.key, **named) from problem

    def require_fitting(self, spelled: str) -> None:
        """Refuse a network as people spell it whose ends are not the data's: `layers` alone would
        be fitted without a word. Raises ConfigurationError."""
        asked, needed = _ends(network_of(spelled)), _ends(self._opened.problem.network)
        if asked != needed:
            raise ConfigurationError(
                "lab_network_ends",
                text=spelled,
                inputs=asked[0],
                outputs=asked[1],
                needed_inputs=needed[0],
                needed_outputs=needed[1],
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "lesson": _told(self.lesson),
            "file": _told(self.file),
            "layers": self.layers and [dict(one) for one in self.layers],
        }


def opening_from(told: Mapping[str, Any]) -> Opening:
    """The opening that `to_json` has told."""
    layers = told.get("layers")
    return Opening(
        _file_from(told.get("lesson")),
        _file_from(told.get("file")),
        None if layers is None else tuple(layers),
    )


def lesson_of(file: OpenedFile) -> Lesson:
    """The lesson in a file. Raises what `read_lesson` raises."""
    return read_lesson(file.content, file.name, Path(file.name) / FILE)


def opened_lesson(given: str) -> OpenedFile:
    """One of our lessons by its name, or the one in a folder, tried as a whole.

    Raises UnknownNameError for a name that is neither, and what a lesson is refused with.
    """
    folder = Path(given)
    if folder.name == given and not folder.exists():
        return OpenedFile(given, own_lesson_bytes(given))
    file = OpenedFile(folder.resolve().name, lesson_bytes(folder))
    require_sound(read_lesson(file.content, file.name, folder / FILE), folder)
    return file


def layers_of(spelled: str) -> tuple[Mapping[str, Any], ...]:
    """The layers of a network as people spell it, `2-8-tanh-1`.

    Raises what `network_of` raises, and ConfigurationError for more than a row of layers.
    """
    network = network_of(spelled)
    found = blocks_of(network, (_ends(network)[0],))
    if found is None:
        raise ConfigurationError("lab_network_row", text=spelled)
    return tuple(found)


def _ends(network: Network) -> tuple[int, int]:
    """What its first Linear layer takes and its last one gives; zeros where it has none."""
    found = [node.layer for node in network.graph.nodes.values() if isinstance(node.layer, Linear)]
    return (found[0].inputs, found[-1].outputs) if found else (0, 0)


def _told(file: OpenedFile | None) -> list[str] | None:
    return None if file is None else [file.name, base64.b64encode(file.content).decode("ascii")]


def _file_from(told: list[str] | None) -> OpenedFile | None:
    return None if told is None else OpenedFile(told[0], base64.b64decode(told[1]))
