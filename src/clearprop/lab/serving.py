"""The lab served to one machine: the page's files and a WebSocket, on 127.0.0.1.

Whoever has no token gets nothing; the token stands in the link that is opened, and in no header
that another page could have sent. Host and Origin have to be ours, so that neither another site nor
a name that points here can speak to it. The page may load nothing from elsewhere.

A session belongs to the page that said hello; it waits some minutes for a page that went away, and
is forgotten then. Runs take turns, a piece each; what takes seconds has a thread of its own, so
that it holds up nobody else.
"""

import asyncio
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base.dependencies import require
from clearprop.base.errors import ClearpropError, ConfigurationError
from clearprop.lab.inbox import Inbox
from clearprop.lab.messages import LONGEST, read, written
from clearprop.lab.session import Session

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

HOST = "127.0.0.1"
PAGE = Path(__file__).with_name("page")
# The font of its formulas is that of the reports.
FONTS = Path(__file__).parent.parent / "teaching" / "reports" / "fonts"
# A session without a page is kept for so many seconds, and so many of them.
WAITS = 300.0
MOST_WAITING = 16
# So often it is looked whether a session that works on for a page that went away is free.
WORKING = 0.05
# One piece of a run: a message of the page waits no longer.
PIECE = 0.004
READING = 4
# Messages whose answer may take seconds.
SLOW = ("check", "data", "export", "health", "plant")

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
        " font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(eq=False)
class Seat:
    """A session, since when no page has it, and what reads of the page that has it: that is done
    as soon as the page went away, be the session still at work on what it asked."""

    session: Session
    left: float | None = None
    reading: "asyncio.Task[None] | None" = None


class Desk:
    """Who has which session. `make` makes a new one."""

    def __init__(self, make: Callable[[], Session]) -> None:
        self._make = make
        self._seats: dict[str, Seat] = {}

    def __len__(self) -> int:
        return len(self._seats)

    @property
    def waiting(self) -> int:
        """How many sessions no page has."""
        return sum(seat.left is not None for seat in self._seats.values())

    def take(self, key: str | None) -> Seat:
        """The session of that key where no page has it, or a new one."""
        self.clear()
        seat = None if key is None else self._seats.get(key)
        if seat is None or seat.left is None:
            seat = Seat(self._make())
            self._seats[seat.session.key] = seat
        seat.left = None
        return seat

    def is_at_work(self, key: str | None) -> bool:
        """Whether the session of that key works on for a page that went away."""
        seat = None if key is None else self._seats.get(key)
        return (
            seat is not None
            and seat.left is None
            and seat.reading is not None
            and seat.reading.done()
        )

    def leave(self, seat: Seat) -> None:
        """A page went away."""
        seat.left = time.monotonic()
        self.clear()

    def clear(self) -> None:
        """Forget the sessions that waited for too long, and of too many those that waited
        longest."""
        waiting = [(seat.left, key) for key, seat in self._seats.items() if seat.left is not None]
        waiting.sort()
        now = time.monotonic()
        for number, (left, key) in enumerate(waiting):
            if now - left > WAITS or number < len(waiting) - MOST_WAITING:
                del self._seats[key]


def listening_at(port: int) -> socket.socket:
    """A socket of this machine alone; port 0 is one that is free. Whoever follows a link to it
    waits from now on until it is served, and is not turned away. Raises ConfigurationError."""
    # With the protocol said: asyncio sends at once, and does not wait for more, only where it is.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as problem:
        listening.close()
        raise ConfigurationError("lab_port_taken", port=port, problem=problem.strerror) from problem
    return listening


def server_of(desk: Desk, token: str, port: int) -> "uvicorn.Server":
    """What serves the lab at a port once it is run. Raises MissingDependencyError."""
    require("starlette", "uvicorn", "websockets")
    import uvicorn

    settings = uvicorn.Config(
        application(desk, token, port),
        log_level="critical",
        lifespan="off",
        ws="websockets-sansio",
        # So that what is too long is refused in a sentence, and no bytes of a character count.
        ws_max_size=4 * LONGEST,
        # Nothing is gained on the way to the same machine.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(settings)


def application(desk: Desk, token: str, port: int) -> "Starlette":
    """The application that serves the page and its sessions."""
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route, WebSocketRoute

    origins = {f"http://{name}:{port}" for name in (HOST, "localhost")}
    hosts = {origin.removeprefix("http://") for origin in origins}

    def ours(given: str | None) -> bool:
        return given is not None and secrets.compare_digest(given.encode(), token.encode())

    async def page(request: "Request") -> "Response":
        if request.headers.get("host") not in hosts:
            return Response(status_code=403, headers=HEADERS)
        path = request.path_params["path"] or "index.html"
        # The files hold nothing of the person's; what they are opened with has the token.
        if path == "index.html" and not ours(request.query_params.get("token")):
            return Response(status_code=403, headers=HEADERS)
        folder = FONTS if path.endswith(".woff2") else PAGE
        file = (folder / path).resolve()
        kind = MEDIA_TYPES.get(file.suffix)
        if kind is None or not file.is_relative_to(folder.resolve()) or not file.is_file():
            return Response(status_code=404, headers=HEADERS)
        return Response(file.read_bytes(), media_type=kind, headers=HEADERS)

    async def socket(websocket: "WebSocket") -> None:
        headers = websocket.headers
        if (
            headers.get("host") not in hosts
            or headers.get("origin") not in origins
            or not ours(websocket.query_params.get("token"))
        ):
            await websocket.close(1008)
            return
        await websocket.accept()
        await _attend(websocket, desk)

    return Starlette(
        routes=[
            WebSocketRoute("/session", socket),
            Route("/{path:path}", page, methods=["GET"]),
        ]
    )


async def _attend(websocket: "WebSocket", desk: Desk) -> None:
    """One page, from its first message until it goes."""
    from starlette.websockets import WebSocketDisconnect

    inbox = Inbox()
    try:
        first = await websocket.receive_text()
    except (WebSocketDisconnect, KeyError):
        return
    inbox.put(first)
    arrived = asyncio.Event()
    reading = asyncio.create_task(_read(websocket, inbox, arrived))
    key = _field_of(first, "resume")
    # A page that is loaded again during a check gets its session when that has ended.
    while desk.is_at_work(key):
        await asyncio.sleep(WORKING)
        if reading.done():
            return
    seat = desk.take(key)
    seat.reading = reading
    try:
        await _serve(websocket, seat, inbox, arrived, reading)
    except (WebSocketDisconnect, RuntimeError):
        # The page went while something was being sent to it.
        pass
    finally:
        reading.cancel()
        desk.leave(seat)


async def _read(websocket: "WebSocket", inbox: Inbox, arrived: asyncio.Event) -> None:
    from starlette.websockets import WebSocketDisconnect

    try:
        while True:
            inbox.put(await websocket.receive_text())
            arrived.set()
    except (WebSocketDisconnect, KeyError, RuntimeError):
        # KeyError: bytes, which no page sends.
        return
    finally:
        arrived.set()


async def _serve(
    websocket: "WebSocket",
    seat: Seat,
    inbox: Inbox,
    arrived: asyncio.Event,
    reading: "asyncio.Task[None]",
) -> None:
    while not reading.done():
        arrived.clear()
        text = inbox.take()
        if text is None and not seat.session.busy:
            await arrived.wait()
            continue
        if text is None:
            answers = seat.session.work(PIECE)
            # The others take their turns, and what the page sent is read: through the socket, the
            # protocol and the task that reads, a turn each.
            for _ in range(READING):
                await asyncio.sleep(0)
        elif _field_of(text, "type") in SLOW:
            answers = await asyncio.to_thread(seat.session.receive, text)
        else:
            answers = seat.session.receive(text)
        for one in answers:
            await websocket.send_text(written(one))


def _field_of(text: str, name: str) -> str | None:
    """A text in a message; None where it has none, or is none."""
    try:
        found = read(text).get(name)
    except ClearpropError:
        return None
    return found if isinstance(found, str) else None
