"""`clearprop check --gallery`: every known mistake as a lesson, planted, found and named."""

import json
from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clearprop.base import messages
from clearprop.base.numbers import percent
from clearprop.checking.gallery import Row, Totals, judge, specimens, totals
from clearprop.checking.gallery.strangers import STRANGER
from clearprop.cli.bars import bar
from clearprop.cli.status import DONE, WRONG

OUTCOMES = ("right", "among", "unknown", "wrong")


def show_gallery(language: str, *, as_json: bool) -> int:
    """Plant every mistake, say what was found of each; returns the exit status: 0 where every
    mistake is rejected and no correct backward is."""
    cases = list(specimens())
    rows = []
    with bar() as progress:
        task = progress.add_task(messages.text(language, "gallery.judging"), total=len(cases))
        for specimen in cases:
            rows.append(judge(specimen))
            progress.advance(task)
    figures = totals(rows)
    if as_json:
        Console(soft_wrap=True).out(_json(rows, figures), highlight=False)
    else:
        _print(rows, figures, language)
    return WRONG if figures.missed or figures.false_alarms else DONE


def _print(rows: list[Row], figures: Totals, language: str) -> None:
    def say(key: str, **values: object) -> str:
        return messages.text(language, f"gallery.{key}", **values)

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    table = Table(title=say("title"), title_justify="left", title_style="bold")
    for name in ("mistake", "planted", "rejected", *OUTCOMES):
        table.add_column(say(name), justify="left" if name == "mistake" else "right")
    known = {row.mistake: None for row in rows if row.mistake and row.mistake != STRANGER}
    for mistake in known:
        mine = [row for row in rows if row.mistake == mistake]
        count = Counter(row.outcome for row in mine)
        table.add_row(
            escape(messages.text(language, f"mistakes.{mistake}.name")),
            str(len(mine)),
            str(sum(row.rejected for row in mine)),
            *(str(count[outcome]) for outcome in OUTCOMES),
        )
    console.print(table)
    console.print(
        say(
            "totals",
            planted=figures.planted,
            missed=figures.missed,
            correct=figures.correct,
            false_alarms=figures.false_alarms,
        ),
        soft_wrap=True,
    )
    console.print(
        say(
            "shares",
            right=percent(figures.named_right),
            among=percent(figures.named_among),
            unknown=percent(figures.unknown),
            wrong=percent(figures.named_wrong),
            strangers=figures.strangers,
            strangers_named=figures.strangers_named,
        ),
        soft_wrap=True,
    )


def _json(rows: list[Row], figures: Totals) -> str:
    listed = [
        {
            "subject": row.subject,
            "mistake": row.mistake,
            "rejected": row.rejected,
            "named": [one.key for one in row.named],
            "outcome": row.outcome,
        }
        for row in rows
    ]
    return json.dumps({"totals": figures._asdict(), "rows": listed}, ensure_ascii=False, indent=2)
