"""The masks of attention in ONNX: where scores are masked one by one, as the one input of its
operator, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.engine.layers.attention_masks import LOOKING, PADDING
from clearprop.kinds.onnx_terms import Beside, Choice, FileInput, Slot, Term, choice, op

# A mask of each sample (N, T, S) is one of every head; the others fit the scores as they are.
_LOOKING = choice(
    "spread",
    {
        "as it is": Beside(LOOKING),
        "heads": op("Unsqueeze", Beside(LOOKING), Slot("head_axis")),
    },
)
_HIDDEN = op("Unsqueeze", Beside(PADDING), Slot("mask_axes"))


def masked(scores: Term) -> Choice:
    """What the masks beside x do to the scores."""
    padded = op("Where", _HIDDEN, Slot("never"), scores)
    return choice(
        "masks",
        {
            "none": scores,
            "padding": padded,
            "looking": op("Where", _LOOKING, Slot("never"), scores),
            "added": op("Add", scores, _LOOKING),
            "padding and looking": op("Where", _LOOKING, Slot("never"), padded),
            "padding and added": op("Add", padded, _LOOKING),
        },
    )


def operators_mask() -> Choice:
    """The same as one input of the operator, of whose booleans True is where one may look."""
    seen = op("Unsqueeze", op("Not", Beside(PADDING)), Slot("mask_axes"))
    return choice(
        "masks",
        {
            "none": None,
            "padding": seen,
            "looking": op("Not", _LOOKING),
            "added": _LOOKING,
            "padding and looking": op("And", seen, op("Not", _LOOKING)),
            "padding and added": op("Where", _HIDDEN, Slot("never"), _LOOKING),
        },
    )


def masks_of(beside: Mapping[str, FileInput]) -> dict[str, Any]:
    """Which of these it is, and the constants of it."""
    parts = ["padding"] if PADDING in beside else []
    found: dict[str, Any] = {"mask_axes": np.array([1, 2])} if parts else {}
    looking = beside.get(LOOKING)
    if looking is not None:
        parts.append("looking" if looking.dtype == bool else "added")
        found["spread"] = "heads" if looking.axes == 3 else "as it is"
        if looking.axes == 3:
            found["head_axis"] = np.array([1])
    return found | {"masks": " and ".join(parts) or "none"}


def masks_found(found: Mapping[str, Any]) -> dict[str, FileInput]:
    """What stood beside the layer in a file."""
    masks, beside = found.get("masks", "none"), {}
    if masks.startswith("padding"):
        beside[PADDING] = FileInput(PADDING, np.dtype(bool), 2)
    if masks.endswith(("looking", "added")):
        dtype = np.dtype(bool if masks.endswith("looking") else np.float64)
        beside[LOOKING] = FileInput(LOOKING, dtype, 3 if found["spread"] == "heads" else 2)
    return beside
