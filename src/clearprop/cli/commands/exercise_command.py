"""`clearprop exercise`: a worksheet with its form and key, or one for every student of a roster."""

import sys

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE

TOPICS = ("neuron", "linear", "activation", "loss", "chain", "step", "bug")
LEVELS = ("1", "2", "3")


def run(given: Arguments) -> int:
    """Write all files of the order into the folder `--out`; returns the exit status.

    Raises FileError for a roster that cannot be read, and for a folder with other files of the
    same names; ConfigurationError for a topic, level or seed that cannot be.
    """
    folder = given.path("--out")
    if folder is None:
        raise ConfigurationError("exercise_no_folder")
    topic = given.text_or("--topic", "chain")
    level = given.whole("--level", 1)
    seed = given.whole("--seed", 0, least=0)
    roster, language = given.path("--students"), given.language()

    from clearprop.teaching.exercises.students import KEY_FOLDER, Student, read_roster
    from clearprop.teaching.reports.class_handouts import handouts, write_handouts

    # Without a roster it is one sheet for anybody.
    students = (Student(language),) if roster is None else read_roster(roster, language)
    files: dict[str, bytes] = {}
    for _, own in handouts(topic, level, seed, students):
        files |= own
    write_handouts(files, folder)
    told = messages.text(
        language,
        f"cli.exercise.{'written_class' if roster else 'written'}",
        count=len(students),
        folder=folder,
        keys=folder / KEY_FOLDER,
    )
    sys.stdout.write(f"{told}\n")
    return DONE


COMMAND = Command(
    "exercise",
    run,
    (
        options.OUT_FOLDER,
        Option("--topic", words=TOPICS),
        Option("--level", words=LEVELS),
        options.SEED,
        Option("--students", takes=Takes.FILE),
        options.LANG,
    ),
)
