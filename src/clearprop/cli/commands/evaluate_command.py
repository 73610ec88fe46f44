"""`clearprop evaluate`: how good a model's predictions of a table are, with intervals."""

from pathlib import Path

from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE


def run(given: Arguments) -> int:
    """Judge the predictions, and print the metrics; returns the exit status."""
    model_path = Path(given.required_operand("evaluate_no_model"))
    operand = given.required_second("evaluate_no_data")
    target, weights, group = given.names("--target"), given.text("--weights"), given.text("--group")
    interval, encoding = given.share("--interval"), given.text("--encoding")
    seed, language = given.whole("--seed", 0, least=0), given.language()

    from clearprop.cli.delivery import show
    from clearprop.cli.piped_tables import table_file
    from clearprop.cli.saved_networks import tell
    from clearprop.runs.judging_models import judge
    from clearprop.runs.known_rows import learned_from
    from clearprop.runs.prediction import open_model

    model = open_model(model_path)
    with table_file(operand, f"evaluate {model_path} -") as data:
        found, notes = judge(
            model,
            data,
            target=target,
            weights=weights,
            group=group,
            interval=interval,
            encoding=encoding,
            seed=seed,
        )
        notes = (*learned_from(model_path, data), *notes)
    tell(notes, language)
    show(found, language, as_json=given.given("--json"))
    return DONE


COMMAND = Command(
    "evaluate",
    run,
    (
        options.TARGET,
        Option("--weights"),
        Option("--group"),
        Option("--interval"),
        options.ENCODING,
        options.SEED,
        options.JSON,
        options.LANG,
    ),
    operand=Takes.FILE,
    second=Takes.FILE,
)
