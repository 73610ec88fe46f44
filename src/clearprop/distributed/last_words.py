"""What is said when a process of a training has died: by a process of its own, for the launcher
ends all others at once.

It waits for its standard input to end. The first process of the training writes a word there before
it ends of its own accord; where the word is missing, nobody else can say anything any more.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clearprop.base import messages
from clearprop.base.errors import ClearpropError

_WORD = b"done"


@contextmanager
def spoken_for(folder: Path, again: str, language: str) -> Iterator[None]:
    """Within it, the end of this process is noticed, and told of together with how to go on.

    again  the command that goes on with the run in the folder
    """
    given = [str(folder), again, language]
    with subprocess.Popen(
        [sys.executable, "-m", "clearprop.distributed.last_words", *given],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the training
    ) as waiting:
        try:
            yield
        except (ClearpropError, KeyboardInterrupt):
            # This process has not died: it says itself what it was refused.
            _done(waiting)
            raise
        _done(waiting)


def _done(waiting: "subprocess.Popen[bytes]") -> None:
    with suppress(OSError):
        waiting.communicate(_WORD)


def sentence(folder: Path, again: str, language: str) -> str:
    """What is kept of a run that was ended, and how to go on."""
    from clearprop.runs.run_checkpoints import newest_checkpoint
    from clearprop.runs.run_folder import CHECKPOINTS

    try:
        newest = newest_checkpoint(folder / CHECKPOINTS)
    except ClearpropError as problem:
        return problem.message(language)
    key = "rank_died_early" if newest is None else "rank_died"
    epoch = 0 if newest is None else len(newest.rows)
    return messages.text(language, f"runs.told.{key}", epoch=epoch, command=again)


if __name__ == "__main__":
    if sys.stdin.buffer.read() != _WORD:
        of_run, command, lang = sys.argv[1:]
        sys.stderr.write(f"clearprop: {sentence(Path(of_run), command, lang)}\n")
