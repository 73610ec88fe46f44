"""The lab as it is served: to this machine and this page alone, whatever comes."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clearprop.cli import main
from clearprop.lab import serving
from clearprop.lab.session import Session

pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")
exceptions = pytest.importorskip("websockets.exceptions")

TOKEN = "a-token-that-nobody-guesses"


class Served:
    """The lab at a port of this machine."""

    def __init__(self) -> None:
        self.listening = serving.listening_at(0)
        self.port = self.listening.getsockname()[1]
        self.sessions: list[Session] = []
        self.desk = serving.Desk(self._make)
        self.server = serving.server_of(self.desk, TOKEN, self.port)
        self.thread = threading.Thread(target=self.server.run, args=([self.listening],))
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def _make(self) -> Session:
        self.sessions.append(Session())
        return self.sessions[-1]

    def connect(self, *, token: str = TOKEN, **settings: Any) -> Any:
        """A WebSocket, with the page's origin unless told otherwise."""
        settings.setdefault("origin", f"http://{serving.HOST}:{self.port}")
        address = f"ws://{serving.HOST}:{self.port}/session?token={token}"
        return client.connect(address, max_size=None, **settings)

    def get(self, path: str, **headers: str) -> tuple[int, Any, bytes]:
        """Status, headers and content of a file."""
        request = urllib.request.Request(f"http://{serving.HOST}:{self.port}{path}")
        for name, value in headers.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, problem.headers, problem.read()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    one = Served()
    yield one
    one.server.should_exit = True
    one.thread.join()
    one.listening.close()


@pytest.fixture
def page_files(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>lab</title>", encoding="utf-8")
    (folder / "page.js").write_text("1", encoding="utf-8")
    (tmp_path / "secret.js").write_text("2", encoding="utf-8")
    (folder / "notes.txt").write_text("3", encoding="utf-8")
    monkeypatch.setattr(serving, "PAGE", folder)


def said(socket: Any, kind: str, **fields: Any) -> None:
    socket.send(json.dumps({"type": kind, "id": 1, **fields}))


def until(socket: Any, kind: str) -> dict[str, Any]:
    """The next message of a type."""
    while True:
        message: dict[str, Any] = json.loads(socket.recv(timeout=20))
        if message["type"] == kind:
            return message


def hello(socket: Any, resume: str | None = None) -> str:
    """Say hello; returns the session's key."""
    said(socket, "hello", version=1, language="en", resume=resume)
    key = until(socket, "welcome")["session"]
    until(socket, "why")
    return str(key)


def soon(true: Callable[[], bool]) -> bool:
    """Whether something comes true within a few seconds."""
    end = time.monotonic() + 10
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def test_the_page_is_given_to_whoever_has_the_token(served: Served, page_files: None) -> None:
    status, headers, content = served.get(f"/?token={TOKEN}")
    assert (status, content[:15]) == (200, b"<!doctype html>")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert served.get("/page.js")[1]["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 403),
        ("/?token=", 403),
        ("/?token=x", 403),
        ("/index.html", 403),
        ("/nothing.js", 404),
        ("/../secret.js", 404),
        ("/%2e%2e/secret.js", 404),
        ("/notes.txt", 404),
        ("/..%2f..%2fetc%2fpasswd", 404),
    ],
)
def test_nobody_else_is_given_anything(
    served: Served, page_files: None, path: str, status: int
) -> None:
    assert served.get(path)[0] == status


def test_another_name_for_this_machine_is_refused(served: Served, page_files: None) -> None:
    assert served.get(f"/?token={TOKEN}", Host="evil.example")[0] == 403
    assert served.get(f"/?token={TOKEN}", Host=f"localhost:{served.port}")[0] == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"token": "forged"},
        {"token": ""},
        {"origin": "http://evil.example"},
        {"origin": None},
        {"origin": "null"},
    ],
)
def test_a_socket_from_elsewhere_is_refused(served: Served, settings: dict[str, Any]) -> None:
    with pytest.raises(exceptions.InvalidStatus, match="403"):
        served.connect(**settings)


def test_a_run_goes_on_underneath_the_frames(served: Served) -> None:
    with served.connect() as page:
        hello(page)
        said(page, "run")
        until(page, "running")
        shown: list[int] = []
        deadline = time.monotonic() + 30
        # How many a second is the benchmark's; here that none stands still and none goes back.
        while len(set(shown)) < 10 and time.monotonic() < deadline:
            said(page, "frame")
            shown.append(until(page, "moment")["step"])
        assert len(set(shown)) == 10
        assert shown == sorted(shown)


def test_a_reload_goes_on_and_a_second_tab_is_a_second_session(served: Served) -> None:
    with served.connect() as page:
        key = hello(page)
        said(page, "go", branch="main", step=0, phase=2)
        until(page, "moment")
        with served.connect() as other:
            # The session is taken: this page gets one of its own.
            assert hello(other, resume=key) != key
    assert soon(lambda: served.desk.waiting >= 2)
    with served.connect() as page:
        assert hello(page, resume=key) == key
        said(page, "go", branch="main", step=0, phase=2)
        assert until(page, "moment")["phase"] == 2
    with served.connect() as page:
        assert hello(page, resume="never-given") != key


def test_a_run_that_is_left_stops_and_goes_on_after_the_reload(served: Served) -> None:
    with served.connect() as page:
        key = hello(page)
        said(page, "run")
        until(page, "running")
    session = next(one for one in served.sessions if one.key == key)
    assert soon(lambda: served.desk.waiting >= 1)
    taken = session._state.run.steps
    time.sleep(0.05)
    assert session._state.run.steps == taken
    with served.connect() as page:
        said(page, "hello", version=1, language="en", resume=key)
        assert until(page, "moment")["running"]
        assert soon(lambda: session._state.run.steps > taken)


def test_sessions_without_a_page_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = serving.Desk(Session)
    seats = [desk.take(None) for _ in range(3)]
    for seat in seats[:2]:
        desk.leave(seat)
    assert (len(desk), desk.waiting) == (3, 2)
    monkeypatch.setattr(serving, "MOST_WAITING", 1)
    desk.clear()
    assert (len(desk), desk.waiting) == (2, 1)
    assert desk.take(seats[0].session.key).session is not seats[0].session
    monkeypatch.setattr(serving, "WAITS", -1.0)
    desk.clear()
    assert desk.waiting == 0


def test_ten_thousand_messages_do_not_kill_a_session(served: Served) -> None:
    with served.connect() as page:
        hello(page)
        for number in range(10_000):
            page.send(json.dumps({"type": "go", "id": number, "branch": "main", "step": 0}))
        said(page, "blank", on=True)
        until(page, "blanks")
        for text in ("nonsense", "[]", '{"type": "explode"}', "\0", "{" * 1000):
            page.send(text)
            assert until(page, "sentence")["level"] == "error"
        said(page, "pause")
        until(page, "paused")


def test_a_table_of_many_megabytes_comes_through(served: Served) -> None:
    with served.connect() as page:
        hello(page)
        rows = "\n".join([f"1.{'0' * 900},2,3"] * 20_000)
        said(page, "data", name="large.csv", csv=f"a,b,c\n{rows}")
        assert "20,000" in until(page, "table")["notes"][0]


def test_bytes_end_the_page_that_sends_them_and_nobody_else(served: Served) -> None:
    with served.connect() as page, served.connect() as other:
        hello(page)
        hello(other)
        other.send(b"\x00\x01")
        said(page, "pause")
        until(page, "paused")


def test_a_check_that_takes_long_holds_up_nobody_else(served: Served) -> None:
    with served.connect() as page, served.connect() as other:
        hello(page)
        hello(other)
        code = "import time\ndef backward(*a):\n    time.sleep(1.5)\n    raise ValueError"
        said(page, "check", code=code)
        said(other, "go", branch="main", step=0)
        began = time.monotonic()
        until(other, "moment")
        assert time.monotonic() - began < 1.2
        assert until(page, "sentence")["level"] == "error"


def test_a_page_that_is_loaded_again_during_a_check_gets_its_session(served: Served) -> None:
    with served.connect() as page:
        key = hello(page)
        code = "import time\ndef backward(*a):\n    time.sleep(1)\n    raise ValueError"
        said(page, "check", code=code)
        time.sleep(0.3)
    # Loaded again and again: those that went meanwhile get nothing.
    for _ in range(2):
        with served.connect() as page:
            said(page, "hello", version=1, language="en", resume=key)
    with served.connect() as page:
        assert hello(page, resume=key) == key


def test_the_command_prints_its_link_and_ends_by_ctrl_c() -> None:
    command = [sys.executable, "-m", "clearprop", "lab", "--no-browser", "--lang", "zh-TW"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            told = _followed(process)
        finally:
            process.kill()
    assert process.returncode == 0
    assert told.endswith("實驗室已結束。\n")


def _followed(process: "subprocess.Popen[str]") -> str:
    """Follow the link that a command prints, and press Ctrl-C; returns what it says then."""
    assert process.stdout is not None
    link = process.stdout.readline()
    found = re.fullmatch(r"實驗室：http://127.0.0.1:(\d+)/\?token=([\w-]+)&lang=zh-TW\n", link)
    assert found is not None
    origin = f"http://127.0.0.1:{found[1]}"
    address = f"ws://127.0.0.1:{found[1]}/session?token={found[2]}"
    with client.connect(address, origin=origin, max_size=None) as page:
        hello(page)
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=20)[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", "x"], "--port"),
        (["--port", "99999"], "65535"),
        (["nothing.safetensors"], "nothing.safetensors"),
        (["nothing.csv"], "nothing.csv"),
        (["--colour"], "--colour"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["lab", "--no-browser", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_port_that_is_taken_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind((serving.HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["lab", "--no-browser", "--port", port]) == 2
    assert port in capsys.readouterr().err
