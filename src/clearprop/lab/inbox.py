"""The messages of a page that are not read yet.

A page may send faster than a session answers: a pointer moves a hundred times a second. Of what
says the same anew (`go`, `move`, `frame`) the newest waits and older ones are dropped; of all
others so many wait and no more, so that a flood costs nobody anything but its own answers.
"""

import json
from collections import OrderedDict

NEWEST = ("frame", "go", "move")
MOST = 200
# A message of these kinds is short.
_SHORT = 2000


class Inbox:
    """Messages in the order in which they came.

    dropped  how many were not kept because too many waited
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, tuple[str | None, str]] = OrderedDict()
        self._count = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, text: str) -> None:
        """Keep a message until it is taken."""
        kind = _kind_of(text)
        if kind is not None:
            for number, (other, _) in self._waiting.items():
                if other == kind:
                    del self._waiting[number]
                    break
        elif len(self._waiting) >= MOST:
            self.dropped += 1
            return
        self._count += 1
        self._waiting[self._count] = (kind, text)

    def take(self) -> str | None:
        """The oldest message; None where none waits."""
        if not self._waiting:
            return None
        _, (_, text) = self._waiting.popitem(last=False)
        return text


def _kind_of(text: str) -> str | None:
    """The type of a message of which only the newest counts; None of any other."""
    if len(text) > _SHORT or not any(f'"{kind}"' in text for kind in NEWEST):
        return None
    try:
        message = json.loads(text)
    except ValueError:
        return None
    kind = message.get("type") if isinstance(message, dict) else None
    if kind == "move" and message.get("settled") is not False:
        return None
    return kind if kind in NEWEST else None
