"""One sample's share of the loss in words, and as a table."""

from typing import TYPE_CHECKING

from clearprop.base.numbers import brief, number, percent
from clearprop.reading.explanation.reading import aligned, joined, say
from clearprop.reading.explanation.signal_words import others

if TYPE_CHECKING:
    from clearprop.reading.explanation.samples import Output, SampleExplanation

# Beyond this cosine a sample pulls clearly with the whole gradient, or clearly against it.
CLEARLY = 0.3


def words(explained: "SampleExplanation", language: str) -> str:
    """The paragraph: what the sample costs, why, and what it pulls at."""
    values = {
        "sample": explained.sample,
        "cost": brief(explained.cost),
        "loss": brief(explained.loss),
        "share": percent(explained.share),
        "rank": explained.rank,
        "samples": explained.samples,
    }
    key = "only" if explained.samples == 1 else "first" if explained.rank == 1 else "ranked"
    found = [say(language, f"cost.{key}", **values), _output(explained.outputs[0], language)]
    if explained.pulls:
        pull = explained.pulls[0]
        numbers = {"value": brief(pull.value), "gradient": brief(pull.gradient)}
        found.append(say(language, "pull.hardest", address=pull.address, **numbers))
    else:
        found.append(say(language, "pull.none"))
    if explained.alignment is not None and explained.samples > 1:
        cosine = explained.alignment
        way = "with" if cosine > CLEARLY else "against" if cosine < -CLEARLY else "across"
        found.append(say(language, f"pull.{way}", cosine=number(cosine, 2)))
    return joined(language, found)


def table(explained: "SampleExplanation", language: str) -> str:
    """The loss as a sum, the outputs, and what the sample pulls hardest at."""
    n = {"sample": explained.sample}
    text = [say(language, "table.title_cost", **n)]
    costs = [[f"C({explained.sample})", brief(explained.cost)]]
    if explained.samples > 1:
        count = explained.samples - 1
        key = "table.other" if count == 1 else "table.others"
        costs.append([say(language, key, count=count).rstrip(), brief(explained.others)])
    costs.append(["L", brief(explained.loss)])
    text += [f"  {line}" for line in aligned(costs)]

    rows = [[say(language, "table.output_name"), "y", "t", "∂C/∂y"]]
    for one in explained.outputs:
        target = "—" if one.loss.target is None else brief(one.loss.target)
        rows.append([one.place, brief(one.loss.output), target, brief(one.loss.value)])
    if explained.unlisted.count:
        rest = explained.unlisted
        rows.append([others(rest, language).rstrip(), "", "", brief(rest.value)])
    text += ["", say(language, "table.title_outputs", **n)]
    text += [f"  {line}" for line in aligned(rows)]

    if explained.pulls:
        head = [say(language, "table.parameter"), f"∂C({explained.sample})/∂w"]
        rows = [[*head, say(language, "table.share"), "∂L/∂w"]]
        for pull in explained.pulls:
            numbers = [brief(pull.value), percent(pull.share), brief(pull.gradient)]
            rows.append([pull.address, *numbers])
        if explained.rest.count:
            rest = explained.rest
            rows.append([others(rest, language).rstrip(), brief(rest.value), "", ""])
        text += ["", say(language, "table.title_pulls", **n)]
        text += [f"  {line}" for line in aligned(rows)]
    return "\n".join(text)


def _output(one: "Output", language: str) -> str:
    values = {"place": one.place, "y": brief(one.loss.output), "loss": one.loss.loss}
    values["derivative"] = brief(one.loss.value)
    if one.loss.target is None:
        return say(language, "cost.output_without_target", **values)
    return say(language, "cost.output", t=brief(one.loss.target), **values)
