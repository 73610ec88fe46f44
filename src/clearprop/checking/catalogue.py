"""The whole catalogue against every witness that is installed."""

from collections.abc import Callable, Iterator

from clearprop.checking.request import Request, answer, of_example, of_loss_example
from clearprop.checking.verdict import Verdict
from clearprop.kinds.kind_tables import LAYER_EXAMPLES, LOSS_EXAMPLES

# Told of every check that is done: (done, of how many).
Watcher = Callable[[int, int], None]


def requests() -> list[Request]:
    """A request for every example of every layer, combinator and loss."""
    start = Request(None)
    layers = [of_example(start, one) for group in LAYER_EXAMPLES.values() for one in group]
    losses = [of_loss_example(start, one) for group in LOSS_EXAMPLES.values() for one in group]
    return layers + losses


def check_all(watch: Watcher) -> Iterator[Verdict]:
    """The verdict of every request, one after the other."""
    asked = requests()
    watch(0, len(asked))
    for done, request in enumerate(asked, start=1):
        yield answer(request)
        watch(done, len(asked))
