"""What a solver has asked so far, in a file: the loss and its gradient at every point it tried.

A solver such as L-BFGS is a function of the answers it gets. Where it is begun again and given the
same answers it tries the same points and ends with the same bits; so a training that was ended goes
on behind the last answer in the file, and no answer is computed twice. The file is

    64 bytes   the checksum of the data, in hexadecimal
    records    the loss, the gradient (P,), both float64, and a digest of them, of the point that
               they belong to, and of what the training is: its data and its settings

A record that was half written when the process ended, or that belongs to another point or another
training, has another digest: the file is cut there, and goes on with answers that are computed.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import FileError

Evaluate = Callable[[Array], tuple[float, Array]]
HEADER, DIGEST = 64, 16


class EvaluationLog:
    """The answers of one training in a file.

    path      where they stand
    data      the checksum of the data, 64 digits
    training  what else the answers depend on, as text
    begin     called before the file is made
    stop      asked after every answer; True interrupts the training there
    known     how many answers came from the file

    Raises FileError where the file cannot be read or written, KeyboardInterrupt where it is asked
    to stop: all that was answered is in the file.
    """

    def __init__(
        self,
        path: Path,
        data: str,
        training: str,
        begin: Callable[[], None] = lambda: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.path, self._data, self._begin, self._stop = path, data, begin, stop
        self._key = hashlib.sha256(f"{data}\n{training}".encode()).digest()
        self._stream: IO[bytes] | None = None
        self._known_left = True
        self.known = 0

    def answer(self, point: Array, evaluate: Evaluate) -> tuple[float, Array]:
        """The loss and its gradient (P,) at a point (P,), in float64: from the file, or from
        `evaluate`, whose answer is written into it."""
        try:
            stream = self._opened()
            place = stream.tell()
            if self._known_left:
                found = self._read(stream, point)
                if found is not None:
                    self.known += 1
                    return found
                self._known_left = False
                stream.seek(place)
                stream.truncate()
        except OSError as problem:
            raise self._unwritable(problem) from problem
        value, gradient = evaluate(point)
        body = np.append(value, gradient).astype("<f8").tobytes()
        try:
            stream.write(body + self._digest(point, body))
        except OSError as problem:
            raise self._unwritable(problem) from problem
        if self._stop():
            raise KeyboardInterrupt
        return value, gradient

    def close(self, *, ended: bool) -> None:
        """Close the file; of a training that has ended it is taken away."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None
        if ended:
            self.path.unlink(missing_ok=True)

    def _opened(self) -> IO[bytes]:
        if self._stream is None:
            self._begin()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
            # Without a buffer of Python's: what is written outlives the process.
            self._stream = self.path.open("r+b", buffering=0)
            if self._stream.read(HEADER) != self._data.encode():
                self._stream.seek(0)
                self._stream.truncate()
                self._stream.write(self._data.encode())
        return self._stream

    def _read(self, stream: IO[bytes], point: Array) -> tuple[float, Array] | None:
        size = 8 * (point.size + 1)
        record = stream.read(size + DIGEST)
        body = record[:size]
        if len(record) < size + DIGEST or record[size:] != self._digest(point, body):
            return None
        numbers = np.frombuffer(body, "<f8").astype(np.float64)
        return float(numbers[0]), numbers[1:]

    def _digest(self, point: Array, body: bytes) -> bytes:
        return hashlib.sha256(self._key + point.tobytes() + body).digest()[:DIGEST]

    def _unwritable(self, problem: OSError) -> FileError:
        return FileError("file_unwritable", path=self.path, problem=problem.strerror)


def data_of_log(path: Path) -> str | None:
    """The checksum of the data that a file's answers belong to; None where there is none."""
    try:
        with path.open("rb") as stream:
            header = stream.read(HEADER)
    except OSError:
        return None
    return header.decode("ascii", "replace") if len(header) == HEADER else None
