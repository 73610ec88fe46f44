"""`clearprop exercise`: a worksheet with its form and key, or one for every student of a roster."""

import sys
from dataclasses import dataclass
from pathlib import Path

from clearprop.base import messages
from clearprop.cli.status import DONE
from clearprop.teaching.exercises.students import KEY_FOLDER, Student, read_roster
from clearprop.teaching.reports.class_handouts import handouts, write_handouts


@dataclass(frozen=True)
class Order:
    """What is ordered; without a roster it is one sheet for anybody."""

    topic: str
    level: int
    seed: int
    roster: Path | None
    language: str


def write_exercise(order: Order, folder: Path) -> int:
    """Write all files of the order into `folder`; returns the exit status.

    Raises FileError for a roster that cannot be read, and for a folder with other files of the
    same names; ConfigurationError for a topic, level or seed that cannot be.
    """
    if order.roster is None:
        students: tuple[Student, ...] = (Student(order.language),)
    else:
        students = read_roster(order.roster, order.language)
    files: dict[str, bytes] = {}
    for _, own in handouts(order.topic, order.level, order.seed, students):
        files |= own
    write_handouts(files, folder)
    key = "written_class" if order.roster else "written"
    told = messages.text(
        order.language,
        f"cli.exercise.{key}",
        count=len(students),
        folder=folder,
        keys=folder / KEY_FOLDER,
    )
    sys.stdout.write(f"{told}\n")
    return DONE
