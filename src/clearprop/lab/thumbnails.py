"""A data set as a picture that fits a button."""

from typing import Any

import numpy as np

from clearprop.lab.data_sets import LabData
from clearprop.lab.messages import array

# More points than these are not told apart in a picture of that size.
MOST_POINTS = 200


def thumbnail(data: LabData) -> dict[str, Any]:
    """What a page draws: the first sample where samples are images or sequences, which lie down,
    otherwise points (N, 2) with a tone each. One input stands against its target, of more the first
    two against each other, with the class, or the rounded target, as the tone."""
    if data.image is not None:
        return {"image": array(data.x[0].reshape(data.image)), "points": None, "tones": None}
    if data.x.ndim > 2:
        drawn = data.x[0].reshape(data.x.shape[1], -1).T
        return {"image": array(np.abs(drawn)), "points": None, "tones": None}
    x, target = data.x[:MOST_POINTS], data.target[:MOST_POINTS]
    target = target if target.ndim == 1 else target[:, 0]
    if x.shape[1] == 1:
        return {"image": None, "points": array(np.column_stack([x[:, 0], target])), "tones": None}
    tones = np.rint(target).astype(np.int64)
    return {"image": None, "points": array(x[:, :2]), "tones": array(tones)}
