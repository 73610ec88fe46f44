"""The report of the micro-GPT: its page, its pictures, its numbers and the network itself."""

from pathlib import Path

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.reading.explanation import explain_inside, explain_weight
from clearprop.reading.explanation.explained_steps import as_text
from clearprop.reading.explanation.inside_picture import draw_inside
from clearprop.teaching.showpieces.gpt_training import GptResult
from clearprop.teaching.showpieces.showpiece_page import (
    Block,
    Heading,
    Paragraph,
    Picture,
    Printed,
)
from clearprop.teaching.showpieces.text_report import write_text_report

# Where attention stands in each block.
ATTENTION = ("layers[2].branch.layers[1]", "layers[4].branch.layers[1]")

say = messages.within("showpieces.gpt")


def write_gpt_report(result: GptResult, folder: Path, language: str) -> None:
    """Write the report into `folder`, which is empty. Raises as `write_text_report` does."""
    blocks = _blocks(result, language)
    write_text_report(result, blocks, folder, language, say, smoothed=20, more={})


def _blocks(result: GptResult, language: str) -> list[Block]:
    of_head, of_projection = _explained(result)
    inner = explain_inside(result.step, of_head)
    weight = explain_weight(result.step, of_projection, depth=3)
    maps = [
        Picture(
            f"maps{block}",
            draw_inside(
                result.step, f"{path}.heads[0].weights[0,0]", mark=False, language=language
            ),
            say(language, "maps.caption", block=block + 1),
        )
        for block, path in enumerate(ATTENTION)
    ]
    return [
        Heading(say(language, "maps.heading")),
        Paragraph(say(language, "maps.says")),
        *maps,
        Heading(say(language, "explained.heading")),
        Paragraph(say(language, "explained.says", address=of_head)),
        Printed(inner.text(language, 100)),
        Picture("inner", inner.picture(language), say(language, "explained.caption")),
        Paragraph(say(language, "explained.weight", address=of_projection)),
        Printed("\n".join(as_text(weight.steps(language), 100))),
    ]


def _explained(result: GptResult) -> tuple[str, str]:
    """In the last block the weight of a head whose score has the largest gradient of the first
    sample, and of the projection that makes q, k and v the weight with the largest one."""
    path, backward = ATTENTION[-1], result.step.backward
    head, query, key = _largest(backward.inside(path)["scores"][0])
    row, column = _largest(backward.named()[f"{path}.in_proj_weight"])
    return (
        f"{path}.heads[{head}].weights[{query},{key}]",
        f"{path}.in_proj_weight[{row},{column}]",
    )


def _largest(gradient: Array) -> tuple[int, ...]:
    place = np.unravel_index(int(np.abs(gradient).argmax()), gradient.shape)
    return tuple(int(one) for one in place)
