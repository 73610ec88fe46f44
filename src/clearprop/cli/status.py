"""The exit statuses of the command."""

DONE = 0
OUT_OF_TOLERANCE = 1  # a comparison with PyTorch
NOT_DONE = 2  # a wrong argument, a folder that cannot be written, a package that is missing
INTERRUPTED = 130  # by Ctrl-C
