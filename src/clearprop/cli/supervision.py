"""A command that runs code of a person's, in a process of its own.

That code may end the process, start threads, take signals for itself, leave something to be done at
the end, or crash. Whatever it does, the status that is returned is the one that the command came
to, handed over in a file; where the process ended without one, a sentence says so.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from clearprop.base import messages
from clearprop.cli.status import INTERRUPTED, NOT_DONE

SUPERVISED = "clearprop.cli.supervised"
# The command runs no code of a person's with one of these.
WITHOUT_CODE = {"--all", "--gallery", "--help", "-h"}
PATIENCE = 2.0  # seconds that the process has to end by itself after Ctrl-C
TERMINATED = 128 + signal.SIGTERM


def runs_code(words: Sequence[str]) -> bool:
    """Whether the command line runs code of a person's."""
    return list(words[:1]) == ["check"] and not WITHOUT_CODE & set(words) and bool(sys.executable)


def supervised(words: Sequence[str], language: str) -> int:
    """Run the command with `words` in a process of its own; returns the status that it came to."""
    with tempfile.TemporaryDirectory(prefix="clearprop-") as folder:
        handed_over = Path(folder) / "status"
        process = subprocess.Popen(
            [sys.executable, *_flags(), "-m", SUPERVISED, str(handed_over), *words]
        )
        signal.signal(signal.SIGTERM, _end)
        try:
            ended = _waited(process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if handed_over.exists():
            return int(handed_over.read_text())
    if ended is None:
        sys.stderr.write(f"clearprop: {messages.text(language, 'cli.interrupted')}\n")
        return INTERRUPTED
    key = "cli.ended_by_signal" if ended < 0 else "cli.ended_by_code"
    how = signal.Signals(-ended).name if ended < 0 else ended
    sys.stderr.write(f"clearprop: {messages.text(language, key, how=how)}\n")
    return NOT_DONE


def _waited(process: "subprocess.Popen[bytes]") -> int | None:
    """The status with which the process ended, None where it had to be ended after Ctrl-C."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The terminal has interrupted both; this one waits for the other's last words.
        try:
            return process.wait(PATIENCE)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            return None


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(TERMINATED)


def _flags() -> list[str]:
    """The options that this Python was started with and that change what the code does."""
    options = [f"-W{one}" for one in sys.warnoptions]
    options += [
        f"-X{name}" if value is True else f"-X{name}={value}"
        for name, value in sys._xoptions.items()
    ]
    return options + ["-I"] * sys.flags.isolated + ["-s"] * sys.flags.no_user_site
