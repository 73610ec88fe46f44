"""A command that several processes run at once: it is said once what it has to say."""

import sys
import traceback
from collections.abc import Callable

from clearprop.base import messages
from clearprop.base.errors import ClearpropError
from clearprop.cli.status import INTERRUPTED, NOT_DONE
from clearprop.distributed.ranks import Ranks


def run_together(ranks: Ranks, run: Callable[[], int], language: str) -> int:
    """The exit status of `run`, in which every refusal is raised in all processes, or in the first
    one after it has been heard of for the last time.

    What ends one process unasked ends all of them, for they would wait for it.
    """
    try:
        status = run()
    except ClearpropError as problem:
        status = NOT_DONE
        if ranks.number == 0:
            sys.stderr.write(f"clearprop: {problem.message(language)}\n")
    except KeyboardInterrupt:
        sys.stderr.write(f"clearprop: {messages.text(language, 'cli.interrupted')}\n")
        ranks.abort(INTERRUPTED)
        return INTERRUPTED
    except BaseException:
        traceback.print_exc()
        ranks.abort(NOT_DONE)
        return NOT_DONE
    sys.stdout.flush()
    sys.stderr.flush()
    ranks.end()
    return status
