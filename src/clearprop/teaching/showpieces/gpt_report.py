"""The report of the micro-GPT: its page, its pictures, its numbers and the network itself."""

from pathlib import Path

from clearprop.base import messages
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

# Where attention stands in each block, and the number that is explained.
ATTENTION = ("layers[2].branch.layers[1]", "layers[4].branch.layers[1]")
EXPLAINED = f"{ATTENTION[1]}.heads[1].weights[12,8]"
WEIGHT = f"{ATTENTION[1]}.in_proj_weight[3,20]"

say = messages.within("showpieces.gpt")


def write_gpt_report(result: GptResult, folder: Path, language: str) -> None:
    """Write the report into `folder`, which is empty. Raises as `write_text_report` does."""
    blocks = _blocks(result, language)
    write_text_report(result, blocks, folder, language, say, smoothed=20, more={})


def _blocks(result: GptResult, language: str) -> list[Block]:
    inner = explain_inside(result.step, EXPLAINED)
    weight = explain_weight(result.step, WEIGHT, depth=3)
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
        Paragraph(say(language, "explained.says", address=EXPLAINED)),
        Printed(inner.text(language, 100)),
        Picture("inner", inner.picture(language), say(language, "explained.caption")),
        Paragraph(say(language, "explained.weight", address=WEIGHT)),
        Printed("\n".join(as_text(weight.steps(language), 100))),
    ]
