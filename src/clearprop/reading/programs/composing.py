"""The whole text of a program: its head, its functions and its main, in this order."""

import re
from typing import NamedTuple

from clearprop.base.arrays import Array
from clearprop.engine.summary import repr_short
from clearprop.kinds.program_lines import literal
from clearprop.reading.programs import sections
from clearprop.reading.programs.beginnings import beginnings
from clearprop.reading.programs.draft import Draft, draft
from clearprop.reading.programs.passes import named, without_brackets
from clearprop.reading.programs.recipe import Recipe
from clearprop.reading.programs.text import docstring, say
from clearprop.reading.programs.training_loop import inputs, main

# What a legend explains, and how it is found in the equations of a program.
LEGEND = {
    "x": r"\bx\b",
    "W": r"\bW",
    "z": r"\bz[₀-₉]",
    "a": r"\ba[₀-₉]",
    "E": r"\bE[₀-₉]",
    "Q": r"\bQ[₀-₉]",
    "A": r"\bA[₀-₉]",
    "lambda": r"\bλ[₀-₉]",
    "hidden": r"\bis padding\b",
    "looking": r"\bmask\b",
    "lengths": r"\blengths\b",
    "start": r"\b[hc]₀",
    "h": r"\bh[₁-₉]",
    "H": r"\bH[₀-₉]",
    "C": r"\bC[₀-₉]",
    "G": r"\bG[₀-₉]",
    "R": r"\bR[₀-₉]",
    "later": r"\blater_",
    "gamma": r"\bγ[₀-₉]",
    "m": r"\bm[₀-₉]",
    "k": r"\bk[₀-₉]",
    "p": r"\bp[₀-₉]",
    "s": r"\bs[₀-₉]",
    "S": r"\bS[₀-₉]",
    "J": r"\bJ[₀-₉]",
    "patches": r"Φ[₀-₉]",
    "windows": r"Ψ[₀-₉]",
    "pi": r"π[₀-₉]",
    "phi": r"φ[₀-₉]",
    "omega": r"ω[₀-₉]",
    "border": r"x̄",
    "places": r"\[n,c,p",
    "y": r"\by\b",
    "t": r"\bt\b",
    "L": r"∂L",
    "eta": r"η",
    "d": r"∂L",
    "product": r" · ",
    "entrywise": r"⊙",
    "transpose": r"ᵀ",
    "sum": r"Σ",
    "bracket": r"\[[^\]]*[<>≤≥=≠][^\]]*\]",
    "branch": r"\|f\b",
    "way": r"[x₀-₉a-z]\|(?!f\b)[a-z]",
}

# What a loss's weights are called in its equations.
LOSS_CONSTANTS = {"WEIGHT": "w", "POS_WEIGHT": "c"}


class Composed(NamedTuple):
    """A program: its text, and the arrays of the file beside it, where there is one."""

    text: str
    arrays: dict[str, Array]


def compose(recipe: Recipe, language: str, name: str, beside: str | None = None) -> Composed:
    """Write the program of a recipe.

    name    what its file is called, for the commands that it tells of
    beside  what the file of arrays is called that are too large to be written into the text

    Raises what `draft` and `beginnings` do.
    """
    made = draft(recipe, language)
    begin = beginnings(made, beside)
    functions = [sections.forward(made), sections.backward(made), sections.loss(made)]
    if _calls(functions, "sigmoid"):
        functions.insert(0, sections.sigmoid(language))
    if made.update.clipping:
        functions.append(sections.clip(made))
    if made.update.schedule is not None:
        functions.append(sections.learning_rate(made))
    functions.append(sections.update(made))
    if made.masks:
        functions.append(sections.dropout_masks(made))
    if made.settled.batch is not None:
        functions.append(sections.batch(made))
    functions += begin.functions
    functions.append(main(made))
    body = "\n\n\n".join("\n".join(lines) for lines in functions)
    texts = ["\n".join([f'{name} = """', *lines, '"""']) for name, lines in begin.texts]
    parts = [
        "\n".join(docstring(_story(made, name, body), "")),
        _imports(body),
        "\n".join(_constants(made, body)),
        "\n" + body + "\n",
        *texts,
        "\n".join(inputs(made)),
        'if __name__ == "__main__":\n    main()',
    ]
    return Composed("\n\n".join(parts) + "\n", begin.arrays)


def _calls(functions: list[list[str]], name: str) -> bool:
    return any(f"{name}(" in line for lines in functions for line in lines)


def _imports(body: str) -> str:
    lines = ["import numpy as np"]
    if "ndtr(" in body:
        lines.append("from scipy.special import ndtr")
    if "Path(" in body:
        lines = ["from pathlib import Path", "", *lines]
    return "\n".join(lines)


def _constants(made: Draft, body: str) -> list[str]:
    settled, recipe = made.settled, made.recipe
    lines = [f"{name} = {literal(value)}  # {math}" for name, value, math in made.update.constants]
    kind = settled.params.dtype
    dtype = "" if kind == "float64" else f", np.{kind}"
    for name, values in made.loss.constants.items():
        made_of = ", ".join(map(literal, values))
        lines.append(f"{name} = np.array([{made_of}]{dtype})  # {LOSS_CONSTANTS[name]}")
    steps = f"STEPS = {settled.steps}"
    if settled.batch is not None:
        steps += "  # " + say(
            made.language, "epochs", epochs=recipe.epochs, batches=settled.per_epoch
        )
    lines.append(steps)
    if "SEED" in body:
        lines.append(f"SEED = {recipe.seed}")
    return lines


def _story(made: Draft, name: str, body: str) -> str:
    """The docstring of the program."""
    language, recipe = made.language, made.recipe
    layers = [named(node.layer) for node in recipe.network.graph.nodes.values()]
    equations = "\n".join(re.findall(r"^ *# (.*)$", body, re.MULTILINE))
    return "\n\n".join(
        [
            say(language, "story.title", layers=say(language, "story.join").join(layers)),
            say(
                language,
                "story.training",
                loss=without_brackets(repr_short(recipe.loss)),
                optimizer=made.update.rule,
                steps=made.settled.steps,
            ),
            "\n".join(legend(language, equations)),
            say(language, "story.commands", name=name),
        ]
    )


def legend(language: str, equations: str) -> list[str]:
    """What the names in a program's equations are."""
    return [
        say(language, f"legend.{key}")
        for key, pattern in LEGEND.items()
        if re.search(pattern, equations)
    ]
