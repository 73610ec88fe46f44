"""`clearprop check`: a backward pass of the person's own, the whole catalogue, or the gallery of
known mistakes against the witnesses."""

import json
import sys
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli import options, status
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.delivery import require_ending

if TYPE_CHECKING:
    from clearprop.checking.request import Request
    from clearprop.checking.verdict import Verdict


def run(given: Arguments) -> int:
    """Check what is asked for and print the verdict; returns the exit status."""
    language, junit = given.language(), given.path("--junit")
    as_json = given.given("--json")
    target, against = given.operand, given.text("--against")
    witnesses = given.text("--witness")
    over_all = given.given("--all") or given.given("--gallery")
    alone = target or against is not None or witnesses is not None or given.given("--why")
    if junit is not None:
        require_ending(junit, (".xml",))
    if over_all and alone:
        raise ConfigurationError("target_and_all")
    if given.given("--gallery"):
        return _check_gallery(language, as_json=as_json)
    if given.given("--all"):
        return _check_catalogue(language, junit, as_json=as_json)
    if not target:
        raise ConfigurationError("target_missing")
    why = given.given("--why")
    averaged = given.given("--averaged")
    return _check_target(
        target, against, witnesses, language, junit, averaged=averaged, as_json=as_json, why=why
    )


def _check_target(
    target: str,
    against: str | None,
    witnesses: str | None,
    language: str,
    junit: Path | None,
    *,
    averaged: bool,
    as_json: bool,
    why: bool,
) -> int:
    from dataclasses import replace

    from clearprop.checking.request import answers
    from clearprop.checking.targets import request_for
    from clearprop.cli.output_apart import output_apart
    from clearprop.cli.terminal import console

    with output_apart() as out:
        # What the file prints while it is imported is no part of the answer either.
        request = request_for(target, against)
        if averaged:
            request = replace(request, averaged=True)
        shown = None if as_json else console(file=out)
        told: frozenset[str] = frozenset()
        for verdict in answers(_heard(request, witnesses)):
            _write_junit([verdict], language, junit)
            if shown is not None:
                from clearprop.cli.verdict_tables import print_verdict

                told = print_verdict(shown, verdict, language, told)
                # Before the name of a mistake is looked for, which can take a while.
                out.flush()
        if shown is not None and why:
            from clearprop.cli.verdict_tables import print_why

            print_why(shown, verdict, language)
        if as_json:
            out.write(f"{verdict.to_json()}\n")
    return _status([verdict])


def _heard(request: "Request", witnesses: str | None) -> "Request":
    """The request with the witnesses that are heard beside finite differences: those that need no
    other framework, and what is asked for with `--witness`. A case of the person's own may name
    others, and with them says all."""
    from dataclasses import replace

    asked = [] if witnesses is None else [name.strip() for name in witnesses.split(",")]
    if request.witnesses is not None:
        return replace(request, witnesses=(*request.witnesses, *asked))
    return replace(request, witnesses=("complex-step", "reference", *request.twins, *asked))


def _check_catalogue(language: str, junit: Path | None, *, as_json: bool) -> int:
    """Check every layer and loss against every witness."""
    from clearprop.checking.catalogue import check_all
    from clearprop.cli.terminal import bar, console
    from clearprop.cli.verdict_tables import print_catalogue

    begin = time.perf_counter()
    shown = None if as_json else console()
    with bar() as progress:
        task = progress.add_task(messages.text(language, "checking.table.checking"), total=None)
        verdicts = list(
            check_all(lambda done, total: progress.update(task, completed=done, total=total))
        )
    _write_junit(verdicts, language, junit)
    if shown is None:
        _print_json([json.loads(verdict.to_json()) for verdict in verdicts])
    else:
        print_catalogue(shown, verdicts, time.perf_counter() - begin, language)
    return _status(verdicts)


def _check_gallery(language: str, *, as_json: bool) -> int:
    """Plant every known mistake, say what was found of each; the status is 0 where every mistake
    is rejected and no correct backward is."""
    from clearprop.checking.gallery import judge, specimens, totals
    from clearprop.checking.gallery.specimen import STRANGER
    from clearprop.cli.terminal import bar, console, taken_away
    from clearprop.cli.verdict_tables import GalleryRows, print_totals

    shown = None if as_json else console()
    cases = list(specimens())
    # A mistake's specimens one after the other: its row is printed when they are done.
    order = {mistake: number for number, mistake in enumerate({one.mistake: None for one in cases})}
    cases.sort(key=lambda one: order[one.mistake])
    told = [mistake for mistake in order if mistake and mistake != STRANGER]
    printed = None if shown is None else GalleryRows(shown, told, language)
    rows = []
    with bar() as progress:
        task = progress.add_task(messages.text(language, "gallery.judging"), total=len(cases))
        if printed is not None:
            with taken_away(progress):
                printed.begin()
        for mistake, ones in groupby(cases, key=lambda one: one.mistake):
            judged = []
            for specimen in ones:
                judged.append(judge(specimen))
                progress.advance(task)
            rows += judged
            if printed is not None and mistake in told:
                with taken_away(progress):
                    printed.print(mistake, judged)
                sys.stdout.flush()
    figures = totals(rows)
    if shown is None:
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
        _print_json({"totals": figures._asdict(), "rows": listed})
    else:
        print_totals(shown, figures, language)
    return status.WRONG if figures.missed or figures.false_alarms else status.DONE


def _print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def _write_junit(verdicts: Sequence["Verdict"], language: str, path: Path | None) -> None:
    from clearprop.base.writing import write_whole
    from clearprop.checking.verdict import junit

    if path is not None:
        write_whole(path, junit(verdicts, language).encode())


def _status(verdicts: Sequence["Verdict"]) -> int:
    from clearprop.checking.verdict import RIGHT, WRONG, worst_outcome

    outcome = worst_outcome([verdict.outcome for verdict in verdicts])
    return {RIGHT: status.DONE, WRONG: status.WRONG}.get(outcome, status.UNDECIDED)


COMMAND = Command(
    "check",
    run,
    (
        Option("--against", takes=Takes.FILE),
        Option("--witness", words=("torch", "jax")),
        Option("--why", takes=Takes.NOTHING),
        Option("--averaged", takes=Takes.NOTHING),
        Option("--all", takes=Takes.NOTHING),
        Option("--gallery", takes=Takes.NOTHING),
        options.JSON,
        Option("--junit", takes=Takes.FILE),
        options.LANG,
    ),
    operand=Takes.FILE,
)
