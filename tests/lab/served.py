"""The lab served for a test: the page in a browser, and the session behind it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from clearprop.lab.serving import HOST, Desk, listening_at, server_of
from clearprop.lab.session import Session

TOKEN = "of-the-test"


@contextmanager
def served(make: Callable[[], Session] = Session) -> Iterator[str]:
    """The link of a lab that is served by a thread until the block ends; `make` makes a session."""
    listening = listening_at(0)
    port = listening.getsockname()[1]
    server = server_of(Desk(make), TOKEN, port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://{HOST}:{port}/?token={TOKEN}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


def opened_lab(context: Any, link: str, language: str = "en") -> Any:
    """The page once it shows a moment; what goes wrong in it, and every request that is not to
    its own server, stands in `page.complaints`."""
    # A busy machine is waited for: how fast the page is, others measure.
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.complaints = []
    own = link.partition("?")[0]
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((own, own.replace("http", "ws", 1), "blob:", "data:"))
            else page.complaints.append(request.url)
        ),
    )
    page.goto(f"{link}&lang={language}")
    page.wait_for_selector(".neuron.exists text")
    return page
