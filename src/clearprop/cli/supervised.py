"""The process that a supervised command runs in; `supervision` starts it and hears its status."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from clearprop.cli import main
from clearprop.cli.output_apart import STDERR, STDOUT, only_for_this_thread


def run(handed_over: Path, words: Sequence[str]) -> NoReturn:
    """The command in this process, which ends here, before anything that the code left to be done
    at its end."""
    sys.stdout = only_for_this_thread(os.dup(STDOUT), sys.stdout)
    os.dup2(STDERR, STDOUT)
    status = main(list(words))
    # Of a pipe that is closed, main has said what there was to say.
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    handed_over.write_text(str(status))
    os._exit(status)


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
