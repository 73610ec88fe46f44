"""The exit statuses of the command."""

DONE = 0
WRONG = 1  # a gradient that a check found wrong
OUT_OF_TOLERANCE = 1  # a comparison with PyTorch
FOUND = 1  # something about a network's health
DIVERGED = 1  # a training that broke; the model is that of its best epoch
UNMARKED = 1  # some hand-ins could not be marked
NOT_DONE = 2  # a wrong argument, a folder that cannot be written, a package that is missing
UNDECIDED = 3  # a check that could not tell
INTERRUPTED = 130  # by Ctrl-C
NOBODY_READS = 141  # the pipe was closed, as by `| head`
