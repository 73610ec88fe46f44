"""A session within a page: what `page/worker.js` calls once Python runs there.

A page has one for the lab, and a second one, in a worker of its own, for code that a person pasted:
there it runs in place, and the page throws that worker away when the code takes too long. The page
hears of every call of the code when it begins and when it ends.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from clearprop.base.arrays import Array
from clearprop.lab.lab_opening import opening_from
from clearprop.lab.messages import written
from clearprop.lab.pasted_code import Called, in_place

# A run goes on for so long before the worker looks for messages again.
SLICE = 0.03


class SessionInPage:
    """One session, whose messages go to `post` as JSON text.

    opening   `Opening.to_json` as text
    calling   is told True before pasted code runs, and False behind it
    """

    def __init__(
        self, opening: str, post: Callable[[str], None], calling: Callable[[bool], None]
    ) -> None:
        self._post, self._calling = post, calling
        self._session = opening_from(json.loads(opening)).session(guest=self._watched)

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

    def take_verdict(self, outcome: str) -> None:
        """Know what was said of pasted code in the other worker."""
        self._session.take_verdict(outcome)

    @contextmanager
    def _watched(self, code: str) -> Iterator[Called]:
        with ExitStack() as stack:
            self._calling(True)
            try:
                called = stack.enter_context(in_place(code))
            finally:
                self._calling(False)
            yield _Watched(called, self._calling)


class _Watched:
    def __init__(self, called: Called, calling: Callable[[bool], None]) -> None:
        self._called, self._calling = called, calling

    def call(self, arrays: Sequence[Array]) -> Any:
        self._calling(True)
        try:
            return self._called.call(arrays)
        finally:
            self._calling(False)
