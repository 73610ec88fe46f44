"""A student's code in a process of its own, with limits; see `guest` for the other side.

    with Sandbox(source) as sandbox:
        returned = sandbox.call([dy, x, W, b])

The process gets its code and arrays over a pipe and answers with arrays. It has no secrets in its
environment, an empty folder of its own to work in, and time, memory, output, files and processes
up to a limit; where the system lets us (Linux with user namespaces), no network and a process table
of its own. Where we are root, it is nobody, who cannot read what is ours alone. What it answers is
checked before it is used.
"""

import base64
import json
import math
import os
import re
import select
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ContractError

_GUEST = Path(__file__).with_name("guest.py")
# The user nobody and its group, by their number on Linux; a name need not be there.
_NOBODY = 65534
_LARGEST_MESSAGE = 1_000_000
# What the code says of its own failure is quoted up to here.
_LONGEST_PROBLEM = 200
_DTYPE = re.compile(r"[<>|=]?[fiubc][0-9]{1,2}")
_FAILURES = (
    "code_not_python",
    "code_no_backward",
    "code_left_open",
    "code_exits",
    "code_raised",
)
_ATTEMPTS = ("file", "network", "process")


@dataclass(frozen=True)
class Limits:
    """What a hand-in's code may use: seconds of processor time, seconds in all, bytes of memory."""

    processor: int = 10
    wall: float = 30.0
    memory: int = 2**30


class Sandbox:
    """The process of one hand-in, which ends with the `with` block.

    Raises ContractError, on entering and from `call`, for code that is not Python, has no backward,
    raises, exits, crashes, exceeds a limit or answers nonsense; ConfigurationError where the system
    has no limits to set.
    """

    def __init__(self, source: str, limits: Limits | None = None) -> None:
        self.source, self.limits = source, limits or Limits()
        self.isolated = False
        # What the code tried and may not: "file", "network", "process".
        self.attempted: set[str] = set()
        self.printed = 0

    def __enter__(self) -> Self:
        if os.name != "posix":
            raise ConfigurationError("code_no_limits")
        self._folder = tempfile.TemporaryDirectory(prefix="clearprop-", ignore_cleanup_errors=True)
        self._output = tempfile.TemporaryFile()
        theirs_in, self._write = os.pipe()
        self._read, theirs_out = os.pipe()
        os.set_blocking(self._write, False)
        self._deadline = time.monotonic() + self.limits.wall
        limits = (str(self.limits.processor), str(self.limits.memory))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_GUEST), str(theirs_in), str(theirs_out), *limits],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                cwd=self._folder.name,
                env=_environment(self._folder.name),
                pass_fds=(theirs_in, theirs_out),
                start_new_session=True,
                **_as_nobody(Path(self._folder.name)),
            )
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        try:
            self.isolated = self._answer().get("isolated") is True
            self._ask({"source": self.source})
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, arrays: Sequence[Array]) -> Any:
        """What `backward(*arrays)` returns; `arrays` hold afterwards what it made of them.

        Raises ContractError where the code fails or is stopped, and for what is no answer.
        """
        answer = self._ask({"arrays": [_encoded(array) for array in arrays]})
        after = answer.get("arrays")
        if not isinstance(after, list) or len(after) != len(arrays):
            raise ContractError("code_nonsense")
        for array, data in zip(arrays, after, strict=True):
            edited = _decoded(data)
            if isinstance(edited, np.ndarray) and edited.shape == array.shape:
                np.copyto(array, edited, casting="unsafe")
        return _decoded(answer.get("returned"))

    def close(self) -> None:
        """End the process and all that it started, and remove its folder."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.printed = os.fstat(self._output.fileno()).st_size
        self._output.close()
        os.close(self._read)
        os.close(self._write)
        self._folder.cleanup()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        content = json.dumps(message).encode()
        self._put(struct.pack(">I", len(content)) + content)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self._get(4))
        if length > _LARGEST_MESSAGE:
            raise ContractError("code_too_much", most=_LARGEST_MESSAGE)
        try:
            answer = json.loads(self._get(length))
        except (ValueError, RecursionError) as problem:
            raise ContractError("code_nonsense") from problem
        if not isinstance(answer, dict):
            raise ContractError("code_nonsense")
        attempted = answer.get("attempted")
        if isinstance(attempted, list):
            self.attempted.update(kind for kind in _ATTEMPTS if kind in attempted)
        if (failed := answer.get("failed")) in _FAILURES:
            line = answer.get("line")
            number = line if isinstance(line, int) else "?"
            told = str(answer.get("problem"))[:_LONGEST_PROBLEM]
            raise ContractError(failed, line=number, problem=told)
        return answer

    def _put(self, content: bytes) -> None:
        while content:
            self._wait(self._write, select.POLLOUT)
            try:
                content = content[os.write(self._write, content) :]
            except BrokenPipeError as problem:
                raise self._ended() from problem

    def _get(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            self._wait(self._read, select.POLLIN)
            piece = os.read(self._read, count - len(content))
            if not piece:
                raise self._ended()
            content += piece
        return content

    def _wait(self, pipe: int, event: int) -> None:
        poll = select.poll()
        poll.register(pipe, event)
        left = self._deadline - time.monotonic()
        if left <= 0 or not poll.poll(1000 * left):
            raise ContractError("code_time", seconds=self.limits.wall)

    def _ended(self) -> ContractError:
        """Why the other end of the pipe is closed."""
        try:
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return ContractError("code_nonsense")
        if status in (-signal.SIGKILL, -signal.SIGXCPU):
            memory = self.limits.memory // 2**20
            return ContractError("code_limits", seconds=self.limits.processor, memory=memory)
        if status < 0:
            return ContractError("code_crashes", signal=signal.Signals(-status).name)
        return ContractError("code_exits")


def _as_nobody(folder: Path) -> dict[str, Any]:
    """What starts the process as nobody, who gets the folder; nothing where we are not root, or
    where Python or NumPy lies in a place that others do not see."""
    needed = (Path(sys.executable), Path(sys.executable).resolve(), Path(np.__file__), _GUEST)
    if os.geteuid() != 0 or not all(map(_seen_by_others, needed)):
        return {}
    os.chown(folder, _NOBODY, _NOBODY)
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": ()}


def _seen_by_others(path: Path) -> bool:
    readable = bool(path.stat().st_mode & stat.S_IROTH)
    return readable and all(one.stat().st_mode & stat.S_IXOTH for one in path.parents)


def _environment(folder: str) -> dict[str, str]:
    """Nothing of ours but the language's encoding; one thread, for a thread is a process."""
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
        "1",
    )
    return {"PATH": os.defpath, "HOME": folder, "TMPDIR": folder, "LC_ALL": "C.UTF-8", **threads}


def _encoded(array: Array) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.str, "shape": array.shape, "data": data}


def _decoded(data: Any) -> Any:
    """An answer as what it stands for. Raises ContractError for anything that is none."""
    if not isinstance(data, dict):
        raise ContractError("code_nonsense")
    match data:
        case {"dtype": str(dtype), "shape": list(shape), "data": str(text)}:
            return _decoded_array(dtype, shape, text)
        case {"tuple": list(items)}:
            return tuple(map(_decoded, items))
        case {"list": list(items)}:
            return list(map(_decoded, items))
        case {"dict": list(items)} if all(isinstance(i, list) and len(i) == 2 for i in items):
            return {str(name): _decoded(value) for name, value in items}
        case {"plain": None | bool() | int() | float() as value}:
            return value
        case {"other": str(kind)}:
            raise ContractError("code_returns", kind=kind[:40])
    raise ContractError("code_nonsense")


def _decoded_array(dtype: str, shape: list[Any], text: str) -> Array:
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape)
    try:
        content = base64.b64decode(text, validate=True)
        kind = np.dtype(dtype) if _DTYPE.fullmatch(dtype) else None
    except (ValueError, TypeError) as problem:
        raise ContractError("code_nonsense") from problem
    if not whole or kind is None or math.prod(shape) * kind.itemsize != len(content):
        raise ContractError("code_nonsense")
    try:
        return np.frombuffer(content, kind).reshape(shape).copy()
    except ValueError as problem:  # more axes than an array can have
        raise ContractError("code_nonsense") from problem
