"""`clearprop write`: a training written out as a program."""

import sys
from collections.abc import Iterable, Mapping

from clearprop import LAYER_HOMES, LOSS_HOMES, OPTIMIZER_HOMES
from clearprop.base import messages
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Command, Option, Takes
from clearprop.cli.status import DONE


def _spelled(homes: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The names as they are typed."""
    return tuple(name.lower() for names in homes.values() for name in names)


LOSSES = _spelled(LOSS_HOMES)
OPTIMIZERS = _spelled(OPTIMIZER_HOMES)


def run(given: Arguments) -> int:
    """Write the program to the terminal, or to the file `--out`; returns the exit status."""
    what = given.required_operand("program_not_named").strip()
    data = given.path("--data")
    learning_rate = given.decimal("--learning-rate", None)
    epochs = given.whole("--epochs", 50)
    batch_size = given.whole("--batch-size", None)
    seed = given.whole("--seed", None, least=0)

    from clearprop.cli.delivery import require_ending
    from clearprop.cli.recipes import Wish, recipe_of
    from clearprop.cli.saved_networks import tell
    from clearprop.reading.programs import save_program, write_program

    wish = Wish(
        what=what,
        data=data,
        target=given.text("--target"),
        loss=given.text("--loss"),
        optimizer=given.text("--optimizer"),
        learning_rate=learning_rate,
        epochs=epochs,
        batch_size=batch_size,
        dtype=given.text("--dtype"),
        seed=seed,
    )
    out, language = given.path("--out"), given.language()
    if out is not None:
        require_ending(out, (".py",))
    recipe, notices = recipe_of(wish, out)
    tell(notices, language)
    if out is None:
        sys.stdout.write(write_program(recipe, language=language))
        return DONE
    written = save_program(out, recipe, language=language)
    for key, path in zip(("written", "numbers"), written, strict=False):
        sys.stdout.write(messages.text(language, f"cli.write.{key}", path=path) + "\n")
    return DONE


COMMAND = Command(
    "write",
    run,
    (
        options.DATA,
        options.TARGET,
        Option("--loss", words=LOSSES),
        Option("--optimizer", words=OPTIMIZERS),
        options.LEARNING_RATE,
        Option("--epochs"),
        Option("--batch-size"),
        options.DTYPE,
        options.SEED,
        options.OUT_FILE,
        options.LANG,
    ),
    operand=Takes.FILE,
    listed={
        "layers": _spelled(LAYER_HOMES),
        "losses": LOSSES[:-1],
        "last_loss": LOSSES[-1:],
        "optimizers": OPTIMIZERS[:-1],
        "last_optimizer": OPTIMIZERS[-1:],
    },
)
