"""A session within a page: what `page/worker.js` calls once Python runs there."""

import json
from collections.abc import Callable

from clearprop.lab.messages import written
from clearprop.lab.opening import opening_from

# A run goes on for so long before the worker looks for messages again.
SLICE = 0.03


class SessionInPage:
    """One session, whose messages go to `post` as JSON text.

    opening   `Opening.to_json` as text
    """

    def __init__(self, opening: str, post: Callable[[str], None]) -> None:
        self._session = opening_from(json.loads(opening)).session()
        self._post = post

    def receive(self, text: str) -> None:
        """Take a message of the page, and answer it."""
        for message in self._session.receive(text):
            self._post(written(message))

    def work(self) -> bool:
        """Go on for a moment with what is not done yet; returns whether there is more."""
        if self._session.busy:
            for message in self._session.work(SLICE):
                self._post(written(message))
        return self._session.busy
