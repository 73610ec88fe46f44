"""Softmax, its logarithm, and Dropout."""

from clearprop.kinds.program_lines import Line, in_equation, number
from clearprop.kinds.writers.site import Mask, Passes, Site


def softmax(site: Site) -> Passes:
    """Powers of e over their sum; the largest input is taken off first, so that none overflows."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    along = f"axis={site.layer.axis}, keepdims=True"
    powers = site.own("powers", "q")
    overlap = site.own("overlap", "o")
    return Passes(
        (
            Line(
                f"{powers} = np.exp({x} - {x}.max({along}))",
                f"{powers:math} = e^({x:math} − max {x:math})",
            ),
            Line(
                f"{y} = {powers} / {powers}.sum({along})",
                f"{y:math} = {powers:math} / Σⱼ {powers:math}",
            ),
        ),
        (
            Line(
                f"{overlap} = ({dy} * {y}).sum({along})",
                f"{overlap:math} = Σⱼ {dy:math} ⊙ {y:math}",
            ),
            Line(
                f"{dx} = {y} * ({dy} - {overlap})",
                f"{dx:math} = {y:math} ⊙ ({dy:math} − {overlap:math})",
            ),
        ),
    )


def log_softmax(site: Site) -> Passes:
    """The logarithm of softmax, without taking softmax first."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    along = f"axis={site.layer.axis}, keepdims=True"
    below = site.own("shifted", "d")
    return Passes(
        (
            Line(f"{below} = {x} - {x}.max({along})", f"{below:math} = {x:math} − max {x:math}"),
            Line(
                f"{y} = {below} - np.log(np.exp({below}).sum({along}))",
                f"{y:math} = {below:math} − ln Σⱼ e^{below:math}",
            ),
        ),
        (
            Line(
                f"{dx} = {dy} - np.exp({y}) * {dy}.sum({along})",
                f"{dx:math} = {dy:math} − e^{y:math} ⊙ Σⱼ {dy:math}",
            ),
        ),
    )


def dropout(site: Site) -> Passes:
    """The kept entries over the probability of being kept."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    probability = site.layer.probability
    if probability == 1:
        return Passes(
            (Line(f"{y} = np.zeros_like({x})", f"{y:math} = 0"),),
            (Line(f"{dx} = np.zeros_like({dy})", f"{dx:math} = 0"),),
        )
    keep = site.own("keep", "k")
    kept, kept_math = number(1 - probability), in_equation(1 - probability)
    return Passes(
        (Line(f"{y} = {x} * {keep} / {kept}", f"{y:math} = {x:math} ⊙ {keep:math} / {kept_math}"),),
        (
            Line(
                f"{dx} = {dy} * {keep} / {kept}",
                f"{dx:math} = {dy:math} ⊙ {keep:math} / {kept_math}",
            ),
        ),
        masks=(Mask(keep, site.path, site.shape, probability),),
    )
