"""`clearprop exercise`: a worksheet with its form and key, or one for every student of a roster."""

import sys
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearprop.teaching.exercises.students import Student

TOPICS = (
    "neuron",
    "linear",
    "activation",
    "loss",
    "chain",
    "step",
    "softmax",
    "batch",
    "bug",
    "slip",
    "convolution",
    "time",
    "attention",
    "bug-convolution",
    "bug-time",
    "bug-attention",
)
LEVELS = ("1", "2", "3")


def run(given: Arguments) -> int:
    """Write all files of the order into the folder `--out`; returns the exit status.

    Raises FileError for a roster that cannot be read, and for a folder with other files of the
    same names; ConfigurationError for a topic, level, seed or number of sheets that cannot be.
    """
    folder = given.path("--out")
    pack = given.path("--gradescope")
    if folder is None:
        raise ConfigurationError("exercise_no_folder")
    topic = given.text_or("--topic", "chain")
    level = given.whole("--level", 1)
    seed = given.whole("--seed", 0, least=0)
    students = _students(given)
    language = given.language()

    from clearprop.base.writing import write_whole
    from clearprop.cli.terminal import bar
    from clearprop.teaching.exercises.students import KEY_FOLDER
    from clearprop.teaching.grading.autograder_pack import autograder_pack, require_pack_path
    from clearprop.teaching.reports.class_handouts import (
        ALL_KEYS,
        ALL_SHEETS,
        class_pages,
        handouts,
        write_handouts,
    )

    if pack is not None:
        require_pack_path(pack, folder)
    is_class = bool(students[0].folder)
    made = []
    with bar() as progress:
        task = progress.add_task(
            messages.text(language, "cli.exercise.making"), total=len(students)
        )
        for one in handouts(topic, level, seed, students):
            made.append(one)
            progress.advance(task)
    files = {place: content for one in made for place, content in one.files.items()}
    if is_class:
        files |= class_pages(made, language)
    write_handouts(files, folder)
    if pack is not None:
        write_whole(pack, autograder_pack(files, language))
    told = messages.text(
        language,
        f"cli.exercise.{'written_class' if is_class else 'written'}",
        count=len(students),
        folder=folder,
        keys=folder / KEY_FOLDER,
        all_sheets=folder / ALL_SHEETS,
        all_keys=folder / ALL_KEYS,
    )
    if pack is not None:
        told += "\n" + messages.text(language, "cli.exercise.pack", path=pack)
    sys.stdout.write(f"{told}\n")
    return DONE


def _students(given: Arguments) -> "Sequence[Student]":
    """Those of the roster, or so many for nobody in particular, or one for anybody."""
    roster, count, language = given.path("--students"), given.whole("--count", 0), given.language()

    from clearprop.teaching.exercises.students import Student, numbered_students, read_roster

    if roster is None:
        return numbered_students(count, language) if count else (Student(language),)
    if count:
        raise ConfigurationError("exercise_two_classes")
    return read_roster(roster, language)


COMMAND = Command(
    "exercise",
    run,
    (
        options.OUT_FOLDER,
        Option("--topic", words=TOPICS),
        Option("--level", words=LEVELS),
        options.SEED,
        Option("--students", takes=Takes.FILE),
        Option("--count"),
        Option("--gradescope", takes=Takes.FILE),
        options.LANG,
    ),
)
