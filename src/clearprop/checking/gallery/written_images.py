"""What people write for images, in every form and with every mistake, at several points."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from clearprop.checking.gallery.specimen import STRANGER, Arrays, ImageForm, Specimen, always
from clearprop.checking.gallery.written_channel_norms import CHANNEL_NORMS
from clearprop.checking.gallery.written_convolutions import CONVOLUTIONS
from clearprop.checking.gallery.written_lenets import LENETS
from clearprop.checking.gallery.written_patches import BY_PATCHES
from clearprop.checking.gallery.written_poolings import POOLINGS

FORMS: tuple[ImageForm, ...] = (*CONVOLUTIONS, *BY_PATCHES, *POOLINGS, *CHANNEL_NORMS, *LENETS)


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every form, every mistake, every point."""
    for form in FORMS:
        for mistake in ("", *form.mistakes, STRANGER):
            for seed in seeds:
                yield specimen(form, mistake, seed)


def specimen(form: ImageForm, mistake: str, seed: int) -> Specimen:
    """One form with one mistake at one point."""
    generator = np.random.default_rng([seed, 15])
    arrays: Arrays = {name: generator.normal(size=n) for name, n in form.shapes.items()}
    dy = generator.normal(size=form.forward(arrays).shape)
    return Specimen(
        subject=form.name,
        # What stands behind a comma tells two codes of one mistake apart.
        mistake=mistake.partition(",")[0],
        arrays=arrays,
        dy=dy,
        forward=form.forward,
        start=always(partial(form.backward, mistake)),
        # Nobody differentiates a loss by the images.
        variables=tuple(form.backward("", dy, arrays)),
    )
