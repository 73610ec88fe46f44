"""The paths from one number to the loss, with what comes back through each: an explanation's tree
of signals as a graph in which every place stands once in its column.

∂C/∂w is the sum over all paths of the product along the path. So what comes back through one way is

    contribution = (product of all factors before it) · factor · ∂C/∂(its end)

and where several ways lead to one place, their products before it are added: the signal behind it
is the same for all of them. At every place the contributions that go on add up to those that
arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from clearprop.reading.explanation.sample_shares import SampleShare
from clearprop.reading.explanation.signals import Signal, WayKind
from clearprop.reading.largest_terms import Rest


@dataclass(frozen=True)
class Place:
    """Where paths meet or end.

    column   how many ways lie before it
    signal   ∂C/∂v there; None where a path ends without one, and of the number itself
    end      LOSS, REST (of `count` terms) or SAMPLES where paths end at something else than a
             signal that is not taken apart further
    """

    key: str
    column: int
    signal: Signal | None = None
    end: WayKind | None = None
    count: int = 0


@dataclass(frozen=True)
class Passage:
    """One way from a place to the next: `contribution` is its part of the number that is explained.

    via     what it goes through, as an address; "" where there is nothing to name
    factor  what it multiplies; None of a rest and of other samples
    """

    start: str
    end: str
    kind: WayKind
    via: str
    factor: float | None
    contribution: float


@dataclass(frozen=True)
class Paths:
    """All of it: `total` is what the contributions from `root` add up to."""

    root: Place
    total: float
    places: tuple[Place, ...]
    passages: tuple[Passage, ...]


def paths_of_share(share: SampleShare) -> Paths:
    """From a parameter's entry, for one sample, through every product of its share."""
    root = Place("0", 0)
    firsts = [
        Passage(
            start="0",
            end=_key(1, one.signal),
            kind=WayKind.PRODUCT,
            via=one.input,
            factor=one.factor,
            contribution=one.value,
        )
        for one in share.products
    ]
    graph = _Graph([root])
    for first, one in zip(firsts, share.products, strict=True):
        graph.enter(one.signal, 1, first, one.factor)
    graph.leave("0", 1, share.rest, 1.0)
    graph.grow()
    return Paths(root, share.value, tuple(graph.places), tuple(graph.passages))


def paths_of_signal(signal: Signal) -> Paths:
    """From a neuron, whose ∂C/∂z is the number that is explained."""
    root = Place(_key(0, signal), 0, signal)
    graph = _Graph([])
    graph.start(root, signal)
    graph.grow()
    return Paths(root, signal.value, tuple(graph.places), tuple(graph.passages))


class _Graph:
    """Grows column by column, so that a place's factor is complete before anything leaves it."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places: list[Place] = list(places)
        self.passages: list[Passage] = []
        self._waiting: dict[str, tuple[Place, Signal, float]] = {}

    def start(self, root: Place, signal: Signal) -> None:
        self.places.append(root)
        self._waiting[root.key] = (root, signal, 1.0)

    def enter(self, signal: Signal, column: int, passage: Passage, factor: float) -> None:
        """A way to the place of `signal`; `factor` is the product of all factors up to there."""
        self.passages.append(passage)
        key = passage.end
        if key in self._waiting:
            place, known, before = self._waiting[key]
            # The deeper opened one has more to tell; a tree opens equal places equally deep.
            self._waiting[key] = (place, known, before + factor)
            return
        place = Place(key, column, signal)
        self.places.append(place)
        self._waiting[key] = (place, signal, factor)

    def leave(self, start: str, column: int, rest: Rest, factor: float) -> None:
        """The way to everything that is not listed one by one."""
        if rest.count:
            end = Place(
                f"{column}/{WayKind.REST}/{start}", column, end=WayKind.REST, count=rest.count
            )
            self._end(start, end, WayKind.REST, factor * rest.value)

    def grow(self) -> None:
        """Follow every signal as far as it is opened."""
        while self._waiting:
            column, self._waiting = self._waiting, {}
            for place, signal, factor in column.values():
                self._follow(place, signal, factor)

    def _follow(self, place: Place, signal: Signal, before: float) -> None:
        if not signal.opened:
            return
        column = place.column + 1
        factor = before * (1.0 if signal.slope is None else signal.slope.value)
        if signal.loss is not None:
            slope = signal.loss.value
            end = Place(f"{column}/{WayKind.LOSS}/{place.key}", column, signal, WayKind.LOSS)
            self._end(place.key, end, WayKind.LOSS, factor * slope, factor=slope)
            return
        for term in signal.terms:
            if term.signal is None:
                key = f"{column}/{WayKind.SAMPLES}/{place.key}"
                end = Place(key, column, end=WayKind.SAMPLES)
                self._end(place.key, end, term.kind, factor * term.value, via=term.via)
            else:
                passage = Passage(
                    start=place.key,
                    end=_key(column, term.signal),
                    kind=term.kind,
                    via=term.via,
                    factor=term.factor,
                    contribution=factor * term.value,
                )
                self.enter(term.signal, column, passage, factor * term.factor)
        self.leave(place.key, column, signal.rest, factor)

    def _end(
        self,
        start: str,
        end: Place,
        kind: WayKind,
        contribution: float,
        *,
        via: str = "",
        factor: float | None = None,
    ) -> None:
        """A way behind which nothing is followed."""
        self.places.append(end)
        self.passages.append(
            Passage(
                start=start,
                end=end.key,
                kind=kind,
                via=via,
                factor=factor,
                contribution=contribution,
            )
        )


def _key(column: int, signal: Signal) -> str:
    return f"{column}/{signal.place}"
