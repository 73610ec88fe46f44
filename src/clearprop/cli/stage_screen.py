"""A walk through one training step, by key: one stage at a time on a screen of its own."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.control import Control
from rich.text import Text

from clearprop.base import messages
from clearprop.cli.keyboard import Move, pressed
from clearprop.cli.terminal import spelled
from clearprop.reading.walk import Part, Walk

# Lines of the screen that are not the stage's: its title, the line above the keys, the keys.
AROUND = 3
STYLES = {
    Part.FORWARD: "bold blue",
    Part.INSIDE: "blue",
    Part.SUM: "bold blue",
    Part.ADDED: "bold blue",
    Part.JOINED: "bold blue",
    Part.LOSS: "bold magenta",
    Part.BACKWARD: "bold red",
    Part.INSIDE_BACK: "red",
    Part.SPLIT: "bold red",
    Part.HANDED_ON: "bold red",
    Part.PARTED: "bold red",
    Part.JOIN: "bold red",
    Part.MET: "bold red",
}


def show(walk: Walk, console: Console, language: str) -> None:
    """Show one stage at a time until the person quits; the screen is gone afterwards."""
    position = 0
    last = len(walk.stages) - 1
    moves: dict[Move, Callable[[int], int]] = {
        Move.NEXT: lambda at: min(at + 1, last),
        Move.BACK: lambda at: max(at - 1, 0),
        Move.FIRST: lambda _: 0,
        Move.LAST: lambda _: last,
    }
    with console.screen() as screen:
        # Drawn again while a key is waited for, when a line feed does not return the carriage.
        screen.screen.application_mode = True

        def draw() -> None:
            size = None
            # A terminal may be resized while it is being drawn on.
            while size != console.size:
                size = console.size
                console.control(Control.home())
                screen.update(_picture(walk, position, console, language))

        with _on_resize(draw):
            while True:
                draw()
                for key in pressed():
                    if key is Move.QUIT:
                        return
                    position = moves[key](position)


def _picture(walk: Walk, position: int, console: Console, language: str) -> Group:
    width, height = console.size
    room = max(height - AROUND, 1)
    body = walk.body(position, language, width=width, height=room)
    if len(body) > room:
        hidden = messages.text(language, "cli.step.hidden", count=len(body) - room + 1)
        body = [*body[: room - 1], hidden]
    style = STYLES.get(walk.stages[position].part, "bold green")
    lines = [
        _line(walk.title(position, language), console, style),
        *(_line(line, console) for line in body),
        *(Text() for _ in range(room - len(body) + 1)),
        _line(_keys(console, language), console, "reverse"),
    ]
    return Group(*lines)


def _line(text: str, console: Console, style: str = "") -> Text:
    return Text(spelled(text, console.encoding), style, no_wrap=True, overflow="ellipsis")


def _keys(console: Console, language: str) -> str:
    """What the keys do; arrows are named where the terminal cannot draw them."""
    text = messages.text(language, "cli.step.keys")
    plain = spelled(text, console.encoding)
    return text if plain == text else messages.text(language, "cli.step.keys_named")


@contextmanager
def _on_resize(draw: Callable[[], None]) -> Iterator[None]:
    """Draw again whenever the terminal gets another size, where the system says so."""
    if not hasattr(signal, "SIGWINCH"):
        yield
        return
    before = signal.signal(signal.SIGWINCH, lambda *_: draw())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
