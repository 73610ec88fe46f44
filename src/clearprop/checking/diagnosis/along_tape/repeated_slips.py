"""The same slip at several parts at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from clearprop.checking.diagnosis.along_tape.tape_pass import (
    TapeSlip,
)


def repeated(slips: Sequence[TapeSlip]) -> Iterator[TapeSlip]:
    """The same slip at every part that is called the same, as in a loop; and at every part of its
    kind, as where one function goes back through all of them."""
    for sort in (_called, _of_its_kind):
        groups: dict[object, list[TapeSlip]] = {}
        seen: Counter[object] = Counter()
        for one in slips:
            wires = (*one.shares, *one.signals)
            said = (one.key, sort(one.values))
            # A part may have several slips of one name; the first of each belong together.
            groups.setdefault((*said, seen[*said, wires]), []).append(one)
            seen[*said, wires] += 1
        for group in groups.values():
            places = [*dict.fromkeys(str(one.values.get("where", "")) for one in group)]
            is_new = len(group) > 1 if sort is _called else len(places) > 1
            if is_new and group[0].leaves is None:
                yield _together(group, places)
                if len(places) > 2:
                    # The last layer often has a line of its own.
                    yield _together(group, places[:-1])
                for first in (0, 1) if len(places) > 3 else ():
                    # A block often has two of a kind, of attention and of what stands behind it.
                    yield _together(group, places[first::2])


def in_all_at_once(each: Sequence[Sequence[TapeSlip]]) -> Iterator[TapeSlip]:
    """Of parts that are alike, each with its slips in one order, every slip made in all of them."""
    for alike in zip(*each, strict=False) if len(each) > 1 else ():
        if len({one.key for one in alike}) == 1:
            yield _together(alike, [*dict.fromkeys(str(one.values["where"]) for one in alike)])


def _together(slips: Sequence[TapeSlip], places: Sequence[str]) -> TapeSlip:
    chosen = [one for one in slips if str(one.values.get("where", "")) in places]
    return chosen[0]._replace(
        values={**chosen[0].values, "where": ", ".join(places)},
        shares={n: made for one in chosen for n, made in one.shares.items()},
        signals={n: made for one in chosen for n, made in one.signals.items()},
    )


def _called(values: Mapping[str, object]) -> str:
    return str(dict(values))


def _of_its_kind(values: Mapping[str, object]) -> str:
    kind = str(values.get("where", "")).partition("(")[0]
    rest = {k: one for k, one in values.items() if k not in ("where", "before", "after")}
    return str((kind, rest))
