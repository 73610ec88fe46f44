"""Linear and Embedding: the layers with a table of weights."""

from clearprop.kinds.program_lines import Line
from clearprop.kinds.writers.site import Passes, Site, sum_of_samples


def linear(site: Site) -> Passes:
    """The weighted sums z = x W + b."""
    x, y, dy, weight = site.x, site.y, site.dy, site.params["weight"]
    code, equation = f"{y} = {x} @ {weight}", f"{y:math} = {x:math} · {weight:math}"
    backward = [
        Line(
            f"{site.gradients['weight']} = {x}.T @ {dy}",
            f"{site.gradients['weight']:math} = {x:math}ᵀ · {dy:math}",
        )
    ]
    if "bias" in site.params:
        code += f" + {site.params['bias']}"
        equation += f" + {site.params['bias']:math}"
        gradient = site.gradients["bias"]
        backward.append(
            Line(
                f"{gradient} = {sum_of_samples(str(dy), site.shape)}",
                f"{gradient:math} = Σₙ {dy:math}",
            )
        )
    if site.dx is not None:
        backward.append(
            Line(f"{site.dx} = {dy} @ {weight}.T", f"{site.dx:math} = {dy:math} · {weight:math}ᵀ")
        )
    return Passes((Line(code, equation),), tuple(backward))


def embedding(site: Site) -> Passes:
    """The rows e = E[x] of the ids x."""
    table, gradient, dy = site.params["weight"], site.gradients["weight"], site.dy
    row = "ₙ" if len(site.shape) == 0 else "ₙₜ"
    each = f"{site.x:math}{row}"
    return Passes(
        (Line(f"{site.y} = {table}[{site.x}]", f"{site.y:math}{row} = {table:math}[{each}]"),),
        (
            Line(f"{gradient} = np.zeros_like({table})", f"{gradient:math} = 0"),
            Line(
                f"np.add.at({gradient}, {site.x}, {dy})",
                f"{gradient:math}[{each}] ← {gradient:math}[{each}] + {dy:math}{row}",
            ),
        ),
    )
