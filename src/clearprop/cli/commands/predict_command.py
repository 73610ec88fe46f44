"""`clearprop predict`: what a model says of the rows of a table, as a file or as CSV."""

import sys
from pathlib import Path

from clearprop.base import messages
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE

TERMINAL = Path("-")


def run(given: Arguments) -> int:
    """Predict, and write it to standard output or to the file `--out`; returns the exit status."""
    model_path = Path(given.required_operand("predict_no_model"))
    operand = given.required_second("predict_no_data")
    interval, encoding = given.share("--interval"), given.text("--encoding")
    kept = given.names("--keep")
    out, language = given.path("--out"), given.language()

    from clearprop.base.writing import write_whole
    from clearprop.cli.delivery import require_ending, require_other_file
    from clearprop.cli.piped_tables import table_file
    from clearprop.cli.saved_networks import tell
    from clearprop.data.table_writing import WRITERS, table_bytes, table_text
    from clearprop.runs.prediction import (
        input_notes,
        open_model,
        predictions,
        table_for,
        with_kept,
    )

    if out == TERMINAL:
        out = None
    if out is not None:
        require_ending(out, [f".{ending}" for ending in WRITERS])
    model = open_model(model_path)
    with table_file(operand, f"predict {model_path} -") as data:
        table = table_for(model, data, encoding=encoding)
        found = with_kept(predictions(model, table, interval=interval), data, kept, encoding)
    tell(input_notes(model.preparation_, table), language)
    if out is None:
        sys.stdout.write(table_text(found))
        return DONE
    require_other_file(out, (model_path, data))
    write_whole(out, table_bytes(found, out.suffix.lower().removeprefix(".") or WRITERS[0]))
    values = {"rows": f"{table.rows:,}", "path": out}
    sys.stdout.write(messages.text(language, "prediction.written", **values) + "\n")
    return DONE


COMMAND = Command(
    "predict",
    run,
    (
        options.OUT_FILE,
        Option("--interval"),
        Option("--keep"),
        options.ENCODING,
        options.LANG,
    ),
    operand=Takes.FILE,
    second=Takes.FILE,
)
