"""A real Firefox, driven over Marionette, its own protocol: a length, a colon and JSON."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_STARTS_WITHIN = 30.0


class Firefox:
    """A running one."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._count = 0
        self._read()  # its greeting
        self._call("WebDriver:NewSession", capabilities={})

    def open(self, address: str) -> None:
        """Go to a page."""
        self._call("WebDriver:Navigate", url=address)

    def run(self, script: str) -> Any:
        """What a script returns in the page."""
        return self._call("WebDriver:ExecuteScript", script=script, args=[])["value"]

    def wait(self, script: str, seconds: float) -> Any:
        """What a script returns once that is something; AssertionError where it never is."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := self.run(script):
                return found
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds} s: {script}")

    def _call(self, command: str, **parameters: Any) -> Any:
        self._count += 1
        text = json.dumps([0, self._count, command, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(text), text))
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def _read(self) -> Any:
        length = b""
        while (digit := self._stream.read(1)) != b":":
            assert digit, "Firefox has gone"
            length += digit
        return json.loads(self._stream.read(int(length)))


@contextmanager
def running_firefox(folder: Path) -> Iterator[Firefox]:
    """Firefox with a profile of its own in `folder`, ended afterwards."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    assert program is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "user.js").write_text(f'user_pref("marionette.port", {port});\n', encoding="utf-8")
    command = [program, "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with _connected(port) as connection:
            yield Firefox(connection)
    finally:
        process.terminate()
        process.wait()


def is_installed() -> bool:
    """Whether there is a Firefox."""
    return bool(shutil.which("firefox-esr") or shutil.which("firefox"))


def _connected(port: int) -> socket.socket:
    until = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            assert time.monotonic() < until, "Firefox does not start"
            time.sleep(0.1)
