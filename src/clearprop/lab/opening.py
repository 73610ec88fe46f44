"""What a lab opens with, as the files that it was given: a lesson, a saved network, a table.

It is the same for a session that is served and for one within a page, where it travels as JSON.
"""

import base64
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from clearprop.lab.lab_recipe import Problem, problem_of
from clearprop.lab.lesson_files import FILE, Lesson, lesson_bytes, own_lesson_bytes, read_lesson
from clearprop.lab.lesson_marks import require_sound
from clearprop.lab.opened_network import problem_of_file
from clearprop.lab.pasted_code import Guest, sandboxed
from clearprop.lab.session import Session


class OpenedFile(NamedTuple):
    """A file by its name, without the folder, and what is in it."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Opening:
    """What is there at the start; at most one of them is given, and none is the first preset.

    recipe   as in a link; None is the first preset
    lesson   a lesson's file, under the lesson's name
    network  a saved network
    """

    recipe: Mapping[str, Any] | None = None
    lesson: OpenedFile | None = None
    network: OpenedFile | None = None

    def session(self, language: str = "en", guest: Guest = sandboxed) -> Session:
        """A new session, in which `guest` runs pasted code.

        Raises what a recipe, a lesson and a file are refused with.
        """
        if self.lesson is not None:
            return Session(lesson=lesson_of(self.lesson), language=language, guest=guest)
        return Session(problem=self._problem(), language=language, guest=guest)

    def _problem(self) -> Problem:
        if self.network is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / self.network.name
                path.write_bytes(self.network.content)
                return problem_of_file(path)
        return problem_of(self.recipe or {})

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "recipe": None if self.recipe is None else dict(self.recipe),
            "lesson": _told(self.lesson),
            "network": _told(self.network),
        }


def opening_from(told: Mapping[str, Any]) -> Opening:
    """The opening that `to_json` has told."""
    return Opening(told["recipe"], _file_from(told["lesson"]), _file_from(told["network"]))


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


def _told(file: OpenedFile | None) -> list[str] | None:
    return None if file is None else [file.name, base64.b64encode(file.content).decode("ascii")]


def _file_from(told: list[str] | None) -> OpenedFile | None:
    return None if told is None else OpenedFile(told[0], base64.b64decode(told[1]))
