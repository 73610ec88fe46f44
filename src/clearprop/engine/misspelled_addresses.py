"""What is wrong with an address of which there is nothing: a number beyond its axis, a name that is
left out, a channel that there is not, a word that is misspelled. Each is told with what there is.
"""

import difflib
import re
from collections.abc import Collection, Mapping

from clearprop.base.arrays import Index, Shape, shape_text
from clearprop.base.errors import ClearpropError, ShapeError, UnknownNameError

# What may stand for an image's first axis and for the places of a kernel.
ABRIDGED = ("channels", "patches")

_NUMBER = re.compile(r"\[\s*(-?\d+)\s*\]")
_WORD = re.compile(r"(\w+)(?=\[)")


def written(path: str, index: Index) -> str:
    """An entry as people type it: `layers[0].weight[0,3]`."""
    return f"{path}[{','.join(map(str, index))}]"


def unknown(text: str, path: str, index: Index, shapes: Mapping[str, Shape]) -> ClearpropError:
    """The error for an address whose array does not exist; `shapes` are those of all that do."""
    return (
        _beyond_axis(text, path, shapes)
        or _name_missing(text, shapes)
        or _nearest(text, path, index, shapes)
    )


def respelled(text: str, known: Collection[str]) -> str | None:
    """The text with its last word made `channels` or `patches` where it is nearly one of them; None
    where it is one of the `known` names inside layers, or something else altogether."""
    for found in reversed(list(_WORD.finditer(text))):
        near = difflib.get_close_matches(found[1], ABRIDGED, n=1, cutoff=0.7)
        if found[1] in known or found[1] in ABRIDGED:
            return None
        if near:
            return f"{text[: found.start()]}{near[0]}{text[found.end() :]}"
    return None


def no_channel(text: str, path: str, channel: str, shape: Shape) -> ShapeError:
    """The error for a channel beyond those of an image (channels, *places)."""
    last = tuple(size - 1 for size in shape)
    example = f"{path}.channels[{last[0]}][{','.join(map(str, last[1:]))}]".lstrip(".")
    return ShapeError(
        "channel_range",
        text=text,
        channel=channel,
        path=path or "—",
        last=last[0],
        shape=shape_text(shape[1:]),
        example=example,
    )


def _beyond_axis(text: str, path: str, shapes: Mapping[str, Shape]) -> ShapeError | None:
    """Where an array of the same name exists at other numbers of an axis before its name:
    `layers[0].time[99].forget`."""
    alike = [name for name in shapes if _NUMBER.sub("[]", name) == _NUMBER.sub("[]", path)]
    given = [int(one) for one in _NUMBER.findall(path)]
    numbers = [tuple(int(one) for one in _NUMBER.findall(name)) for name in alike]
    # The first number that none of them has, where those before it are theirs.
    for axis, number in enumerate(given):
        known = sorted({one[axis] for one in numbers if list(one[:axis]) == given[:axis]})
        if not known:
            return None
        if number in known:
            continue
        before = list(_NUMBER.finditer(path))[axis].start()
        owner, _, word = path[:before].rpartition(".")
        if not owner or known != list(range(len(known))):
            return None
        example = next(
            name
            for name, one in zip(alike, numbers, strict=True)
            if list(one[: axis + 1]) == [*given[:axis], known[-1]]
        )
        return ShapeError(
            "axis_range",
            text=text,
            axis=word,
            path=owner,
            last=known[-1],
            example=written(example, (0,) * len(shapes[example])),
        )
    return None


def _name_missing(text: str, shapes: Mapping[str, Shape]) -> UnknownNameError | None:
    """Where what is typed is the beginning of addresses: `layers[0].time[3]`."""
    longer = [name for name in shapes if name.startswith(f"{text}.")]
    names = [name[len(text) + 1 :] for name in longer]
    if not names or any("." in name or "[" in name for name in names):
        return None
    first = written(longer[0], (0,) * len(shapes[longer[0]]))
    return UnknownNameError(
        "address_name_missing", path=text, names=", ".join(names), example=first
    )


def _nearest(text: str, path: str, index: Index, shapes: Mapping[str, Shape]) -> UnknownNameError:
    near = difflib.get_close_matches(path, shapes, n=3, cutoff=0.3) or list(shapes)[:3]
    offered = [
        written(name, index if fits(index, shapes[name]) else (0,) * len(shapes[name]))
        for name in near
    ]
    return UnknownNameError("path_unknown", path=text, nearest=", ".join(offered))


def fits(index: Index, shape: Shape) -> bool:
    """Whether an entry is one of an array of this shape."""
    return len(index) == len(shape) and all(
        0 <= i < size for i, size in zip(index, shape, strict=True)
    )
