"""The program that a student's `backward` runs in: a process of its own, that is told the code,
answers calls, and knows neither the right gradients nor the verdict.

    python -I guest.py READ WRITE SECONDS BYTES

READ and WRITE are two pipes. A message is its length (4 bytes, big-endian) and JSON; an array in it
is `{"dtype", "shape", "data"}` with its bytes in base64. It imports NumPy and nothing of ours.
"""

import base64
import contextlib
import ctypes
import json
import os
import resource
import signal
import struct
import sys
import traceback
import types
from typing import Any

NAME = "backward.py"
# CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWIPC of <linux/sched.h>
_OWN_USER, _OWN_NETWORK, _OWN_PROCESSES, _OWN_IPC = 0x10000000, 0x40000000, 0x20000000, 0x08000000
_END_WITH_PARENT, _NO_NEW_PRIVILEGES = 1, 38  # PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS
# landlock_create_ruleset and landlock_restrict_self, which have these numbers on every architecture
_CREATE_RULESET, _RESTRICT_SELF, _ASK_VERSION = 444, 446, 1
# LANDLOCK_ACCESS_FS_: WRITE_FILE, REMOVE_DIR to MAKE_SYM, and TRUNCATE, which version 3 knows.
_WRITE_ACCESS, _TRUNCATE, _KNOWS_TRUNCATE = 1 << 1 | sum(1 << n for n in range(4, 13)), 1 << 14, 3
_FILE_BYTES, _FILES = 1_000_000, 64
_LARGEST_WHOLE = 2**63  # a larger one is no entry of an array
_PROCESSES = ("os.fork", "os.exec", "os.spawn", "os.posix_spawn", "os.system", "subprocess.")
_CHANGES = (
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.ch",
    "os.truncate", "os.utime", "os.setxattr", "shutil.",
)  # fmt: skip
_SIGNALS = ("os.kill", "signal.pthread_kill")


def main() -> None:
    """Isolate, limit, load the student's code, and answer until the pipe is closed."""
    read, write, seconds, memory = map(int, sys.argv[1:])
    isolated = _isolate()
    _lock_files()
    _limit(resource.RLIMIT_CORE, 0)
    # A second later the process is killed, should it not heed the signal.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    _limit(resource.RLIMIT_FSIZE, _FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, _FILES)
    _limit(resource.RLIMIT_AS, memory)
    # Before the code is there: NumPy itself may start threads.
    import numpy as np

    _limit(resource.RLIMIT_NPROC, 0)
    # Told before anything of the student's runs.
    _send(write, {"isolated": isolated})
    attempted = _watch()
    source = _receive(read)["source"]
    backward, failure = _load(source)
    _send(write, {**failure, "attempted": sorted(attempted)})
    while backward is not None and (request := _receive(read)):
        arrays = [_array(np, one) for one in request["arrays"]]
        try:
            returned = backward(*arrays)
            answer = {
                "returned": _encoded(np, returned),
                "arrays": [_encoded(np, array) for array in arrays],
            }
        except BaseException as problem:
            answer = _raised(problem)
        with contextlib.suppress(Exception):
            sys.stdout.flush()  # so that what was printed is seen
        _send(write, {**answer, "attempted": sorted(attempted)})


def _limit(which: int, most: int) -> None:
    # macOS refuses a limit to the address space.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(which, (most, most))


def _isolate() -> bool:
    """A network of our own, which is none, and a process table of our own, whose processes all end
    with the first of them; False where the system does not let us."""
    if sys.platform != "linux":
        return False
    system = ctypes.CDLL(None)
    if system.unshare(_OWN_USER | _OWN_NETWORK | _OWN_PROCESSES | _OWN_IPC) != 0:
        return False
    child = os.fork()
    if child == 0:
        system.prctl(_END_WITH_PARENT, signal.SIGKILL)
        return True
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def _lock_files() -> None:
    """No file can be written, made or removed any more, where the kernel has Landlock."""
    if sys.platform != "linux":
        return
    system = ctypes.CDLL(None)
    version = system.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return
    access = _WRITE_ACCESS | (_TRUNCATE if version >= _KNOWS_TRUNCATE else 0)
    rules = ctypes.c_uint64(access)
    size = ctypes.c_size_t(ctypes.sizeof(rules))
    ruleset = system.syscall(_CREATE_RULESET, ctypes.byref(rules), size, 0)
    system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    system.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _watch() -> set[str]:
    """What the code tries and may not is refused and noted. The limits are the wall; this makes a
    sentence of it."""
    attempted: set[str] = set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        kind = None
        if event.startswith("socket."):
            kind = "network"
        elif event.startswith((*_PROCESSES, *_SIGNALS)):
            kind = "process"
        elif event.startswith(_CHANGES) or (event == "open" and _writes(arguments)):
            kind = "file"
        if kind is not None:
            attempted.add(kind)
            raise PermissionError(f"{event}: not allowed")

    sys.addaudithook(hook)
    return attempted


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    changing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
    return not isinstance(path, int) and bool(flags & changing) and path != os.devnull


def _load(source: str) -> tuple[Any, dict[str, Any]]:
    module = types.ModuleType("backward")
    sys.modules["backward"] = module
    try:
        code = compile(source, NAME, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as problem:
        line = getattr(problem, "lineno", None)
        return None, {"failed": "code_not_python", "line": line or 1, "problem": _said(problem)}
    try:
        exec(code, module.__dict__)
    except BaseException as problem:
        return None, _raised(problem)
    backward = module.__dict__.get("backward")
    if not callable(backward):
        return None, {"failed": "code_no_backward"}
    return backward, {}


def _raised(problem: BaseException) -> dict[str, Any]:
    if isinstance(problem, SystemExit):
        return {"failed": "code_exits"}
    if isinstance(problem, NotImplementedError):
        return {"failed": "code_left_open"}
    frames = [one for one in traceback.extract_tb(problem.__traceback__) if one.filename == NAME]
    line = frames[-1].lineno if frames else 1
    return {"failed": "code_raised", "line": line or 1, "problem": _said(problem)}


def _said(problem: BaseException) -> str:
    text = ""
    with contextlib.suppress(BaseException):
        text = str(problem).partition("\n")[0][:200]
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def _encoded(np: types.ModuleType, value: Any, depth: int = 2) -> Any:
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "fiubc":
        array = np.ascontiguousarray(value)
        data = base64.b64encode(array.tobytes()).decode()
        return {"dtype": array.dtype.str, "shape": np.shape(value), "data": data}
    if isinstance(value, tuple | list) and depth:
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_encoded(np, one, depth - 1) for one in value]}
    if isinstance(value, dict) and depth:
        return {"dict": [[str(k), _encoded(np, v, depth - 1)] for k, v in value.items()]}
    if value is None or isinstance(value, bool | float):
        return {"plain": value}
    if isinstance(value, int) and abs(value) < _LARGEST_WHOLE:
        return {"plain": int(value)}
    return {"other": type(value).__name__}


def _array(np: types.ModuleType, data: dict[str, Any]) -> Any:
    flat = np.frombuffer(base64.b64decode(data["data"]), data["dtype"])
    return flat.reshape(data["shape"]).copy()


def _receive(pipe: int) -> dict[str, Any]:
    head = _exactly(pipe, 4)
    if len(head) < 4:
        return {}
    data: dict[str, Any] = json.loads(_exactly(pipe, struct.unpack(">I", head)[0]))
    return data


def _exactly(pipe: int, count: int) -> bytes:
    content = b""
    while len(content) < count and (piece := os.read(pipe, count - len(content))):
        content += piece
    return content


def _send(pipe: int, data: dict[str, Any]) -> None:
    content = json.dumps(data).encode()
    content = struct.pack(">I", len(content)) + content
    while content:
        content = content[os.write(pipe, content) :]


if __name__ == "__main__":
    main()
    # Threads and handlers of the student's own are not waited for.
    os._exit(0)
